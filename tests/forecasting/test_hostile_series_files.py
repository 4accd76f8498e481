"""Files made to fill the memory or to take for ever: each is refused soon, and in little memory."""

from __future__ import annotations

import gzip
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raysweep.errors import SeriesError
from raysweep.forecasting import csv_table, table
from raysweep.forecasting.series import read_series
from raysweep.paths import PROJECT_ROOT
from tests.forecasting.confined import read_confined

MAX_MEGABYTES = 300  # the interpreter and its libraries are about 70 of them
MAX_SECONDS = 30.0
HEAD = b"time,value\n0,1\n1,2\n2,4\n"
NUM_ZEROS = 30_000_000
TOO_LARGE = "the file has 10,000 MB; a series file may have 500 MB; thin it out or cut it into several series"
LONG_LINE = "the line is longer than 1 MB; a line may have 1 MB; is this a CSV file with one row a line?"
TOO_MANY = (
    "the wanted columns have too many cells; at most 50,000,000 can be read; thin the series out or read fewer columns"
)
DAMAGED = "the file is damaged or was not written to its end; copy or export it anew"


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def sparse(file: str, size: int, head: bytes = b"", end: bytes = b"") -> None:
    """A file of this size that takes no space: all zero bytes but for its ends."""
    with open(file, "wb") as stream:
        stream.write(head)
        stream.truncate(size)
        stream.seek(0, 2)
        stream.write(end)


def gzip_bomb(file: str) -> None:
    """10 MB that unfold to 10 GB: a thousand members of ten million bytes."""
    member = gzip.compress(b"0,1\n" * 2_500_000)
    Path(file).write_bytes(gzip.compress(HEAD) + member * 1_000)


def wide_text(file: str) -> None:
    """80 MB of cells as long as cells may be, each with a character that makes Python keep four bytes for every one."""
    with open(file, "w") as stream:
        stream.write("time,value\n")
        stream.writelines(f"{row},{row}.{'1' * 130_000}\U0001f600\n" for row in range(600))


@cache
def zeros() -> bytes:
    """A small Parquet file: two columns of 30 million zeros, each column a single page."""
    column = np.zeros(NUM_ZEROS)
    sink = pa.BufferOutputStream()
    pq.write_table(
        pa.table({"time": column, "value": column}),
        sink,
        compression="zstd",
        use_dictionary=False,
        row_group_size=NUM_ZEROS,
        data_page_size=2_000_000_000,
        max_rows_per_page=NUM_ZEROS,
        write_statistics=False,
        store_schema=False,
    )
    return bytes(sink.getvalue())


def claiming(content: bytes, num_rows: int, claimed: int) -> bytes:
    """A Parquet file whose footer says another number of rows wherever it stood."""
    (length,) = struct.unpack("<I", content[-8:-4])
    pages, footer, end = content[: -8 - length], content[-8 - length : -8], content[-8:]
    truth, lie = varint(num_rows), varint(claimed, len(varint(num_rows)))
    assert truth in footer
    return pages + footer.replace(truth, lie) + end


def varint(number: int, length: int = 0) -> bytes:
    """A whole number as Parquet's footer has it, filled up to a length."""
    number, parts = number << 1, []
    while number >= 0x80 or len(parts) + 1 < length:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def three_rows() -> bytes:
    sink = pa.BufferOutputStream()
    columns = pa.table({"time": [0.0, 1.0, 2.0], "value": [1.0, 2.0, 4.0]})
    pq.write_table(columns, sink, store_schema=False, write_statistics=False)
    return bytes(sink.getvalue())


def footer_of_4_gb(file: str) -> None:
    Path(file).write_bytes(three_rows()[:-8] + b"\xff\xff\xff\xff" + b"PAR1")


