"""Processes that draw and grow forests while this one reads tables and counts. Must not know: what they are asked.

Nothing here loads a large library: helpers are started first of all, so that they load theirs while this process does.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from raysweep.analysis.garbage import look_seldom
from raysweep.analysis.report import loading
from raysweep.signals import ignore_signals

_MOST_PAINTERS = 3  # each takes a second until it can draw anything


class Here(Executor):
    """Does what it is asked at once, in this process."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """What has been done, as a future."""
        future: Future[Any] = Future()
        future.set_result(function(*args, **kwargs))
        return future


@dataclass(frozen=True, kw_only=True)
class Helpers:
    """Who does what takes long. Each kind of work has processes of its own, as each needs other large libraries.

    Attributes:
        painters: Draw.
        foresters: Find out what matters.
    """

    painters: Executor = field(default_factory=Here)
    foresters: Executor = field(default_factory=Here)


@contextmanager
def helpers() -> Iterator[Helpers]:
    """Processes as many as the machine has cores for, and none where it has one."""
    num_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if num_cores < 2:
        yield Helpers()
        return
    num_painters = min(num_cores, _MOST_PAINTERS)
    with _pool(num_painters, loading.painter) as painters, _pool(1, loading.forester) as foresters:
        yield Helpers(painters=painters, foresters=foresters)


@contextmanager
def _pool(size: int, load: Callable[[], None]) -> Iterator[Executor]:
    # A fork would copy the locks of threads that it doesn't copy, such as pyarrow's.
    pool = ProcessPoolExecutor(size, multiprocessing.get_context("spawn"), initializer=_begin)
    try:
        for _ in range(size):
            pool.submit(load)  # a process starts when it is first asked for anything
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    look_seldom()
    ignore_signals()  # Ctrl-C goes to all processes of a terminal; the one that asked says when to stop
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A process that was killed can't tell its helpers to stop, and they would wait for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "a helper was started by somebody"
    parent.join()
    os._exit(1)
