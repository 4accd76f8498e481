"""Folders of whole files: on a disk, or in an object store through pyarrow. Must not know: what the files are.

Every method of a folder raises `OSError`: of a disk with its number, of an object store `StoreError`.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from raysweep.paths import SweepPaths
from raysweep.plain_files import TooLargeError, read_whole

OBJECT_STORES = ("s3", "gs")  # the schemes that are taken
STORAGE_VARIABLE = "RAYSWEEP_STORAGE_PATH"  # on a cluster's machines: what all of them see
_HARMLESS = frozenset({"region", "project_id", "retry_limit_seconds"})  # parameters that choose no server
# Google's library would try for a quarter of an hour, and hear no signal meanwhile.
GCS_PATIENCE = ("retry_limit_seconds", "5")
# One that is away for a moment comes back. Together with what libraries try by themselves, less than a worker may be
# silent before it is taken for hung.
PAUSES_SECONDS = (1.0, 3.0, 6.0, 10.0)

# A checkpoint of 350 million parameters. Who writes one has it in memory four times, so that twice as much as this fits
# no machine on which trials share a GPU or run side by side.
_MAX_FILE_BYTES = 4 * 2**30

_T = TypeVar("_T")


class StoreError(OSError):
    """An object store can't be reached, or refuses."""


class Folder(Protocol):
    """Files that are there whole or not at all. Picklable: workers get it from the driver."""

    def __truediv__(self, name: str) -> Folder:
        """A folder in it, which need not be there."""

    def make(self) -> None:
        """Makes it, with those above it."""

    def check(self) -> None:
        """Raises `OSError` if it was made and has gone."""

    def names(self) -> list[str]:
        """What its files are called; nothing if it isn't there."""

    def read(self, name: str) -> bytes:
        """The content of a file. Raises `FileNotFoundError` if there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Puts a file there, durably, in the place of one of that name. A kill leaves the old one or the new one."""

    def remove(self, name: str) -> None:
        """Takes a file away, if it is there."""

    def remove_drafts(self, name: str = "") -> None:
        """Takes away what killed processes of this machine had begun to write: of one file, or of all."""

    def __str__(self) -> str:
        """As people name it."""


@dataclass(frozen=True)
class LocalFolder:
    """A folder of a file system, which nodes of a cluster may share."""

    path: Path

    def __truediv__(self, name: str) -> LocalFolder:
        return LocalFolder(self.path / name)

    def __str__(self) -> str:
        return str(self.path)

    def make(self) -> None:
        """Makes it, with those above it."""
        self.path.mkdir(parents=True, exist_ok=True)

    def check(self) -> None:
        """Raises `OSError` if it isn't there."""
        self.path.stat()

    def names(self) -> list[str]:
        """What its files are called; nothing if it isn't there."""
        try:
            return os.listdir(self.path)  # unlike `glob`, it doesn't keep silent about a folder that can't be read
        except FileNotFoundError:
            return []

    def read(self, name: str) -> bytes:
        """The content of a file."""
        return read_whole(self.path / name, _MAX_FILE_BYTES)

    def write(self, name: str, content: bytes) -> None:
        """Written under another name, synced, then renamed. Makes its folder, but none above it.

        Where those are gone a disk has gone, and what is made anew would lie on another one.
        """
        self.path.mkdir(exist_ok=True)
        draft = self.path / f".{name}.{_machine()}.{os.getpid()}.tmp"
        try:
            draft.unlink(missing_ok=True)  # of a killed process of this number, or a link to another file
            with draft.open("xb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            draft.replace(self.path / name)
        finally:
            draft.unlink(missing_ok=True)
        self._sync()

    def remove(self, name: str) -> None:
        """Takes a file away, if it is there."""
        (self.path / name).unlink(missing_ok=True)

    def remove_drafts(self, name: str = "") -> None:
        """Not those of other machines: one that was cut off may be writing still, and must find what it writes."""
        draft = re.compile(rf"\.{re.escape(name) or '.+'}\.{re.escape(_machine())}\.\d+\.tmp")
        for found in filter(draft.fullmatch, self.names()):
            self.remove(found)

    def _sync(self) -> None:
        """A rename is durable only when its folder has been synced too."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@dataclass(frozen=True)
class ObjectFolder:
    """The objects of a bucket whose names begin alike. An object appears when all of it has arrived.

    Attributes:
        uri: Such as `s3://bucket/folder`; parameters behind a `?` are pyarrow's.
    """

    uri: str

    def __truediv__(self, name: str) -> ObjectFolder:
        start, mark, parameters = self.uri.partition("?")
        return ObjectFolder(f"{start.rstrip('/')}/{name}{mark}{parameters}")

    def __str__(self) -> str:
        return self.uri.partition("?")[0]

    def make(self) -> None:
        """Object stores have no folders."""

    def check(self) -> None:
        """Whether it has gone shows when it is written to."""

    def names(self) -> list[str]:
        """The objects in it."""
        from pyarrow.fs import FileSelector, FileType

        with self._opened() as (store, path):
            found = store.get_file_info(FileSelector(path, allow_not_found=True))
        return [info.base_name for info in found if info.type == FileType.File]

    def read(self, name: str) -> bytes:
        """The content of an object."""
        with self._opened() as (store, path), store.open_input_file(f"{path}/{name}") as source:
            size = source.size()
            if size <= _MAX_FILE_BYTES:
                return bytes(source.read())
        raise TooLargeError(f"{self}/{name}", size, _MAX_FILE_BYTES)

    def write(self, name: str, content: bytes) -> None:
        """Sends it in one go: a process that is killed while it does leaves nothing to be seen."""
        try:
            with self._opened() as (store, path), store.open_output_stream(f"{path}/{name}") as stream:
                stream.write(content)
        except FileNotFoundError as error:  # nothing else is looked for there
            raise StoreError(f"there is no such bucket: {' '.join(str(error).split())}") from error

    def remove(self, name: str) -> None:
        """Takes an object away, if it is there."""
        with self._opened() as (store, path):
            try:
                store.delete_file(f"{path}/{name}")
            except FileNotFoundError:
                return

    def remove_drafts(self, name: str = "") -> None:
        """There are none to be seen; the bucket's own rules clear away what was never finished."""

    @contextmanager
    def _opened(self) -> Iterator[tuple[Any, str]]:
        """The file system as pyarrow has it, and the path in it."""
        import pyarrow as pa

        address = urlsplit(self.uri)
        try:
            store, bucket = _connect(address._replace(path="").geturl())
            yield store, f"{bucket}{address.path.rstrip('/')}"
        except FileNotFoundError:
            raise
        except (OSError, pa.ArrowException) as error:
            raise StoreError(" ".join(str(error).split())) from error


@cache
def _connect(uri: str) -> tuple[Any, str]:
    """Once a process: to find out a bucket's region takes a request."""
    from pyarrow.fs import FileSystem

    address = urlsplit(uri)
    if address.scheme == "gs" and GCS_PATIENCE[0] not in dict(parse_qsl(address.query)):
        uri = address._replace(query="&".join(filter(None, [address.query, "=".join(GCS_PATIENCE)]))).geturl()
    store, path = FileSystem.from_uri(uri)
    return store, path


@cache
def _machine() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())


