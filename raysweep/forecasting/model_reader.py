"""What a model file says about itself, read from its syntax tree: arguments, types, defaults, requirements.

Runs nothing. Must not know: torch, files; trees come in.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Collection, Iterator, Sequence

from raysweep.errors import ModelError, Problem
from raysweep.forecasting.model_rules import rule_fault
from raysweep.spec.catalog import ArgumentInfo, ModelInfo
from raysweep.spec.config import Scalar
from raysweep.spec.rules import MAX_INT
from raysweep.spec.tree import show_key

RESERVED_ARGUMENT = "num_channels"

_Kind = type[bool] | type[int] | type[float] | type[str]
_KINDS: dict[str, _Kind] = {"bool": bool, "int": int, "float": float, "str": str}
_MAX_SUMMARY = 200  # characters
_TYPES = "annotate it bool, int, float, str or Literal[...]"


class ModelReader:
    """Reads what a model file says about itself, and finds all that is wrong with it.

    Args:
        name: The model.
        path_of: The path of a module of the folder, for messages.
        tree_of: The syntax tree of a module of the folder. Imports must have been checked.
    """

    def __init__(self, name: str, path_of: Callable[[str], str], tree_of: Callable[[str], ast.Module]) -> None:
        self._name = name
        self._path = path_of(name)
        self._tree_of = tree_of
        self._problems: list[Problem] = []

    def read(self, digest: str) -> ModelInfo:
        """Everything at once. Raises `ModelError` with all problems."""
        model = self._find_class()
        keywords = self._keywords(model)
        arguments = self._arguments(keywords)
        if not any(isinstance(node, ast.FunctionDef) and node.name == "forward" for node in model.body):
            self._complain(
                model, "class Model has no forward", "write `def forward(self, values)`: (B, T, C) to (B, T, C)"
            )
        is_align_target = self._is_align_target(model)
        requirements = self._requirements(model, [argument.arg for argument, _ in keywords])
        if self._problems:
            raise ModelError(self._problems)
        return ModelInfo(
            name=self._name,
            file=self._path,
            summary=_summary(model),
            arguments=arguments,
            is_align_target=is_align_target,
            requirements=requirements,
            digest=digest,
        )

    def _complain(self, node: ast.AST | None, found: str, valid: str, key: str = "") -> None:
        line = getattr(node, "lineno", 1)
        self._problems.append(Problem(where=f"{self._path}:{line}", key=key, found=found, valid=valid))

    def _find_class(self) -> ast.ClassDef:
        body = self._tree_of(self._name).body
        found = [node for node in body if isinstance(node, ast.ClassDef) and node.name == "Model"]
        if len(found) != 1:
            second, what = (found[1], "a second class Model") if found else (None, "no class Model")
            self._complain(second, what, "write one `class Model(nn.Module)`")
            raise ModelError(self._problems)
        return found[0]

    def _keywords(self, model: ast.ClassDef) -> list[tuple[ast.arg, ast.expr | None]]:
        """The keyword-only arguments of `__init__` that can be swept, each with its default."""
        inits = [node for node in model.body if isinstance(node, ast.FunctionDef) and node.name == "__init__"]
        if not inits:
            self._complain(model, "class Model has no __init__", "write one with keyword-only arguments")
            return []
        signature = inits[-1].args
        several = [argument for argument in (signature.vararg, signature.kwarg) if argument is not None]
        for argument in [*(signature.posonlyargs + signature.args)[1:], *several]:
            self._complain(argument, "is no keyword-only argument", "write it after `*,`, by itself", argument.arg)
        keywords = list(zip(signature.kwonlyargs, signature.kw_defaults, strict=True))
        if RESERVED_ARGUMENT not in [argument.arg for argument, _ in keywords]:
            self._complain(inits[-1], f"__init__ has no {RESERVED_ARGUMENT}", f"add `{RESERVED_ARGUMENT}: int = 1`")
        return [(argument, default) for argument, default in keywords if argument.arg != RESERVED_ARGUMENT]

    def _arguments(self, keywords: Sequence[tuple[ast.arg, ast.expr | None]]) -> dict[str, ArgumentInfo]:
        found = [self._argument(argument, default) for argument, default in keywords]
        return {info.name: info for info in found if info is not None}

    def _argument(self, argument: ast.arg, default: ast.expr | None) -> ArgumentInfo | None:
        name = argument.arg
        try:
            kind, choices = self._type(argument.annotation, self._name, frozenset())
        except ValueError as error:
            self._complain(argument, str(error), _TYPES, name)
            return None
        if default is None:
            self._complain(argument, "has no default", "give it one", name)
            return None
        value = _literal(default)
        if kind is float and type(value) is int and abs(value) < 2**53:
            value = float(value)
        if type(value) is not kind or (isinstance(value, float) and not math.isfinite(value)):
            self._complain(argument, f"its default is {_show(default)}", f"write a literal {kind.__name__}", name)
            return None
        if not _fits_a_sweep(value):
            valid = "write what a sweep file can hold: a whole number below 2**31, or text that can be seen"
            self._complain(argument, f"its default is {_show(default)}", valid, name)
            return None
        if choices and value not in choices:
            valid = f"choices: {', '.join(map(repr, choices))}"
            self._complain(argument, f"its default is {value!r}", valid, name)
            return None
        return ArgumentInfo(name=name, kind=kind, default=value, choices=choices)

    def _type(self, node: ast.expr | None, module: str, seen: frozenset[str]) -> tuple[_Kind, tuple[Scalar, ...]]:
        """The type and choices that an annotation in a module means. Raises `ValueError` with what is wrong."""
        match node:
            case None:
                raise ValueError("has no annotation")
            case ast.Constant(value=str(text)) if (inner := _expression(text)) is not None:
                return self._type(inner, module, seen)
            case ast.Name(id=name) if name in _KINDS:
                return _KINDS[name], ()
            case ast.Subscript(value=ast.Name(id="Literal") | ast.Attribute(attr="Literal"), slice=inner):
                return _choices(inner)
            case ast.Name(id=name) if f"{module}.{name}" not in seen:
                for alias_module, alias in list(self._definitions(name, module))[-1:]:
                    return self._type(alias, alias_module, seen | {f"{module}.{name}"})
        raise ValueError(f"its type is {_show(node)}")

    def _definitions(self, name: str, module: str) -> Iterator[tuple[str, ast.expr]]:
        """What a name at the top of a module stands for, and the module where that is to be read."""
        for node in self._tree_of(module).body:
            match node:
                case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                    yield module, value
                case ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value) if target == name:
                    yield module, value
                case ast.ImportFrom(module=str(sibling), level=1, names=aliases):
                    for alias in aliases:
                        if (alias.asname or alias.name) == name:
                            yield sibling, ast.Name(id=alias.name)

    def _is_align_target(self, model: ast.ClassDef) -> bool:
        node = _class_attribute(model, "is_align_target")
        value = _literal(node)
        if not isinstance(value, bool):
            found = "is missing" if node is None else f"is {_show(node)}"
            valid = "write `is_align_target: ClassVar[bool] = True` or False: is the loss taken over all steps?"
            self._complain(node or model, found, valid, "is_align_target")
            return False
        return value

    def _requirements(self, model: ast.ClassDef, arguments: Collection[str]) -> tuple[str, ...]:
        node = _class_attribute(model, "requirements")
        if node is None:
            return ()
        rules = _literal(node)
        if not isinstance(rules, tuple) or not all(isinstance(rule, str) for rule in rules):
            valid = 'write a tuple of texts: ("d_model >= 1",)'
            self._complain(node, f"is {_show(node)}", valid, "requirements")
            return ()
        for rule in rules:
            fault = rule_fault(rule, arguments)
            if fault is not None:
                valid = "use numbers, texts, arguments, arithmetic, comparisons, and, or, not"
                self._complain(node, f"`{show_key(rule)}` {fault}", valid, "requirements")
        return rules


def _show(node: ast.expr) -> str:
    """The code of an expression, fit for a message."""
    try:
        return show_key(ast.unparse(node))
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "a very long number"


def _summary(model: ast.ClassDef) -> str:
    """The first line of a class's docstring, fit for the screen."""
    line = (ast.get_docstring(model) or "").partition("\n")[0][:_MAX_SUMMARY]
    return line if line.isprintable() else repr(line)


