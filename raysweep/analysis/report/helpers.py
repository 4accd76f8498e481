"""Processes that draw and grow forests while this one reads tables and counts. Must not know: what they are asked.

Nothing here loads a large library: helpers are started first of all, so that they load theirs while this process does.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from raysweep.analysis.report import loading
from raysweep.process_pools import process_pool

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
    do: Callable[[], Any]
    shown: Future[Any]  # whoever has done it


class Shared(Executor):
    """A pool whose work this process shares once it has nothing else to do.

    The pool gets a job for each of its processes at a time: what a pool keeps ready for them can't be taken back.

    Args:
        pool: Has its own processes.
        size: How many.
    """

    def __init__(self, pool: Executor, size: int) -> None:
        self._pool, self._num_free = pool, size
        self._waiting: deque[_Job] = deque()
        self._lock = threading.Lock()  # a pool says in a thread of its own that a job is done

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """What the pool does, or `share` before it has begun."""
        job = _Job(do=partial(function, *args, **kwargs), shown=Future())
        with self._lock:
            self._waiting.append(job)
        self._hand_out()
        return job.shown

    def share(self) -> None:
        """Does here what nobody has begun, the last first."""
        while True:
            with self._lock:
                if not self._waiting:
                    return
                job = self._waiting.pop()
            job.shown.set_result(job.do())

    def forget(self) -> None:
        """Leaves undone what nobody has begun."""
        with self._lock:
            self._waiting.clear()

    def _hand_out(self) -> None:
        while True:
            with self._lock:
                if not self._num_free or not self._waiting:
                    return
                self._num_free -= 1
                job = self._waiting.popleft()
            # Not under the lock: the pool has one of its own, which it may hold while it says that a job is done.
            try:
                theirs = self._pool.submit(job.do)
            except BrokenExecutor as error:
                job.shown.set_exception(error)
                return
            theirs.add_done_callback(partial(self._show, job.shown))

    def _show(self, shown: Future[Any], theirs: Future[Any]) -> None:
        if theirs.cancelled():  # nobody waits for it any more
            return
        error = theirs.exception()
        if error is None:
            shown.set_result(theirs.result())
        else:
            shown.set_exception(error)
        if not isinstance(error, BrokenExecutor):  # it takes no more jobs
            with self._lock:
                self._num_free += 1
            self._hand_out()


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
    with process_pool(num_painters, loading.painter) as painters, process_pool(1, loading.forester) as foresters:
        shared = Shared(painters, num_painters)
        try:
            yield Helpers(painters=shared, foresters=foresters)
        finally:
            shared.forget()
