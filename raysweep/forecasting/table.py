"""A table of numbers read from a file, and what every reader of tables shares.

Must not know: CSV, Parquet, and what a series has to be.
"""

from __future__ import annotations

import difflib
import os
import stat
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from raysweep.errors import Problem, SeriesError
from raysweep.forecasting.cells import TIMES, VALUES, Faults, FloatArray, TimeColumn, shown
from raysweep.spec.source import show_path

MAX_FILE_BYTES = 500_000_000
MAX_COLUMNS = 1_000
MAX_CELLS = 50_000_000  # 400 MB as float64; a Parquet file of one megabyte can unfold to more
MAX_FAULTS = 1_000_000  # a file with more wrong cells is no series; looking at each would take minutes

_NUM_NAMES_LISTED = 10


@dataclass(frozen=True, kw_only=True)
class Table:
    """The wanted columns of a file.

    Attributes:
        row_word: `line` where rows are counted as lines of the file, `row` where as rows of data.
        row_numbers: (N,) each row's number in that count.
        num_rows: N, and the rows that had to be left out because their cells are not those of the header.
        time_column: Its name; empty if it isn't there.
        time_hours: (N,) NaN where a time can't be read.
        value_columns: C names.
        values: (N, C) NaN where a value can't be read.
        problems: What is wrong with the header, the rows and the cells.
    """

    row_word: str
    row_numbers: npt.NDArray[np.int64]
    num_rows: int
    time_column: str
    time_hours: FloatArray
    value_columns: tuple[str, ...]
    values: FloatArray
    problems: tuple[Problem, ...]


@dataclass(frozen=True, kw_only=True)
class WantedColumns:
    """The columns to read; None for the first as time, and for all others as values."""

    time: str | None = None
    values: tuple[str, ...] | None = None

    def names(self, header: Sequence[str]) -> tuple[str, tuple[str, ...]]:
        """The time column and the value columns, for a file with this header of at least one column."""
        time = header[0] if self.time is None else self.time
        others = tuple(dict.fromkeys(name for name in header if name != time))
        return time, others if self.values is None else self.values


class TableBuilder:
    """Puts a table together from pieces, and keeps count of what is wrong with them.

    Attributes:
        time: The position of the time column in the header; None if it isn't there just once.
        values: The positions of those value columns that are there just once.
        times: Reads the time column.
        time_faults: What is wrong with times.
        value_faults: What is wrong with the values of each of `values`.
        row_faults: What is wrong with whole rows, which are left out.
    """

    def __init__(self, where: str, row_word: str, header: Sequence[str], wanted: WantedColumns) -> None:
        self._where = where
        self._row_word = row_word
        self._header_problems = header_problems(where, header, wanted)
        time, values = wanted.names(header) if 0 < len(header) <= MAX_COLUMNS else ("", ())
        self.time = header.index(time) if header.count(time) == 1 else None
        self.values = [header.index(name) for name in values if header.count(name) == 1]
        self._time_column = time if self.time is not None else ""
        self._value_columns = tuple(header[position] for position in self.values)
        self.time_faults = Faults(where, time, row_word, TIMES)
        self.value_faults = [Faults(where, name, row_word, VALUES) for name in self._value_columns]
        self.row_faults = Faults(where, "", row_word, "")
        self.times = TimeColumn(self.time_faults)
        self._rows: list[npt.NDArray[np.int64]] = []
        self._hours: list[FloatArray] = []
        self._values: list[FloatArray] = []
        self._num_cells = 0

    def positions(self) -> list[int]:
        """Of all columns to read, time first."""
        return [*([] if self.time is None else [self.time]), *self.values]

    def add(self, rows: Sequence[int], hours: FloatArray, values: Sequence[FloatArray]) -> None:
        """Adds (M,) row numbers, (M,) hours and C times (M,) values. Raises `SeriesError` if it gets too much."""
        self._num_cells += len(rows) * (1 + len(values))
        self.refuse_too_many(self._num_cells)
        if sum(faults.count() for faults in (self.time_faults, *self.value_faults)) > MAX_FAULTS:
            found = f"more than {MAX_FAULTS:,} cells can't be read, so that the rest of the file was left out"
            raise refused(self._where, found, "is it a table of numbers? export it anew")
        self._rows.append(np.array(rows, np.int64))
        self._hours.append(hours)
        self._values.append(np.stack(values, axis=1) if values else np.empty((len(rows), 0)))

    def refuse_too_many(self, num_cells: int) -> None:
        """Raises `SeriesError` if a table of so many cells can't be held."""
        if num_cells > MAX_CELLS:
            valid = f"at most {MAX_CELLS:,} can be read; thin the series out or read fewer columns"
            raise refused(self._where, "the wanted columns have too many cells", valid)

    def problems(self) -> tuple[Problem, ...]:
        """All that is wrong so far."""
        faults = [self.row_faults, self.time_faults, *self.value_faults]
        return (*self._header_problems, *(problem for fault in faults for problem in fault.problems()))

    def table(self) -> Table:
        """All that was added, once: the pieces are let go, so that they aren't held twice for longer than need be."""
        row_numbers = np.concatenate([np.empty(0, np.int64), *self._rows])
        self._rows.clear()
        hours = np.concatenate([np.empty(0), *self._hours])
        self._hours.clear()
        values = np.concatenate([np.empty((0, len(self.values))), *self._values])
        self._values.clear()
        return Table(
            row_word=self._row_word,
            row_numbers=row_numbers,
            num_rows=len(row_numbers) + self.row_faults.count(),
            time_column=self._time_column,
            time_hours=hours,
            value_columns=self._value_columns,
            values=values,
            problems=self.problems(),
        )


