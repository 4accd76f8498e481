"""Reads how a sweep runs: `scheduler`, `search` and `resources_per_trial`.

Must not know: what is swept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from raysweep.spec.findings import Findings
from raysweep.spec.keys import CONFIG_KEYS, MODEL_PREFIX, nearest_key
from raysweep.spec.rules import MAX_INT, Rule, did_you_mean, read_value, read_values
from raysweep.spec.sweep import Asha, Fifo, Grid, HyperOpt, Resources
from raysweep.spec.tree import (
    BrokenNode,
    Field,
    ListNode,
    MappingNode,
    ScalarNode,
    describe,
    quote,
)

MAX_SAMPLES = 200_000
DEFAULT_ASHA = Asha()

_SCHEDULER = "fifo, or {asha: {grace_period: 5, reduction_factor: 3}}"
_SEARCH = "grid, or {hyperopt: {num_samples: 64}}"
_RESOURCES = "auto, or {cpu: 1, gpu: 0.25}"

_ASHA_RULES = {
    "grace_period": Rule(kind=int, text="a whole number of epochs, at least 1", at_least=1),
    "reduction_factor": Rule(kind=int, text="a whole number of at least 2", at_least=2),
}
_HYPEROPT_RULES = {
    "num_samples": Rule(kind=int, text=f"a whole number from 1 to {MAX_SAMPLES:,}", at_least=1, at_most=MAX_SAMPLES)
}
_RESOURCE_RULES = {
    "cpu": Rule(kind=float, text="a number above 0", above=0, at_most=MAX_INT),
    "gpu": Rule(kind=float, text="a number of at least 0", at_least=0, at_most=MAX_INT),
}


def read_scheduler(field: Field | None, findings: Findings) -> Fifo | Asha:
    """The scheduler; `fifo` if none is given, or none that can be read."""
    if field is None:
        return Fifo()
    form = _read_form(field, "scheduler", "fifo", "asha", _SCHEDULER, findings)
    if form is None or form[0] == "fifo":
        return Fifo()
    _, settings = form
    numbers = read_numbers(settings, "scheduler.asha", _ASHA_RULES, findings, others=("within",))
    return Asha(
        grace_period=int(numbers.get("grace_period", DEFAULT_ASHA.grace_period)),
        reduction_factor=int(numbers.get("reduction_factor", DEFAULT_ASHA.reduction_factor)),
        within=_read_within(settings.fields.get("within"), findings),
    )


def read_search(field: Field | None, findings: Findings) -> Grid | HyperOpt | None:
    """The search; `grid` if none is given, None if it can't be read."""
    if field is None:
        return Grid()
    form = _read_form(field, "search", "grid", "hyperopt", _SEARCH, findings)
    if form is None:
        return None
    name, settings = form
    if name == "grid":
        return Grid()
    numbers = read_numbers(settings, "search.hyperopt", _HYPEROPT_RULES, findings)
    if "num_samples" not in settings.fields:
        findings.add(field.place, "search.hyperopt.num_samples", found="missing", valid=_SEARCH)
    return HyperOpt(num_samples=int(numbers.get("num_samples", 1)))


def read_resources(field: Field | None, findings: Findings) -> Literal["auto"] | Resources:
    """What one trial takes; `auto` if nothing is given, or nothing that can be read."""
    key = "resources_per_trial"
    if field is None or isinstance(field.node, BrokenNode):
        return "auto"
    if isinstance(field.node, ScalarNode) and field.node.value == "auto":
        return "auto"
    if not isinstance(field.node, MappingNode) or not field.node.fields:
        findings.add(field.node.place, key, found=describe(field.node), valid=_RESOURCES)
        return "auto"
    numbers = read_numbers(field.node, key, _RESOURCE_RULES, findings)
    gpu = numbers.get("gpu", 0.0)
    if gpu > 1 and gpu != int(gpu):
        found, valid = f"{gpu}", "a fraction of one GPU, or a whole number of them"
        findings.add(field.node.fields["gpu"].place, f"{key}.gpu", found=found, valid=valid)
    return Resources(cpu=numbers.get("cpu", 1.0), gpu=gpu)


def _read_form(
    field: Field, key: str, plain: str, named: str, valid: str, findings: Findings
) -> tuple[str, MappingNode] | None:
    """One of two forms: a plain name, or a name with settings below it; None if it is neither.

    Returns:
        The name and its settings, which are empty where the name stands alone.
    """
    node = field.node
    word = str(node.value) if isinstance(node, ScalarNode) else ""
    if isinstance(node, ScalarNode) and node.value in (plain, named):
        return word, MappingNode(place=node.place, fields={})
    if isinstance(node, MappingNode) and len(node.fields) == 1:
        ((word, below),) = node.fields.items()
        if word == named and isinstance(below.node, MappingNode):
            return word, below.node
        node = below.node if word == named else node
    if not isinstance(node, BrokenNode):
        found = f"{named} with {describe(node)}" if word == named else describe(node)
        if isinstance(node, MappingNode) and word:
            found = f"{describe(node)} with {quote(word)}"
        nearest = did_you_mean(word, (plain, named)) if word not in (plain, named) else ""
        findings.add(node.place, key, found=found, valid=f"{nearest} valid: {valid}" if nearest else valid)
    return None


def read_numbers(
    node: MappingNode, key: str, rules: Mapping[str, Rule], findings: Findings, others: Sequence[str] = ()
) -> dict[str, float]:
    """The numbers under a key; those that can't be read are reported and left out."""
    numbers: dict[str, float] = {}
    for name, field in node.fields.items():
        if name in rules:
            value = read_value(field.node, [rules[name]], key=f"{key}.{name}", findings=findings)
            if isinstance(value, int | float):
                numbers[name] = value
        elif name not in others:
            valid = nearest_key(name, (*rules, *others))
            findings.add(field.place, f"{key}.{name}", found="unknown key", valid=valid)
    return numbers


def _read_within(field: Field | None, findings: Findings) -> tuple[str, ...]:
    if field is None:
        return DEFAULT_ASHA.within
    key, form = "scheduler.asha.within", "a list of config keys, such as [model, dataset]"
    if isinstance(field.node, ListNode) and not field.node.items:
        return ()
    rule = Rule(kind=str, text="a config key")
    values = read_values(field.node, [rule], key=key, form=form, findings=findings)
    for value, place in values.items():
        if value not in CONFIG_KEYS and not str(value).startswith(MODEL_PREFIX):
            findings.add(place, key, found=quote(str(value)), valid=nearest_key(str(value), CONFIG_KEYS))
    return tuple(str(value) for value in values)
