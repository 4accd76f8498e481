"""Reads a series in a process of its own, whose memory is limited and measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from raysweep.paths import PROJECT_ROOT

MAX_ADDRESS_SPACE = 4_000_000_000  # bytes; the libraries reserve more than they use

_READ = """
import json, resource, sys, time
from pathlib import Path

resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), int(sys.argv[2])))
from raysweep.errors import SeriesError
from raysweep.forecasting.series import read_series

began = time.process_time()
try:
    outcome = f"{len(read_series(Path(sys.argv[1])).values)} points"
except SeriesError as error:
    outcome = str(error)
seconds = time.process_time() - began
# Not getrusage: its peak begins with that of the process that started this one.
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(json.dumps([outcome, int(status["VmHWM"].split()[0]) / 1000, seconds]))
"""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What came of reading a file: the points or the report, the memory of the whole process, the processor's time."""

    outcome: str
    megabytes: float
    seconds: float


def read_confined(file: str, *, max_seconds: float = 120) -> Reading:
    """Reads a series file in the current folder."""
    done = subprocess.run(
        [sys.executable, "-c", _READ, str(Path(file)), str(MAX_ADDRESS_SPACE)],
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
        capture_output=True,
        text=True,
        timeout=max_seconds,
    )
    assert done.returncode == 0, done.stderr
    outcome, megabytes, seconds = json.loads(done.stdout)
    return Reading(outcome=outcome, megabytes=megabytes, seconds=seconds)