def open_folder(location: str) -> Folder:
    """The folder at a `storage_path`: an absolute path, `file://`, or the address of an object store."""
    if location.startswith(tuple(f"{scheme}://" for scheme in OBJECT_STORES)):
        return ObjectFolder(location)
    return LocalFolder(Path(unquote(urlsplit(location).path) if location.startswith("file://") else location))


def patiently(action: Callable[[], _T]) -> _T:
    """Does it again, after growing pauses, while an object store can't be reached; raises what the last try did."""
    for pause in PAUSES_SECONDS:
        try:
            return action()
        except StoreError:
            time.sleep(pause)
    return action()


def followed(location: str | None) -> str | None:
    """A location that a ledger has, which may be a stranger's; None where nobody should go because of that.

    The user's credentials go along to an object store. So its parameters, of which some choose the server, must be what
    the user says too, in `RAYSWEEP_STORAGE_PATH`.
    """
    if location is None or location == os.environ.get(STORAGE_VARIABLE) or "?" not in location:
        return location
    parameters = parse_qsl(location.partition("?")[2], keep_blank_values=True)
    return location if {name for name, _ in parameters} <= _HARMLESS else None


def why_unusable(folder: Folder) -> OSError | None:
    """Writes a file there, reads it back and takes it away; None if that goes well. Makes no folder on a disk."""
    name, content = f".raysweep-{secrets.token_hex(8)}", b"can this be written?\n"
    try:
        folder.check()
        folder.write(name, content)
        try:
            if folder.read(name) != content:
                return OSError("what is read isn't what was written")
        finally:
            folder.remove(name)
    except OSError as error:
        return error
    return None


@dataclass(frozen=True)
class SweepStorage:
    """Where a sweep keeps what workers write.

    Attributes:
        checkpoints: A folder a trial.
        predictions: The forecasts, a Parquet file a trial.
        ledger_copies: Copies of the ledger; None where it lies beside the checkpoints.
        shared: The folder of the sweep that other machines see too; None likewise.
    """

    checkpoints: Folder
    predictions: Folder
    ledger_copies: Folder | None
    shared: Folder | None

    def folder_of(self, trial_id: str) -> Folder:
        """The checkpoints of one trial."""
        return self.checkpoints / trial_id


def storage_of(paths: SweepPaths, storage_path: str | None) -> SweepStorage:
    """The sweep's own folder in `storage_path`, or where there is none in the results."""
    if storage_path is None:
        checkpoints, predictions = paths.checkpoints.resolve(), paths.predictions.resolve()
        return SweepStorage(LocalFolder(checkpoints), LocalFolder(predictions), None, None)
    folder = open_folder(storage_path) / paths.name
    return SweepStorage(
        folder / paths.checkpoints.name, folder / paths.predictions.name, folder / paths.ledger_copies.name, folder
    )
