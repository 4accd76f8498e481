"""The process that follows a sweep: it catches up, survives MLflow, and ends with its driver."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from raysweep.ledger.rows import TrialEnd
from raysweep.ledger.writer import LedgerWriter
from raysweep.paths import SweepPaths
from raysweep.tracking.follower import Follower, start_follower
from raysweep.tracking.following import rest_seconds
from raysweep.tracking.processes import start_mark
from raysweep.tracking.sync import sync_ledger
from tests.tracking.ledgers import BEGIN, epochs, finish, register, running_command
from tests.tracking.mlflow_view import Mlflow, assert_equal
from tests.tracking.servers import MlflowServer, find_free_port

SECRET = "s3cr%65t-word"
DEADLINE_SECONDS = 60.0


def wait_for(what: Callable[[], object]) -> object:
    """Polls until it is true; MLflow may not be there yet."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            found = what()
        except (AssertionError, ValueError):
            found = None
        if found:
            return found
        assert time.monotonic() < deadline, "it has not come to be"
        time.sleep(0.1)


@pytest.fixture
def writer(paths: SweepPaths) -> Iterator[LedgerWriter]:
    """The ledger of a driver, which is this process."""
    with LedgerWriter(paths.ledger) as writer:
        yield writer


def is_equal(uri: str, paths: SweepPaths) -> bool:
    """MLflow is as the ledger is now, while its driver lives; an `AssertionError` says what isn't."""
    assert_equal(uri, paths, is_driver_alive=True)
    return True


def has_ended(pid: int) -> bool:
    return start_mark(pid) is None


def kill(follower: Follower) -> None:
    os.kill(follower.pid, signal.SIGKILL)
    wait_for(lambda: has_ended(follower.pid))


