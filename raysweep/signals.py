"""Ctrl-C and SIGTERM mean the same: stop, and keep what is done."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from raysweep.errors import Interrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interruptible() -> Iterator[None]:
    """Raises `Interrupted` wherever the program is when a signal comes; main thread only."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    raise_on_signals()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def raise_on_signals() -> None:
    """Again, after a library has put handlers of its own in place."""
    for number in _SIGNALS:
        signal.signal(number, _raise)


@contextmanager
def signals_noted() -> Iterator[Callable[[], bool]]:
    """Where an exception would do harm: a signal is only noted; the value tells whether one has come."""
    seen: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        seen.append(number)

    for number in _SIGNALS:
        signal.signal(number, note)
    try:
        yield lambda: bool(seen)
    finally:
        raise_on_signals()


def _raise(number: int, frame: FrameType | None) -> None:
    raise Interrupted(signal.Signals(number).name)
