"""Rules over a model's arguments, such as `d_model % n_heads == 0`, evaluated without running any code of the model.

A rule is a Python expression of arguments, numbers, texts, arithmetic, comparisons, `and`, `or`, `not`; nothing else.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Collection, Mapping
from typing import Any

from raysweep.spec.config import Scalar

_ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_SIGNS: dict[type[ast.unaryop], Callable[[float], float]] = {ast.USub: operator.neg, ast.UAdd: operator.pos}
_SHAPES = (ast.Expression, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Name, ast.Constant, ast.Load)
_ALLOWED = (*_SHAPES, ast.And, ast.Or, ast.Not, *_ARITHMETIC, *_COMPARISONS, *_SIGNS)
_MAX_LENGTH = 500  # characters; a longer one could be nested too deeply


def rule_fault(rule: str, names: Collection[str]) -> str | None:
    """What is wrong with a rule over the arguments `names`; None if it is sound."""
    if len(rule) > _MAX_LENGTH:
        return f"has more than {_MAX_LENGTH} characters"
    if not rule.isprintable():
        return "has a character that can't be seen"
    try:
        tree = ast.parse(rule, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return "is no Python expression"
    for node in ast.walk(tree):
        is_number_or_text = not isinstance(node, ast.Constant) or isinstance(node.value, bool | int | float | str)
        if not isinstance(node, _ALLOWED) or not is_number_or_text:
            return f"uses {type(node).__name__}"
        if isinstance(node, ast.Name) and node.id not in names:
            return f"names {node.id!r}, which is no argument that can be swept"
    return None


def broken_rules(rules: Collection[str], arguments: Mapping[str, Scalar]) -> list[str]:
    """The rules that don't hold, each as `RULE must hold, but NAME is VALUE and ...`.

    Args:
        rules: Sound ones; see `rule_fault`.
        arguments: A value for every name in the rules.
    """
    return [_explain(rule, arguments) for rule in rules if not _holds(rule, arguments)]


def _holds(rule: str, arguments: Mapping[str, Scalar]) -> bool:
    try:
        return bool(_evaluate(ast.parse(rule, mode="eval").body, arguments))
    except (TypeError, ArithmeticError):  # 64 % 0, or a text where a number should be: no value, so it can't hold
        return False


def _explain(rule: str, arguments: Mapping[str, Scalar]) -> str:
    nodes = [node for node in ast.walk(ast.parse(rule, mode="eval")) if isinstance(node, ast.Name)]
    nodes.sort(key=lambda node: (node.lineno, node.col_offset))
    values = [f"{name} is {arguments[name]!r}" for name in dict.fromkeys(node.id for node in nodes)]
    found = " and ".join([", ".join(values[:-1]), values[-1]] if len(values) > 1 else values)
    return f"`{rule}` must hold, but {found or 'it never does'}"


def _evaluate(node: ast.expr, arguments: Mapping[str, Scalar]) -> Scalar:
    match node:
        case ast.Constant(value=bool() | int() | float() | str() as value):
            return value
        case ast.Name(id=name):
            return arguments[name]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _evaluate(operand, arguments)
        case ast.UnaryOp(op=sign, operand=operand):
            return _SIGNS[type(sign)](_number(operand, arguments))
        case ast.BinOp(left=left, op=operation, right=right):
            return _ARITHMETIC[type(operation)](_number(left, arguments), _number(right, arguments))
        case ast.BoolOp(op=ast.And(), values=values):
            return all(_evaluate(value, arguments) for value in values)
        case ast.BoolOp(values=values):
            return any(_evaluate(value, arguments) for value in values)
        case ast.Compare(left=left, ops=comparisons, comparators=operands):
            sides = [_evaluate(side, arguments) for side in (left, *operands)]
            return all(
                _COMPARISONS[type(comparison)](before, after)
                for comparison, before, after in zip(comparisons, sides, sides[1:], strict=False)
            )
    raise AssertionError(f"{ast.dump(node)} in a rule that was not checked")


def _number(node: ast.expr, arguments: Mapping[str, Scalar]) -> float:
    """The value of an operand. A text is refused, because `*` could make it as long as memory."""
    value = _evaluate(node, arguments)
    if isinstance(value, str):
        raise TypeError(f"{value!r} is no number")
    return value