def _fits_a_sweep(value: Scalar) -> bool:
    """Whether a sweep file could give this value to an argument."""
    if type(value) is int:
        return abs(value) <= MAX_INT
    return not isinstance(value, str) or value.isprintable()


def _literal(node: ast.expr | None) -> object:
    """The value of a literal; None if it is none."""
    try:
        return None if node is None else ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError):
        return None


def _expression(text: str) -> ast.expr | None:
    """The tree of an annotation in quotes; None if it is none."""
    try:
        return ast.parse(text, mode="eval").body if text.isprintable() else None
    except (SyntaxError, ValueError):
        return None


def _choices(inner: ast.expr) -> tuple[_Kind, tuple[Scalar, ...]]:
    """The type and values of `Literal[inner]`. Raises `ValueError` with what is wrong."""
    nodes = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    values = [_literal(node) for node in nodes]
    for kind in _KINDS.values():
        choices = [value for value in values if type(value) is kind]
        if choices and len(choices) == len(values) and all(map(_fits_a_sweep, choices)):
            return kind, tuple(choices)
    raise ValueError(f"its type is Literal[{_show(inner)}]")


def _class_attribute(model: ast.ClassDef, name: str) -> ast.expr | None:
    """The value of `name` in the class body; None if it is not set there."""
    for node in reversed(model.body):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                return value
            case ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value) if target == name:
                return value
    return None
