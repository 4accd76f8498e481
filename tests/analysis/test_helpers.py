"""Work that helpers and the process that asked them share, and libraries that load when they are used."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from raysweep import commands
from raysweep.analysis.report.helpers import Shared
from raysweep.errors import RaysweepError
from raysweep.forecasting.catalog import FolderCatalog
from raysweep.paths import SweepPaths
from raysweep.process_pools import process_pool
from tests.analysis.reports import small_sweep

LATE = """
import sys
from raysweep.analysis.late_imports import hidden, import_when_used
import_when_used("scipy", "stats")
import scipy.stats
assert "scipy.stats._stats_py" not in sys.modules, "what takes long"
assert scipy.stats.rankdata([3, 1]).tolist() == [2, 1]
from scipy.stats import norm
with hidden("pandas"):
    try:
        import pandas
    except ImportError:
        pass
    else:
        raise AssertionError("it is hidden")
import pandas
with hidden("pandas"):
    assert __import__("pandas") is pandas, "it was there before"
"""
LIGHT = """
import sys
from raysweep.analysis.report.helpers import helpers
assert {"numpy", "pandas", "matplotlib", "optuna"}.isdisjoint(sys.modules), "helpers are started before these"
from raysweep.analysis import forests
forests.load()
assert "pandas" not in sys.modules, "forests do without tables"
"""


def test_what_no_helper_has_begun_is_done_here_the_last_first() -> None:
    has_begun, may_end, done_here = threading.Event(), threading.Event(), []

    def work(number: int) -> int:
        if number == 0:
            has_begun.set()
            may_end.wait()
        if threading.current_thread() is threading.main_thread():
            done_here.append(number)
        return number

    with ThreadPoolExecutor(1) as pool:
        shared = Shared(pool, 1)
        futures = [shared.submit(work, number) for number in range(4)]
        assert has_begun.wait(timeout=10)
        shared.share()
        may_end.set()
        assert [future.result(timeout=10) for future in futures] == [0, 1, 2, 3]
    assert done_here == [3, 2, 1]


def test_a_pool_has_no_job_in_store_that_could_be_done_here() -> None:
    """A pool's own queue can't be taken back from: while its last job was done there, this process waited."""
    may_end, has_begun = threading.Event(), threading.Event()

    def wait() -> str:
        has_begun.set()
        may_end.wait()
        return "there"

    with ThreadPoolExecutor(1) as pool:
        shared = Shared(pool, 1)
        first, second = shared.submit(wait), shared.submit(lambda: "here")
        assert has_begun.wait(timeout=10)
        shared.share()
        assert second.result(timeout=0) == "here"
        third = shared.submit(lambda: "never")
        shared.forget()
        may_end.set()
        assert first.result(timeout=10) == "there"
    assert not third.done()


@pytest.mark.parametrize("num_cores", [2, 4])
def test_a_helper_that_is_killed_is_one_line(
    paths: SweepPaths, monkeypatch: pytest.MonkeyPatch, num_cores: int
) -> None:
    """One of several: those that are left must not be waited for, or for their results."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(num_cores)))
    small_sweep(paths)
    catalog = FolderCatalog(paths.root, [paths.root])
    before = set(multiprocessing.active_children())

    killed: list[int | None] = []

    def kill_a_helper(line: str) -> None:
        if not killed:
            helpers = sorted(set(multiprocessing.active_children()) - before, key=lambda helper: helper.pid or 0)
            assert len(helpers) == num_cores, "one of them grows forests, the others draw"
            helpers[0].kill()
            killed.append(helpers[0].pid)

    with commands.report_helpers() as helpers, pytest.raises(RaysweepError, match=r"helped with the report was killed"):
        commands.write_report([paths], paths.report, paths.figures, catalog, kill_a_helper, helpers)
    assert not paths.report.exists()
    assert set(multiprocessing.active_children()) <= before


def test_leaving_early_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ZeroDivisionError), process_pool(2, partial(time.sleep, 1)) as pool:
        shared = Shared(pool, 2)
        for _ in range(3):
            shared.submit(time.sleep, 1)
        raise ZeroDivisionError
    assert not caplog.records


def test_a_mistake_of_a_helper_is_shown_to_who_asked() -> None:
    with ThreadPoolExecutor(1) as pool, pytest.raises(ZeroDivisionError):
        Shared(pool, 1).submit(lambda: 1 // 0).result(timeout=10)


@pytest.mark.parametrize("check", [LATE, LIGHT], ids=["late", "light"])
def test_libraries_come_when_they_are_used(check: str) -> None:
    subprocess.run([sys.executable, "-c", check], check=True)
