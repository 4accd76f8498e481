"""Leaderboards as Markdown. Must not know: what the tables say."""

from __future__ import annotations

import re
from collections.abc import Sequence

from raysweep.analysis.leaderboard import Align, Leaderboard

# What would end a cell, begin a tag, or turn into emphasis, a link or a formula. An underscore inside a word is safe.
_SPECIAL = re.compile(r"[\\|`*\[\]~$]|(?<![^\W_])_|_(?![^\W_])")


def to_markdown(leaderboards: Sequence[Leaderboard], *, heading: str = "Leaderboard") -> str:
    """One page of tables, in GitHub's Markdown, that also reads well as plain text."""
    blocks = [f"# {escape(heading)}"]
    if not leaderboards:
        blocks.append("No trial has ended yet.")
    for leaderboard in leaderboards:
        blocks += [f"## {escape(leaderboard.title)}", escape(leaderboard.rule), _table(leaderboard)]
        if leaderboard.lines_below:
            blocks.append("\n".join(f"- {escape(line)}" for line in leaderboard.lines_below))
    return "\n\n".join(blocks) + "\n"


def escape(text: str) -> str:
    """Text that shows as it is, on one line."""
    one_line = "".join(character if character.isprintable() else " " for character in text)
    return _SPECIAL.sub(lambda match: f"\\{match[0]}", one_line.replace("&", "&amp;").replace("<", "&lt;"))


def _table(leaderboard: Leaderboard) -> str:
    head = [escape(column.title) for column in leaderboard.columns]
    body = [[escape(cell) for cell in row.cells] for row in leaderboard.rows]
    aligns: list[Align] = [column.align for column in leaderboard.columns]
    widths = [max(3, *(len(cell) for cell in cells)) for cells in zip(head, *body, strict=True)]
    rule = [
        "-" * (width - 1) + ":" if align == "right" else "-" * width
        for align, width in zip(aligns, widths, strict=True)
    ]
    return "\n".join(_line(cells, aligns, widths) for cells in [head, rule, *body])


def _line(cells: Sequence[str], aligns: Sequence[Align], widths: Sequence[int]) -> str:
    padded = [
        cell.rjust(width) if align == "right" else cell.ljust(width)
        for cell, align, width in zip(cells, aligns, widths, strict=True)
    ]
    return f"| {' | '.join(padded)} |"
