"""MLflow is away, slow, or loses its answers: no sweep notices but for one line, and MLflow comes right in the end."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from raysweep.ledger.reader import LedgerReader
from raysweep.ledger.writer import LedgerWriter
from raysweep.paths import SweepPaths
from raysweep.tracking.errors import TrackingError
from raysweep.tracking.follower import start_follower
from raysweep.tracking.sync import sync_ledger
from tests.conftest import Project
from tests.faults.oracle import check_sweep
from tests.faults.proxy import Mode, Proxy
from tests.faults.waiting import epochs_a_second, num_epochs, wait_for, wait_for_epochs
from tests.tracking.ledgers import BEGIN, finish, finished_sweep, register, running_command
from tests.tracking.mlflow_view import Mlflow, assert_equal
from tests.tracking.servers import MlflowServer, find_free_port

WINDOW = {"dataset": "wave", "model": "att", "train.time_steps": 16}
END_SECONDS = 25.0  # from the last trial to the prompt, with tables and leaderboard, on a busy machine
MEASURED_EPOCHS = 350  # before the fault, and as many meanwhile
MAX_RATIO = 1.25  # of the two speeds, on a busy machine; test_mlflow_speed.py is more exact


@pytest.fixture(scope="module")
def server(migrated_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """One for all tests, which have sweeps of their own."""
    database = Path(shutil.copy(migrated_database, tmp_path_factory.mktemp("server") / "mlflow.db"))
    server = MlflowServer(database, find_free_port())
    server.start()
    wait_for(server.is_up, name="MLflow")
    yield server
    server.kill()


def lines_about_mlflow(output: str) -> list[str]:
    """But for the one at the end that says where the runs show."""
    return [line for line in output.splitlines() if "MLflow" in line and not line.startswith("MLflow  ")]


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("refuse", "Connection refused"),
        ("reset", "onnection|Broken pipe"),  # aborted, or reset by peer
        ("hang", "timed out"),
        ("cut", "onnection|Broken pipe"),
        (401, "failed with error code 401"),
        (429, "too many 429 error responses"),
        (500, "too many 500 error responses"),
    ],
)
def test_sync_says_what_is_wrong_and_comes_right(
    tmp_path: Path, server: MlflowServer, mode: Mode, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    paths = SweepPaths(tmp_path, f"sync_{mode}")
    finished_sweep(paths, 2)
    with Proxy(server.port, mode) as proxy:
        # Cut off, it gets one write further each time: the experiment, the sweep's run, a trial's run, its points, ...
        for _ in range(6 if mode == "cut" else 1):
            with pytest.raises(TrackingError, match=reason) as caught:
                sync_ledger(paths, proxy.address)
            assert str(caught.value).startswith(f"MLflow at {proxy.address}: ")
        assert proxy.num_cut == (6 if mode == "cut" else 0)
        proxy.mode = "pass"
        sync_ledger(paths, proxy.address)
        assert sync_ledger(paths, proxy.address).points == 0
    assert_equal(server.address, paths)


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("mode", "is_waited_for"), [("refuse", False), ("hang", False), ("cut", False), ("hiccup", True)]
)
def test_the_end_waits_for_an_mlflow_that_takes_something(
    tmp_path: Path, server: MlflowServer, mode: Mode, is_waited_for: bool
) -> None:
    paths = SweepPaths(tmp_path, f"end_{mode}")
    with LedgerWriter(paths.ledger) as writer, Proxy(server.port, mode) as proxy:
        command_id = writer.begin_command(running_command())
        trial_ids = register(writer, 4)
        follower = start_follower(paths, proxy.address)
        try:
            wait_for(follower.problem, name="a problem")
            finish(writer, trial_ids)
            writer.end_command(command_id, "done", BEGIN + 20)
        finally:
            begun = time.monotonic()
            is_complete = follower.finish(60.0)
        assert is_complete == is_waited_for, follower.problem()
        if not is_waited_for:
            assert time.monotonic() - begun < END_SECONDS
            proxy.mode = "pass"
            sync_ledger(paths, proxy.address)
    assert_equal(server.address, paths)


def _mode(mode: Mode, mark: pytest.MarkDecorator = pytest.mark.slow) -> object:
    return pytest.param(mode, marks=mark)


@pytest.mark.parametrize(
    "mode",
    [
        _mode("refuse"),
        *(_mode(mode, pytest.mark.nightly) for mode in ("slow", "cut", "reset", "hang", 401, 429, 500)),
    ],
)
def test_a_whole_sweep(fast_project: Project, server: MlflowServer, mode: Mode) -> None:
    name = f"away_{mode}"
    space = {**WINDOW, "train.num_epochs": 3, "train.learning_rate": {"grid_search": [1e-2, 1e-3, 1e-4]}}
    sweep = fast_project.write_sweep(name, param_space=space)
    with Proxy(server.port, mode) as proxy:
        done = fast_project.run(sweep, "--tracking-uri", proxy.address)
        assert mode == "slow" or _seconds_since_the_last_trial(fast_project.paths(name)) < END_SECONDS
        told = lines_about_mlflow(done.stdout + done.stderr)
        if mode != "slow" or told:  # a slow one may have caught up in time: then there is nothing to tell
            (line,) = told
            assert line.startswith("MLflow is not up to date: ")
            assert line.endswith(f"Later: raysweep sync {name} --tracking-uri {proxy.address}")
        assert proxy.num_cut > 0 or mode != "cut"
        proxy.mode = "pass"
        if told:
            fast_project.run("sync", name, "--tracking-uri", proxy.address)
        check_sweep(fast_project, name, num_trials=3, tracking_uri=proxy.address)


@pytest.mark.nightly
@pytest.mark.parametrize("mode", ["hang", "slow", "refuse"])
def test_a_fault_that_comes_and_goes(
    fast_project: Project, server: MlflowServer, mlflow_server: MlflowServer, mode: Mode
) -> None:
    """The sweep keeps its speed, MLflow catches up by itself, and another server can be filled from nothing."""
    name = f"passing_{mode}"
    space = {**WINDOW, "train.num_epochs": 600, "train.learning_rate": {"grid_search": [1e-2, 1e-3]}}
    sweep = fast_project.write_sweep(name, param_space=space)
    paths = fast_project.paths(name)
    mlflow_server.start()  # the other one, with nothing in it
    with Proxy(server.port) as proxy:
        process = fast_project.start(sweep, "--tracking-uri", proxy.address)
        wait_for(lambda: Mlflow(server.address, name).trials(), process=process, name="a run in MLflow")
        wait_for(mlflow_server.is_up, process=process, name="the other MLflow")  # its start takes the machine's time
        begin, count = time.time(), num_epochs(paths)
        wait_for_epochs(paths, process, count + MEASURED_EPOCHS)
        proxy.mode, middle = mode, time.time()
        wait_for_epochs(paths, process, count + 2 * MEASURED_EPOCHS)
        proxy.mode, end = "pass", time.time()
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
        assert lines_about_mlflow(output) == []
        check_sweep(fast_project, name, num_trials=2, tracking_uri=proxy.address)
    before, meanwhile = epochs_a_second(paths, begin, middle), epochs_a_second(paths, middle, end)
    assert meanwhile > before / MAX_RATIO, f"{meanwhile:.1f} epochs a second, {before:.1f} before"
    assert "3 new" in fast_project.run("sync", name, "--tracking-uri", mlflow_server.address).stdout
    check_sweep(fast_project, name, num_trials=2, tracking_uri=mlflow_server.address)


def _seconds_since_the_last_trial(paths: SweepPaths) -> float:
    with LedgerReader(paths.ledger) as ledger:
        return time.time() - max(row["finished_at"] for row in ledger.trials())
