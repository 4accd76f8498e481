"""The cells of one column, read as numbers or as hours, and what is wrong with them.

Nothing is repaired: a cell that can't be read becomes NaN here and a `Problem` that names its row.
Must not know: files, and what a series has to be as a whole.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from raysweep.errors import Problem

FloatArray = npt.NDArray[np.float64]

NUM_ROWS_LISTED = 5
NANOSECONDS_PER_HOUR = 3_600_000_000_000

_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?", re.ASCII)
_TIMESTAMP = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)"
    r"(?:[T ](?P<clock>\d\d:\d\d(?::\d\d(?:\.(?P<fraction>\d{1,9}))?)?)(?P<zone>Z|[+-]\d\d:?\d\d)?)?",
    re.ASCII,
)
_HOURS = "a number of hours"
_ZONED = "a timestamp with a time zone"
_UNZONED = "a timestamp without a time zone"


@dataclass(frozen=True)
class Rule:
    """A rule that a cell or a row breaks.

    Attributes:
        found: What it is.
        valid: What it should be, and what to do; empty for what holds for every cell of its column.
        aside: Goes on with `found`, after the rows.
    """

    found: str
    valid: str = ""
    aside: str = ""


EMPTY = Rule("empty")
NOT_A_NUMBER = Rule("NaN")
INFINITY = Rule("infinity")
TEXT = Rule("text")
DECIMAL_COMMA = Rule("a decimal comma", "decimals are written with a point; replace 0,5 by 0.5")
VALUES = "every value must be a finite number such as 12.5; correct the cell or remove its row"
TIMES = (
    "every time must be a number of hours such as 0.5 or an ISO 8601 timestamp such as 2024-05-01 13:30:00; "
    "correct the cell or remove its row"
)


class Faults:
    """What is wrong in one column: the first rows of each broken rule, and how many there are.

    Args:
        where: The file.
        column: Its name; empty for whole rows.
        row_word: `line` where rows are counted as lines of the file, `row` where as rows of data.
        valid: What holds for every cell of the column.
    """

    def __init__(self, where: str, column: str, row_word: str, valid: str) -> None:
        self._where = where
        self._column = column
        self._row_word = row_word
        self._valid = valid
        self._first: dict[Rule, list[tuple[int, str]]] = {}
        self._count: dict[Rule, int] = {}

    def add(self, rule: Rule, row: int, sample: str = "") -> None:
        """Notes that `row` breaks a rule; `sample` shows how."""
        first = self._first.setdefault(rule, [])
        if len(first) < NUM_ROWS_LISTED:
            first.append((row, sample))
        self._count[rule] = self._count.get(rule, 0) + 1

    def count(self) -> int:
        """How often a rule is broken."""
        return sum(self._count.values())

    def problems(self) -> list[Problem]:
        """One problem a broken rule."""
        return [self._problem(rule) for rule in self._first]

    def _problem(self, rule: Rule) -> Problem:
        first, count = self._first[rule], self._count[rule]
        rows = rows_phrase(self._row_word, [row for row, _ in first], count)
        sample = f" ({first[0][1]})" if first[0][1] else ""
        return Problem(
            where=self._where,
            key=shown(self._column),
            found=f"{rule.found} in {rows}{sample}{rule.aside}",
            valid=rule.valid or self._valid,
        )


def rows_phrase(word: str, first: Sequence[int], count: int) -> str:
    """Such as `line 4`, `lines 4, 7 and 9`, `lines 4, 5, 6, 7, 8 and 12 more`."""
    numbers = [str(row) for row in first[:NUM_ROWS_LISTED]]
    if count == 1:
        return f"{word} {numbers[0]}"
    last = f"{count - len(numbers)} more" if count > len(numbers) else numbers.pop()
    return f"{word}s {', '.join(numbers)} and {last}"


def shown(text: str, *, quote: bool = False, length: int = 60) -> str:
    """Text from a file as it may go to a terminal: cut, and escaped if it holds control characters."""
    cut = text if len(text) <= length else text[: length - 3] + "..."
    return repr(cut) if quote or not cut.isprintable() else cut


def as_floats(cells: Sequence[str]) -> FloatArray | None:
    """All cells as float64, or None if one of them is no finite number."""
    joined = "".join(cells)
    # Python reads 1_000 and digits of other scripts as numbers; a data file that holds them is wrong.
    if "_" in joined or not joined.isascii():
        return None
    try:
        values = np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        return None
    return values if np.isfinite(values).all() else None


def is_data(cells: Sequence[str]) -> bool:
    """Whether all cells are numbers or timestamps, as in a row of data and unlike in a header."""
    return all(as_floats([cell]) is not None or _read_timestamp(cell.strip()) is not None for cell in cells)


def numbers_from_text(cells: Sequence[str], rows: Sequence[int], faults: Faults) -> FloatArray:
    """Cells as float64, NaN where one is no finite number; (N,)."""
    values = as_floats(cells)
    if values is None:
        values = np.full(len(cells), np.nan)
        for index, (cell, row) in enumerate(zip(cells, rows, strict=True)):
            number = as_floats([cell])
            if number is None:
                faults.add(_broken_rule(cell), row, shown(cell.strip(), quote=True) if cell.strip() else "")
            else:
                values[index] = number[0]
    return values


def finite_numbers(
    values: FloatArray, is_empty: npt.NDArray[np.bool_], rows: Sequence[int], faults: Faults
) -> FloatArray:
    """Numbers that were numbers in the file, NaN where one is empty or not finite; (N,)."""
    for index in np.flatnonzero(is_empty | ~np.isfinite(values)).tolist():
        if is_empty[index]:
            faults.add(EMPTY, rows[index])
        else:
            faults.add(NOT_A_NUMBER if math.isnan(values[index]) else INFINITY, rows[index])
    return np.where(np.isfinite(values), values, np.nan)


class TimeColumn:
    """Reads the time column piece by piece as hours: numbers as they stand, timestamps from the first one.

    All times must be of one sort: numbers of hours, timestamps with a zone, or timestamps without.
    """

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._sort = ""  # that of the first time that could be read
        self._origin_ns: int | None = None

    def hours_from_text(self, cells: Sequence[str], rows: Sequence[int]) -> FloatArray:
        """Cells as hours, NaN where one can't be read; (N,)."""
        values = as_floats(cells) if self._sort in ("", _HOURS) else None
        if values is not None:
            self._sort = _HOURS
            return values
        hours = (self._hours(cell.strip(), row) for cell, row in zip(cells, rows, strict=True))
        return np.fromiter(hours, np.float64, len(cells))

    def hours_from_nanoseconds(self, nanoseconds: Sequence[int | None], rows: Sequence[int]) -> FloatArray:
        """Instants as hours, NaN where one is empty; (N,)."""
        hours = np.full(len(nanoseconds), np.nan)
        for index, instant in enumerate(nanoseconds):
            if instant is None:
                self._faults.add(EMPTY, rows[index])
            else:
                hours[index] = self._since_first(instant)
        return hours

    def _hours(self, cell: str, row: int) -> float:
        instant = _read_timestamp(cell)
        number = as_floats([cell]) if instant is None else None
        if instant is None and number is None:
            self._faults.add(_broken_rule(cell), row, shown(cell, quote=True) if cell else "")
            return math.nan
        sort = instant[0] if instant else _HOURS
        self._sort = self._sort or sort
        if sort != self._sort:
            self._faults.add(_mixed(sort, self._sort), row, shown(cell, quote=True))
            return math.nan
        return self._since_first(instant[1]) if instant else float(cell)

    def _since_first(self, nanoseconds: int) -> float:
        if self._origin_ns is None:
            self._origin_ns = nanoseconds
        # A quotient of exact integers is rounded once, so CSV and Parquet give the same hours to the last bit.
        return (nanoseconds - self._origin_ns) / NANOSECONDS_PER_HOUR


