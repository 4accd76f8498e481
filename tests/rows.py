"""What a ledger gives by column, as rows: easier to read where there are few."""

from __future__ import annotations

from raysweep.ledger.reader import Columns, Row


def rows_of(columns: Columns) -> list[Row]:
    """A row for each place in the columns."""
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
