"""Reads what one key of a param_space may be: a constant, or a verb with its values, such as `{grid_search: [1, 2]}`.

Must not know: which keys there are; their rules are handed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from raysweep.spec.config import Scalar
from raysweep.spec.findings import Findings
from raysweep.spec.ranges import RANGE_VERBS, read_range
from raysweep.spec.rules import Rule, name_list, read_value, read_values
from raysweep.spec.space import Choice, Domain, GridSearch
from raysweep.spec.tree import Field, ListNode, MappingNode, Place, describe, quote, show_key

SearchName = Literal["grid", "hyperopt"]

LIST_VERBS: dict[str, type[GridSearch] | type[Choice]] = {"grid_search": GridSearch, "choice": Choice}
VERBS = (*LIST_VERBS, *RANGE_VERBS)
LIST_VERB_OF_SEARCH: dict[SearchName, str] = {"grid": "grid_search", "hyperopt": "choice"}


@dataclass(frozen=True, kw_only=True)
class Axis:
    """What one key of a param_space may be.

    Attributes:
        key: The config key.
        place: Where the key stands.
        domain: A constant or a verb.
        value_places: Where each value of a list stands.
        is_complete: Whether all values of the list could be read.
    """

    key: str
    place: Place
    domain: Scalar | Domain
    value_places: tuple[Place, ...] = ()
    is_complete: bool = True

    def place_of(self, value: Scalar) -> Place:
        """Where a value stands; where the key does, if the value is drawn from a range."""
        if isinstance(self.domain, GridSearch | Choice):
            return self.value_places[self.domain.values.index(value)]
        return self.place


def read_axis(
    key: str, field: Field, rules: Sequence[Rule], search: SearchName | None, findings: Findings
) -> Axis | None:
    """What one key may be; None if that can't be told, which has then been reported.

    Args:
        key: The config key.
        field: What stands there.
        rules: What every value must keep; several where models differ.
        search: How the space is searched; None if that can't be told.
        findings: Takes the problems.
    """
    node = field.node
    if isinstance(node, MappingNode):
        return _read_verb(key, field.place, node, rules, search, findings)
    if isinstance(node, ListNode):
        verb = LIST_VERB_OF_SEARCH[search or "grid"]
        findings.add(node.place, key, found=describe(node), valid=f"one value, or several as {{{verb}: [...]}}")
        return None
    value = read_value(node, rules, key=key, findings=findings)
    return None if value is None else Axis(key=key, place=field.place, domain=value)


def _read_verb(
    key: str,
    place: Place,
    node: MappingNode,
    rules: Sequence[Rule],
    search: SearchName | None,
    findings: Findings,
) -> Axis | None:
    if len(node.fields) != 1:
        found = f"{len(node.fields)} verbs" if node.fields else describe(node)
        findings.add(node.place, key, found=found, valid="one verb, such as {grid_search: [...]}")
        return None
    ((verb, field),) = node.fields.items()
    if verb not in VERBS:
        findings.add(field.place, key, found=f"unknown verb {quote(verb)}", valid=_valid_verbs(key, verb))
        return None
    _check_search(key, verb, field.place, search, findings)
    if verb in LIST_VERBS:
        form = f"{{{verb}: [...]}} with at least one value"
        values = read_values(field.node, rules, key=key, form=form, findings=findings)
        if not values:
            return None
        is_complete = isinstance(field.node, ListNode) and len(values) == len(field.node.items)
        domain, value_places = LIST_VERBS[verb](tuple(values)), tuple(values.values())
        return Axis(key=key, place=place, domain=domain, value_places=value_places, is_complete=is_complete)
    drawn = read_range(key, verb, field.node, rules, findings)
    return None if drawn is None else Axis(key=key, place=place, domain=drawn)


def _valid_verbs(key: str, verb: str) -> str:
    verbs = name_list(verb, VERBS)
    return (
        f"{verbs}; an argument of the model is a key of its own, `model.{show_key(verb)}`" if key == "model" else verbs
    )


def _check_search(key: str, verb: str, place: Place, search: SearchName | None, findings: Findings) -> None:
    if search == "grid" and verb != "grid_search":
        valid = "{grid_search: [...]}, or search: {hyperopt: {num_samples: 64}}"
        findings.add(place, key, found=f"{verb} under search: grid", valid=valid)
    if search == "hyperopt" and verb == "grid_search":
        found = "grid_search under search: hyperopt"
        findings.add(place, key, found=found, valid="{choice: [...]}, or search: grid")
