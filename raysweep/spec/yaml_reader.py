"""Reads YAML as a tree of nodes with line numbers.

The safe subset: no tags, no anchors and aliases, one document, limits on depth and number of values. Nothing in a file
can run code or fill the memory. Must not know: what any key means.
"""

from __future__ import annotations

from typing import Any

import yaml

from raysweep.spec.findings import Findings
from raysweep.spec.scalars import resolve_plain
from raysweep.spec.tree import (
    BrokenNode,
    Field,
    ListNode,
    MappingNode,
    Node,
    Place,
    ScalarNode,
    describe,
    quote,
    show_key,
)

MAX_DEPTH = 16
MAX_NODES = 20_000

_STANDARD_TAG = "tag:yaml.org,2002:"
_COLON_HINT = "`key: value` on this line and the one before, with a space after the colon, and text with `: ` in quotes"
_ESCAPE_HINT = "look for a backslash in double quotes that stands for no character; put the text in single quotes"
_SYNTAX_HINTS = {  # by the start of PyYAML's own words
    "mapping values are not allowed": _COLON_HINT,
    "could not find expected ':'": _COLON_HINT,
    "found character '\\t'": "indent with spaces, not with tabs",
    "found unexpected end of stream": "close the quotes",
    "expected ',' or ']'": "close the bracket, and put commas between values",
    "expected ',' or '}'": "close the brace, and put commas between values",
    "expected <block end>": "indent the keys of one mapping alike, and the items of one list",
    "expected '<document start>'": "nothing after the closing bracket or brace",
    "found character": "put text that begins with a special character in quotes",
    "expected the node content": "a value is missing here, or there is a comma or bracket too many",
    "expected alphabetic or numeric character": "put text that begins with & or * in quotes",
    "found unknown escape character": "in double quotes a backslash is written twice; in single quotes once",
    "expected escape sequence": "in double quotes a backslash is written twice; in single quotes once",
    "expected chomping or indentation": "put text that begins with | or > in quotes",
    "sequence entries are not allowed": "begin a list on a line of its own below its key",
    "found incompatible YAML document": "remove the %YAML line",
    "found undefined tag handle": "no tags: put text that begins with ! in quotes",
    "duplicate tag handle": "remove the %TAG lines",
}


def parse_yaml(text: str, file: Place, findings: Findings) -> MappingNode:
    """The one mapping that a file is.

    Args:
        text: The file's content.
        file: Where it stands.
        findings: Takes what is wrong and leaves the rest readable: tags, aliases, duplicate keys.

    Raises:
        SweepFileError: If the file as a whole can't be understood.
    """
    reader = _TreeReader(text, file, findings)
    try:
        root = reader.read_document()
    except yaml.MarkedYAMLError as error:
        _stop_at_syntax_error(error, file, findings)
    except (yaml.YAMLError, ValueError, OverflowError):  # an escape beyond Unicode is a bare ValueError in PyYAML
        findings.stop(reader.last_place, found="not valid YAML near this line", valid=_ESCAPE_HINT)
    if isinstance(root, BrokenNode):
        findings.raise_if_any()
    if not isinstance(root, MappingNode):
        valid = "keys with values, such as `name: value`"
        findings.stop(root.place, found=f"{describe(root)} instead of a mapping", valid=valid)
    return root


def _stop_at_syntax_error(error: yaml.MarkedYAMLError, file: Place, findings: Findings) -> None:
    problem = str(error.problem)
    hint = next((hint for start, hint in _SYNTAX_HINTS.items() if problem.startswith(start)), "correct it")
    line = error.problem_mark.line if error.problem_mark else 0
    opening = error.context_mark.line if error.context_mark else line
    if problem.startswith("could not find expected ':'"):
        line = opening  # the line without a colon, not the one after it
    elif opening != line and hint.startswith("close"):
        hint = f"{hint} (it opens at line {opening + 1})"
    findings.stop(Place(file.file, line + 1), found=f"not valid YAML: {problem}", valid=hint)


