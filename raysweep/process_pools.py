"""Processes that do something while this one does something else, and end when it does. Must not know: what they do."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager

from raysweep.signals import ignore_signals


@contextmanager
def process_pool(size: int, load: Callable[[], None] | None = None) -> Iterator[Executor]:
    """So many processes. On leaving, what nobody has begun is called off.

    Args:
        size: How many.
        load: What each does first, and at once: without it a process starts when there is something to do.
    """
    # A fork would copy the locks of threads that it doesn't copy, such as pyarrow's.
    pool = ProcessPoolExecutor(size, multiprocessing.get_context("spawn"), initializer=_begin)
    try:
        if load is not None:
            for _ in range(size):
                pool.submit(load)  # a process starts when it is first asked for anything
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    ignore_signals()  # Ctrl-C goes to all processes of a terminal; the one that asked says when to stop
    threading.Thread(target=_end_with_parent, daemon=True).start()
    atexit.register(os._exit, 0)  # it has nothing to tidy up: to unload large libraries takes half a second


def _end_with_parent() -> None:
    """A process that was killed can't tell its helpers to stop, and they would wait for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "a helper was started by somebody"
    parent.join()
    os._exit(1)
