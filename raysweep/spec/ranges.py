"""Reads the verbs that draw from a range, such as `{loguniform: [1e-4, 1e-2]}`.

Must not know: which keys there are; their rules are handed in.

A key of whole numbers draws whole numbers only. As in Tune, `quniform` includes its upper bound and `randint` doesn't;
on such a key `quniform` and `qloguniform` with whole bounds are read as what they mean, `qrandint` and `qlograndint`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

from raysweep.spec.findings import Findings
from raysweep.spec.rules import MAX_INT, Rule, read_value
from raysweep.spec.space import (
    FloatRange,
    IntRange,
    LogRandInt,
    LogUniform,
    QLogRandInt,
    QLogUniform,
    QRandInt,
    QUniform,
    RandInt,
    Uniform,
)
from raysweep.spec.tree import BrokenNode, ListNode, Node, describe

RANGE_VERBS = (
    "uniform",
    "loguniform",
    "quniform",
    "qloguniform",
    "randint",
    "lograndint",
    "qrandint",
    "qlograndint",
)

Number = TypeVar("Number", int, float)

_FLOAT_RULE = Rule(kind=float, text="a number")
_INT_RULE = Rule(kind=int, text="a whole number", at_least=-MAX_INT)


def read_range(
    key: str, verb: str, node: Node, rules: Sequence[Rule], findings: Findings
) -> FloatRange | IntRange | None:
    """The range under a verb; None if there is none, which has then been reported."""
    if refusal := _verb_refusal(verb, rules):
        findings.add(node.place, key, found=refusal[0], valid=refusal[1])
        return None
    is_whole = any(rule.kind is int for rule in rules)
    numbers = _read_numbers(key, verb, node, _INT_RULE if is_whole else _FLOAT_RULE, findings)
    if numbers is None:
        return None
    objections = _objections(verb, numbers)
    if not objections:
        drawn = _int_range(verb, [int(number) for number in numbers]) if is_whole else _float_range(verb, numbers)
        ends = (drawn.lower, drawn.upper - 1) if isinstance(drawn, RandInt | LogRandInt) else (drawn.lower, drawn.upper)
        objections = [(f"{verb} can draw {end}", rule.text) for end in ends for rule in rules if not rule.admits(end)]
    for found, valid in objections:
        findings.add(node.place, key, found=found, valid=valid)
    return None if objections else drawn


def _verb_refusal(verb: str, rules: Sequence[Rule]) -> tuple[str, str] | None:
    """Why a verb can't serve a key at all, and what can."""
    for rule in rules:
        if rule.kind not in (int, float) or rule.choices is not None:
            return f"{verb}, which draws from a range", "one value, or {choice: [...]}"
    is_whole = any(rule.kind is int for rule in rules)
    if is_whole and verb in ("uniform", "loguniform"):
        return f"{verb}, which draws fractions", f"{{{verb.replace('uniform', 'randint')}: [...]}}"
    if not is_whole and verb.endswith("randint"):
        return f"{verb}, which draws whole numbers", f"{{{verb.replace('randint', 'uniform')}: [...]}}"
    return None


def _read_numbers(key: str, verb: str, node: Node, rule: Rule, findings: Findings) -> list[int | float] | None:
    names = ("lower", "upper", "q") if verb.startswith("q") else ("lower", "upper")
    if isinstance(node, BrokenNode):
        return None
    if not isinstance(node, ListNode) or len(node.items) != len(names):
        found = f"a list of length {len(node.items)}" if isinstance(node, ListNode) else describe(node)
        findings.add(node.place, key, found=f"{verb} with {found}", valid=f"{{{verb}: [{', '.join(names)}]}}")
        return None
    values = [read_value(item, [rule], key=key, findings=findings) for item in node.items]
    numbers = [value for value in values if isinstance(value, int | float)]
    return numbers if len(numbers) == len(names) else None


def _objections(verb: str, numbers: Sequence[int | float]) -> list[tuple[str, str]]:
    """What is wrong with the bounds among themselves, and what is valid."""
    lower, upper, *rest = numbers
    objections = []
    if lower >= upper:
        objections.append((f"{verb} from {lower} to {upper}", "a lower bound below the upper one"))
    if "log" in verb and lower <= 0:
        objections.append((f"{verb} from {lower}", "a lower bound above 0"))
    for q in rest:
        if q <= 0:
            objections.append((f"{verb} in steps of {q}", "a step above 0"))
        elif not _is_multiple(lower, q) or not _is_multiple(upper, q):
            found = f"{verb} from {lower} to {upper} in steps of {q}"
            objections.append((found, "bounds that are multiples of the step"))
    return objections


def _is_multiple(bound: float, q: float) -> bool:
    ratio = bound / q
    return math.isfinite(ratio) and math.isclose(ratio, round(ratio))


def _float_range(verb: str, numbers: Sequence[int | float]) -> FloatRange:
    match verb, [float(number) for number in numbers]:
        case "uniform", [lower, upper]:
            return Uniform(lower, upper)
        case "loguniform", [lower, upper]:
            return LogUniform(lower, upper)
        case "quniform", [lower, upper, q]:
            return QUniform(lower, upper, q)
        case "qloguniform", [lower, upper, q]:
            return QLogUniform(lower, upper, q)
    raise AssertionError(f"not a verb of floats: {verb}")


def _int_range(verb: str, numbers: Sequence[int]) -> IntRange:
    lower, upper, *rest = numbers
    is_log = "log" in verb
    if not rest:
        return LogRandInt(lower, upper) if is_log else RandInt(lower, upper)
    (q,) = rest
    if q > 1:
        return QLogRandInt(lower, upper, q) if is_log else QRandInt(lower, upper, q)
    # In Tune a step of 1 leaves the upper bound out of qrandint, but not out of quniform.
    end = upper if verb.endswith("randint") else upper + 1
    return LogRandInt(lower, end) if is_log else RandInt(lower, end)