class _TreeReader:
    """Builds the tree from PyYAML's events, so that limits hold while the file is being read."""

    def __init__(self, text: str, file: Place, findings: Findings) -> None:
        self._events = yaml.parse(text, Loader=yaml.SafeLoader)
        self._findings = findings
        self._num_nodes = 0
        self.last_place = Place(file.file, 1)

    def read_document(self) -> Node:
        """The file's one document."""
        self._next()
        first = self._next()
        if isinstance(first, yaml.StreamEndEvent):
            found = "the file is empty, or holds comments only"
            self._findings.stop(
                Place(self.last_place.file), found=found, valid="keys with values, such as `name: value`"
            )
        root = self._read_node(self._next(), depth=1, key="")
        self._next()
        if not isinstance(self._next(), yaml.StreamEndEvent):
            found = "a second document begins"
            self._findings.add(self.last_place, "", found=found, valid="one document a file: remove the `---`")
        return root

    def _next(self) -> Any:
        event: Any = next(self._events)
        self.last_place = Place(self.last_place.file, event.start_mark.line + 1)
        return event

    def _read_node(self, event: Any, *, depth: int, key: str) -> Node:
        """The node that begins with this event; `key` is the nearest key above it."""
        place = self.last_place
        self._hold_limits(depth)
        if isinstance(event, yaml.AliasEvent):
            self._refuse(f"the alias *{show_key(str(event.anchor))}", "write the value out instead", key)
            return BrokenNode(place=place)
        if event.anchor is not None:
            self._refuse(
                f"the anchor &{show_key(str(event.anchor))}", "no anchors: write the value where it is needed", key
            )
        if event.tag is not None:
            tag = show_key(event.tag.replace(_STANDARD_TAG, "!!", 1))
            self._refuse(f"the tag {tag}", "no tags: write the plain value, and text in quotes", key)
        node = self._read_content(event, place, depth, key)
        return node if event.tag is None else BrokenNode(place=place)

    def _read_content(self, event: Any, place: Place, depth: int, key: str) -> Node:
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(item := self._next(), yaml.SequenceEndEvent):
                items.append(self._read_node(item, depth=depth + 1, key=key))
            return ListNode(place=place, items=tuple(items))
        if isinstance(event, yaml.MappingStartEvent):
            return self._read_mapping(place, depth)
        if not event.value.isprintable():
            self._refuse(f"the text {quote(event.value)}", "printable text on one line", key)
            return BrokenNode(place=place)
        is_plain = event.implicit[0]
        value = resolve_plain(event.value) if is_plain else event.value
        return ScalarNode(place=place, value=value, text=event.value)

    def _read_mapping(self, place: Place, depth: int) -> MappingNode:
        fields: dict[str, Field] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key_place = self.last_place
            key_node = self._read_node(event, depth=depth + 1, key="")
            key = key_node.text if isinstance(key_node, ScalarNode) else ""
            node = self._read_node(self._next(), depth=depth + 1, key=key)
            if isinstance(key_node, BrokenNode):
                continue
            if not key:
                found = f"{describe(key_node)} as a key"
                self._findings.add(key_place, "", found=found, valid="a key is a word, such as train.time_steps")
            elif key in fields:
                found = f"given twice, first at line {fields[key].place.line}"
                self._findings.add(key_place, key, found=found, valid="each key once")
            else:
                fields[key] = Field(place=key_place, node=node)
        return MappingNode(place=place, fields=fields)

    def _hold_limits(self, depth: int) -> None:
        self._num_nodes += 1
        if depth > MAX_DEPTH:
            found = f"more than {MAX_DEPTH} mappings and lists inside each other"
            self._findings.stop(self.last_place, found=found, valid="fewer levels")
        if self._num_nodes > MAX_NODES:
            found = f"more than {MAX_NODES:,} values"
            self._findings.stop(self.last_place, found=found, valid="a smaller file")

    def _refuse(self, found: str, valid: str, key: str) -> None:
        self._findings.add(self.last_place, key, found=found, valid=valid)
