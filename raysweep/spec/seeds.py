"""Reads `seeds`: a list, or which seeds explore and how many fresh ones confirm.

Must not know: what is swept.
"""

from __future__ import annotations

from dataclasses import dataclass

from raysweep.spec.findings import Findings
from raysweep.spec.keys import nearest_key
from raysweep.spec.rules import Rule, read_values
from raysweep.spec.running import read_numbers
from raysweep.spec.sweep import Confirm
from raysweep.spec.tree import BrokenNode, Field, MappingNode, describe

MAX_FRESH_SEEDS = 1000
DEFAULT_SEEDS = (0,)
DEFAULT_CONFIRM = Confirm()

_LIST = "a list of seeds, such as [0, 1, 2]"
_CONFIRM = "{top: 5, seeds: 5}"
_PARTS = ("explore", "confirm")

_SEED_RULE = Rule(kind=int, text="a whole number of at least 0", at_least=0)
_CONFIRM_RULES = {
    "top": Rule(kind=int, text="how many configs, at least 1", at_least=1),
    "seeds": Rule(
        kind=int,
        text=f"how many fresh seeds, a whole number from 1 to {MAX_FRESH_SEEDS:,}",
        at_least=1,
        at_most=MAX_FRESH_SEEDS,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Seeds:
    """What `seeds` says.

    Attributes:
        explore: Every config is trained with each.
        confirm: What the best are trained with afterwards; None if nothing is to be.
    """

    explore: tuple[int, ...] = DEFAULT_SEEDS
    confirm: Confirm | None = None


def read_seeds(field: Field | None, findings: Findings) -> Seeds:
    """The seeds; what is left out, or can't be read, is a default."""
    if field is None:
        return Seeds()
    if not isinstance(field.node, MappingNode):
        return Seeds(explore=_read_list(field, "seeds", findings))
    parts = field.node.fields
    if not set(_PARTS) & set(parts):
        valid = f"{_LIST}, or {{explore: [0], confirm: {_CONFIRM}}}"
        findings.add(field.node.place, "seeds", found=describe(field.node), valid=valid)
        return Seeds()
    unknown = [key for key in parts if key not in _PARTS]
    for key in unknown:
        findings.add(parts[key].place, f"seeds.{key}", found="unknown key", valid=nearest_key(key, _PARTS))
    if "confirm" not in parts and not unknown:
        valid = f"{_CONFIRM}, or {_LIST}, alone"
        findings.add(field.place, "seeds.confirm", found="missing beside explore", valid=valid)
    explore = _read_list(parts["explore"], "seeds.explore", findings) if "explore" in parts else DEFAULT_SEEDS
    return Seeds(explore=explore, confirm=_read_confirm(parts["confirm"], findings) if "confirm" in parts else None)


def _read_list(field: Field, key: str, findings: Findings) -> tuple[int, ...]:
    seeds = read_values(field.node, [_SEED_RULE], key=key, form=_LIST, findings=findings)
    return tuple(int(seed) for seed in seeds) or DEFAULT_SEEDS


def _read_confirm(field: Field, findings: Findings) -> Confirm:
    key = "seeds.confirm"
    if not isinstance(field.node, MappingNode):
        if not isinstance(field.node, BrokenNode):
            findings.add(field.node.place, key, found=describe(field.node), valid=_CONFIRM)
        return DEFAULT_CONFIRM
    numbers = read_numbers(field.node, key, _CONFIRM_RULES, findings)
    return Confirm(
        top=int(numbers.get("top", DEFAULT_CONFIRM.top)), seeds=int(numbers.get("seeds", DEFAULT_CONFIRM.seeds))
    )
