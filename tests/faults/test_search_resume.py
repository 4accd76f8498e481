"""A search whose driver is killed in the middle: its decisions and proposals hold, and none is made twice."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from raysweep.ledger.reader import LedgerReader, Row
from raysweep.paths import SweepPaths
from raysweep.prepare import Workspace, prepare
from tests.conftest import Project
from tests.faults.oracle import check_sweep, finished
from tests.faults.processes import started
from tests.faults.waiting import num_trials, wait_for

# After how many trials that have ended the driver is killed: once, or again when it has gone on.
MOMENTS = [pytest.param((5,), marks=pytest.mark.slow), pytest.param((3, 7), marks=pytest.mark.nightly)]

GRACE_PERIOD, REDUCTION_FACTOR = 2, 2
ASHA = {"asha": {"grace_period": GRACE_PERIOD, "reduction_factor": REDUCTION_FACTOR, "within": ["model"]}}
RUNGS = (2, 4, 8, 16, 32)
NUM_EPOCHS = 40
RATES = (1e-2, 1e-8, 3e-3, 1e-7, 1e-3, 1e-6)


def kill_when(project: Project, sweep: Path, num_ended: int) -> None:
    """Runs the sweep until so many of its trials have ended, and one more runs; then SIGKILL."""
    paths = project.paths(sweep.stem)

    def is_in_the_middle() -> bool:
        return num_trials(paths, "finished") + num_trials(paths, "stopped") >= num_ended and bool(
            num_trials(paths, "running")
        )

    with started(project, sweep) as run:
        wait_for(is_in_the_middle, process=run.process, name=f"trial {num_ended}")
        run.send(signal.SIGKILL)
        run.process.wait()


def decisions(paths: SweepPaths) -> list[Row]:
    """All that was decided at rungs, in the order of decision, as SQLite has it."""
    with sqlite3.connect(paths.ledger) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute("SELECT * FROM rungs ORDER BY sequence")]


def percentile(scores: Sequence[float], percent: float) -> float:
    """Between two scores on a straight line, as usual."""
    ordered = sorted(scores)
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def check_decisions(paths: SweepPaths) -> None:
    """Every decision obeys the rule given those before it, and all that was decided has been carried out."""
    earlier: dict[tuple[str, int], list[float]] = {}
    judged: dict[str, list[Row]] = {}
    for row in decisions(paths):
        before = earlier.setdefault((row["bracket"], row["rung"]), [])
        if before:
            assert row["cutoff"] == pytest.approx(percentile(before, 100 / REDUCTION_FACTOR), rel=1e-12)
            assert bool(row["is_stop"]) == (row["score"] > row["cutoff"])
        else:
            assert (row["cutoff"], row["is_stop"]) == (None, 0), "the first at a rung goes on"
        before.append(row["score"])
        judged.setdefault(row["trial_id"], []).append(row)
    with LedgerReader(paths.ledger) as ledger:
        for trial in ledger.trials():
            rows, epochs = judged[trial["trial_id"]], ledger.epochs(trial["trial_id"])
            scores = {epoch["epoch"]: epoch["val_mse_batch"] for epoch in epochs}
            last = rows[-1]
            assert [row["rung"] for row in rows] == [rung for rung in RUNGS if rung <= last["rung"]], "once a rung"
            assert [row["score"] for row in rows] == [scores[row["rung"]] for row in rows]
            assert not any(row["is_stop"] for row in rows[:-1]), "what was stopped goes no further"
            assert (trial["status"], len(epochs)) == (
                ("stopped", last["rung"]) if last["is_stop"] else ("finished", NUM_EPOCHS)
            )


@pytest.mark.parametrize("moments", MOMENTS)
def test_asha_decides_once_and_by_the_rule(fast_project: Project, moments: tuple[int, ...]) -> None:
    """In two brackets."""
    space = {
        "dataset": "wave",
        "train.time_steps": 16,
        "train.num_epochs": NUM_EPOCHS,
        "model": {"grid_search": ["att", "att_mh"]},
        "train.learning_rate": {"grid_search": list(RATES)},
    }
    sweep = fast_project.write_sweep("halving", param_space=space, scheduler=ASHA)
    paths = fast_project.paths("halving")
    decided: list[Row] = []
    ended: dict[str, tuple[object, ...]] = {}
    for num_ended in moments:
        kill_when(fast_project, sweep, num_ended)
        assert decisions(paths)[: len(decided)] == decided, "what was decided stays decided, and in its order"
        decided = decisions(paths)
        ended |= _stopped(paths)
    before = finished(paths)
    assert ended, "learning rates of next to nothing must fall behind"
    fast_project.run(sweep)
    assert decisions(paths)[: len(decided)] == decided
    assert len(decisions(paths)) > len(decided)
    check_decisions(paths)
    assert ended.items() <= _stopped(paths).items(), "what was stopped stays stopped"
    check_sweep(fast_project, "halving", num_trials=2 * len(RATES), finished_before=before)


def _stopped(paths: SweepPaths) -> dict[str, tuple[object, ...]]:
    with LedgerReader(paths.ledger) as ledger:
        return {
            row["trial_id"]: (row["started_at"], row["finished_at"], row["epochs"], row["stopped_by"])
            for row in ledger.trials()
            if row["status"] == "stopped"
        }


@pytest.mark.nightly
@pytest.mark.parametrize("moments", [(5,), (3, 7)])
def test_hyperopt_proposes_nothing_twice(fast_project: Project, moments: tuple[int, ...]) -> None:
    """What it proposed before is tried first, and all that was found is told to it again."""
    space = {
        "dataset": "wave",
        "model": {"choice": ["att", "vq"]},
        "train.time_steps": {"qrandint": [8, 32, 8]},
        "train.num_epochs": 30,
        "train.learning_rate": {"choice": [1e-2, 1e-3]},  # 16 configs: chance alone would repeat some
    }
    sweep = fast_project.write_sweep("search", param_space=space, search={"hyperopt": {"num_samples": 12}})
    paths = fast_project.paths("search")
    proposed: set[str] = set()
    for num_ended in moments:
        kill_when(fast_project, sweep, num_ended)
        with LedgerReader(paths.ledger) as ledger:
            rows = {row["trial_id"]: row for row in ledger.trials()}
        assert proposed < set(rows), "what was proposed once is not forgotten"
        proposed = set(rows)
        assert _observations(fast_project, sweep) == {
            trial_id: row["val_mse_batch"] if row["status"] == "finished" else None for trial_id, row in rows.items()
        }
    before = finished(paths)
    assert len(before) >= moments[-1]
    fast_project.run(sweep)
    with LedgerReader(paths.ledger) as ledger:
        rows = {row["trial_id"]: row for row in ledger.trials()}
    assert proposed < set(rows)
    assert len({row["config_id"] for row in rows.values()}) == len(rows) == 12
    assert {row["status"] for row in rows.values()} == {"finished"}
    check_sweep(fast_project, "search", num_trials=12, finished_before=before)


def _observations(project: Project, sweep: Path) -> dict[str, float | None]:
    """What the next command will tell HyperOpt."""
    workspace = Workspace(
        results_dir=project.root / "results",
        tracking_uri="",
        data_dir=project.root / "data",
        models_dir=project.root / "models",
    )
    return {point.trial.trial_id: point.score for point in prepare(sweep, [], workspace).points}
