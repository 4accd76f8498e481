"""Whatever is in a file: it is a series, or it is refused in plain words; and nothing is lost on the way."""

from __future__ import annotations

import math
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from raysweep.errors import SeriesError
from raysweep.forecasting.series import MIN_POINTS, Series, read_series
from tests.spec.examples import apply_mutations, examples, mutations

FINITE = st.floats(allow_nan=False, allow_infinity=False)
CELLS = ["0", "1", "2.5", "-3e5", "1e999", "nan", "x", "", " ", "1_0", "½", "2024-05-01", "2024-05-01T10:00Z", "0,5"]
PIECES = [
    *CELLS,
    ",",
    ",",
    "\n",
    "\n",
    "\r\n",
    "\r",
    '"',
    '""',
    ";",
    "\t",
    "\ufeff",
    "\0",
    "time,value\n",
    "0,1\n1,2\n",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=40).map(lambda pieces: "".join(pieces).encode())
TABLES = st.lists(st.lists(st.sampled_from(CELLS), min_size=2, max_size=2), max_size=6).map(
    lambda rows: "\n".join(["time,value", *map(",".join, rows)]).encode()
)
EVERY_EXAMPLE = examples(150)


def read_bytes(content: bytes, suffix: str) -> Series | SeriesError:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"x{suffix}")
        path.write_bytes(content)
        try:
            return read_series(path)
        except SeriesError as error:
            return error


def assert_is_sound(outcome: Series | SeriesError) -> None:
    if isinstance(outcome, SeriesError):
        assert all(problem.found and problem.valid for problem in outcome.problems)
        assert str(outcome).replace("\n", "").isprintable()
        return
    assert len(outcome.time_hours) == len(outcome.values) >= MIN_POINTS
    assert np.isfinite(outcome.values).all()
    assert (outcome.time_hours[1:] > outcome.time_hours[:-1]).all()
    assert (outcome.values.max(axis=0) > outcome.values.min(axis=0)).all()


@EVERY_EXAMPLE
@given(st.binary(max_size=200) | TEXTS | TABLES)
@example(b"time,value\n0,1\n1,2\n2,3\n")
def test_any_bytes_as_csv(content: bytes) -> None:
    assert_is_sound(read_bytes(content, ".csv"))


GOOD_FILES = [
    "time,value\n0,1\n0.5,2\n1,4\n1.5,3\n",
    "when,a,b\n2024-05-01T00:00Z,1,5\n2024-05-01T01:00+00:00,2,4\n2024-05-01T04:00+02:00,4,6\n",
    '"time","value"\r\n"0","1"\r\n"1","2"\r\n"2","4"\r\n',
]
EDITED_FILES = st.sampled_from(GOOD_FILES).flatmap(
    lambda text: st.lists(mutations(len(text), PIECES), min_size=1, max_size=3).map(
        lambda changes: apply_mutations(text, changes).encode("utf-8", "surrogatepass")
    )
)


@EVERY_EXAMPLE
@given(EDITED_FILES)
def test_any_edit_of_a_good_csv(content: bytes) -> None:
    assert_is_sound(read_bytes(content, ".csv"))


@pytest.mark.parametrize("text", GOOD_FILES)
def test_what_is_edited_is_good(text: str) -> None:
    assert isinstance(read_bytes(text.encode(), ".csv"), Series)


def parquet_bytes() -> bytes:
    numbers = np.arange(50.0)
    sink = pa.BufferOutputStream()
    columns = {"time": numbers, "value": numbers**2, "text": [str(number) for number in numbers]}
    pq.write_table(pa.table(columns).select(["time", "value"]), sink, row_group_size=20)
    return bytes(sink.getvalue())


PARQUET = parquet_bytes()


@EVERY_EXAMPLE
@given(st.binary(max_size=100).map(lambda content: b"PAR1" + content + b"PAR1") | st.binary(max_size=50))
def test_any_bytes_as_parquet(content: bytes) -> None:
    assert_is_sound(read_bytes(content, ".parquet"))


@EVERY_EXAMPLE
@given(st.lists(st.tuples(st.integers(0, len(PARQUET) - 1), st.integers(1, 255)), min_size=1, max_size=5))
def test_parquet_with_damaged_bytes(damage: list[tuple[int, int]]) -> None:
    content = bytearray(PARQUET)
    for position, change in damage:
        content[position] ^= change
    assert_is_sound(read_bytes(bytes(content), ".parquet"))


@st.composite
def numbers(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """(N,) increasing times and (N, C) values, no channel constant."""
    times = sorted(draw(st.lists(FINITE, min_size=MIN_POINTS, max_size=20, unique=True)))
    shape = (len(times), draw(st.integers(1, 3)))
    is_varied = lambda values: bool((values.max(axis=0) > values.min(axis=0)).all())  # noqa: E731
    values = draw(arrays.arrays(np.float64, shape, elements=FINITE).filter(is_varied))
    return np.array(times), values


@EVERY_EXAMPLE
@given(numbers())
def test_csv_and_parquet_give_back_every_bit(series: tuple[np.ndarray, np.ndarray]) -> None:
    times, values = series
    names = ["time", *(f"v{channel}" for channel in range(values.shape[1]))]
    columns = [times, *values.T]
    rows = [",".join(map(repr, row)) for row in np.column_stack(columns).tolist()]
    from_csv = read_bytes("\n".join([",".join(names), *rows]).encode(), ".csv")
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(dict(zip(names, columns, strict=True))), sink)
    from_parquet = read_bytes(bytes(sink.getvalue()), ".parquet")
    assert isinstance(from_csv, Series), str(from_csv)
    assert isinstance(from_parquet, Series), str(from_parquet)
    for loaded in (from_csv, from_parquet):
        assert loaded.time_hours.tobytes() == times.tobytes()
        assert loaded.values.tobytes() == values.tobytes()
    assert from_csv.digest == from_parquet.digest


ZONES = st.sampled_from(["", "Z", "+05:30", "-1100"])
INSTANTS = st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1))


@EVERY_EXAMPLE
@given(st.lists(INSTANTS, min_size=MIN_POINTS, max_size=20, unique=True), ZONES)
def test_timestamps_in_csv_and_parquet_give_equal_hours(instants: list[datetime], zone: str) -> None:
    instants = sorted(instants)
    values = [float(index % 7) for index in range(len(instants))]
    rows = [f"{instant.isoformat()}{zone},{value}" for instant, value in zip(instants, values, strict=True)]
    from_csv = read_bytes("\n".join(["time,value", *rows]).encode(), ".csv")
    stored = pa.array([instant.replace(tzinfo=UTC if zone else None) for instant in instants])
    sink = pa.BufferOutputStream()
    pq.write_table(
        pa.table({"time": stored.cast(pa.timestamp("ns", tz="UTC" if zone else None)), "value": values}), sink
    )
    from_parquet = read_bytes(bytes(sink.getvalue()), ".parquet")
    # Two instants a microsecond apart, centuries after the first, are the same float64: refused alike, never merged.
    if isinstance(from_csv, SeriesError):
        assert "the same time as in the" in str(from_csv) and "the same time as in the" in str(from_parquet)
        return
    assert isinstance(from_parquet, Series), str(from_parquet)
    assert from_csv.digest == from_parquet.digest
    for hours, instant in zip(from_csv.time_hours.tolist(), instants, strict=True):
        assert math.isclose(hours, (instant - instants[0]) / timedelta(hours=1), rel_tol=1e-15)
