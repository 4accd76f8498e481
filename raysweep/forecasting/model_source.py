"""Model files as text: which models there are, what they say about themselves, and the identity of their code.

Reads syntax trees and runs nothing. Must not know: torch, what a model computes.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from raysweep.errors import ModelError, Problem
from raysweep.forecasting.model_reader import ModelReader
from raysweep.forecasting.model_rules import broken_rules
from raysweep.forecasting.model_syntax import imported_siblings, normal_form, parse
from raysweep.spec.catalog import ModelInfo
from raysweep.spec.config import Scalar
from raysweep.spec.source import show_path

MAX_FILE_BYTES = 1_000_000
_MODULE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class ModelSources:
    """A snapshot of a models folder, so that an edit in the middle of a sweep can't change what runs.

    Picklable, and as small as the files. Make it with `ModelSources.read`.

    Attributes:
        folder: As the user named it; for messages.
        root: The same, absolute; for tracebacks and debuggers.
        files: The text of every `*.py` file in it, by file name.
        unreadable: What is wrong with those that could not be read, by file name.
    """

    folder: str
    root: str
    files: Mapping[str, str] = field(repr=False)
    unreadable: Mapping[str, Problem] = field(default_factory=dict)
    _trees: dict[str, ast.Module] = field(default_factory=dict, init=False, repr=False, compare=False)
    _infos: dict[str, ModelInfo] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def read(cls, folder: Path) -> ModelSources:
        """Read a models folder. A file that can't be read is kept as a problem of that file.

        Raises:
            ModelError: There is no such folder, or no model in it.
        """
        files: dict[str, str] = {}
        unreadable: dict[str, Problem] = {}
        try:
            paths = sorted(path for path in folder.iterdir() if path.suffix == ".py")
        except OSError as error:
            found = f"can't be read as a folder ({error.strerror})"
            raise ModelError(
                [Problem(where=show_path(folder), found=found, valid="name a folder of models")]
            ) from error
        for path in paths:
            if _MODULE_NAME.fullmatch(path.stem) is None:
                continue
            content = _read_file(path, folder)
            if isinstance(content, Problem):
                unreadable[path.name] = content
            else:
                files[path.name] = content
        sources = cls(str(folder), os.path.abspath(folder), files, unreadable)
        if not sources.model_names():
            valid = "put NAME.py with a class Model there; NAME: letters, digits and _, not beginning with _"
            raise ModelError([Problem(where=show_path(folder), found="holds no models", valid=valid)])
        return sources

    def __reduce__(self) -> tuple[object, ...]:
        # Without the caches: a worker makes its own.
        return type(self), (self.folder, self.root, self.files, self.unreadable)

    @property
    def digest(self) -> str:
        """Of all texts and where they lie: equal for snapshots that run the same. Changes with every comment."""
        content = repr((self.root, sorted(self.files.items())))
        return hashlib.sha256(content.encode()).hexdigest()

    def model_names(self) -> tuple[str, ...]:
        """All models, sound or not, in alphabetical order."""
        names = (file.removesuffix(".py") for file in (*self.files, *self.unreadable))
        return tuple(sorted(name for name in names if not name.startswith("_")))

    def info(self, name: str) -> ModelInfo:
        """What a model says about itself.

        Raises:
            ModelError: There is no such model; or its file, or one it imports, is not sound: all that is wrong.
        """
        if name not in self._infos:
            if name not in self.model_names():
                valid = f"models here: {', '.join(self.model_names())}"
                raise ModelError(
                    [Problem(where=show_path(Path(self.folder)), found=f"no model is named {name!r}", valid=valid)]
                )
            try:
                self._infos[name] = self._read_info(name)
            except RecursionError as error:
                found, valid = "an expression is nested too deeply", "split it"
                raise ModelError([Problem(where=self._path(name), found=found, valid=valid)]) from error
        return self._infos[name]

    def unmet_requirements(self, name: str, arguments: Mapping[str, Scalar]) -> list[str]:
        """The rules of a model that these arguments break; those not given have their defaults.

        Returns:
            For each: "`d_model % n_heads == 0` must hold, but d_model is 60 and n_heads is 8".

        Raises:
            ModelError: As `info`.
        """
        info = self.info(name)
        defaults = {argument.name: argument.default for argument in info.arguments.values()}
        return broken_rules(info.requirements, {**defaults, **arguments})

    def _read_info(self, name: str) -> ModelInfo:
        modules = self._with_imports(name)
        code = repr([(module, normal_form(self._tree(module))) for module in sorted(modules)])
        digest = hashlib.sha256(code.encode()).hexdigest()
        return ModelReader(name, self._path, self._tree).read(digest)

    def _with_imports(self, name: str) -> set[str]:
        """A module and all siblings that it imports, over any number of steps."""
        problems: list[Problem] = []
        seen = {name}
        todo = [name]
        while todo:
            module = todo.pop()
            try:
                tree, package = self._tree(module), os.path.basename(self.root)
                imports = imported_siblings(tree, self._path(module), package, self._modules())
            except ModelError as error:
                problems.extend(error.problems)
                continue
            todo.extend(sorted(imports - seen))
            seen |= imports
        if problems:
            raise ModelError(problems)
        return seen

    def _modules(self) -> set[str]:
        return {file.removesuffix(".py") for file in (*self.files, *self.unreadable)}

    def _path(self, module: str) -> str:
        return show_path(Path(self.folder, f"{module}.py"))

    def _tree(self, module: str) -> ast.Module:
        file = f"{module}.py"
        if file in self.unreadable:
            raise ModelError([self.unreadable[file]])
        if module not in self._trees:
            self._trees[module] = parse(self.files[file], self._path(module))
        return self._trees[module]


def _read_file(path: Path, folder: Path) -> str | Problem:
    """The text of a file in a folder, or what is wrong with it."""
    target = Path(os.path.realpath(path))
    if path.is_symlink() and not target.is_relative_to(os.path.realpath(folder)):
        return Problem(
            where=show_path(path),
            found=f"is a link to {show_path(target)}, outside the folder",
            valid="copy the file here",
        )
    try:
        if not path.is_file():
            return Problem(where=show_path(path), found="is no regular file", valid="a model is a text file")
        with path.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        return Problem(where=show_path(path), found=f"can't be read ({error.strerror})", valid="make it readable")
    if len(content) > MAX_FILE_BYTES:
        valid = f"a model file has at most {MAX_FILE_BYTES:,} bytes"
        return Problem(where=show_path(path), found="is too large", valid=valid)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return Problem(where=f"{show_path(path)}:{line}", found="is not UTF-8", valid="save it as UTF-8")
