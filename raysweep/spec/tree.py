"""A YAML file as a tree of nodes that know where they stand.

Must not know: YAML, the grammar of overrides, what any key means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from raysweep.spec.config import Scalar

MAX_SHOWN_LENGTH = 60


@dataclass(frozen=True)
class Place:
    """Where something stands: a line of a file, a file as a whole, or the command line."""

    file: str
    line: int | None = None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


COMMAND_LINE = Place("command line")


@dataclass(frozen=True, kw_only=True)
class ScalarNode:
    """One value.

    Attributes:
        place: Where it stands.
        value: None where nothing is given.
        text: The value as written.
    """

    place: Place
    value: Scalar | None
    text: str


@dataclass(frozen=True, kw_only=True)
class ListNode:
    """A list of nodes."""

    place: Place
    items: tuple[Node, ...]


@dataclass(frozen=True, kw_only=True)
class Field:
    """One `key: value` of a mapping. Its place is the key's."""

    place: Place
    node: Node


@dataclass(frozen=True, kw_only=True)
class MappingNode:
    """A mapping, in the order of the file."""

    place: Place
    fields: Mapping[str, Field]


@dataclass(frozen=True, kw_only=True)
class BrokenNode:
    """A value that has been reported already, so that nothing more is said about it."""

    place: Place


Node = ScalarNode | ListNode | MappingNode | BrokenNode


def place_at(root: MappingNode, *keys: str) -> Place:
    """Where a key below other keys stands, or else the last of them that is given."""
    place, node = root.place, root
    for key in keys:
        field = node.fields.get(key)
        if field is None:
            break
        place = field.place
        if not isinstance(field.node, MappingNode):
            break
        node = field.node
    return place


def describe(node: Node) -> str:
    """What stands there, in the words of a message."""
    match node:
        case ScalarNode(value=None):
            return "nothing"
        case ScalarNode(value=str(text)):
            return quote(text)
        case ScalarNode():
            return shorten(node.text)
        case ListNode():
            return "a list" if node.items else "an empty list"
        case MappingNode():
            return "a mapping" if node.fields else "an empty mapping"
        case BrokenNode():
            return "something unreadable"


def quote(text: str) -> str:
    """Text in quotes, on one line, printable everywhere."""
    return repr(shorten(text))


def shorten(text: str) -> str:
    """Text that fits into a message."""
    return text if len(text) <= MAX_SHOWN_LENGTH else f"{text[: MAX_SHOWN_LENGTH - 3]}..."


def show(value: Scalar) -> str:
    """A value as it would be written in a sweep file."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def show_key(key: str) -> str:
    """A key as it stands in a message; one that could spoil the screen is escaped."""
    return shorten(key) if key.isprintable() else quote(key)
