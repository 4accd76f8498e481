"""A corpus of files that are no series, each with the exact message that it gets."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raysweep.errors import SeriesError
from raysweep.forecasting import table
from raysweep.forecasting.series import read_series
from tests.forecasting.nobody import as_nobody

GOOD = "time,value\n0,1\n1,2\n2,4\n"
TIMES = (
    "every time must be a number of hours such as 0.5 or an ISO 8601 timestamp such as 2024-05-01 13:30:00; "
    "correct the cell or remove its row"
)
VALUES = "every value must be a finite number such as 12.5; correct the cell or remove its row"
ORDER = "times must increase from row to row"
MIXED = "mixed time formats can't be put in order; write all times in the way of the first"
SEPARATORS = "cells are separated by commas and decimals written with a point; export the file that way"
HEADER = "a series needs a line with column names: a time and at least one value, separated by commas"
CELLS = "every row needs as many cells as the header; correct or remove the row"
NO_HEADER = "the first line must name the columns; put such a line before the data"
NAMES = "name columns in letters, digits, spaces and signs"
POINT = "decimals are written with a point; replace 0,5 by 0.5"
CONSTANT = "a series that never changes can't be scaled or forecast; leave the column out"
TWICE = "remove one of the two, or average them"
BACK = "sort the rows, or correct the clock (summer time?)"
REPAIR = "correct the line, or export the file anew"

# What is in the file x.csv, and all that is said about it, one line a problem.
CSV: dict[str, tuple[str | bytes, list[str]]] = {
    # Files that hold nothing, or no table
    "empty": (b"", ["x.csv: the file is empty; a series needs a header line and at least 3 rows"]),
    "byte order mark alone": (b"\xef\xbb\xbf", [f"x.csv: the first line is blank; {HEADER}"]),
    "first line blank": ("\n" + GOOD, [f"x.csv: the first line is blank; {HEADER}"]),
    "header only": ("time,value\n", ["x.csv: no row of data; a series needs at least 3"]),
    "one row": ("time,value\n0,1\n", ["x.csv: only 1 row of data; a series needs at least 3"]),
    "two rows": ("time,value\n0,1\n1,2\n", ["x.csv: only 2 rows of data; a series needs at least 3"]),
    "no header": (
        "0,1\n1,2\n2,4\n3,5\n",
        [f"x.csv:1: data in place of column names; {NO_HEADER}"],
    ),
    "no header, timestamps": (
        "2024-05-01T00:00,1\n2024-05-01T01:00,2\n",
        [f"x.csv:1: data in place of column names; {NO_HEADER}"],
    ),
    # Columns
    "one column": ("value\n1\n2\n4\n", [f"x.csv: only one column, 'value'; {HEADER}"]),
    "duplicate columns, and a value that is none": (
        "time,value,note,note\n0,1,a,b\n1,x,a,b\n2,3,a,b\n",
        [
            "x.csv: note: duplicate column (columns 3, 4); names must differ; rename or remove one",
            f"x.csv: value: text in line 3 ('x'); {VALUES}",
        ],
    ),
    "1,500 columns": (
        ",".join(f"c{number}" for number in range(1500)) + "\n",
        ["x.csv: 1,500 columns; at most 1,000 columns can be read"],
    ),
    # Encodings
    "UTF-16": (GOOD.encode("utf-16"), ["x.csv: encoded in UTF-16; save the file as UTF-8"]),
    "UTF-16, big end first": (
        b"\xfe\xff" + GOOD.encode("utf-16-be"),
        ["x.csv: encoded in UTF-16; save the file as UTF-8"],
    ),
    "UTF-32": (GOOD.encode("utf-32"), ["x.csv: encoded in UTF-32; save the file as UTF-8"]),
    "UTF-16 without mark": (
        GOOD.encode("utf-16-le"),
        ["x.csv:1: zero bytes; a CSV file is UTF-8 text; zero bytes hint at UTF-16 or at a binary file"],
    ),
    "Latin-1": (
        "time,µg/m³\n0,1\n".encode("latin-1"),
        ["x.csv:1: not UTF-8 (byte 0xb5), looks like Latin-1 or Windows-1252 ('time,µg/m³'); save the file as UTF-8"],
    ),
    "no text, after a cell that is none": (
        b"time,value\n0,x\n1,\x81\xfe\n",
        ["x.csv:3: not UTF-8 (byte 0x81); save the file as UTF-8", f"x.csv: value: text in line 2 ('x'); {VALUES}"],
    ),
    # Other formats
    "gzip": (b"\x1f\x8b\x08\x00\x00\x00", ["x.csv: no CSV: the content is gzip; unpack it with gunzip"]),
    "xz": (b"\xfd7zXZ\x00", ["x.csv: no CSV: the content is xz; unpack it with unxz"]),
    "zstd": (b"\x28\xb5\x2f\xfd", ["x.csv: no CSV: the content is zstd; unpack it with unzstd"]),
    "Excel": (
        b"PK\x03\x04\x14\x00",
        ["x.csv: no CSV: the content is ZIP or an Excel workbook; unpack it or export it as CSV"],
    ),
    "old Excel": (b"\xd0\xcf\x11\xe0\xa1", ["x.csv: no CSV: the content is an old Excel workbook; export it as CSV"]),
    "Parquet": (b"PAR1\x15\x04", ["x.csv: no CSV: the content is Parquet; name it .parquet"]),
    # Separators, quotes, lines
    "semicolons": (GOOD.replace(",", ";"), [f"x.csv: columns separated by semicolons; {SEPARATORS}"]),
    "semicolons and decimal commas": (
        "time;value\n0,0;1,5\n",
        [f"x.csv: columns separated by semicolons; {SEPARATORS}"],
    ),
    "tabs": (GOOD.replace(",", "\t"), [f"x.csv: columns separated by tabs; {SEPARATORS}"]),
    "decimal commas in quotes": (
        'time,value\n0,"1,5"\n1,"2,5"\n2,"3,5"\n',
        [f"x.csv: value: a decimal comma in lines 2, 3 and 4 ('1,5'); {POINT}"],
    ),
    "decimal commas": (
        "time,value\n0,0,1,5\n1,0,2,5\n2,0,3,5\n",
        [
            "x.csv: not 2 cells in lines 2, 3 and 4 (4 cells); "
            "twice as many cells as columns hint at decimal commas: replace 0,5 by 0.5"
        ],
    ),
    "ragged rows": (
        "time,value\n0,1\n1,2,3\n2\n\n3,4\n5,6\n\n",
        [f"x.csv: not 2 cells in lines 3, 4 and 5 (3 cells); {CELLS}"],
    ),
    "quote never closed": ('time,value\n0,1\n1,"2\n2,3\n', [f"x.csv:3: a quote is opened and never closed; {REPAIR}"]),
    "quote closed too early": ('time,value\n0,"1"2\n', [f"x.csv:2: text goes on after a closing quote; {REPAIR}"]),
    "quote left open for very long": (
        'time,value\n0,"' + "1,2\n" * 40_000,
        [f"x.csv:2: a cell goes on for more than 100,000 characters, as after a quote left open; {REPAIR}"],
    ),
    "lines that end with CR alone": (
        GOOD.replace("\n", "\r"),
        [f"x.csv:1: a carriage return stands inside the line; lines end with LF or CRLF; {REPAIR}"],
    ),
    "a line of more than 1 MB": (
        "time,value\n0,1\n1," + "2" * 1_000_000 + "\n",
        ["x.csv:3: the line is longer than 1 MB; a line may have 1 MB; is this a CSV file with one row a line?"],
    ),
    # Cells
    "text": ("time,value\n0,1\n1,n/a\n2,3\n3,-\n", [f"x.csv: value: text in lines 3 and 5 ('n/a'); {VALUES}"]),
    "numbers to Python alone": (
        "time,value\n0,1_000\n1,٣\n2,0x1F\n3,1\n",
        [f"x.csv: value: text in lines 2, 3 and 4 ('1_000'); {VALUES}"],
    ),
    "empty cells": ("time,value\n0,\n1, \n2,3\n", [f"x.csv: value: empty in lines 2 and 3; {VALUES}"]),
    "NaN": ("time,value\n0,1\n1,NaN\n2,-nan\n", [f"x.csv: value: NaN in lines 3 and 4 ('NaN'); {VALUES}"]),
    "infinity": (
        "time,value\n0,inf\n1,-Infinity\n2,1e999\n",
        [f"x.csv: value: infinity in lines 2, 3 and 4 ('inf'); {VALUES}"],
    ),
    "twenty cells of text": (
        "time,value\n" + "".join(f"{hour},x\n" for hour in range(20)),
        [f"x.csv: value: text in lines 2, 3, 4, 5, 6 and 15 more ('x'); {VALUES}"],
    ),
    "codes that would colour the terminal": (
        "time,\x1b[31mred\n0,\x1b[2J\n1,2\n2,3\n",
        [
            f"x.csv: '\\x1b[31mred': a character that can't be seen stands in the name of column 2; {NAMES}",
            f"x.csv: '\\x1b[31mred': text in line 2 ('\\x1b[2J'); {VALUES}",
        ],
    ),
    "a character that can't be seen in a good file": (
        "time\u200b,value\n0,1\n1,2\n2,4\n",
        [f"x.csv: 'time\\u200b': a character that can't be seen stands in the name of column 1; {NAMES}"],
    ),
    "a web page": (
        "<!DOCTYPE html>\n<html><body>404: Not Found</body></html>\n",
        [
            f"x.csv: only one column, '<!DOCTYPE html>'; {HEADER}",
            f"x.csv: <!DOCTYPE html>: text in line 2 ('<html><body>404: Not Found</body></html>'); {TIMES}",
            "x.csv: only 1 row of data; a series needs at least 3",
        ],
    ),
    "constant": (
        "time,value\n0,5\n1,5\n2,5.0\n",
        [f"x.csv: value: constant, every value is 5; {CONSTANT}"],
    ),
    # Times
    "times that are none": (
        "time,value\n0,1\nx,2\n,3\nnan,4\n4,5\n",
        [
            f"x.csv: time: text in line 3 ('x'); {TIMES}",
            f"x.csv: time: empty in line 4; {TIMES}",
            f"x.csv: time: NaN in line 5 ('nan'); {TIMES}",
        ],
    ),
    "dates that are none": (
        "time,value\n2024-02-29,1\n2024-02-30,2\n01/03/2024,3\n2024-03-01 24:30,4\n2024-03-01T1:30,5\n2024-03-02,6\n",
        [f"x.csv: time: text in lines 3, 4, 5 and 6 ('2024-02-30'); {TIMES}"],
    ),
    "time goes back": (
        "time,value\n0,1\n2,2\n1,3\n1.5,4\n0.5,5\n",
        [f"x.csv: time: time goes back in lines 4 and 6; {ORDER}; {BACK}"],
    ),
    "the same time twice": (
        "time,value\n2024-05-01,1\n2024-05-01 00:00,2\n2024-05-02,3\n",
        [f"x.csv: time: the same time as in the line before in line 3; {ORDER}; {TWICE}"],
    ),
    "clocks set back, times without zones": (
        "time,value\n2024-10-27 02:00,1\n2024-10-27 02:30,2\n2024-10-27 02:00,3\n",
        [f"x.csv: time: time goes back in line 4; {ORDER}; {BACK}"],
    ),
    "times with and without zones": (
        "time,value\n2024-05-01T00:00Z,1\n2024-05-01T01:00,2\n2024-05-01T02:00+00:00,3\n",
        [
            "x.csv: time: a timestamp without a time zone in line 3 ('2024-05-01T01:00'), "
            f"while the first time is a timestamp with a time zone; {MIXED}"
        ],
    ),
    "hours, then timestamps": (
        "time,value\n0,1\n2024-05-01T01:00,2\n2024-05-01T02:00Z,3\n",
        [
            "x.csv: time: a timestamp without a time zone in line 3 ('2024-05-01T01:00'), "
            f"while the first time is a number of hours; {MIXED}",
            "x.csv: time: a timestamp with a time zone in line 4 ('2024-05-01T02:00Z'), "
            f"while the first time is a number of hours; {MIXED}",
        ],
    ),
    "timestamps, then hours": (
        "time,value\n2024-05-01,1\n2,2\n2024-05-03,3\n",
        [
            "x.csv: time: a number of hours in line 3 ('2'), "
            f"while the first time is a timestamp without a time zone; {MIXED}"
        ],
    ),
    # All at once
    "everything": (
        "time,value,constant\n0,1,7\n0,x,7\n1,,7\n0.5,4,7\n1,2\n",
        [
            f"x.csv: not 3 cells in line 6 (2 cells); {CELLS}",
            f"x.csv: value: text in line 3 ('x'); {VALUES}",
            f"x.csv: value: empty in line 4; {VALUES}",
            f"x.csv: time: time goes back in line 5; {ORDER}; {BACK}",
            f"x.csv: time: the same time as in the line before in line 3; {ORDER}; {TWICE}",
            f"x.csv: constant: constant, every value is 7; {CONSTANT}",
        ],
    ),
}


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def messages(file: str, **arguments: object) -> list[str]:
    with pytest.raises(SeriesError) as caught:
        read_series(Path(file), **arguments)  # type: ignore[arg-type]
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("name", CSV)
def test_csv(name: str) -> None:
    content, expected = CSV[name]
    Path("x.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    assert sorted(messages("x.csv")) == sorted(expected)


@pytest.mark.parametrize(
    ("header", "time", "values", "expected"),
    [
        (
            "Time,values,note",
            "time",
            ["value"],
            [
                "x.csv: time: missing column; the file has Time, values, note; did you mean Time?",
                "x.csv: value: missing column; the file has Time, values, note; did you mean values?",
            ],
        ),
        (
            ",".join(["time", *(f"c{number}" for number in range(11))]),
            "time",
            ["value"],
            ["x.csv: value: missing column; the file has time, c0, c1, c2, c3, c4, c5, c6, c7, c8 and 2 more"],
        ),
        (
            "time,value",
            "time",
            ["value", "time", "value"],
            [
                "x.csv: time: asked for 2 times; a column is read once, as the time or as a value",
                "x.csv: value: asked for 2 times; a column is read once, as the time or as a value",
            ],
        ),
        (",value", None, None, ["x.csv: no name for column 1; name all columns"]),
    ],
)
def test_columns_asked_for(header: str, time: str | None, values: list[str] | None, expected: list[str]) -> None:
    width = header.count(",") + 1
    rows = [",".join([str(row)] * width) for row in range(3)]
    Path("x.csv").write_text("\n".join([header, *rows]))
    assert messages("x.csv", time_column=time, value_columns=values) == expected


def test_a_column_without_name_that_is_not_asked_for_does_no_harm() -> None:
    Path("x.csv").write_text(",time,value\n0,0,1\n1,1,2\n2,2,4\n")
    series = read_series(Path("x.csv"), time_column="time", value_columns=["value"])
    assert series.values.tolist() == [[1], [2], [4]]


NUMBERS = [0.0, 1.0, 3.0]
DATES = pa.array([0, 1, 2], pa.timestamp("s"))

PARQUET: dict[str, tuple[dict[str, object], list[str]]] = {
    "no rows": (
        {"time": pa.array([], pa.float64()), "value": pa.array([], pa.float64())},
        ["x.parquet: no row of data; a series needs at least 3"],
    ),
    "one column": ({"value": NUMBERS}, [f"x.parquet: only one column, 'value'; {HEADER}"]),
    "text": (
        {"time": ["0", "1", "2"], "value": ["a", "b", "c"]},
        [
            "x.parquet: time: a column of type string; store times as numbers of hours or timestamps",
            "x.parquet: value: a column of type string; store values as numbers",
        ],
    ),
    "lists": (
        {"time": NUMBERS, "value": [[1], [2], [3]]},
        ["x.parquet: value: a column of type list<element: int64>; store values as numbers"],
    ),
    "timestamps as values": (
        {"time": NUMBERS, "value": DATES},
        ["x.parquet: value: a column of type timestamp[ms]; store values as numbers"],
    ),
    "empty, NaN and infinity": (
        {"time": [0.0, None, 2.0, np.nan], "value": [None, 1.0, np.nan, np.inf]},
        [
            f"x.parquet: time: empty in row 2; {TIMES}",
            f"x.parquet: time: NaN in row 4; {TIMES}",
            f"x.parquet: value: empty in row 1; {VALUES}",
            f"x.parquet: value: NaN in row 3; {VALUES}",
            f"x.parquet: value: infinity in row 4; {VALUES}",
        ],
    ),
    "timestamps: empty, back and twice": (
        {"time": pa.array([5, None, 4, 4], pa.timestamp("s")), "value": [1.0, 2.0, 3.0, 4.0]},
        [
            f"x.parquet: time: empty in row 2; {TIMES}",
            f"x.parquet: time: the same time as in the row before in row 4; {ORDER}; {TWICE}",
        ],
    ),
    "time goes back far into the file": (
        {"time": [*range(100_000), 5], "value": [*range(100_001)]},
        [f"x.parquet: time: time goes back in row 100001; {ORDER}; {BACK}"],
    ),
    "constant": (
        {"time": NUMBERS, "value": [2.5, 2.5, 2.5]},
        [f"x.parquet: value: constant, every value is 2.5; {CONSTANT}"],
    ),
}


@pytest.mark.parametrize("name", PARQUET)
def test_parquet(name: str) -> None:
    columns, expected = PARQUET[name]
    pq.write_table(pa.table(columns), "x.parquet")
    assert messages("x.parquet") == expected


DAMAGED = "the file is damaged or was not written to its end; copy or export it anew"


def test_parquet_that_is_csv() -> None:
    Path("x.parquet").write_text(GOOD)
    assert messages("x.parquet") == [
        "x.parquet: no Parquet: the file begins with b'time'; "
        "a Parquet file begins and ends with PAR1; name a CSV file .csv"
    ]


def test_parquet_cut_short() -> None:
    pq.write_table(pa.table({"time": NUMBERS, "value": NUMBERS}), "x.parquet")
    content = Path("x.parquet").read_bytes()
    Path("x.parquet").write_bytes(content[:-10])
    assert messages("x.parquet") == [f"x.parquet: damaged Parquet (the end is missing); {DAMAGED}"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"", "the file is empty; a series needs a header line and at least 3 rows", id="empty"),
        pytest.param(b"PAR1", None, id="the first mark alone"),
        pytest.param(b"PAR1PAR1", None, id="marks without anything between"),
        pytest.param(b"PAR1" + b"\0" * 100 + b"PAR1", None, id="zero bytes between the marks"),
        pytest.param(b"PARE" + b"x" * 100 + b"PARE", "no Parquet: the file begins with b'PARE'; ", id="encrypted"),
        pytest.param(b"\x1f\x8b\x08\0", "no Parquet: the file begins with b'\\x1f\\x8b\\x08\\x00'; ", id="gzip"),
    ],
)
def test_parquet_that_is_none(content: bytes, expected: str | None) -> None:
    Path("x.parquet").write_bytes(content)
    (message,) = messages("x.parquet")
    assert message.startswith(f"x.parquet: {expected or 'damaged Parquet ('}")
    assert expected is not None or message.endswith(f"; {DAMAGED}")


def test_parquet_with_a_name_that_would_colour_the_terminal() -> None:
    pq.write_table(pa.table({"time": NUMBERS, "\x1b[31mred": NUMBERS}), "x.parquet")
    assert messages("x.parquet") == [
        f"x.parquet: '\\x1b[31mred': a character that can't be seen stands in the name of column 2; {NAMES}"
    ]


def test_parquet_with_a_damaged_footer() -> None:
    pq.write_table(pa.table({"time": NUMBERS, "value": NUMBERS}), "x.parquet")
    content = Path("x.parquet").read_bytes()
    Path("x.parquet").write_bytes(content[:-60] + b"\xff" * 40 + content[-20:])
    (message,) = messages("x.parquet")  # pyarrow's own words for the reason change with its version
    assert message.startswith("x.parquet: damaged Parquet (")
    assert message.endswith(f"; {DAMAGED}")


def test_parquet_with_a_flipped_bit_in_its_data() -> None:
    numbers = np.arange(1000.0)
    columns = pa.table({"time": numbers, "value": numbers})
    pq.write_table(columns, "x.parquet", write_page_checksum=True, compression="none", use_dictionary=False)
    content = bytearray(Path("x.parquet").read_bytes())
    content[content.index(np.float64(700).tobytes())] ^= 1
    Path("x.parquet").write_bytes(content)
    (message,) = messages("x.parquet")
    assert message.startswith("x.parquet: damaged Parquet (")


def test_names_without_a_known_suffix() -> None:
    for name, found in [
        ("x.txt", "the file name ends with '.txt'"),
        ("x.csv.gz", "the file name ends with '.gz'"),
        ("x", "the file name has no suffix"),
    ]:
        Path(name).write_text(GOOD)
        assert messages(name) == [f"{name}: {found}; a series is read from .csv or .parquet"]


@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_paths_that_are_no_file(name: str) -> None:
    assert messages(name) == [f"{name}: there is no such file; check the path"]
    Path(name).mkdir()
    assert messages(name) == [f"{name}: is a folder; name a .csv or .parquet file in it"]
    Path(name).rmdir()
    os.mkfifo(name)  # opening it would wait for a writer for ever
    assert messages(name) == [f"{name}: is no regular file; name a .csv or .parquet file"]


def test_paths_that_no_file_can_have() -> None:
    assert messages("a\0b.csv") == ["'a\\x00b.csv': can't be opened (embedded null byte); check the path"]
    long = "x" * 300 + ".csv"
    assert messages(long) == [f"{long}: can't be opened (File name too long); check the path"]
    Path("loop.csv").symlink_to("loop.csv")
    assert messages("loop.csv") == ["loop.csv: can't be opened (Too many levels of symbolic links); check the path"]


@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_no_permission(name: str) -> None:
    pq.write_table(pa.table({"time": NUMBERS, "value": NUMBERS}), "x.parquet")
    Path("x.csv").write_text(GOOD)
    Path().chmod(0o755)
    with as_nobody():
        assert len(read_series(Path(name)).values) == 3, "it is the file's mode that matters below"
    Path(name).chmod(0)
    with as_nobody():
        assert messages(name) == [f"{name}: permission denied; make the file readable for your user (chmod u+r)"]


@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_a_file_too_large_to_read_is_refused_unread(name: str) -> None:
    with open(name, "wb") as file:
        file.truncate(10_000_000_000)  # 10 GB of nothing; takes no space
    assert messages(name) == [
        f"{name}: the file has 10,000 MB; a series file may have 500 MB; thin it out or cut it into several series"
    ]


def test_a_line_of_100_mb_is_refused_without_being_read() -> None:
    with open("x.csv", "wb") as file:
        file.write(b"time,value\n0,")
        file.truncate(100_000_000)
    (message,) = messages("x.csv")
    assert message.startswith("x.csv:2: the line is longer than 1 MB;")


def test_a_small_file_that_unfolds_to_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MAX_CELLS", 100_000)
    numbers = np.zeros(1_000_000)
    pq.write_table(pa.table({"time": numbers, "value": numbers}), "x.parquet")
    assert Path("x.parquet").stat().st_size < 10_000
    assert messages("x.parquet") == [
        "x.parquet: the wanted columns have too many cells; "
        "at most 100,000 can be read; thin the series out or read fewer columns"
    ]