def test_follows_a_running_sweep(
    paths: SweepPaths, writer: LedgerWriter, database: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(database.parent)
    Path("mlflow.py").write_text("raise SystemExit('code from the current folder has run')")
    command_id = writer.begin_command(running_command())
    first, second = register(writer, 2)
    writer.start_trial(first, BEGIN, "0.1.0")
    writer.record_epochs(first, epochs(1, 2))
    follower = start_follower(paths, "sqlite:///mlflow.db")
    try:
        assert os.getsid(follower.pid) == follower.pid  # out of reach of Ctrl-C
        wait_for(lambda: is_equal(uri, paths))
        os.kill(follower.pid, signal.SIGTERM)  # as `ray job stop` does to all processes of a job
        assert os.getpriority(os.PRIO_PROCESS, follower.pid) > os.getpriority(os.PRIO_PROCESS, 0)
        writer.record_epochs(first, epochs(3, 3))
        run = Mlflow(uri, paths.name).trials()[first]
        wait_for(lambda: len(Mlflow(uri, paths.name).history(run, "train_loss")) == 3)

        finish(writer, [first])
        writer.start_trial(second, BEGIN, "0.1.0")  # and never again a word of it
        writer.end_command(command_id, "interrupted", BEGIN + 10)
    finally:
        is_complete = follower.finish(DEADLINE_SECONDS)
    assert is_complete
    assert follower.problem() is None
    assert has_ended(follower.pid)
    assert_equal(uri, paths)
    assert {run.info.status for run in Mlflow(uri, paths.name).runs()} == {"KILLED", "FINISHED"}


def test_one_that_is_given_no_time_has_not_ended_by_itself(paths: SweepPaths, writer: LedgerWriter, uri: str) -> None:
    writer.begin_command(running_command())
    follower = start_follower(paths, uri)
    assert not follower.finish(0.0)
    assert follower.problem() == "there was no time for it to catch up"


def test_the_dearer_a_look_the_longer_the_rest() -> None:
    assert rest_seconds(0.001) == 1.0
    assert rest_seconds(0.1) == pytest.approx(4.0)
    assert rest_seconds(5.0) == 10.0


@pytest.mark.slow
def test_a_server_that_is_away_at_first(
    paths: SweepPaths,
    writer: LedgerWriter,
    mlflow_server: MlflowServer,
    uri: str,
) -> None:
    port = mlflow_server.port
    address = f"http://someone:{SECRET}@127.0.0.1:{port}"
    command_id = writer.begin_command(running_command())
    finished, diverged = register(writer, 2)
    finish(writer, [finished], num_epochs=50)
    follower = start_follower(paths, address)
    try:
        arguments = Path(f"/proc/{follower.pid}/cmdline").read_bytes().decode()
        assert SECRET not in arguments
        problem = wait_for(follower.problem)
        assert problem == f"MLflow at http://***@127.0.0.1:{port}: Connection refused"
        mlflow_server.start()
        wait_for(lambda: follower.problem() is None)
        writer.start_trial(diverged, BEGIN, "0.1.0")
        writer.record_epochs(diverged, epochs(1, 3, diverges_at=2))
        writer.end_trial(diverged, TrialEnd(status="diverged", finished_at=BEGIN + 1, error="at epoch 2"))
        writer.end_command(command_id, "done", BEGIN + 10)
    finally:
        is_complete = follower.finish(DEADLINE_SECONDS)
    assert is_complete
    assert_equal(uri, paths)
    assert sync_ledger(paths, address).points == 0
    log = paths.tracking_log.read_text()
    assert "Connection refused" in log
    assert SECRET not in log
    assert "s3cret-word" not in log


def test_a_server_that_stays_away_is_not_waited_for(paths: SweepPaths, writer: LedgerWriter) -> None:
    writer.begin_command(running_command())
    follower = start_follower(paths, f"http://127.0.0.1:{find_free_port()}")
    try:
        wait_for(follower.problem)
    finally:
        begun = time.monotonic()
        is_complete = follower.finish(DEADLINE_SECONDS)
    assert not is_complete
    assert time.monotonic() - begun < DEADLINE_SECONDS / 3
    assert "Connection refused" in (follower.problem() or "")
    assert has_ended(follower.pid)


def test_a_driver_in_a_hurry(paths: SweepPaths, writer: LedgerWriter) -> None:
    writer.begin_command(running_command())
    follower = start_follower(paths, f"http://127.0.0.1:{find_free_port()}")
    begun = time.monotonic()
    assert not follower.finish(0.2)
    assert time.monotonic() - begun < 5
    assert has_ended(follower.pid)


def test_a_killed_driver_leaves_nothing_running(paths: SweepPaths, uri: str) -> None:
    script = (
        "import sys, time; from pathlib import Path; from raysweep.paths import SweepPaths\n"
        "from raysweep.ledger.writer import LedgerWriter; from raysweep.tracking.follower import start_follower\n"
        "from tests.tracking.ledgers import *\n"
        "paths = SweepPaths(Path(sys.argv[1]), sys.argv[2])\n"
        "writer = LedgerWriter(paths.ledger)\n"
        "writer.begin_command(running_command())\n"
        "first, second = register(writer, 2)\n"
        "finish(writer, [first])\n"
        "writer.start_trial(second, BEGIN, '0.1.0'); writer.record_epochs(second, epochs(1, 3))\n"
        "print(start_follower(paths, sys.argv[3]).pid, flush=True); time.sleep(600)\n"
    )
    driver = subprocess.Popen(
        [sys.executable, "-c", script, str(paths.results_dir), paths.name, uri], stdout=subprocess.PIPE
    )
    try:
        assert driver.stdout is not None
        follower_pid = int(driver.stdout.readline())
        wait_for(lambda: is_equal(uri, paths))
    finally:
        driver.kill()
        driver.communicate()
    wait_for(lambda: has_ended(follower_pid))
    assert_equal(uri, paths)
    assert {run.info.status for run in Mlflow(uri, paths.name).runs()} == {"KILLED", "FINISHED"}
    assert Mlflow(uri, paths.name).parent().info.status == "KILLED"


def test_a_killed_follower_is_noticed(paths: SweepPaths, writer: LedgerWriter, uri: str) -> None:
    writer.begin_command(running_command())
    follower = start_follower(paths, uri)
    assert follower.problem() is None
    kill(follower)
    problem = wait_for(follower.problem)
    assert problem == f"the process that follows this sweep for MLflow has ended (-9); {paths.tracking_log}"
    assert not follower.finish(1.0)


def test_the_driver_does_not_pay_for_mlflow() -> None:
    script = (
        "import sys, raysweep.tracking.follower, raysweep.tracking.sync\n"
        "assert 'mlflow' not in sys.modules, 'the import alone takes seconds'\n"
        "import raysweep.tracking.server\n"
        "from mlflow.telemetry.client import get_telemetry_client\n"
        "assert get_telemetry_client() is None\n"
    )
    quiet = ("PYTEST_CURRENT_TEST", "CI", "GITHUB_ACTIONS")  # MLflow tells nobody of these anyway
    environment = {key: value for key, value in os.environ.items() if key not in quiet}
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60, env=environment)
