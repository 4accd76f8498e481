"""The keys of a sweep file, and the rules of those that are the same for every model and series."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from raysweep.spec.catalog import ArgumentInfo
from raysweep.spec.config import Scalar
from raysweep.spec.rules import MAX_INT, Kind, Rule, did_you_mean

SETTING_KEYS = (
    "name",
    "protocol",
    "seeds",
    "evaluate_on",
    "metric",
    "mode",
    "param_space",
    "scheduler",
    "search",
    "resources_per_trial",
    "storage_path",
)

MODEL_PREFIX = "model."
NAME_KEYS = ("model", "dataset")
DEFAULT_ORIGIN = 0.85

TRAIN_RULES: Mapping[str, Rule] = {
    "train.time_steps": Rule(kind=int, text="a whole number of at least 2", at_least=2),
    "train.learning_rate": Rule(kind=float, text="a number above 0", above=0),
    "train.batch_size": Rule(kind=int, text="a whole number of at least 1", at_least=1),
    "train.num_epochs": Rule(kind=int, text="a whole number of at least 1", at_least=1),
    "train.num_steps": Rule(kind=int, text="a whole number of at least 1", at_least=1),
    "train.is_align_target": Rule(kind=bool, text="true or false"),
    "split.origin": Rule(kind=float, text="a number above 0.15 and at most 0.85", above=0.15, at_most=DEFAULT_ORIGIN),
}
CONFIG_KEYS = (*NAME_KEYS, *TRAIN_RULES)

_KIND_TEXTS: Mapping[Kind, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def argument_rules(arguments: Mapping[str, ArgumentInfo]) -> tuple[Rule, ...]:
    """The rules of one argument of one or more models, by model: one rule, unless the models differ."""
    rules = {_argument_rule(argument): None for argument in arguments.values()}
    if len(rules) <= 1:
        return tuple(rules)
    return tuple(replace(_argument_rule(info), scope=f" for model {name}") for name, info in arguments.items())


def _argument_rule(argument: ArgumentInfo) -> Rule:
    return Rule(
        kind=argument.kind,
        text=_KIND_TEXTS[argument.kind],
        at_least=-MAX_INT if argument.kind is int else -math.inf,
        choices=argument.choices or None,
    )


def nearest_key(key: str, known: Sequence[str]) -> str:
    """What an unknown key was probably meant to be; else what is known."""
    without_prefix = [name for name in known if name.rpartition(".")[2] == key]
    if without_prefix:
        return f"did you mean {without_prefix[0]}?"
    return did_you_mean(key, known) or f"valid: {', '.join(known)}"


def coerce(value: Scalar, kind: Kind) -> Scalar:
    """A drawn value in its key's type: a search may hand out 64.0 or numpy's numbers where 64 is meant.

    Raises:
        ValueError: If it equals no value of that type.
    """
    settled = float(value) + 0.0 if kind is float else kind(value)  # + 0.0 turns -0.0 into 0.0
    if settled != value:
        raise ValueError(f"{value!r} is not of kind {kind.__name__}")
    return settled
