"""Processes that do something while this one does something else, and end when it does. Must not know: what they do."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any

from raysweep.signals import leave_signals_to_parent, signals_held


@contextmanager
def process_pool(size: int, load: Callable[[], None] | None = None) -> Iterator[Executor]:
    """So many processes. On leaving, what nobody has begun is called off; on leaving by an exception, everything is.

    Args:
        size: How many.
        load: What each does first, and at once: without it a process starts when there is something to do.
    """
    # A fork would copy the locks of threads that it doesn't copy, such as pyarrow's.
    pool = _Pool(size, multiprocessing.get_context("spawn"), initializer=_begin)
    try:
        if load is not None:
            for _ in range(size):
                pool.submit(load)  # a process starts when it is first asked for anything
        yield pool
    except BaseException:
        pool.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


class _Pool(ProcessPoolExecutor):
    """Whose processes see no signal before they know what to do with it: a Ctrl-C would have each print a traceback."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As usual."""
        resource_tracker.ensure_running()  # it would be started inside, and let signals through again
        with signals_held():
            return super().submit(function, *args, **kwargs)

    def kill(self) -> None:
        """Ends all processes at once; Python 3.14 has `kill_workers` for it."""
        for process in list((self._processes or {}).values()):
            process.kill()


def _begin() -> None:
    leave_signals_to_parent()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    atexit.register(os._exit, 0)  # it has nothing to tidy up: to unload large libraries takes half a second


def _end_with_parent() -> None:
    """A process that was killed can't tell its helpers to stop, and they would wait for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "a helper was started by somebody"
    parent.join()
    os._exit(1)
