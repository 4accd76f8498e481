"""Reads a small text file from a stranger: the checks that come before any YAML.

Must not know: YAML.
"""

from __future__ import annotations

import difflib
import re
import stat
from pathlib import Path

from raysweep.spec.findings import Findings
from raysweep.spec.tree import Place, show_key

MAX_BYTES = 1_000_000

_BYTE_ORDER_MARK = "\ufeff"  # some editors put it before UTF-8; it says nothing, so it is dropped
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_CONTROL_CHARACTER = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TEXT_FILE = "name a text file"


def file_place(path: Path) -> Place:
    """A file as a whole, in the words of messages."""
    return Place(show_path(path))


def show_path(path: Path) -> str:
    """A path on one line, printable everywhere."""
    text = str(path)
    return text if text.isprintable() else repr(text)


def read_text(path: Path, findings: Findings) -> str:
    """The text of a file.

    Raises:
        SweepFileError: If it isn't a readable UTF-8 text file of a sensible size.
    """
    data = _read_bytes(path, findings)
    file = show_path(path)
    utf8 = "save the file as UTF-8 text"
    if data.startswith(_UTF16_MARKS):
        findings.stop(Place(file), found="encoded as UTF-16 or UTF-32", valid=utf8)
    if b"\0" in data:
        found = "a zero byte, as in a binary file"
        findings.stop(Place(file, _line_at(data, data.index(0))), found=found, valid=utf8)
    try:
        text = data.decode("utf-8").removeprefix(_BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        found = f"the byte 0x{data[error.start]:02x}, which isn't UTF-8"
        findings.stop(Place(file, _line_at(data, error.start)), found=found, valid=utf8)
    if control := _CONTROL_CHARACTER.search(text):
        found = f"the control character U+{ord(control[0]):04X}"
        findings.stop(Place(file, text.count("\n", 0, control.start()) + 1), found=found, valid="remove it")
    return text


def _read_bytes(path: Path, findings: Findings) -> bytes:
    place = file_place(path)
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            findings.stop(place, found="a directory", valid=_TEXT_FILE)
        if not stat.S_ISREG(mode):  # reading from a pipe or a device could wait or go on for ever
            findings.stop(place, found="not a regular file", valid=_TEXT_FILE)
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        findings.stop(place, found="no such file", valid=_nearest_file(path) or "check the path")
    except PermissionError:
        findings.stop(place, found="no permission to read it", valid="make it readable for your user (chmod u+r)")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        findings.stop(place, found=f"can't be read ({reason.lower()})", valid=_TEXT_FILE)
    if not _is_unicode(str(path)):  # Ray keeps the command line, and takes no other text
        findings.stop(place, found="a path that isn't UTF-8", valid="rename the file or folder")
    if len(data) > MAX_BYTES:
        findings.stop(place, found=f"longer than {MAX_BYTES:,} bytes", valid="is it the right file? split it if it is")
    return data


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _nearest_file(path: Path) -> str:
    try:
        siblings = [sibling.name for sibling in path.parent.glob("*.yaml")]
    except (OSError, ValueError):
        return ""
    nearest = difflib.get_close_matches(path.name, siblings, n=1)
    return f"did you mean {show_key(str(path.with_name(nearest[0])))}?" if nearest else ""


def _line_at(data: bytes, position: int) -> int:
    return data.count(b"\n", 0, position) + 1
