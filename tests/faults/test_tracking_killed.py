"""SIGKILL at any moment, of the process that follows a sweep and of the MLflow server: MLflow comes right."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from raysweep.ledger.rows import TrialEnd
from raysweep.ledger.writer import LedgerWriter
from raysweep.paths import SweepPaths
from raysweep.tracking.follower import start_follower
from raysweep.tracking.sync import sync_ledger
from tests.faults.proxy import Proxy
from tests.faults.waiting import DEADLINE_SECONDS, wait_for
from tests.tracking.ledgers import BEGIN, FACTS, SCORES, epochs, register, running_command
from tests.tracking.mlflow_view import assert_equal
from tests.tracking.servers import MlflowServer

NUM_EPOCHS = 4
NUM_TRIALS = 4000  # more than are ever begun, on a machine that is busy too
STEP_SECONDS = 0.03  # between two transactions of the driver
MAX_REQUESTS = 60  # after which one of them dies at the latest
MAX_MORE_STEPS = 100  # after which the other one does


def drive(writer: LedgerWriter, trial_ids: list[str]) -> Iterator[None]:
    """What a driver writes, transaction by transaction: two trials at a time, some of which diverge."""
    for first, second in zip(trial_ids[::2], trial_ids[1::2], strict=True):
        for trial_id in (first, second):
            writer.start_trial(trial_id, BEGIN, "0.1.0")
            yield
        for epoch in range(1, NUM_EPOCHS + 1):
            for trial_id in (first, second):
                writer.record_epochs(trial_id, epochs(epoch, epoch, diverges_at=NUM_EPOCHS), facts=FACTS)
                yield
        writer.end_trial(first, TrialEnd(status="diverged", finished_at=BEGIN + 9, error="at epoch 4"))
        writer.end_trial(second, TrialEnd(status="finished", finished_at=BEGIN + 9, scores=SCORES))
        yield


@pytest.mark.timeout(1200)
@pytest.mark.nightly
@pytest.mark.parametrize("num_kills", [3, 12])
def test_killed_again_and_again(tmp_path: Path, mlflow_server: MlflowServer, num_kills: int) -> None:
    chance = random.Random(num_kills)
    paths = SweepPaths(tmp_path / "results", "killed")
    with LedgerWriter(paths.ledger) as writer, Proxy(mlflow_server.port) as proxy:
        command_id = writer.begin_command(running_command())
        steps = drive(writer, register(writer, NUM_TRIALS))
        for _ in range(num_kills):
            kill_both(paths, steps, mlflow_server, proxy, chance)
        mlflow_server.start()
        wait_for(mlflow_server.is_up, name="MLflow")
        sync_ledger(paths, mlflow_server.address)
        assert_equal(mlflow_server.address, paths, is_driver_alive=True)
        writer.end_command(command_id, "interrupted", BEGIN + 100)
    sync_ledger(paths, mlflow_server.address)
    assert_equal(mlflow_server.address, paths)


def kill_both(
    paths: SweepPaths, steps: Iterator[None], server: MlflowServer, proxy: Proxy, chance: random.Random
) -> None:
    """Follows the ledger, in which things go on, until one of the two is killed, and soon after it the other."""
    last_request = proxy.num_requests + chance.randrange(1, MAX_REQUESTS)
    is_server_first = chance.random() < 0.5
    num_more_steps = chance.randrange(1, MAX_MORE_STEPS)
    server.start()
    follower = start_follower(paths, proxy.address)  # both take seconds, and the follower asks again until it is up
    try:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while proxy.num_requests < last_request:
            assert time.monotonic() < deadline, follower.problem()
            next(steps)
            time.sleep(STEP_SECONDS)
        if is_server_first:
            server.kill()
            for _ in range(num_more_steps):
                next(steps)
                time.sleep(STEP_SECONDS)
    finally:
        os.kill(follower.pid, signal.SIGKILL)
        assert not follower.finish(10.0), "it was killed"
    server.kill()
