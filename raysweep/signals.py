"""Ctrl-C and SIGTERM mean the same: stop, and keep what is done."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from raysweep.errors import Interrupted
from raysweep.process_table import descendants

AGAIN_SECONDS = 0.01
STOP_SECONDS = 9.0  # people are promised ten
ALARM_SECONDS = 0.5  # Ray's are set for three
INTERRUPTED = 130  # the exit code
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_seen: list[signal.Signals] = []


@contextmanager
def interruptible(last_words: Callable[[], None]) -> Iterator[None]:
    """Raises `Interrupted` wherever the program is when the first signal comes; main thread only, once a process.

    What stops can't be stopped again: a second Ctrl-C would leave processes behind. Who hasn't stopped in time is ended
    as a kill would end it, which everything here is made for: a Ray that has lost a process may wait for it.

    Args:
        last_words: What is said in that case.
    """
    sys.unraisablehook = _raise_later
    with _impatient(last_words):
        _handle(_raise)
        try:
            yield
        finally:
            _handle(_note)


def ignore_signals() -> None:
    """What has ended has: until the process is gone, which takes a moment, signals change nothing any more.

    Handlers of ours wouldn't do: Python brings the system's own back while it ends, and those would end it in another
    way.
    """
    _handle(signal.SIG_IGN)


def raise_if_interrupted() -> None:
    """Where code that isn't ours has run: it may have swallowed the exception, or set handlers of its own."""
    raise_if_seen()
    _handle(_raise)


def raise_if_seen() -> None:
    """Where somebody may have put an error of his own in the place of `Interrupted`; changes no handlers."""
    if _seen:
        raise Interrupted(_seen[0].name)


@contextmanager
def signals_noted() -> Iterator[Callable[[], bool]]:
    """Where an exception would do harm: a signal is only noted; the value tells whether one has come."""
    _handle(_note)
    try:
        yield lambda: bool(_seen)
    finally:
        if not _seen:
            _handle(_raise)


def handle_again() -> None:
    """Where code that isn't ours has taken the handlers away, which Python doesn't notice."""
    for number in _SIGNALS:
        signal.signal(number, signal.getsignal(number))


@contextmanager
def signals_held() -> Iterator[None]:
    """Signals come on leaving. Processes that are started inside have them held until they see to it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def leave_signals_to_parent() -> None:
    """In a process that helps another one: Ctrl-C goes to all processes of a terminal, and the other one sees to it.

    SIGTERM ends this one at once: it is what a pool ends its processes with when it has lost one of them.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


@contextmanager
def _impatient(last_words: Callable[[], None]) -> Iterator[None]:
    """Inside, a process that a signal doesn't stop in time is ended."""
    come, told = os.pipe()
    os.set_blocking(told, False)
    has_stopped = threading.Event()

    def end_in_time() -> None:
        # What has come is read here even while the main thread is deep in somebody's C++, where no handler is called.
        while (number := os.read(come, 1)) and number[0] not in _SIGNALS:
            pass
        if number and not _stops_in_time(has_stopped):
            try:
                _kill_descendants()  # Ray's processes would end by themselves, minutes later
                last_words()
            finally:
                os._exit(INTERRUPTED)
        os.close(come)

    threading.Thread(target=end_in_time, daemon=True).start()
    before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    try:
        yield
    finally:
        has_stopped.set()
        signal.set_wakeup_fd(before)
        os.close(told)


def _stops_in_time(has_stopped: threading.Event) -> bool:
    until = time.monotonic() + STOP_SECONDS
    while (left := until - time.monotonic()) > 0:
        _call_off_alarm()  # again and again: each signal may set one, and a main thread that is stuck can't
        if has_stopped.wait(min(left, ALARM_SECONDS)):
            return True
    return False


def _kill_descendants() -> None:
    for pid in descendants(os.getpid()):
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def _handle(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for number in _SIGNALS:
        signal.signal(number, handler)


def _note(number: int, frame: FrameType | None) -> None:
    _call_off_alarm()
    _seen.append(signal.Signals(number))


def _call_off_alarm() -> None:
    """While Ray starts, a handler of its own comes before ours; the alarm that it sets would abort the process."""
    signal.alarm(0)


def _raise(number: int, frame: FrameType | None) -> None:
    _note(number, frame)
    _handle(_note)
    raise Interrupted(_seen[0].name)


def _raise_later(unraisable: sys.UnraisableHookArgs) -> None:
    """Where Python swallows exceptions, in a `__del__` or in the callback of a weak reference, a signal comes again."""
    if not isinstance(unraisable.exc_value, Interrupted):
        sys.__unraisablehook__(unraisable)
        return
    _handle(_raise)
    threading.Thread(target=_send_again, args=(_seen[0],), daemon=True).start()


def _send_again(number: signal.Signals) -> None:
    """Once the main thread has left `_raise_later`: what is raised in there is swallowed, too."""
    main, hook = threading.main_thread().ident, _raise_later.__code__
    frame: FrameType | None
    while True:
        time.sleep(AGAIN_SECONDS)
        frame = sys._current_frames().get(main or 0)
        while frame is not None and frame.f_code is not hook:
            frame = frame.f_back
        if frame is None:
            os.kill(os.getpid(), number)
            return
