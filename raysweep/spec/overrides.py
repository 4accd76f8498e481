"""Puts the overrides of the command line into the tree of a sweep file.

An override of a config key goes into every entry of `param_space`; several values are a grid, or a choice under
HyperOpt. An override of a setting below another is dotted, as in `search.hyperopt.num_samples=16`.

Must not know: which values are valid; what is put into the tree is checked as if it stood in the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from raysweep.spec.findings import Findings
from raysweep.spec.keys import SETTING_KEYS
from raysweep.spec.override_grammar import GrammarError, parse_values
from raysweep.spec.tree import (
    COMMAND_LINE,
    BrokenNode,
    Field,
    ListNode,
    MappingNode,
    Node,
    ScalarNode,
    quote,
)

MAX_PARTS = 3  # as in search.hyperopt.num_samples

_LIST_SETTINGS = ("seeds", "seeds.explore", "evaluate_on", "scheduler.asha.within")
_EITHER_OR = {"train.num_steps": "train.num_epochs", "train.num_epochs": "train.num_steps"}
_PREFIX_HINTS = {
    "+": "no + here: a key that the file lacks is added all the same",
    "~": "a key can't be taken away here: edit the file",
}


def apply_overrides(root: MappingNode, overrides: Sequence[str], findings: Findings) -> MappingNode:
    """The tree with all overrides in it.

    Args:
        root: The sweep file.
        overrides: As typed, such as `model=att,vq`.
        findings: Takes what can't be understood.
    """
    given = _parse_all(overrides, findings)
    # A whole before its parts, in whatever order they were typed.
    for key in sorted(filter(_is_setting, given), key=lambda key: key.count(".")):
        root = _with_setting(root, key.split("."), _setting_node(key, given[key], findings))
    verb = "choice" if _is_hyperopt(root) else "grid_search"
    config_fields = {
        key: Field(place=COMMAND_LINE, node=_config_node(key, nodes, verb, findings))
        for key, nodes in given.items()
        if not _is_setting(key)
    }
    return _with_config_keys(root, config_fields)


def _parse_all(overrides: Sequence[str], findings: Findings) -> dict[str, list[Node]]:
    given: dict[str, list[Node]] = {}
    for override in overrides:
        key, equals, text = override.partition("=")
        key = key.strip()
        if hint := _PREFIX_HINTS.get(key[:1]):
            findings.add(COMMAND_LINE, "", found=quote(override), valid=hint)
        elif not equals or not key:
            findings.add(COMMAND_LINE, "", found=quote(override), valid="key=value, such as model=att,vq")
        elif key.partition(".")[0] == "param_space":
            valid = "config keys as they are, such as train.learning_rate=1e-3"
            findings.add(COMMAND_LINE, key, found="an override of it as a whole", valid=valid)
        elif _is_setting(key) and key.count(".") >= MAX_PARTS:
            findings.add(COMMAND_LINE, key, found="unknown key", valid=f"at most {MAX_PARTS} words with dots between")
        elif key in given:
            findings.add(COMMAND_LINE, key, found="given twice", valid="each key once")
        else:
            try:
                given[key] = parse_values(text)
            except GrammarError as error:
                given[key] = [BrokenNode(place=COMMAND_LINE)]
                findings.add(COMMAND_LINE, key, found=error.found, valid=error.valid)
    return given


def _is_setting(key: str) -> bool:
    return key.partition(".")[0] in SETTING_KEYS


def _setting_node(key: str, nodes: Sequence[Node], findings: Findings) -> Node:
    if key in _LIST_SETTINGS and (len(nodes) > 1 or isinstance(nodes[0], ScalarNode)):
        return ListNode(place=COMMAND_LINE, items=tuple(nodes))
    if len(nodes) > 1:
        findings.add(COMMAND_LINE, key, found=f"{len(nodes)} values", valid="one value")
        return BrokenNode(place=COMMAND_LINE)
    return nodes[0]


def _with_setting(mapping: MappingNode, path: Sequence[str], node: Node) -> MappingNode:
    """The mapping with a node at a path of keys; what isn't a mapping on the way becomes one."""
    key, *rest = path
    if rest:
        field = mapping.fields.get(key)
        node = _with_setting(_inner(key, field), rest, node)
    field = Field(place=COMMAND_LINE, node=node)
    return MappingNode(place=mapping.place, fields={**mapping.fields, key: field})


def _inner(key: str, field: Field | None) -> MappingNode:
    """What stands below a key as a mapping."""
    if field is None:
        return _mapping({})
    if key == "seeds" and isinstance(field.node, ListNode):
        return _mapping({"explore": field})  # the other way to write it
    return field.node if isinstance(field.node, MappingNode) else _mapping({})


def _is_hyperopt(root: MappingNode) -> bool:
    field = root.fields.get("search")
    if field is None:
        return False
    if isinstance(field.node, MappingNode):
        return "hyperopt" in field.node.fields
    return isinstance(field.node, ScalarNode) and field.node.value == "hyperopt"


def _config_node(key: str, nodes: Sequence[Node], verb: str, findings: Findings) -> Node:
    if len(nodes) > 1:
        values = ListNode(place=COMMAND_LINE, items=tuple(nodes))
        return _mapping({verb: Field(place=COMMAND_LINE, node=values)})
    if isinstance(nodes[0], ListNode):
        valid = "values with commas between them, without brackets"
        findings.add(COMMAND_LINE, key, found="a list", valid=valid)
        return BrokenNode(place=COMMAND_LINE)
    return nodes[0]


def _mapping(fields: Mapping[str, Field]) -> MappingNode:
    return MappingNode(place=COMMAND_LINE, fields=fields)


def _with_config_keys(root: MappingNode, config_fields: Mapping[str, Field]) -> MappingNode:
    param_space = root.fields.get("param_space")
    if param_space is None:
        return root
    node = param_space.node
    if isinstance(node, ListNode):
        items = tuple(_with_fields(item, config_fields) for item in node.items)
        node = ListNode(place=node.place, items=items)
    else:
        node = _with_fields(node, config_fields)
    field = Field(place=param_space.place, node=node)
    return MappingNode(place=root.place, fields={**root.fields, "param_space": field})


def _with_fields(entry: Node, config_fields: Mapping[str, Field]) -> Node:
    if not isinstance(entry, MappingNode):
        return entry
    # Epochs and steps exclude each other: to ask for one is to take the file's other one away.
    replaced = {_EITHER_OR[key] for key in config_fields if key in _EITHER_OR}
    kept = {key: field for key, field in entry.fields.items() if key not in replaced}
    return MappingNode(place=entry.place, fields={**kept, **config_fields})