def checked_file(path: Path) -> None:
    """Raises `SeriesError` unless `path` is a regular file of a size that can be read."""
    where = show_path(path)
    try:
        status = os.stat(path)
        if stat.S_ISREG(status.st_mode):
            os.close(os.open(path, os.O_RDONLY))
    except (OSError, ValueError) as error:
        raise refused(where, *_why_not_opened(error)) from error
    if stat.S_ISDIR(status.st_mode):
        raise refused(where, "is a folder", "name a .csv or .parquet file in it")
    if not stat.S_ISREG(status.st_mode):
        raise refused(where, "is no regular file", "name a .csv or .parquet file")
    if status.st_size == 0:
        raise refused(where, "the file is empty", "a series needs a header line and at least 3 rows")
    if status.st_size > MAX_FILE_BYTES:
        size, limit = status.st_size / 1e6, MAX_FILE_BYTES / 1e6
        valid = f"a series file may have {limit:,.0f} MB; thin it out or cut it into several series"
        raise refused(where, f"the file has {size:,.0f} MB", valid)


def refused(where: str, found: str, valid: str) -> SeriesError:
    """The error for a file that can't be read any further."""
    return SeriesError([Problem(where=where, found=found, valid=valid)])


def _why_not_opened(error: OSError | ValueError) -> tuple[str, str]:
    if isinstance(error, FileNotFoundError):
        return "there is no such file", "check the path"
    if isinstance(error, PermissionError):
        return "permission denied", "make the file readable for your user (chmod u+r)"
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return f"can't be opened ({reason})", "check the path"


def header_problems(where: str, header: Sequence[str], wanted: WantedColumns) -> list[Problem]:
    """All that is wrong with the names of the columns."""
    if len(header) > MAX_COLUMNS:
        return [_problem(where, f"{len(header):,} columns", f"at most {MAX_COLUMNS:,} columns can be read")]
    if len(header) < 2:
        found = f"only one column, {shown(header[0], quote=True)}" if header else "the first line is blank"
        valid = "a series needs a line with column names: a time and at least one value, separated by commas"
        return [_problem(where, found, valid)]
    problems = []
    unnamed = [str(place) for place, name in enumerate(header, 1) if not name.strip()]
    if unnamed and (wanted.time is None or wanted.values is None):
        problems.append(_problem(where, f"no name for column {', '.join(unnamed)}", "name all columns"))
    for name in dict.fromkeys(name for name in header if name.strip()):
        places = [str(place) for place, other in enumerate(header, 1) if other == name]
        if len(places) > 1:
            found = f"duplicate column (columns {', '.join(places)})"
            problems.append(_problem(where, found, "names must differ; rename or remove one", name))
    time, values = wanted.names(header)
    for name, times in Counter((time, *values)).items():
        if name not in header:
            problems.append(_missing(where, name, header))
        elif not name.isprintable():
            found = f"a character that can't be seen stands in the name of column {header.index(name) + 1}"
            problems.append(_problem(where, found, "name columns in letters, digits, spaces and signs", name))
        if times > 1:
            valid = "a column is read once, as the time or as a value"
            problems.append(_problem(where, f"asked for {times} times", valid, name))
    return problems


def _problem(where: str, found: str, valid: str, column: str = "") -> Problem:
    return Problem(where=where, key=shown(column), found=found, valid=valid)


def _missing(where: str, name: str, header: Sequence[str]) -> Problem:
    nearest = difflib.get_close_matches(name, header, n=1)
    listed = ", ".join(shown(other) for other in header[:_NUM_NAMES_LISTED])
    more = f" and {len(header) - _NUM_NAMES_LISTED} more" if len(header) > _NUM_NAMES_LISTED else ""
    hint = f"; did you mean {shown(nearest[0])}?" if nearest else ""
    return _problem(where, "missing column", f"the file has {listed}{more}{hint}", name)
