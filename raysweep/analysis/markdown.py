"""Leaderboards as Markdown. Must not know: what the tables say."""

from __future__ import annotations

import re
from collections.abc import Sequence

from raysweep.analysis.result_table import Align, ResultTable

# What would end a cell, begin a tag, or turn into emphasis, a link or a formula. An underscore inside a word is safe.
_SPECIAL = re.compile(r"[\\|`*\[\]~$]|(?<![^\W_])_|_(?![^\W_])")


def to_markdown(tables: Sequence[ResultTable], *, heading: str = "Leaderboard") -> str:
    """One page of tables, in GitHub's Markdown, that also reads well as plain text."""
    blocks = [f"# {escape(heading)}"]
    if not tables:
        blocks.append("No trial has ended yet.")
    for table in tables:
        blocks += [f"## {escape(table.title)}", escape(table.rule), _table(table)]
        if table.lines_below:
            blocks.append("\n".join(f"- {escape(line)}" for line in table.lines_below))
    return "\n\n".join(blocks) + "\n"


def escape(text: str) -> str:
    """Text that shows as it is, on one line."""
    one_line = "".join(character if character.isprintable() else " " for character in text)
    return _SPECIAL.sub(lambda match: f"\\{match[0]}", one_line.replace("&", "&amp;").replace("<", "&lt;"))


def _table(table: ResultTable) -> str:
    head = [escape(column.title) for column in table.columns]
    body = [[escape(cell) for cell in row.cells] for row in table.rows]
    aligns: list[Align] = [column.align for column in table.columns]
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
