"""Signals at moments when Python itself is in the way. Each in a process of its own, as a real one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import PROJECT

SWALLOWED = """
import os, signal, time
from raysweep.errors import Interrupted
from raysweep.signals import interruptible

class Told:
    def __del__(self):
        os.kill(os.getpid(), signal.{name})
        time.sleep(0.1)

try:
    with interruptible(last_words=print):
        told = Told()
        del told
        time.sleep(5)
except Interrupted as error:
    print("stopped by", error)
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_where_exceptions_are_swallowed_comes_again(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SWALLOWED.format(name=name)],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.stdout, done.stderr) == (f"stopped by {name}\n", "")


PESTERED = """
import atexit, subprocess, sys, time

def pester():
    until_gone = "while kill -TERM $PPID; do :; done"
    subprocess.Popen(["sh", "-c", until_gone], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.2)

atexit.register(pester)
sys.argv = ["raysweep", *sys.argv[1:]]
from raysweep.__main__ import main
main()
"""


@pytest.mark.parametrize(("word", "code"), [("models", 0), ("nonsense", 2)])
def test_a_signal_on_the_last_way_changes_nothing(word: str, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PESTERED, word],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        cwd=PROJECT,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == code, done
