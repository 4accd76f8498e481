"""Signals at moments when Python itself is in the way. Each in a process of its own, as a real one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from raysweep.process_table import STATE, stat_fields
from tests.conftest import PROJECT
from tests.ledger.samples import write_sample

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


INSIDE_SQLITE = """
import os, signal, sqlite3, threading
from pathlib import Path
from raysweep.errors import Interrupted
from raysweep.ledger.check import check_rows
from raysweep.ledger.database import errors_of, register_checksum
from raysweep.ledger.schema import Table
from raysweep.signals import interruptible

connection = sqlite3.connect(":memory:")
register_checksum(connection)
numbers = "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000000) SELECT i FROM n)"
try:
    with interruptible(last_words=print):
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        with errors_of(Path("ledger"), "read"):
            {check}
except Interrupted as error:
    print("stopped by", error)
"""
ROWS_CHECKED = """check_rows(
                connection,
                Path("ledger"),
                [Table(name=numbers.replace("SELECT i FROM", "SELECT i, row_checksum(i) AS checksum FROM"),
                       key=("i",), columns={"i": "INTEGER"})],
            )"""


@pytest.mark.parametrize(
    "check", ["connection.execute('SELECT sum(row_checksum(i)) FROM ' + numbers).fetchone()", ROWS_CHECKED]
)
def test_a_signal_while_sqlite_computes_checksums_is_no_damage(check: str) -> None:
    """It is raised inside a function that SQLite has called, and SQLite says only that something was."""
    done = run_script(INSIDE_SQLITE.format(check=check))
    assert (done.stdout, done.stderr) == ("stopped by SIGINT\n", "")


WRITING = """
import os, signal, sys, threading
from pathlib import Path
from raysweep.errors import Interrupted
from raysweep.ledger.reader import LedgerReader
from raysweep.ledger.writer import LedgerWriter
from raysweep.signals import interruptible
from tests.ledger.samples import CONFIG, trial

file = Path(sys.argv[1])
rows = [trial(number) for number in range(200_000)]
try:
    with interruptible(last_words=print), LedgerWriter(file) as writer:
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        writer.register([CONFIG], rows)
except Interrupted as error:
    with LedgerReader(file) as reader:
        print("stopped by", error, "with", len(reader.trials()), "trials")
"""


def test_a_signal_while_rows_are_written_undoes_them(tmp_path: Path) -> None:
    done = run_script(WRITING, str(tmp_path / "ledger.sqlite"))
    assert (done.stdout, done.stderr) == ("stopped by SIGINT with 0 trials\n", "")


STUCK = """
import ctypes, os, signal, subprocess, threading, time
from raysweep.signals import interruptible

def tell():
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(1)
    signal.alarm(3)  # as Ray's handler of SIGTERM does
    os.kill(os.getpid(), signal.SIGTERM)

with interruptible(last_words=lambda: print("last words", flush=True)):
    child = subprocess.Popen(["sleep", "60"])
    print(child.pid, flush=True)
    threading.Thread(target=tell, daemon=True).start()
    lock = ctypes.create_string_buffer(128)
    while True:  # who locks it twice waits for himself
        ctypes.CDLL(None).pthread_mutex_lock(lock)
"""


@pytest.mark.slow
def test_two_signals_and_an_alarm_end_what_is_stuck_with_its_last_words() -> None:
    done = run_script(STUCK)
    pid, words = done.stdout.splitlines()
    assert (words, done.returncode, done.stderr) == ("last words", 130, "")
    stat = stat_fields(int(pid))
    assert stat is None or stat[STATE] == "Z", "its processes are ended with it"


CHECKED_BESIDE = """
import os, signal, sys, threading, time
from pathlib import Path
from raysweep.errors import Interrupted
from raysweep.ledger import check
from raysweep.ledger.schema import TABLES
from raysweep.signals import interruptible

if __name__ == "__main__":
    check.WORTH_A_PROCESS = 0
    try:
        with interruptible(last_words=print):
            with check.checked_beside(Path(sys.argv[1]), TABLES):
                threading.Timer(float(sys.argv[2]), os.killpg, (0, signal.SIGINT)).start()
                time.sleep(20)
    except Interrupted as error:
        print("stopped by", error)
"""


@pytest.mark.parametrize("seconds", [0.0, 0.03, 0.1, 0.5])
def test_ctrl_c_while_a_ledger_is_checked_beside(tmp_path: Path, seconds: float) -> None:
    """It goes to the process that checks, too, which says nothing and is waited for no longer."""
    write_sample(file := tmp_path / "ledger.sqlite", num_trials=2, num_epochs=3)
    file.write_bytes(file.read_bytes().replace(b"sweeps/a.yaml", b"sweeps/b.yaml"))  # damaged: of no interest any more
    script = tmp_path / "script.py"
    script.write_text(CHECKED_BESIDE)
    done = run_script(str(script), str(file), str(seconds))
    assert (done.stdout, done.stderr) == ("stopped by SIGINT\n", "")


def run_script(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a file or a text of Python as the leader of a group, as a shell does."""
    return subprocess.run(
        [sys.executable, *([] if script.endswith(".py") else ["-c"]), script, *arguments],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,
    )
