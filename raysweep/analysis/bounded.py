"""Parquet tables that may be a stranger's, read in pieces that are counted: a small file can unfold without end.

A text that repeats stands in a file once, and numbers that repeat take no room at all. Must not know: what the tables
are about.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

# Ten thousand trials with all their scores take a twentieth.
MAX_BYTES = 4 * 10**9
_ROWS = 4096  # at a time


class TooLargeTableError(ValueError):
    """A table that unfolds to more than any sweep has."""

    def __init__(self) -> None:
        super().__init__(f"it unfolds to more than {MAX_BYTES / 1e9:g} GB, which no sweep has")


def read_table(source: Any, *, columns: Sequence[str] | None = None) -> pa.Table:
    """A table as `pyarrow.parquet.read_table` reads it.

    Args:
        source: A file, or what pyarrow can read from.
        columns: Which; None for all.

    Raises:
        TooLargeTableError: Before it takes more than `MAX_BYTES`.
        OSError, pa.ArrowException: If it can't be read.
    """
    schema = pq.read_schema(source)
    names = list(schema.names if columns is None else columns)
    if hasattr(source, "seek"):
        source.seek(0)
    texts = [name for name in names if name in schema.names and _is_text(schema.field(name).type)]
    batches, num_bytes = [], 0
    with pq.ParquetFile(source, read_dictionary=texts) as parquet:
        about = parquet.metadata
        # Not column by column: pyarrow ends the process where a damaged footer has nothing good to say of one.
        if sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups)) > MAX_BYTES:
            raise TooLargeTableError
        for batch in parquet.iter_batches(batch_size=_ROWS, columns=names):
            num_bytes += sum(map(_unfolded_bytes, batch.columns))
            if num_bytes > MAX_BYTES:
                raise TooLargeTableError
            batches.append(batch)
    found = batches[0].schema.names if batches else [name for name in names if name in schema.names]
    wanted = pa.schema([schema.field(name) for name in found], metadata=schema.metadata)
    return pa.Table.from_batches(batches, schema=batches[0].schema if batches else wanted).cast(wanted)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind))


def _unfolded_bytes(column: pa.Array) -> int:
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = pc.take(pc.binary_length(column.dictionary), column.indices)
    return int(pc.sum(lengths).as_py() or 0) + 4 * len(column)
