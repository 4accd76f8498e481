"""Reads `param_space`: its entries, their keys, and what each key may be.

Must not know: how keys act together; `checks` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from raysweep.spec.config import Scalar
from raysweep.spec.findings import Findings
from raysweep.spec.keys import (
    CONFIG_KEYS,
    MODEL_PREFIX,
    NAME_KEYS,
    SETTING_KEYS,
    TRAIN_RULES,
    argument_rules,
    nearest_key,
)
from raysweep.spec.lookup import Lookup
from raysweep.spec.rules import Rule, name_list
from raysweep.spec.settings import Settings
from raysweep.spec.space import Domain, listed_values
from raysweep.spec.sweep import Grid, HyperOpt
from raysweep.spec.tree import COMMAND_LINE, BrokenNode, ListNode, MappingNode, Place, describe
from raysweep.spec.verbs import Axis, SearchName, read_axis

_FORM = "a mapping of config keys, or a list of such mappings"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One mapping of `param_space`.

    Attributes:
        place: Where it begins.
        axes: What each key may be, in the order of the file; without what can't be read.
        refused: The keys that can't be read.
    """

    place: Place
    axes: Mapping[str, Axis]
    refused: frozenset[str]

    def space(self) -> dict[str, Scalar | Domain]:
        """What each key may be."""
        return {key: axis.domain for key, axis in self.axes.items()}

    def values(self, key: str, default: Scalar) -> tuple[Scalar, ...]:
        """What one key can be: all values, or the ends of a wide range; nothing if the key can't be read."""
        if key in self.refused:
            return ()
        return listed_values(self.axes[key].domain) if key in self.axes else (default,)

    def names(self, key: str) -> tuple[str, ...]:
        """All models or series of the entry; nothing if they can't be read."""
        return tuple(str(name) for name in self.values(key, ""))

    def place_of(self, key: str, value: Scalar, fallback: str) -> Place:
        """Where a value of a key stands; if that is a default, where the fallback key does."""
        axis = self.axes.get(key)
        return axis.place_of(value) if axis else self.axes[fallback].place


def read_entries(root: MappingNode, settings: Settings, lookup: Lookup, findings: Findings) -> list[Entry]:
    """All entries of `param_space`."""
    nodes = _entry_nodes(root, findings)
    readers = [_EntryReader(node, settings, lookup, findings) for node in nodes]
    arguments_anywhere = {key for reader in readers for key in reader.argument_keys()}
    return [reader.read(arguments_anywhere) for reader in readers]


def _entry_nodes(root: MappingNode, findings: Findings) -> list[MappingNode]:
    key = "param_space"
    field = root.fields.get(key)
    if field is None:
        findings.add(root.place, key, found="missing", valid=_FORM)
        return []
    nodes = field.node.items if isinstance(field.node, ListNode) and field.node.items else (field.node,)
    for node in nodes:
        if not isinstance(node, MappingNode | BrokenNode):
            findings.add(node.place, key, found=describe(node), valid=_FORM)
    return [node for node in nodes if isinstance(node, MappingNode)]


class _EntryReader:
    """Reads one entry: first its models, because the arguments depend on them."""

    def __init__(self, node: MappingNode, settings: Settings, lookup: Lookup, findings: Findings) -> None:
        self._node = node
        self._protocol = settings.protocol
        self._search = _search_name(settings.search)
        self._findings = findings
        self._axes: dict[str, Axis | None] = {}
        self._read_names("model", lookup.model_names, "the name of a model")
        self._read_names("dataset", lookup.dataset_names, "the name of a series")
        axis = self._axes.get("model")
        models = [lookup.model(str(name)) for name in listed_values(axis.domain)] if axis else []
        self.models = [model for model in models if model is not None]
        self._knows_all_models = axis is not None and axis.is_complete and len(self.models) == len(models)

    def read(self, arguments_anywhere: set[str]) -> Entry:
        """The entry.

        Args:
            arguments_anywhere: The keys of all arguments of the models of all entries. The command line speaks to all
                entries at once, so what it says of an argument is left out where no model has it.
        """
        for key, field in self._node.fields.items():
            if key in NAME_KEYS:
                continue
            is_meant_for_others = field.place == COMMAND_LINE and key in arguments_anywhere
            rules = self._rules(key, field.place, is_meant_for_others)
            if rules:
                self._axes[key] = read_axis(key, field, rules, self._search, self._findings)
            elif not is_meant_for_others:
                self._axes[key] = None
        self._check_num_steps()
        in_order = {key: self._axes[key] for key in self._node.fields if key in self._axes}
        return Entry(
            place=self._node.place,
            axes={key: axis for key, axis in in_order.items() if axis is not None},
            refused=frozenset(key for key in (*NAME_KEYS, *in_order) if self._axes.get(key) is None),
        )

    def _read_names(self, key: str, names: tuple[str, ...] | None, text: str) -> None:
        field = self._node.fields.get(key)
        if field is None:
            self._findings.add(self._node.place, key, found="missing", valid=name_list("", names or ()))
            return
        rule = Rule(kind=str, text=text, choices=names)
        self._axes[key] = read_axis(key, field, [rule], self._search, self._findings)

    def argument_keys(self) -> list[str]:
        """The keys of all arguments of this entry's models."""
        return list(dict.fromkeys(MODEL_PREFIX + name for model in self.models for name in model.arguments))

    def _rules(self, key: str, place: Place, is_meant_for_others: bool) -> Sequence[Rule]:
        """What values of a key must keep; nothing if the key isn't valid here, which has then been reported."""
        if key == "split.origin" and self._protocol == "replication":
            found = "given, but protocol replication has no test part"
            self._findings.add(place, key, found=found, valid="leave it out, or protocol: holdout")
            return ()
        if key in TRAIN_RULES:
            return (TRAIN_RULES[key],)
        if not key.startswith(MODEL_PREFIX):
            valid = self._valid_keys(key, place)
            self._findings.add(place, key, found="unknown key", valid=valid)
            return ()
        name = key.removeprefix(MODEL_PREFIX)
        having = {model.name: model.arguments[name] for model in self.models if name in model.arguments}
        if not having and self._knows_all_models and not is_meant_for_others:
            models = " or ".join(model.name for model in self.models)
            valid = name_list(key, self.argument_keys())
            self._findings.add(place, key, found=f"not an argument of {models}", valid=valid)
        return argument_rules(having)

    def _valid_keys(self, key: str, place: Place) -> str:
        if place == COMMAND_LINE:
            return nearest_key(key, (*SETTING_KEYS, *CONFIG_KEYS, *self.argument_keys()))
        if key in SETTING_KEYS:
            return "it belongs to the top level, not under param_space"
        below = [known for known in CONFIG_KEYS if known.startswith(f"{key}.")]
        if below:
            return f"keys are dotted here, such as {below[0]}"
        return nearest_key(key, (*CONFIG_KEYS, *self.argument_keys()))

    def _check_num_steps(self) -> None:
        fields = self._node.fields
        if "train.num_steps" in fields and "train.num_epochs" in fields:
            later = max(fields["train.num_steps"], fields["train.num_epochs"], key=lambda f: f.place.line or 0)
            found = "train.num_epochs and train.num_steps are both given"
            self._findings.add(later.place, "train.num_steps", found=found, valid="one of them")


def _search_name(search: Grid | HyperOpt | None) -> SearchName | None:
    if search is None:
        return None
    return "grid" if isinstance(search, Grid) else "hyperopt"
