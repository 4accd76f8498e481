"""A table of text that a terminal, Markdown, LaTeX or a page can draw as it is.

Must not know: how a table is drawn, what is in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Literal

from raysweep.analysis import numerals

Align = Literal["left", "right"]
Style = Literal["ranked", "baseline", "unranked"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """The head of one column.

    Attributes:
        title: On one line.
        align: Of the cells.
        spare: Where there is no room for all columns, the one with the highest number goes first; 0 never does.
    """

    title: str
    align: Align = "right"
    spare: int = 0

    @property
    def broken_title(self) -> str:
        """The title on several lines, for a column no wider than its cells."""
        return re.sub(r" |(?<=[./])(?!\d)", "\n", self.title)


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """One row: a text for each column, and what sort of row it is."""

    cells: tuple[str, ...]
    style: Style


@dataclass(frozen=True, kw_only=True)
class ResultTable:
    """One table, ready to be drawn.

    Attributes:
        title: What is compared.
        rule: How it is sorted, and what else must be read before the table.
        columns: One for each cell of a row.
        rows: Best first; baselines stand where their score puts them.
        notes: What must be read after it, a line each.
        num_hidden: How many configs are left out at the end.
        no_room_for: Titles of columns that are left out.
    """

    title: str
    rule: str
    columns: tuple[Column, ...]
    rows: tuple[TableRow, ...]
    notes: tuple[str, ...]
    num_hidden: int = 0
    no_room_for: tuple[str, ...] = ()

    def head(self, top: int) -> ResultTable:
        """The first `top` configs, and all baselines."""
        kept, num_configs = [], 0
        for row in self.rows:
            num_configs += row.style != "baseline"
            if row.style == "baseline" or num_configs <= top:
                kept.append(row)
        num_left_out = len(self.rows) - len(kept)
        return replace(self, rows=tuple(kept), num_hidden=self.num_hidden + num_left_out)

    def fitted(self, width: int, *, gap: int = 3, margin: int = 2) -> ResultTable:
        """Without its most spare columns, as many as must go for it to fit.

        Args:
            width: Of the screen, in characters.
            gap: Between two columns, whose titles may be broken.
            margin: Left and right of all together.
        """
        board = self
        while board._width(gap) + margin > width and any(column.spare for column in board.columns):
            place = max(range(len(board.columns)), key=lambda index: board.columns[index].spare)
            board = board._without_column(place)
        return board

    @property
    def lines_below(self) -> tuple[str, ...]:
        """The notes, after lines for what is left out."""
        lines = []
        if self.num_hidden:
            lines.append(f"{numerals.times(self.num_hidden, 'more config')} in trials.parquet.")
        if self.no_room_for:
            lines.append(f"A wider terminal also shows {', '.join(self.no_room_for)}.")
        return (*lines, *self.notes)

    def _width(self, gap: int) -> int:
        heads = [column.broken_title.split("\n") for column in self.columns]
        cells = zip(*(row.cells for row in self.rows), strict=True) if self.rows else [()] * len(heads)
        return sum(max(map(len, [*head, *column])) + gap for head, column in zip(heads, cells, strict=True)) - gap

    def _without_column(self, place: int) -> ResultTable:
        def others(values: tuple[Any, ...]) -> tuple[Any, ...]:
            return values[:place] + values[place + 1 :]

        return replace(
            self,
            columns=others(self.columns),
            rows=tuple(replace(row, cells=others(row.cells)) for row in self.rows),
            no_room_for=(self.columns[place].title, *self.no_room_for),
        )
