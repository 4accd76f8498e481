"""A sweep whose driver is killed while it confirms the best configs: it keeps to them, and trains nothing twice."""

from __future__ import annotations

import signal

import pytest

from raysweep.ledger.reader import LedgerReader, Row
from raysweep.paths import SweepPaths
from tests.conftest import Project
from tests.faults.oracle import check_sweep, finished
from tests.faults.processes import started
from tests.faults.test_driver import results
from tests.faults.waiting import wait_for

NUM_EPOCHS = 40
RATES = (1e-2, 1e-3, 1e-8)
MODELS = ("att", "vq")  # the best of each is never stopped, so two can be chosen
ASHA = {"asha": {"grace_period": 2, "reduction_factor": 2, "within": ["model"]}}
TOP, NUM_SEEDS = 2, 3
NUM_EXPLORED = len(RATES) * len(MODELS)


def _confirming(paths: SweepPaths, *statuses: str) -> list[Row]:
    if not paths.ledger.is_file():
        return []
    with LedgerReader(paths.ledger, check=False) as ledger:
        rows = [row for row in ledger.trials() if row["is_current"] and row["phase"] == "confirm"]
    return [row for row in rows if not statuses or row["status"] in statuses]


# How many trials of the second phase have finished when it is killed.
@pytest.mark.nightly
@pytest.mark.parametrize("moments", [(2,), (0, 1, 4)])
def test_killed_while_it_confirms(fast_project: Project, moments: tuple[int, ...]) -> None:
    project, paths = fast_project, fast_project.paths("confirmed")
    common = {"dataset": "wave", "train.time_steps": 16, "train.num_epochs": NUM_EPOCHS}
    grid = {"model": {"grid_search": list(MODELS)}, "train.learning_rate": {"grid_search": list(RATES)}}
    settings = {"scheduler": ASHA, "seeds": {"explore": [0], "confirm": {"top": TOP, "seeds": NUM_SEEDS}}}
    sweep = project.write_sweep("confirmed", param_space={**common, **grid}, **settings)
    before: dict[str, tuple[object, ...]] = {}
    chosen: set[str] = set()
    for num_finished in moments:
        with started(project, sweep) as run:
            wait_for(
                lambda num=num_finished: (  # type: ignore[misc]
                    len(_confirming(paths, "finished")) >= num and _confirming(paths, "running")
                ),
                process=run.process,
                name=f"trial {num_finished} that confirms",
            )
            run.send(signal.SIGKILL)
            run.process.wait()
        now = {row["trial_id"] for row in _confirming(paths)}
        assert not chosen or now == chosen, "it keeps to what it has chosen"
        chosen, before = now, {**finished(paths)}
        planned = project.run("plan", sweep).stdout
        assert f"{NUM_EXPLORED} trials, and {TOP} configs x {NUM_SEEDS} seeds to confirm: " in planned
    assert len(chosen) == TOP * NUM_SEEDS
    project.run(sweep)
    assert {row["trial_id"] for row in _confirming(paths, "finished")} == chosen
    check_sweep(project, "confirmed", num_trials=NUM_EXPLORED + len(chosen), finished_before=before)
    assert {row["epochs"] for row in _confirming(paths)} == {NUM_EPOCHS}

    # The same trials with no search before them; ASHA may stop others the next time.
    pairs = {(row["config"]["model"], row["config"]["train.learning_rate"]) for row in _confirming(paths)}
    alone = [{**common, "model": model, "train.learning_rate": rate} for model, rate in sorted(pairs)]
    seeds = list(range(1, NUM_SEEDS + 1))
    project.run(project.write_sweep("unharmed", param_space=alone, seeds=seeds))
    assert results(project.paths("unharmed")).items() <= results(paths).items()