HOSTILE: dict[str, tuple[str, Callable[[str], object], str]] = {
    "10 GB of nothing": ("x.csv", lambda file: sparse(file, 10_000_000_000), TOO_LARGE),
    "10 GB that begin well": ("x.csv", lambda file: sparse(file, 10_000_000_000, HEAD), TOO_LARGE),
    "10 GB of Parquet": ("x.parquet", lambda file: sparse(file, 10_000_000_000, b"PAR1", b"PAR1"), TOO_LARGE),
    "499 MB of nothing": ("x.csv", lambda file: sparse(file, 499_000_000), f"x.csv:1: {LONG_LINE}"),
    "499 MB that begin well": ("x.csv", lambda file: sparse(file, 499_000_000, HEAD), f"x.csv:5: {LONG_LINE}"),
    "499 MB of Parquet": (
        "x.parquet",
        lambda file: sparse(file, 499_000_000, b"PAR1", b"PAR1"),
        "damaged Parquet (",
    ),
    "a line of 100 MB": (
        "x.csv",
        lambda file: Path(file).write_bytes(b"time,value\n0," + b"1" * 100_000_000),
        f"x.csv:2: {LONG_LINE}",
    ),
    "a header of 100 MB": (
        "x.csv",
        lambda file: Path(file).write_bytes(b"time" + b",value" * 16_000_000),
        f"x.csv:1: {LONG_LINE}",
    ),
    "a cell of 100 MB over many lines": (
        "x.csv",
        lambda file: Path(file).write_bytes(b'time,value\n0,"' + b"1\n" * 50_000_000),
        "x.csv:2: a cell goes on for more than 100,000 characters",
    ),
    "a gzip bomb": ("x.csv", gzip_bomb, "x.csv: no CSV: the content is gzip; unpack it with gunzip"),
    "long cells of wide characters": ("x.csv", wide_text, "text in lines 2, 3, 4, 5, 6 and 595 more"),
    "zeros without number": ("x.parquet", lambda file: Path(file).write_bytes(zeros()), TOO_MANY),
    "zeros that are said to be few": (
        "x.parquet",
        lambda file: Path(file).write_bytes(claiming(zeros(), NUM_ZEROS, 1_000)),
        f"damaged Parquet (2,000 cells unfold to 480 MB); {DAMAGED}",
    ),
    "few numbers that are said to be many": (
        "x.parquet",
        lambda file: Path(file).write_bytes(claiming(zeros(), NUM_ZEROS, 130_000_000)),
        TOO_MANY,
    ),
    "a footer of 4 GB": ("x.parquet", footer_of_4_gb, "damaged Parquet ("),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_little_memory(name: str) -> None:
    file, write, message = HOSTILE[name]
    write(file)
    reading = read_confined(file)
    assert message in reading.outcome
    assert reading.megabytes < MAX_MEGABYTES
    assert reading.seconds < MAX_SECONDS


def test_a_million_rows_are_read_in_little_memory() -> None:
    Path("x.csv").write_text("time,value\n" + "".join(f"{row / 30},{row % 977}.5\n" for row in range(1_000_000)))
    reading = read_confined("x.csv")
    assert reading.outcome == "1000000 points"
    assert reading.megabytes < MAX_MEGABYTES
    assert reading.seconds < MAX_SECONDS


@pytest.mark.nightly
def test_five_hundred_million_zeros_are_refused_unread() -> None:
    zeros_at_once = np.zeros(10_000_000)
    columns = pa.table({"time": zeros_at_once, "value": zeros_at_once})
    with pq.ParquetWriter("x.parquet", columns.schema, compression="none") as writer:
        for _ in range(50):
            writer.write_table(columns)
    reading = read_confined("x.parquet")
    assert TOO_MANY in reading.outcome
    assert reading.megabytes < MAX_MEGABYTES
    assert reading.seconds < 1


def refusal(file: str) -> str:
    with pytest.raises(SeriesError) as caught:
        read_series(Path(file))
    return str(caught.value)


@pytest.mark.parametrize("rest", ["\n" * 1_000 + "x", "1\n" * 1_000, "5,6\n" * 1_000])
def test_lines_without_number_are_not_all_looked_at(rest: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_table, "MAX_LINES", 500)
    Path("x.csv").write_bytes(HEAD + rest.encode())
    too_long = "x.csv: the file has more than 500 lines; thin the series out or cut it into several"
    assert too_long in refusal("x.csv").splitlines()


def test_wrong_cells_without_number_are_not_all_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MAX_FAULTS", 150)
    monkeypatch.setattr(csv_table, "CELLS_PER_PIECE", 100)
    Path("x.csv").write_text("time,value\n" + "0,x\n" * 1_000)
    first, last = refusal("x.csv").splitlines()
    assert first.startswith("x.csv: value: text in lines 2, 3, 4, 5, 6 and 195 more ('x'); ")
    assert last == (
        "x.csv: more than 150 cells can't be read, so that the rest of the file was left out; "
        "is it a table of numbers? export it anew"
    )


READ_DAMAGED = """
import struct, sys
from pathlib import Path

from raysweep.errors import SeriesError
from raysweep.forecasting.series import read_series

content = Path("x.parquet").read_bytes()
(length,) = struct.unpack("<I", content[-8:-4])
for position in range(len(content) - 8 - length, len(content)):
    for change in (1, 2, 255):
        damaged = bytearray(content)
        damaged[position] ^= change
        Path("y.parquet").write_bytes(damaged)
        try:
            read_series(Path("y.parquet"))
        except SeriesError:
            pass
"""


def test_no_byte_of_a_footer_ends_the_process_when_it_is_damaged() -> None:
    pq.write_table(pa.table({"time": [0.0, 1.0, 2.0], "value": [1.0, 2.0, 4.0]}), "x.parquet")
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
    command = [sys.executable, "-c", READ_DAMAGED]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
