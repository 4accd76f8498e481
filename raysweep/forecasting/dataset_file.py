"""`datasets.yaml`, the file that names series: YAML to checked entries.

Must not know: whether the files that it lists exist, and what is in them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from raysweep.errors import SeriesError, SweepFileError
from raysweep.spec.findings import Findings
from raysweep.spec.source import file_place, read_text
from raysweep.spec.tree import BrokenNode, Field, ListNode, MappingNode, Node, Place, ScalarNode, describe, quote
from raysweep.spec.yaml_reader import parse_yaml

FILE_NAME = "datasets.yaml"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_ADDRESS = re.compile(r"https?://[^\s/]+/\S+")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_SUFFIXES = (".csv", ".parquet")
_REQUIRED = ("file", "time_column", "value_columns", "unit")
_OPTIONAL = ("description", "original", "stand_in")


@dataclass(frozen=True, kw_only=True)
class Original:
    """The measurement itself, as published: its address and the SHA-256 of its bytes (64 hexadecimal digits)."""

    address: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One entry of a `datasets.yaml`.

    Attributes:
        name: What a sweep file calls it.
        folder: The folder of that `datasets.yaml`.
        file: The data file, below any of the folders that are searched.
        time_column: Its name.
        value_columns: Their names, at least one.
        unit: Of the values.
        description: For people.
        original: None if there is no published one.
        stand_in: The file to take where there is no `file`; below `folder`.
    """

    name: str
    folder: Path
    file: str
    time_column: str
    value_columns: tuple[str, ...]
    unit: str
    description: str = ""
    original: Original | None = None
    stand_in: str | None = None


def read_dataset_file(file: Path) -> dict[str, Dataset]:
    """Reads one `datasets.yaml`. Raises `SeriesError` with all that is wrong with it."""
    findings = Findings()
    datasets = {}
    try:
        root = parse_yaml(read_text(file, findings), file_place(file), findings)
        for name, field in root.fields.items():
            datasets[name] = _read_entry(name, field, findings, file.parent)
        findings.raise_if_any()
    except SweepFileError as error:
        raise SeriesError(error.problems) from error
    return datasets


def _read_entry(name: str, field: Field, findings: Findings, folder: Path) -> Dataset:
    """One entry; of no use if anything was noted in the findings."""
    if not _NAME.fullmatch(name):
        valid = "a name has up to 64 letters, digits, - and _, and begins with a letter or digit"
        findings.add(field.place, name, found="not a valid name", valid=valid)
    keys = _Keys(name, field, findings, required=_REQUIRED, optional=_OPTIONAL)
    time_column = keys.text("time_column")
    value_columns = keys.texts("value_columns")
    if time_column in value_columns:
        keys.note("value_columns", "the time column among them", "the columns that are to be forecast")
    original = None
    if "original" in keys.fields:
        nested = _Keys(
            f"{name}.original", keys.fields["original"], findings, required=("address", "sha256"), optional=()
        )
        address = nested.text("address", _ADDRESS.fullmatch, "an address that begins with https:// or http://")
        sha256 = nested.text("sha256", _SHA256.fullmatch, "64 hexadecimal digits, as `sha256sum FILE` prints")
        original = Original(address=address, sha256=sha256.lower())
    return Dataset(
        name=name,
        folder=folder,
        file=keys.file("file"),
        time_column=time_column,
        value_columns=value_columns,
        unit=keys.text("unit"),
        description=keys.text("description"),
        original=original,
        stand_in=keys.file("stand_in") or None,
    )


class _Keys:
    """The keys of one mapping. What is wrong with them is noted, and read as empty."""

    def __init__(
        self, path: str, field: Field, findings: Findings, *, required: tuple[str, ...], optional: tuple[str, ...]
    ) -> None:
        self._path = path
        self._place = field.place
        self._findings = findings
        self.fields: Mapping[str, Field] = {}
        known = (*required, *optional)
        if isinstance(field.node, MappingNode):
            self.fields = field.node.fields
        elif not isinstance(field.node, BrokenNode):
            self._add(field.place, "", describe(field.node), f"the keys {', '.join(known)}")
        for key, unknown in self.fields.items():
            if key not in known:
                nearest = difflib.get_close_matches(key, known, n=1)
                valid = f"did you mean {nearest[0]}?" if nearest else f"the keys are {', '.join(known)}"
                self._add(unknown.place, key, "unknown key", valid)
        for key in required if isinstance(field.node, MappingNode) else ():
            if key not in self.fields:
                self._add(field.place, key, "missing", f"the keys {', '.join(required)} are needed")

    def note(self, key: str, found: str, valid: str) -> None:
        """Note what is wrong with the value of a key."""
        self._add(self.fields[key].place if key in self.fields else self._place, key, found, valid)

    def text(
        self, key: str, is_valid: Callable[[str], object] = bool, valid: str = "text, in quotes if need be"
    ) -> str:
        """The text under a key; empty if it isn't there."""
        return self._text(key, self.fields[key].node, is_valid, valid) if key in self.fields else ""

    def texts(self, key: str) -> tuple[str, ...]:
        """The list of different texts under a key; empty if it isn't there."""
        node = self.fields[key].node if key in self.fields else None
        if node is None or isinstance(node, BrokenNode):
            return ()
        if not isinstance(node, ListNode) or not node.items:
            self.note(key, describe(node), "a list of column names, such as [value]")
            return ()
        texts = [self._text(key, item, bool, "text, in quotes if need be") for item in node.items]
        for text in dict.fromkeys(text for text in texts if texts.count(text) > 1):
            self.note(key, f"{quote(text)} given {texts.count(text)} times", "each column once")
        return tuple(texts)

    def file(self, key: str) -> str:
        """The data file under a key, as a path that stays in its folder; empty if it isn't there."""
        valid = "a path below the data folder, without .., that ends with .csv or .parquet"
        return self.text(key, _stays_inside, valid)

    def _text(self, key: str, node: Node, is_valid: Callable[[str], object], valid: str) -> str:
        if isinstance(node, ScalarNode) and isinstance(node.value, str) and is_valid(node.value):
            return node.value
        if not isinstance(node, BrokenNode):
            self._add(node.place, key, describe(node), valid)
        return ""

    def _add(self, place: Place, key: str, found: str, valid: str) -> None:
        self._findings.add(place, f"{self._path}.{key}" if key else self._path, found=found, valid=valid)


def _stays_inside(file: str) -> bool:
    path = PurePosixPath(file)
    return not path.is_absolute() and ".." not in path.parts and path.suffix.lower() in _SUFFIXES
