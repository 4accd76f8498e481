"""YAML bombs fizzle: a report, soon, in little memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from raysweep.errors import SweepFileError
from raysweep.paths import PROJECT_ROOT
from raysweep.spec.findings import MAX_REPORTED
from tests.spec.bombs import BOMBS
from tests.spec.loading import load

MAX_SECONDS = 15.0  # five times what the slowest takes on a slow machine
MAX_KILOBYTES = 300_000  # the interpreter and its libraries are 100,000 of them

READ_CONFINED = """
import resource, sys
from pathlib import Path

resource.setrlimit(resource.RLIMIT_AS, (2_000_000_000, 2_000_000_000))
from raysweep.errors import InputError
from raysweep.forecasting.dataset_file import read_dataset_file
from raysweep.spec.loader import load_sweep
from tests.spec.bombs import BOMBS
from tests.spec.catalog_double import CatalogDouble

def read(reader, name):
    Path("x.yaml").write_text(BOMBS[name])
    try:
        reader(Path("x.yaml"))
    except InputError:
        return
    sys.exit(f"{name} was read")

for name in ("aliases", "open brackets", "words", "lines of one text", "one long tag", "seeds by configs"):
    read(lambda file: load_sweep(file, catalog=CatalogDouble()), name)
for name in ("aliases", "open brackets"):
    read(read_dataset_file, name)
# Not getrusage: its peak begins with that of the process that started this one.
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(status["VmHWM"].split()[0])
"""


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_fizzle(name: str) -> None:
    began = time.process_time()
    with pytest.raises(SweepFileError) as caught:
        load(BOMBS[name])
    assert time.process_time() - began < MAX_SECONDS
    assert len(caught.value.problems) <= MAX_REPORTED


def test_bombs_leave_the_memory_alone(own_folder: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
    command = [sys.executable, "-c", READ_CONFINED]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < MAX_KILOBYTES
