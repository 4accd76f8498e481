"""Paths that are no readable file."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from raysweep.errors import SweepFileError
from raysweep.spec.loader import load_sweep
from tests.spec.catalog_double import CatalogDouble
from tests.spec.corpus.case import GOOD


def message(path: Path) -> str:
    with pytest.raises(SweepFileError) as caught:
        load_sweep(path, overrides=[], catalog=CatalogDouble())
    return str(caught.value)


@contextlib.contextmanager
def as_stranger() -> Iterator[None]:
    """Root may read everything; so the test gives its rights away for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_missing_file() -> None:
    assert message(Path("sweep.yaml")) == "sweep.yaml: no such file; check the path"


def test_missing_file_with_a_similar_one_beside_it(own_folder: Path) -> None:
    Path("quickstart.yaml").write_text(GOOD)
    assert message(Path("quickstrat.yaml")) == "quickstrat.yaml: no such file; did you mean quickstart.yaml?"


def test_missing_folder() -> None:
    assert message(Path("sweeps/a.yaml")) == "sweeps/a.yaml: no such file; check the path"


def test_directory(own_folder: Path) -> None:
    Path("x.yaml").mkdir()
    assert message(Path("x.yaml")) == "x.yaml: a directory; name a text file"


def test_file_as_folder(own_folder: Path) -> None:
    Path("x.yaml").write_text(GOOD)
    assert message(Path("x.yaml/y.yaml")) == "x.yaml/y.yaml: can't be read (not a directory); name a text file"


def test_pipe_is_not_waited_for(own_folder: Path) -> None:
    os.mkfifo("x.yaml")
    assert message(Path("x.yaml")) == "x.yaml: not a regular file; name a text file"


def test_endless_device() -> None:
    assert message(Path("/dev/zero")) == "/dev/zero: not a regular file; name a text file"


def test_no_permission(own_folder: Path) -> None:
    path = Path("x.yaml")
    path.write_text(GOOD)
    own_folder.chmod(0o755)
    with as_stranger():
        assert load_sweep(path, catalog=CatalogDouble()).name == "s", "it is the file's mode that matters below"
    path.chmod(0)
    with as_stranger():
        assert message(path) == "x.yaml: no permission to read it; make it readable for your user (chmod u+r)"


def test_link_to_itself(own_folder: Path) -> None:
    Path("x.yaml").symlink_to("x.yaml")
    assert message(Path("x.yaml")) == "x.yaml: can't be read (too many levels of symbolic links); name a text file"


def test_zero_byte_in_the_path() -> None:
    assert message(Path("x\0.yaml")) == "'x\\x00.yaml': can't be read (embedded null byte); name a text file"


def test_path_longer_than_the_system_allows() -> None:
    long_name = "x" * 300
    assert message(Path(long_name)) == f"{long_name}: can't be read (file name too long); name a text file"


def test_name_that_is_no_unicode(own_folder: Path) -> None:
    path = Path(os.fsdecode(b"gr\xfcn.yaml"))
    path.write_text(GOOD)
    assert message(path) == r"'gr\udcfcn.yaml': a path that isn't UTF-8; rename the file or folder"


@pytest.mark.parametrize("name", ["a b.yaml", "quote's.yaml", "µ.yaml", "no-suffix", "-x.yaml"])
def test_odd_names_are_read(own_folder: Path, name: str) -> None:
    Path(name).write_text(GOOD)
    assert load_sweep(Path(name), overrides=[], catalog=CatalogDouble()).file == Path(name)


def test_odd_names_stay_on_one_line_of_a_message(own_folder: Path) -> None:
    Path("a\nb.yaml").write_text("name: s\n")
    assert message(Path("a\nb.yaml")).startswith("'a\\nb.yaml':1: param_space: missing; ")
