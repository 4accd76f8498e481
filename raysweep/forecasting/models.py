"""Builds models from a snapshot of the models folder, in memory.

Must not know: what is trained, where the model will run.
"""

from __future__ import annotations

import importlib
import linecache
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib.abc import ExecutionLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

import torch
from torch import nn

from raysweep.errors import ModelError, Problem
from raysweep.forecasting.model_source import ModelSources
from raysweep.spec.config import Scalar

# Two builds at a time would draw their start values from the one global generator in turns.
_LOCK = threading.RLock()


def build_model(
    sources: ModelSources, name: str, *, arguments: Mapping[str, Scalar], num_channels: int, seed: int
) -> nn.Module:
    """Build a model on the CPU, with start values that the seed fixes bit for bit.

    The global random state stays as it was. What the model's own code raises comes through unchanged.

    Args:
        sources: The snapshot that holds the model.
        name: The model, as in `sources.model_names()`. Nothing else can be named.
        arguments: The model's keyword arguments, without `num_channels`.
        num_channels: C, the value columns of the series.
        seed: Of the start values.

    Raises:
        ModelError: There is no such model, or its file is not sound.
    """
    info = sources.info(name)
    with _LOCK, torch.random.fork_rng(devices=[]), torch.device("cpu"):
        model_class = _import_module(sources, name).Model
        torch.default_generator.manual_seed(seed)
        model = model_class(**arguments, num_channels=num_channels)
    if not isinstance(model, nn.Module):
        raise ModelError(
            [Problem(where=info.file, found="Model is no nn.Module", valid="write `class Model(nn.Module)`")]
        )
    return model


def _import_module(sources: ModelSources, name: str) -> ModuleType:
    package = f"raysweep_models_{sources.digest[:16]}"
    if package not in sys.modules:
        sys.meta_path.append(_SnapshotImporter(sources, package))
        importlib.import_module(package)
    for file, text in sources.files.items():
        # With no time of change, so that tracebacks and pdb show the snapshot and not what the file has become since.
        path = os.path.join(sources.root, file)
        linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
    return importlib.import_module(f"{package}.{name}")


class _SnapshotImporter(MetaPathFinder, ExecutionLoader):
    """Imports the files of one snapshot as modules of one package; relative imports among them work.

    The package itself is empty: the folder's `__init__.py` is documentation and is not run.
    """

    def __init__(self, sources: ModelSources, package: str) -> None:
        self._sources = sources
        self._package = package

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not self.is_package(fullname) and self._file(fullname) not in self._sources.files:
            return None
        # Not spec_from_loader: it would give the package the folder as its path, and files there would be imported.
        spec = ModuleSpec(fullname, self, origin=self.get_filename(fullname), is_package=self.is_package(fullname))
        spec.has_location = True
        return spec

    def is_package(self, fullname: str) -> bool:
        return fullname == self._package

    def get_filename(self, fullname: str) -> str:
        return os.path.join(self._sources.root, self._file(fullname))

    def get_source(self, fullname: str) -> str:
        return "" if self.is_package(fullname) else self._sources.files[self._file(fullname)]

    def _file(self, fullname: str) -> str:
        """The file of a module; one that can't exist, if the module belongs elsewhere."""
        package, _, module = fullname.rpartition(".")
        if self.is_package(fullname):
            return "__init__.py"
        return f"{module}.py" if package == self._package else ""
