"""What the syntax tree of a model file says: its imports, its arguments, its normal form.

Runs nothing. Must not know: torch, files; trees and texts come in.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Collection

from raysweep.errors import ModelError, Problem


def parse(text: str, path: str) -> ast.Module:
    """The syntax tree of a file. Raises `ModelError` if it is no Python."""
    try:
        with warnings.catch_warnings():  # which would put lines of the file on the screen as they are
            warnings.simplefilter("ignore")
            tree = ast.parse(text, path)
            # Finds more than the parser, such as an argument given twice.
            compile(tree, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, MemoryError) as error:
        line = error.lineno if isinstance(error, SyntaxError) else None
        found = error.msg if isinstance(error, SyntaxError) else str(error) or "is too complex"
        where = path if line is None else f"{path}:{line}"
        raise ModelError([Problem(where=where, found=f"syntax error: {found}", valid="mend it")]) from error
    return tree


def normal_form(node: object) -> str:
    """A text that is equal for trees that run the same, whatever their comments, layout and docstrings.

    Unlike `ast.dump`, it leaves out what is empty, so that fields which a later Python adds change no digest.
    """
    if isinstance(node, ast.Constant):
        return hex(node.value) if type(node.value) is int else repr(node.value)
    if isinstance(node, ast.AST):
        fields = ((name, value) for name, value in ast.iter_fields(node) if name != "type_comment")
        kept = (f"{name}={normal_form(value)}" for name, value in fields if value is not None and value != [])
        return f"{type(node).__name__}({','.join(kept)})"
    if isinstance(node, list):
        return f"[{','.join(normal_form(item) for item in node if not _is_docstring(item))}]"
    return repr(node)


def imported_siblings(tree: ast.Module, path: str, package: str, modules: Collection[str]) -> set[str]:
    """The modules of the same folder that a file imports, anywhere in it.

    Args:
        tree: Of the file.
        path: Of the file; for messages.
        package: The folder's name.
        modules: All modules of the folder.

    Raises:
        ModelError: A star-import, a relative import from outside the folder or of a module that is not there, or an
            import of a sibling by the folder's name, which would run another file than the one that is read here.
    """
    imports: set[str] = set()
    problems: list[Problem] = []

    def complain(node: ast.stmt, found: str, valid: str) -> None:
        problems.append(Problem(where=f"{path}:{node.lineno}", found=found, valid=valid))

    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and (
            own := _absolute_names(node, package).intersection(modules)
        ):
            complain(node, f"imports {package}.{min(own)}", f"write `from .{min(own)} import ...`")
        elif not isinstance(node, ast.ImportFrom):
            continue
        elif any(alias.name == "*" for alias in node.names):
            complain(node, "a star-import", "import names one by one")
        elif node.level > 1:
            complain(node, "an import from outside the folder", "copy the code into the folder")
        elif node.level == 1:
            named = [node.module] if node.module is not None else [alias.name for alias in node.names]
            imports.update(module for module in named if module in modules)
            for module in sorted(set(named).difference(modules)):
                complain(node, f"imports .{module}, which is not there", f"modules here: {', '.join(sorted(modules))}")
    if problems:
        raise ModelError(problems)
    return imports


def _absolute_names(node: ast.Import | ast.ImportFrom, package: str) -> set[str]:
    """What an import that is not relative takes directly from `package`."""
    if isinstance(node, ast.Import):
        dotted = [alias.name for alias in node.names]
    elif node.level == 0:
        dotted = [f"{node.module}.{alias.name}" for alias in node.names]
    else:
        return set()
    return {name.split(".")[1] for name in dotted if name.startswith(f"{package}.")}


def _is_docstring(node: object) -> bool:
    """Whether it is a statement of a text alone: a docstring, and without effect wherever it stands."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
