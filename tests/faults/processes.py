"""Commands that are to be killed or told to stop; a mark in the environment finds the processes that come of them."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import Project

MARK = "RAYSWEEP_TEST_MARK"

# Sleeps where it is told to: in a training step, or in all forecasts after the one that validates the only epoch; not
# where there is a file `awake`, so that the same trial can be gone on with.
SLEEPER = '''
"""A model for tests of signals."""

import time
from pathlib import Path

import torch
from torch import Tensor, nn


class Model(nn.Module):
    """Sleeps in the middle of its work."""

    is_align_target = True

    def __init__(self, *, num_channels: int = 1, sleeps_in: str = "training") -> None:
        super().__init__()
        self.sleeps_in = sleeps_in
        self.num_forecasts = 0
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            self.num_forecasts += 1
        is_time = self.sleeps_in == "training" if self.training else self.num_forecasts > 1
        if is_time and not Path("awake").exists():
            time.sleep(30)
        return x * self.scale
'''

# SIGTERM comes when Ray's own handler has taken the place of ours, for a millisecond; it aborts three seconds later.
TOLD_WHILE_RAY_STARTS = """
import os, signal, time
from raysweep.tuning import cluster

options_of = cluster._local_options

def told_after_connecting(num_jobs):
    from ray._private import worker
    connect = worker.connect

    def connect_and_tell(*args, **options):
        connect(*args, **options)
        os.kill(os.getpid(), signal.SIGTERM)

    worker.connect = connect_and_tell
    return options_of(num_jobs)

cluster._local_options = told_after_connecting
from raysweep.__main__ import main
try:
    main()
finally:
    time.sleep(3)
"""

# Ray has started its processes, and then waits for ever, deep in C, where no handler of Python's is called.
STUCK_IN_RAY = """
import ctypes
import pathlib
from raysweep.tuning import cluster

options_of = cluster._local_options

def get_stuck(num_jobs):
    import ray
    init = ray.init

    def init_and_wait(*args, **options):
        init(*args, **options)
        lock = ctypes.create_string_buffer(128)
        pathlib.Path("stuck").touch()
        while True:  # who locks it twice waits for himself
            ctypes.CDLL(None).pthread_mutex_lock(lock)

    ray.init = init_and_wait
    return options_of(num_jobs)

cluster._local_options = get_stuck
from raysweep.__main__ import main
main()
"""


@dataclass
class Marked:
    """A running `raysweep ARGUMENTS` that leads a process group, as a shell makes one for each command.

    Attributes:
        process: The driver; both its outputs come as one.
        mark: In the environment of every process that comes of it.
    """

    process: subprocess.Popen[str]
    mark: str = field(repr=False)

    def send(self, number: signal.Signals) -> None:
        """As it comes to people: Ctrl-C goes to the whole group, all others to the driver alone."""
        if number == signal.SIGINT:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)

    def output(self, seconds: float) -> str:
        """All that it has said, once it has ended; the time that this may take."""
        try:
            return self.process.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds:g} s, with {self.others()}") from None

    def others(self) -> dict[int, str]:
        """The processes that came of it and are there now, with their command lines."""
        return {pid: line for pid, line in marked(self.mark).items() if pid != self.process.pid}

    def has(self, word: str) -> bool:
        """Whether one of them has this word in its command line."""
        return any(word in line for line in self.others().values())

    def has_workers(self) -> bool:
        """Whether there is a process that runs trials."""
        return self.has("ray::TrialActor") or self.has("ray::_Inner")

    def catches(self, number: signal.Signals) -> bool:
        """Whether the driver has a handler of its own for a signal."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
        return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


@contextmanager
def started(project: Project, *arguments: str | Path) -> Iterator[Marked]:
    """Runs a command in its project; whatever is left of it at the end is killed."""
    mark = secrets.token_hex(8)
    process = subprocess.Popen(
        project.command(arguments),
        cwd=project.root,
        env={**project.full_environment(), MARK: mark},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield Marked(process, mark)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        kill_marked(mark)


def marked(mark: str) -> dict[int, str]:
    """All processes with this mark, zombies excluded, by number, with their command lines."""
    wanted = f"{MARK}={mark}".encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        except OSError:  # it has ended, or is somebody else's
            continue
    return found


def kill_marked(mark: str) -> None:
    """SIGKILL to all of them."""
    for pid in marked(mark):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def busy() -> float:
    """How many times longer everything takes here at the moment, because other work is being done."""
    return max(1.0, max(os.getloadavg()[:2]) / (os.cpu_count() or 1))
