"""Rules for single values and lists of values, and the reading of nodes against them.

Must not know: which keys there are.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from raysweep.spec.config import Scalar
from raysweep.spec.findings import Findings
from raysweep.spec.scalars import number_hint
from raysweep.spec.tree import BrokenNode, ListNode, Node, Place, ScalarNode, describe, show

MAX_INT = 2**31 - 1  # what a C int holds: seeds, sizes and counts all end up in one
MAX_LISTED = 30
MAX_MATCHED_LENGTH = 100

Kind = type[bool] | type[int] | type[float] | type[str]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What one value must be.

    Attributes:
        kind: Its type. A `float` may be written as a whole number.
        text: The rule in words, as in "a whole number of at least 1".
        at_least: Lowest number.
        above: Numbers must be greater than this.
        at_most: Highest number.
        choices: The valid values, if they are a closed list.
        scope: Where this holds, as in " for model att"; empty if everywhere.
    """

    kind: Kind
    text: str
    at_least: float = -math.inf
    above: float = -math.inf
    at_most: float = math.inf
    choices: tuple[Scalar, ...] | None = None
    scope: str = ""

    def objection(self, node: ScalarNode) -> str | None:
        """What would be valid instead of this value; None if it is valid."""
        value = node.value
        is_whole_for_float = self.kind is float and type(value) is int
        if type(value) is not self.kind and not is_whole_for_float:
            hint = "" if self.choices else _rewriting_hint(node, self.kind)
            return _join(self.valid(), hint)
        if self.choices is not None and value not in self.choices:
            return self.valid(str(value))
        if isinstance(value, int | float) and not self.admits(value):
            is_too_large = self.kind is int and abs(value) > MAX_INT
            return _join(self.valid(), "below 2**31" if is_too_large else "")
        return None

    def valid(self, word: str = "") -> str:
        """What is valid, in words; where names are to be chosen from, the nearest to `word` comes first."""
        if self.choices is None:
            return self.text + self.scope
        return name_list(word, [show(choice) for choice in self.choices]) + self.scope

    def admits(self, number: int | float) -> bool:
        """Whether a number lies in the range."""
        if self.kind is int and abs(number) > MAX_INT:
            return False
        return math.isfinite(number) and self.above < number <= self.at_most and number >= self.at_least

    def settle(self, value: Scalar) -> Scalar:
        """The value in its one form: a float key's 1 becomes 1.0, so that identity can't depend on it."""
        return float(value) if self.kind is float else value


def read_value(node: Node, rules: Sequence[Rule], *, key: str, findings: Findings) -> Scalar | None:
    """One value that keeps all rules; None if it doesn't, which has then been reported."""
    if isinstance(node, BrokenNode):
        return None
    if not isinstance(node, ScalarNode):
        findings.add(node.place, key, found=describe(node), valid=rules[0].valid())
        return None
    objections = [objection for rule in rules if (objection := rule.objection(node))]
    for objection in objections:
        is_unwanted_text = isinstance(node.value, str) and all(rule.kind is not str for rule in rules)
        found = f"{describe(node)}, which is text" if is_unwanted_text else describe(node)
        findings.add(node.place, key, found=found, valid=objection)
    if objections or node.value is None:
        return None
    kinds = {rule.kind for rule in rules}
    return rules[0].settle(node.value) if len(kinds) == 1 else node.value


def read_values(node: Node, rules: Sequence[Rule], *, key: str, form: str, findings: Findings) -> dict[Scalar, Place]:
    """The values of a list, as far as they are different and keep all rules; all others are reported.

    Args:
        node: What stands in the file.
        rules: What every value must keep.
        key: For messages.
        form: What is valid, for messages, such as "a list such as [0, 1]".
        findings: Takes the problems.

    Returns:
        Where each value stands; nothing if there is no list.
    """
    if isinstance(node, BrokenNode):
        return {}
    if not isinstance(node, ListNode) or not node.items:
        findings.add(node.place, key, found=describe(node), valid=form)
        return {}
    values: dict[Scalar, Place] = {}
    for item in node.items:
        value = read_value(item, rules, key=key, findings=findings)
        if value is None:
            continue
        if value in values:
            findings.add(item.place, key, found=f"{show(value)} is given twice", valid="each value once")
        values.setdefault(value, item.place)
    return values


def name_list(word: str, names: Sequence[str]) -> str:
    """The valid names, with the nearest to `word` first where one is near."""
    if not names:
        return "there are none to choose from"
    listed = ", ".join(names[:MAX_LISTED])
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return _join(did_you_mean(word, names), f"valid: {listed}{more}", separator=" ")


def did_you_mean(word: str, names: Sequence[str]) -> str:
    """A question that names the nearest valid name; empty if none is near."""
    if len(word) > MAX_MATCHED_LENGTH:
        return ""
    nearest = difflib.get_close_matches(word, names, n=1)
    return f"did you mean {nearest[0]}?" if nearest else ""


def _rewriting_hint(node: ScalarNode, kind: Kind) -> str:
    """How to write what stands there so that it is what was probably meant."""
    if kind is str:
        return "" if node.value is None else "in quotes"
    if isinstance(node.value, str):
        return number_hint(node.value) if kind is not bool else ""
    if kind is int and isinstance(node.value, float) and node.value.is_integer():
        return "without decimal point or exponent"
    return ""


def _join(*parts: str, separator: str = ", ") -> str:
    return separator.join(part for part in parts if part)
