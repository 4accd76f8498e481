"""Parquet files, read batch by batch, so that a small file can't unfold until the memory is full.

Times are numbers of hours, timestamps or dates; values are numbers. Text is refused, whatever it says.
Must not know: what a series has to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from raysweep.errors import Problem, SeriesError
from raysweep.forecasting.cells import FloatArray, finite_numbers, shown
from raysweep.forecasting.table import Table, TableBuilder, WantedColumns, checked_file, refused
from raysweep.spec.source import show_path

_MAGIC = b"PAR1"
_NANOSECONDS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_MAX_BYTES_PER_CELL = 16  # unfolded; an honest cell takes at most 12, and its share of the pages' headers
_SPARE_BYTES = 10_000_000
_DAMAGED = "the file is damaged or was not written to its end; copy or export it anew"
# What pyarrow raises on a damaged file, besides its own errors: some come from the layers below it.
_DAMAGE = (pa.ArrowException, OSError, ValueError, MemoryError, OverflowError)


def read_parquet(path: Path, wanted: WantedColumns) -> Table:
    """Reads the wanted columns. Raises `SeriesError` if the file can't be read to its end."""
    checked_file(path)
    where = show_path(path)
    with path.open("rb") as file:
        _refuse_other_formats(where, file)
        try:
            parquet = pq.ParquetFile(file, page_checksum_verification=True)
            schema = parquet.schema_arrow
            header = list(schema.names)
        except _DAMAGE as error:
            raise refused(where, f"damaged Parquet ({_reason(error)})", _DAMAGED) from error
        builder = TableBuilder(where, "row", header, wanted)
        try:
            _refuse_other_types(where, schema, builder)
            _refuse_what_unfolds(where, parquet, builder)
            _read_batches(parquet, builder)
        except SeriesError as error:
            raise SeriesError([*builder.problems(), *error.problems]) from error
        except _DAMAGE as error:
            damage = refused(where, f"damaged Parquet ({_reason(error)})", _DAMAGED)
            raise SeriesError([*builder.problems(), *damage.problems]) from error
    return builder.table()


def _read_batches(parquet: Any, builder: TableBuilder) -> None:
    names = [parquet.schema_arrow.names[position] for position in builder.positions()]
    first = 1
    for batch in parquet.iter_batches(columns=names, use_threads=False) if names else ():
        columns = [batch.column(name) for name in names]
        rows = range(first, first + batch.num_rows)
        first += batch.num_rows
        hours = np.full(len(rows), np.nan) if builder.time is None else _hours(columns.pop(0), rows, builder)
        values = [
            finite_numbers(*_numbers(column), rows, faults)
            for column, faults in zip(columns, builder.value_faults, strict=True)
        ]
        builder.add(rows, hours, values)


def _hours(column: Any, rows: Sequence[int], builder: TableBuilder) -> FloatArray:
    """(M,) hours of the time column, NaN where it is empty or not finite."""
    if _is_number(column.type):
        return finite_numbers(*_numbers(column), rows, builder.time_faults)
    instants = column.cast(pa.timestamp("ms")) if pa.types.is_date(column.type) else column
    nanoseconds = _NANOSECONDS[instants.type.unit]
    counts = instants.cast(pa.int64()).to_pylist()
    exact = [None if count is None else count * nanoseconds for count in counts]
    return builder.times.hours_from_nanoseconds(exact, rows)


def _numbers(column: Any) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """(M,) numbers as float64, and (M,) whether each is empty."""
    is_empty = column.is_null().to_numpy(zero_copy_only=False)
    numbers = column.cast(pa.float64(), safe=False).fill_null(np.nan).to_numpy(zero_copy_only=False)
    return numbers, is_empty


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _refuse_other_types(where: str, schema: Any, builder: TableBuilder) -> None:
    problems = []
    for position in builder.positions():
        field = schema.field(position)
        if _is_number(field.type):
            continue
        is_instant = pa.types.is_timestamp(field.type) or pa.types.is_date(field.type)
        if position == builder.time and is_instant:
            continue
        is_time = position == builder.time
        valid = "store times as numbers of hours or timestamps" if is_time else "store values as numbers"
        found = f"a column of type {shown(str(field.type))}"
        problems.append(Problem(where=where, key=shown(field.name), found=found, valid=valid))
    if problems:
        raise SeriesError(problems)


def _refuse_what_unfolds(where: str, parquet: Any, builder: TableBuilder) -> None:
    """Believes the file in what it says of its size, before anything is unpacked; batches are counted all the same."""
    metadata = parquet.metadata
    builder.refuse_too_many(metadata.num_rows * len(builder.positions()))
    if not all(map(_has_fixed_width, parquet.schema_arrow.types)):
        return  # text may be long
    # Not column by column: pyarrow ends the process where a damaged footer has nothing good to say of one.
    num_bytes = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    num_cells = metadata.num_rows * metadata.num_columns
    if num_bytes > _MAX_BYTES_PER_CELL * num_cells + _SPARE_BYTES:
        found = f"damaged Parquet ({num_cells:,} cells unfold to {num_bytes / 1e6:,.0f} MB)"
        raise refused(where, found, _DAMAGED)


def _has_fixed_width(kind: Any) -> bool:
    return _is_number(kind) or bool(pa.types.is_temporal(kind) or pa.types.is_boolean(kind))


def _refuse_other_formats(where: str, file: BinaryIO) -> None:
    start = file.read(len(_MAGIC))
    file.seek(0, 2)
    file.seek(max(0, file.tell() - len(_MAGIC)))
    end = file.read()
    file.seek(0)
    if start != _MAGIC:
        valid = "a Parquet file begins and ends with PAR1; name a CSV file .csv"
        raise refused(where, f"no Parquet: the file begins with {start!r}", valid)
    if end != _MAGIC:
        raise refused(where, "damaged Parquet (the end is missing)", _DAMAGED)


def _reason(error: BaseException) -> str:
    return shown(str(error).partition("\n")[0] or type(error).__name__, length=120)
