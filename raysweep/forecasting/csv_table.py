"""CSV files, read line by line so that no file, however strange, fills the memory.

One format is read: UTF-8, one header line, commas, decimal points. Others are recognised and refused.
Must not know: what a series has to be.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from raysweep.errors import SeriesError
from raysweep.forecasting.cells import Rule, is_data, numbers_from_text, shown
from raysweep.forecasting.table import MAX_CELLS, Table, TableBuilder, WantedColumns, checked_file, refused
from raysweep.spec.source import show_path

MAX_LINE_BYTES = 1_000_000
MAX_LINES = MAX_CELLS // 2  # as many rows as the shortest may be; blank and broken ones count too
CELLS_PER_PIECE = 200_000  # turned into numbers at once; many for numpy, few for the memory
TEXT_PER_PIECE = 10_000_000  # characters; the cells of a strange file can be long

_BYTE_ORDER_MARKS = {  # UTF-32 first: its mark begins as that of UTF-16
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
_OTHER_FORMATS = {
    b"\x1f\x8b": ("gzip", "unpack it with gunzip"),
    b"\xfd7zXZ": ("xz", "unpack it with unxz"),
    b"\x28\xb5\x2f\xfd": ("zstd", "unpack it with unzstd"),
    b"PK\x03\x04": ("ZIP or an Excel workbook", "unpack it or export it as CSV"),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "export it as CSV"),
    b"PAR1": ("Parquet", "name it .parquet"),
}
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_QUOTING = {
    "unexpected end of data": "a quote is opened and never closed",
    "field larger than field limit": "a cell goes on for more than 100,000 characters, as after a quote left open",
    "expected after": "text goes on after a closing quote",
    "new-line character": "a carriage return stands inside the line; lines end with LF or CRLF",
}


def read_csv(path: Path, wanted: WantedColumns) -> Table:
    """Reads the wanted columns. Raises `SeriesError` if the file can't be read to its end."""
    checked_file(path)
    where = show_path(path)
    with path.open("rb") as file:
        _refuse_other_formats(where, file)
        records = _records(where, file)
        _, header = next(records, (1, []))
        _refuse_other_separators(where, header)
        if header and is_data(header):
            valid = "the first line must name the columns; put such a line before the data"
            raise refused(f"{where}:1", "data in place of column names", valid)
        builder = TableBuilder(where, "line", header, wanted)
        try:
            if builder.values or builder.time is not None:
                _read_rows(records, len(header), builder)
        except SeriesError as error:
            raise SeriesError([*builder.problems(), *error.problems]) from error
    return builder.table()


def _read_rows(records: Iterator[tuple[int, list[str]]], width: int, builder: TableBuilder) -> None:
    lines: list[int] = []
    rows: list[list[str]] = []
    num_characters = 0
    try:
        for line, cells in records:
            if len(cells) != width:
                builder.row_faults.add(_ragged_rule(width, len(cells)), line, _counted(len(cells)))
                continue
            lines.append(line)
            rows.append(cells)
            num_characters += sum(map(len, cells))
            if len(rows) * width >= CELLS_PER_PIECE or num_characters >= TEXT_PER_PIECE:
                full, lines, rows, num_characters = (lines, rows), [], [], 0
                _add_piece(builder, *full)
    finally:  # what stands before a line that can't be read is reported too
        if rows:
            _add_piece(builder, lines, rows)


def _add_piece(builder: TableBuilder, lines: Sequence[int], rows: Sequence[Sequence[str]]) -> None:
    columns = list(zip(*rows, strict=True))
    if builder.time is None:
        hours = np.full(len(rows), np.nan)
    else:
        hours = builder.times.hours_from_text(columns[builder.time], lines)
    values = [
        numbers_from_text(columns[position], lines, faults)
        for position, faults in zip(builder.values, builder.value_faults, strict=True)
    ]
    builder.add(lines, hours, values)


def _ragged_rule(width: int, num_cells: int) -> Rule:
    commas = num_cells == 2 * width
    return Rule(
        f"not {_counted(width)}",
        "twice as many cells as columns hint at decimal commas: replace 0,5 by 0.5"
        if commas
        else "every row needs as many cells as the header; correct or remove the row",
    )


def _counted(num_cells: int) -> str:
    return "no cell" if num_cells == 0 else f"{num_cells} cell{'s' if num_cells > 1 else ''}"


def _records(where: str, file: BinaryIO) -> Iterator[tuple[int, list[str]]]:
    """The cells of every row with the line it begins in; blank lines at the end are left out."""
    reader = csv.reader(_lines(where, file), strict=True)
    num_blank = 0
    while True:
        start = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            found = next((text for part, text in _QUOTING.items() if part in str(error)), str(error))
            raise refused(f"{where}:{start}", found, "correct the line, or export the file anew") from error
        if cells is None:
            return
        if not cells and start > 1:
            num_blank += 1
            continue
        if num_blank:
            yield from ((line, []) for line in range(start - num_blank, start))
            num_blank = 0
        yield start, cells


def _lines(where: str, file: BinaryIO) -> Iterator[str]:
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if number > MAX_LINES:
            found = f"the file has more than {MAX_LINES:,} lines"
            raise refused(where, found, "thin the series out or cut it into several")
        if len(line) > MAX_LINE_BYTES:
            valid = "a line may have 1 MB; is this a CSV file with one row a line?"
            raise refused(f"{where}:{number}", "the line is longer than 1 MB", valid)
        if b"\0" in line:
            valid = "a CSV file is UTF-8 text; zero bytes hint at UTF-16 or at a binary file"
            raise refused(f"{where}:{number}", "zero bytes", valid)
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            found = f"not UTF-8 (byte 0x{line[error.start]:02x}){_guessed_encoding(line)}"
            raise refused(f"{where}:{number}", found, "save the file as UTF-8") from error


def _guessed_encoding(line: bytes) -> str:
    try:
        text = line.decode("cp1252")
    except UnicodeDecodeError:
        return ""
    return f", looks like Latin-1 or Windows-1252 ({shown(text.strip(), quote=True)})"


def _refuse_other_formats(where: str, file: BinaryIO) -> None:
    start = file.read(8)
    file.seek(0)
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if start.startswith(mark):
            raise refused(where, f"encoded in {encoding}", "save the file as UTF-8")
    for mark, (name, remedy) in _OTHER_FORMATS.items():
        if start.startswith(mark):
            raise refused(where, f"no CSV: the content is {name}", remedy)


def _refuse_other_separators(where: str, header: Sequence[str]) -> None:
    for separator, name in _SEPARATORS.items():
        if len(header) == 1 and separator in header[0]:
            valid = "cells are separated by commas and decimals written with a point; export the file that way"
            raise refused(where, f"columns separated by {name}", valid)
