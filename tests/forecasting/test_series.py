"""What a series is once it is loaded, and what is said about its sampling."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import struct
import time
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raysweep.forecasting.series import Series, read_series, sampling_notices, series_digest

GOOD = "time,value\n0,1\n0.5,2\n1,4\n"


def load(text: str | bytes, **arguments: object) -> Series:
    """Loads `x.csv` in the current folder after writing it."""
    Path("x.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    return read_series(Path("x.csv"), **arguments)  # type: ignore[arg-type]


def load_parquet(columns: dict[str, object]) -> Series:
    pq.write_table(pa.table(columns), "x.parquet")
    return read_series(Path("x.parquet"))


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_series_has_what_the_file_says() -> None:
    series = load(GOOD, name="mine", unit="°C", source="stand-in", notices=["known"])
    assert series.time_hours.tolist() == [0, 0.5, 1]
    assert series.values.tolist() == [[1], [2], [4]]
    assert series.values.dtype == series.time_hours.dtype == np.float64
    assert (series.name, series.columns, series.unit) == ("mine", ("value",), "°C")
    assert (series.source, series.file, series.notices) == ("stand-in", "x.csv", ("known",))


def test_defaults_are_the_first_column_as_time_and_the_others_as_values() -> None:
    series = load("t,a,b\n0,1,5\n1,2,4\n2,3,6\n")
    assert (series.name, series.columns, series.source) == ("x", ("a", "b"), "file")
    assert series.values.tolist() == [[1, 5], [2, 4], [3, 6]]


def test_columns_are_taken_by_name_in_the_order_asked_for() -> None:
    series = load("b,note,t,a\n5,x,0,1\n4,,1,2\n6,y z,2,3\n", time_column="t", value_columns=["a", "b"])
    assert series.columns == ("a", "b")
    assert series.values.tolist() == [[1, 5], [2, 4], [3, 6]]


def test_a_series_can_not_be_changed() -> None:
    series = load(GOOD)
    with pytest.raises(dataclasses.FrozenInstanceError):
        series.name = "other"  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        series.values[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        series.time_hours[0] = 0


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"\xef\xbb\xbf" + GOOD.encode(), id="UTF-8 byte order mark"),
        pytest.param(GOOD.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(GOOD.removesuffix("\n"), id="no line end at the end"),
        pytest.param(GOOD + "\n\n", id="blank lines at the end"),
        pytest.param('"time","value"\n"0","1"\n"0.5","2"\n1,4\n', id="quotes"),
        pytest.param("time,value\n 0 ,+1\n.5,2e0\n1.,4.0\n", id="spaces and other ways to write a number"),
    ],
)
def test_ways_to_write_the_same(text: str | bytes) -> None:
    assert load(text).digest == load(GOOD).digest


def test_the_digest_depends_on_every_number_and_on_the_shape_alone() -> None:
    time_hours, values = np.arange(4.0), np.arange(8.0).reshape(4, 2)
    digest = series_digest(time_hours, values)
    numbers = struct.pack("<4d", *range(4)) + struct.pack("<8d", *range(8))
    assert digest == hashlib.sha256(b"4x2\n" + numbers).hexdigest()
    later = time_hours.copy()
    later[3] = np.nextafter(3.0, 4.0)
    other = values.copy()
    other[0, 1] = np.nextafter(1.0, 2.0)
    assert len({digest, series_digest(later, values), series_digest(time_hours, other)}) == 3
    same_bytes_other_shape = series_digest(np.array([0.0]), np.array([[1.0, 0.0, 0.0]]))
    assert same_bytes_other_shape != series_digest(np.arange(2.0), np.zeros((2, 1)))


def test_name_unit_and_column_names_are_not_part_of_the_digest() -> None:
    assert load(GOOD, name="a", unit="m").digest == load(GOOD.replace("value", "v"), name="b").digest


@pytest.mark.parametrize(
    ("times", "hours"),
    [
        (["2024-05-01", "2024-05-02", "2024-05-03"], [0, 24, 48]),
        (["2024-05-01 23:59", "2024-05-02 00:00", "2024-05-02 00:01"], [0, 1 / 60, 2 / 60]),
        (["2024-05-01T00:00:00", "2024-05-01 00:30:00", "2024-05-01T01:00:00.000"], [0, 0.5, 1]),
        (["2024-05-01T00:00:00Z", "2024-05-01T00:30:00+00:00", "2024-05-01T01:00:00+0000"], [0, 0.5, 1]),
        # The clock goes from 2:00 to 3:00 in Berlin; with zones that is no gap.
        (["2024-03-31T01:00+01:00", "2024-03-31T03:00+02:00", "2024-03-31T04:00+02:00"], [0, 1, 2]),
        # The finest that is read, over a span in which float64 can't count it.
        (["1700-01-01T00:00:00", "2200-01-01T00:00:00", "2200-01-01T00:00:00.000036"], [0, 4382904, 4382904 + 1e-8]),
    ],
)
def test_timestamps_become_hours_since_the_first(times: list[str], hours: list[float]) -> None:
    text = "time,value\n" + "".join(f"{time},{index**2}\n" for index, time in enumerate(times))
    assert load(text).time_hours.tolist() == hours


def test_numbers_of_hours_stay_as_they_are() -> None:
    assert load("time,value\n-3,1\n-2.5,2\n-2,4\n").time_hours.tolist() == [-3, -2.5, -2]


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint64(), pa.float16(), pa.float32(), pa.float64()])
def test_parquet_numbers(kind: pa.DataType) -> None:
    numbers = pa.array(np.array([0.0, 1.0, 3.0])).cast(kind)
    series = load_parquet({"time": numbers, "value": numbers})
    assert series.time_hours.tolist() == [0, 1, 3]
    assert series.values.tolist() == [[0], [1], [3]]


START = datetime(2024, 5, 1, 12, 0, 0, 123_000)


@pytest.mark.parametrize(
    "kind",
    [pa.timestamp("ms"), pa.timestamp("us"), pa.timestamp("ns"), pa.timestamp("us", tz="Europe/Berlin")],
)
def test_parquet_timestamps_agree_with_those_of_csv(kind: pa.DataType) -> None:
    times = [START + timedelta(minutes=7 * index) for index in range(100)]
    values = [float(index * index) for index in range(100)]
    zone = "Z" if kind.tz else ""
    rows = [f"{time.isoformat()}{zone},{value}" for time, value in zip(times, values, strict=True)]
    from_csv = load("\n".join(["time,value", *rows]))
    from_parquet = load_parquet({"time": pa.array(times, pa.timestamp("us")).cast(kind), "value": values})
    assert from_parquet.digest == from_csv.digest


def test_parquet_dates() -> None:
    days = [date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1)]
    assert load_parquet({"day": days, "value": [1, 2, 4]}).time_hours.tolist() == [0, 24, 48]


def test_parquet_columns_are_taken_by_their_whole_names() -> None:
    # To Parquet a dot leads into a nested column, so reading `a` may bring `a.b` along.
    columns = {"a.b": [5, 6, 7], "b": [0, 0, 1], "a": [1, 2, 4], "t.zone": [7, 7, 8], "t": [0, 1, 2]}
    pq.write_table(pa.table(columns), "x.parquet")
    series = read_series(Path("x.parquet"), time_column="t", value_columns=["b", "a"])
    assert (series.time_hours.tolist(), series.columns) == ([0, 1, 2], ("b", "a"))
    assert series.values.tolist() == [[0, 1], [0, 2], [1, 4]]


MINUTE = 1 / 60
UNEVEN = "uneven sampling: steps from {} to {}, mostly {}; a model sees them as equal"


@pytest.mark.parametrize(
    ("hours", "notices"),
    [
        pytest.param([0, 1, 2, 3], [], id="even"),
        pytest.param([0, 1, 2, 3.09, 4], [], id="jitter of a tenth"),
        pytest.param([0, 1, 2, 3.11, 4.11], [UNEVEN.format("60 min", "67 min", "60 min")], id="a little late"),
        pytest.param([0, 1, 1.85, 2.85], [UNEVEN.format("51 min", "60 min", "60 min")], id="a little early"),
        pytest.param([0, 1, 2, 3.5], [UNEVEN.format("60 min", "90 min", "60 min")], id="no gap yet"),
        pytest.param([0, 1, 2, 3.51], ["one gap of 91 min after row 3"], id="one gap"),
        pytest.param([0, 24, 48, 240], ["one gap of 8 d after row 3"], id="days"),
        pytest.param([0, 2, 4, 54], ["one gap of 2.1 d after row 3"], id="hours and days"),
        pytest.param([0, MINUTE, 2 * MINUTE, 7 * MINUTE], ["one gap of 5 min after row 3"], id="minutes"),
        pytest.param([0, 1 / 36000, 2 / 36000, 1 / 1440], ["one gap of 2.3 s after row 3"], id="seconds"),
        pytest.param(
            [0, 9, 10, 11, 12, 15, 15.5, 16.5, 17.5],
            ["2 gaps: 9 h after row 1, 3 h after row 5", UNEVEN.format("30 min", "60 min", "60 min")],
            id="gaps and uneven",
        ),
        pytest.param(
            [day + step for day in range(0, 700, 100) for step in range(20)],
            [f"6 gaps: {', '.join(f'3.4 d after row {row}' for row in (20, 40, 60, 80, 100))} and 1 more"],
            id="many gaps",
        ),
    ],
)
def test_gaps_and_uneven_sampling(hours: list[float], notices: list[str]) -> None:
    assert sampling_notices(np.array(hours, np.float64)) == notices


def test_notices_name_the_series_and_follow_what_was_known() -> None:
    series = load("time,value\n0,1\n1,2\n2,3\n7,3\n", name="mine", notices=["mine: known"])
    assert series.notices == ("mine: known", "mine: one gap of 5 h after row 3")


def test_a_file_name_can_not_drive_the_terminal() -> None:
    Path("\x1b[2J.csv").write_text("time,value\n0,1\n1,2\n2,3\n7,3\n")
    assert read_series(Path("\x1b[2J.csv")).notices == ("'\\x1b[2J': one gap of 5 h after row 3",)


def test_a_million_rows_load_in_seconds() -> None:
    hours = np.arange(1_000_000) / 30
    values = np.sin(hours)
    with open("x.csv", "w") as file:
        file.write("time,value\n")
        file.writelines(f"{hour!r},{value!r}\n" for hour, value in zip(hours.tolist(), values.tolist(), strict=True))
    start = time.process_time()
    series = read_series(Path("x.csv"))
    seconds = time.process_time() - start
    assert np.array_equal(series.time_hours, hours)
    assert np.array_equal(series.values[:, 0], values)
    assert seconds < 30, "ten times what it takes on a slow machine"


@pytest.mark.parametrize(
    ("name", "num_points", "notices"),
    [
        ("y_w", 733, ()),
        ("w_y", 728, ()),
        ("4single", 1785, ("4single: one gap of 30 min after row 4",)),
    ],
)
def test_the_originals(name: str, num_points: int, notices: tuple[str, ...]) -> None:
    folder = os.environ.get("RAYSWEEP_ORIGINALS")
    if not folder:
        pytest.skip("set RAYSWEEP_ORIGINALS to the folder of the measured series, which are not part of the project")
    series = read_series(Path(folder) / f"{name}.csv")
    assert series.values.shape == (num_points, 1)
    assert series.notices == notices
