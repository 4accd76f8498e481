"""A measured series: loaded from a file, judged as a whole, never repaired.

Must not know: `datasets.yaml`, protocols, models, and how files are parsed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from raysweep.errors import Problem, SeriesError
from raysweep.forecasting.cells import NUM_ROWS_LISTED, FloatArray, rows_phrase, shown
from raysweep.forecasting.csv_table import read_csv
from raysweep.forecasting.table import Table, WantedColumns, refused
from raysweep.spec.catalog import DataSource
from raysweep.spec.source import show_path

MIN_POINTS = 3
GAP_FACTOR = 1.5  # a step longer than this many median steps is a gap
UNEVEN_TOLERANCE = 0.1  # steps that leave the median by more than this share of it are reported


@dataclass(frozen=True, kw_only=True, eq=False)
class Series:
    """One measured quantity, or C of them, over time. Its arrays can't be written to.

    Attributes:
        name: As in `datasets.yaml`, or the file's.
        time_hours: (N,) strictly increasing; as in the file, or since the first point where it has timestamps.
        values: (N, C) finite.
        columns: The names of the C value columns.
        unit: Of the values.
        digest: SHA-256 over shape, times and values; the same for CSV and Parquet of equal content.
        source: `original`, `stand-in` or `file`.
        file: Where it was read.
        notices: What a user should know: gaps, uneven sampling.
    """

    name: str
    time_hours: FloatArray
    values: FloatArray
    columns: tuple[str, ...]
    unit: str
    digest: str
    source: DataSource
    file: str
    notices: tuple[str, ...]


def read_series(
    path: Path,
    *,
    name: str = "",
    time_column: str | None = None,
    value_columns: Sequence[str] | None = None,
    unit: str = "",
    source: DataSource = "file",
    notices: Sequence[str] = (),
) -> Series:
    """Reads a CSV or Parquet file.

    Args:
        path: Its suffix says which, `.csv` or `.parquet`.
        name: The series' name; the file name without suffix if empty.
        time_column: The first column if None.
        value_columns: All columns but the time column if None.
        unit: Of the values.
        source: Where the file comes from.
        notices: What is known of the file already; what is found here is added.

    Raises:
        SeriesError: If the file can't be used; with all that is wrong with it.
    """
    name = name or show_path(Path(path.stem))
    wanted = WantedColumns(time=time_column, values=None if value_columns is None else tuple(value_columns))
    table = _read_table(path, wanted)
    problems = [*table.problems, *_problems(show_path(path), table)]
    if problems:
        raise SeriesError(problems)
    time_hours, values = np.ascontiguousarray(table.time_hours), np.ascontiguousarray(table.values)
    time_hours.setflags(write=False)
    values.setflags(write=False)
    return Series(
        name=name,
        time_hours=time_hours,
        values=values,
        columns=table.value_columns,
        unit=unit,
        digest=series_digest(time_hours, values),
        source=source,
        file=str(path),
        notices=(*notices, *(f"{name}: {notice}" for notice in sampling_notices(time_hours))),
    )


def series_digest(time_hours: FloatArray, values: FloatArray) -> str:
    """SHA-256 in hexadecimal over the shape (N, C), the times and the values as little-endian float64."""
    digest = hashlib.sha256(f"{values.shape[0]}x{values.shape[1]}\n".encode())
    digest.update(time_hours.astype("<f8").tobytes())
    digest.update(values.astype("<f8").tobytes())
    return digest.hexdigest()


def sampling_notices(time_hours: FloatArray) -> list[str]:
    """Gaps and uneven sampling; rows are counted from 1, without the header."""
    with np.errstate(over="ignore"):  # times of 1e308 hours: absurd, but no reason to fail
        steps = np.diff(time_hours)
        median = float(np.median(steps))
    gaps = np.flatnonzero(steps > GAP_FACTOR * median)
    regular = np.delete(steps, gaps)
    notices = []
    if len(gaps):
        each = [f"{_duration(steps[gap])} after row {gap + 1}" for gap in gaps[:NUM_ROWS_LISTED]]
        more = f" and {len(gaps) - len(each)} more" if len(gaps) > len(each) else ""
        count = "one gap of" if len(gaps) == 1 else f"{len(gaps)} gaps:"
        notices.append(f"{count} {', '.join(each)}{more}")
    low, high = float(regular.min()), float(regular.max())
    if low < (1 - UNEVEN_TOLERANCE) * median or high > (1 + UNEVEN_TOLERANCE) * median:
        notices.append(
            f"uneven sampling: steps from {_duration(low)} to {_duration(high)}, mostly {_duration(median)}; "
            "a model sees them as equal"
        )
    return notices


def _read_table(path: Path, wanted: WantedColumns) -> Table:
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return read_csv(path, wanted)
    if suffix == ".parquet":
        # pyarrow takes a tenth of a second to load, which listing and planning need not pay for CSV files.
        from raysweep.forecasting.parquet_table import read_parquet

        return read_parquet(path, wanted)
    found = f"the file name ends with {shown(path.suffix, quote=True)}" if suffix else "the file name has no suffix"
    raise refused(show_path(path), found, "a series is read from .csv or .parquet")


def _problems(where: str, table: Table) -> list[Problem]:
    """What is wrong with the series as a whole."""
    problems = []
    if table.num_rows < MIN_POINTS and (table.time_column or table.value_columns):
        rows = "no row" if table.num_rows == 0 else f"only {table.num_rows} row{'s' * (table.num_rows > 1)}"
        found, valid = f"{rows} of data", f"a series needs at least {MIN_POINTS}"
        problems.append(Problem(where=where, found=found, valid=valid))
    if table.time_column:
        problems += _time_problems(where, table)
    for name, column in zip(table.value_columns, table.values.T, strict=True):
        values = column[np.isfinite(column)]
        if len(values) >= MIN_POINTS and (values == values[0]).all():
            valid = "a series that never changes can't be scaled or forecast; leave the column out"
            found = f"constant, every value is {values[0]:g}"
            problems.append(Problem(where=where, key=shown(name), found=found, valid=valid))
    return problems


def _time_problems(where: str, table: Table) -> list[Problem]:
    before, after = table.time_hours[:-1], table.time_hours[1:]
    word, remedy = table.row_word, "times must increase from row to row"
    problems = []
    for is_broken, found, what_to_do in (
        (after < before, "time goes back in", "sort the rows, or correct the clock (summer time?)"),
        (after == before, f"the same time as in the {word} before in", "remove one of the two, or average them"),
    ):
        rows = table.row_numbers[1:][is_broken]
        if len(rows):
            found = f"{found} {rows_phrase(word, rows[:NUM_ROWS_LISTED].tolist(), len(rows))}"
            key, valid = shown(table.time_column), f"{remedy}; {what_to_do}"
            problems.append(Problem(where=where, key=key, found=found, valid=valid))
    return problems


def _duration(hours: float) -> str:
    """To two digits, such as `2.5 s`, `30 min`, `3 h`, `5 d`."""
    number, unit = hours / 24, "d"
    for limit, per_hour, smaller in ((1 / 30, 3600, "s"), (2, 60, "min"), (48, 1, "h")):
        if hours < limit:
            number, unit = hours * per_hour, smaller
            break
    return f"{number:.0f} {unit}" if 10 <= number < 1e6 else f"{number:.2g} {unit}"
