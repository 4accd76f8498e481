"""The grammar of a value on the command line, as Hydra users know it: `1e-3,5e-4`, `'a, b'`, `[0, 1]`, `{key: value}`.

A word without quotes means what it means in a sweep file. Must not know: keys and what they stand for.
"""

from __future__ import annotations

from raysweep.spec.scalars import resolve_plain
from raysweep.spec.tree import COMMAND_LINE, Field, ListNode, MappingNode, Node, ScalarNode, quote

MAX_DEPTH = 8

_QUOTES = "'\""
_NEEDS_QUOTES = "'\"()[]{}"


class GrammarError(Exception):
    """A value that can't be understood.

    Attributes:
        found: What stands there.
        valid: What could.
    """

    def __init__(self, found: str, valid: str) -> None:
        super().__init__(f"{found}; {valid}")
        self.found = found
        self.valid = valid


def parse_values(text: str) -> list[Node]:
    """The values between top-level commas, at least one.

    Raises:
        GrammarError: If they can't be understood.
    """
    if not text.isprintable():
        raise GrammarError(quote(text), "printable text on one line")
    return _ValueReader(text).read_all()


class _ValueReader:
    """Reads one value after the other, from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def read_all(self) -> list[Node]:
        values = [self._read_value(end="", depth=1)]
        while self._skip(","):
            values.append(self._read_value(end="", depth=1))
        if self._at < len(self._text):
            raise GrammarError(quote(self._text[self._at :]), "a comma between values, and odd text in quotes")
        return values

    def _read_value(self, end: str, depth: int) -> Node:
        """One value, which ends at a comma or at one of the characters of `end`."""
        if depth > MAX_DEPTH:
            raise GrammarError("too many brackets inside each other", "simple values")
        if self._skip("["):
            return self._read_list(depth)
        if self._skip("{"):
            return self._read_mapping(depth)
        if self._peek() and self._peek() in _QUOTES:
            text = self._read_quoted()
            return ScalarNode(place=COMMAND_LINE, value=text, text=text)
        word = self._read_word(end)
        return ScalarNode(place=COMMAND_LINE, value=resolve_plain(word), text=word)

    def _read_list(self, depth: int) -> ListNode:
        items: list[Node] = []
        while not self._skip("]"):
            if items:
                self._expect(",", "]")
            items.append(self._read_value("]", depth + 1))
        return ListNode(place=COMMAND_LINE, items=tuple(items))

    def _read_mapping(self, depth: int) -> MappingNode:
        fields: dict[str, Field] = {}
        while not self._skip("}"):
            if fields:
                self._expect(",", "}")
            is_quoted = bool(self._peek()) and self._peek() in _QUOTES
            key = self._read_quoted() if is_quoted else self._read_word(":}")
            self._expect(":", "}")
            if key in fields:
                raise GrammarError(f"{quote(key)} is given twice", "each key once")
            fields[key] = Field(place=COMMAND_LINE, node=self._read_value("}", depth + 1))
        return MappingNode(place=COMMAND_LINE, fields=fields)

    def _read_quoted(self) -> str:
        mark = self._text[self._at]
        start, self._at = self._at, self._at + 1
        letters: list[str] = []
        while self._at < len(self._text) and self._text[self._at] != mark:
            is_escape = self._text[self._at] == "\\" and self._text[self._at + 1 : self._at + 2] in (mark, "\\")
            self._at += is_escape
            letters.append(self._text[self._at])
            self._at += 1
        if self._at >= len(self._text):
            raise GrammarError(f"{quote(self._text[start:])}, whose quotes don't close", f"a closing {mark}")
        self._at += 1
        return "".join(letters)

    def _read_word(self, end: str) -> str:
        start = self._at
        while self._at < len(self._text) and self._text[self._at] not in f",{end}":
            if self._text[self._at] in _NEEDS_QUOTES:
                raise GrammarError(quote(self._text), "text with brackets or quotes in it stands in quotes itself")
            self._at += 1
        word = self._text[start : self._at].strip()
        if not word:
            raise GrammarError("an empty value", "a value, or '' in quotes")
        return word

    def _expect(self, character: str, closing: str) -> None:
        if not self._skip(character):
            raise GrammarError(quote(self._text), f"a {character!r} or a closing {closing!r}")

    def _skip(self, character: str) -> bool:
        """Whether the next character is this one, which is then behind us; space around it too."""
        if self._peek() != character:
            return False
        self._at += 1
        self._peek()
        return True

    def _peek(self) -> str:
        while self._text[self._at : self._at + 1] == " ":
            self._at += 1
        return self._text[self._at : self._at + 1]


def in_quotes(text: str) -> str:
    """Text as it is typed to mean itself, whatever is in it."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