def _broken_rule(cell: str) -> Rule:
    """The rule that a cell breaks which is no finite number."""
    text = cell.strip()
    if not text:
        return EMPTY
    if _DECIMAL_COMMA.fullmatch(text):
        return DECIMAL_COMMA
    try:
        number = float(text) if text.isascii() and "_" not in text else None
    except ValueError:
        number = None
    if number is None:
        return TEXT
    return NOT_A_NUMBER if math.isnan(number) else INFINITY


def _mixed(sort: str, first_sort: str) -> Rule:
    return Rule(
        sort,
        "mixed time formats can't be put in order; write all times in the way of the first",
        f", while the first time is {first_sort}",
    )


def _read_timestamp(cell: str) -> tuple[str, int] | None:
    """Sort and nanoseconds since 1970 of an ISO 8601 timestamp, or None if it isn't one."""
    match = _TIMESTAMP.fullmatch(cell)
    if match is None:
        return None
    clock = (match["clock"] or "00:00").partition(".")[0]
    zone = match["zone"] or ""
    try:
        # Python's own reader stops at microseconds; the fraction is added as it stands.
        instant = datetime.fromisoformat(f"{match['date']}T{clock}{zone or 'Z'}")
        since_1970 = instant - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    nanoseconds = since_1970 // timedelta(seconds=1) * 1_000_000_000
    nanoseconds += int((match["fraction"] or "").ljust(9, "0"))
    return (_ZONED if zone else _UNZONED), nanoseconds
