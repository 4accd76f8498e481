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
from functools import partial
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
class _Job:
    theirs: Future[Any]
    shown: Future[Any]  # whoever has done it
    do: Callable[[], Any]


class Shared(Executor):
    """A pool whose work this process shares once it has nothing else to do.

    Args:
        pool: Has its own processes.
    """

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._jobs: list[_Job] = []

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """What the pool does, or `share` before it has begun."""
        job = _Job(
            theirs=self._pool.submit(function, *args, **kwargs),
            shown=Future(),
            do=partial(function, *args, **kwargs),
        )
        job.theirs.add_done_callback(partial(_show, job.shown))
        self._jobs.append(job)
        return job.shown

    def share(self) -> None:
        """Does here what nobody has begun, the last first."""
        while self._jobs:
            job = self._jobs.pop()
            if job.theirs.cancel():
                job.shown.set_result(job.do())


def _show(shown: Future[Any], theirs: Future[Any]) -> None:
    if theirs.cancelled():  # done here, or by nobody any more
        return
    error = theirs.exception()
    if error is None:
        shown.set_result(theirs.result())
    else:
        shown.set_exception(error)


@dataclass(frozen=True, kw_only=True)
class Helpers:
    """Who does what takes long. Each kind of work has processes of its own, as each needs other large libraries.

    Attributes:
        painters: Draw.
        foresters: Find out what matters.
    """

    painters: Executor = field(default_factory=Here)
    foresters: Executor = field(default_factory=Here)

    def share(self) -> None:
        """Has this process draw too, until nothing is left that isn't being drawn."""
        if isinstance(self.painters, Shared):
            self.painters.share()


@contextmanager
def helpers() -> Iterator[Helpers]:
    """Processes as many as the machine has cores for, and none where it has one."""
    num_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if num_cores < 2:
        yield Helpers()
        return
    num_painters = min(num_cores - 1, _MOST_PAINTERS)
    with _pool(num_painters, loading.painter) as painters, _pool(1, loading.forester) as foresters:
        yield Helpers(painters=Shared(painters), foresters=foresters)


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
