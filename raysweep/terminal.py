"""Output that can't drive the terminal: names and messages from a stranger's files may hold escape sequences."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment


class SafeConsole(Console):
    """A console on which control characters of whatever is printed are shown, and not obeyed."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """As rich does it; its own control codes travel apart from the text, and stay."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control or text.isprintable() else Segment(printable(text), style)


def make_console() -> Console:
    """Where there is no terminal, somebody greps: lines are never broken then."""
    settings: dict[str, Any] = {"highlight": False, "markup": False, "emoji": False}
    console = SafeConsole(**settings)
    return console if console.is_terminal else SafeConsole(**settings, width=500)


def complain(message: object) -> None:
    """Tells what is wrong, where errors belong."""
    print(printable(str(message)), file=sys.stderr)


def printable(text: str) -> str:
    """The text with its control characters written out; lines stay lines."""
    return "".join(
        character if character.isprintable() or character == "\n" else ascii(character)[1:-1] for character in text
    )
