"""What a scheduler knows of trials that ended before it was there."""

from __future__ import annotations

from pathlib import Path

import pytest

from raysweep.ledger.rows import TrialEnd
from raysweep.ledger.writer import LedgerWriter
from raysweep.phases import _scheduler
from raysweep.prepare import Workspace, prepare
from raysweep.spec.sweep import Asha
from raysweep.tuning.schedulers import GroupedAsha
from tests.conftest import Project
from tests.ledger.samples import epoch

ASHA = {"asha": {"grace_period": 1, "reduction_factor": 2}}


def test_finished_trials_that_are_only_to_be_scored_anew_count_for_asha(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    workspace = Workspace(
        results_dir=project.root / "results", tracking_uri="", data_dir=None, models_dir=project.root / "models"
    )
    rates = {"grid_search": [1e-2, 1e-3, 1e-4]}
    space = {"model": "att", "dataset": "wave", "train.time_steps": 16, "train.num_epochs": 4}
    sweep: Path = project.write_sweep("grown", scheduler=ASHA, param_space={**space, "train.learning_rate": rates})
    prepared = prepare(sweep, [], workspace)
    with LedgerWriter(prepared.paths.ledger) as ledger:
        ledger.register(*prepared.rows_of(prepared.explored))
        for trial in prepared.explored:
            ledger.start_trial(trial.trial_id, 0.0, "1")
            ledger.record_epochs(trial.trial_id, [epoch(number) for number in range(1, 5)], rungs=[])
            ledger.end_trial(trial.trial_id, TrialEnd(status="finished", finished_at=1.0), [])
    prepared = prepared.refreshed()
    assert {need for _, need in prepared.plan().todo} == {"score"}
    assert isinstance(prepared.sweep.scheduler, Asha)
    scheduler = _scheduler(prepared, prepared.sweep.scheduler)
    assert isinstance(scheduler, GroupedAsha)
    first_rung = [scores for (_, rung), scores in scheduler._scores.items() if rung == 1]
    assert list(map(len, first_rung)) == [3]
