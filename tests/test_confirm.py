"""Which trials confirm the best of a search, and when that is known: from a sweep file and a ledger."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from raysweep.ledger.rows import EpochRow, Status, TrialEnd
from raysweep.ledger.writer import LedgerWriter
from raysweep.planning.plan import WantedTrial
from raysweep.planning.space import checkpoint_bytes
from raysweep.prepare import PreparedSweep, Workspace, prepare, scheduler_text
from raysweep.screen import print_plan
from raysweep.space_check import missing_sizes
from tests.conftest import Project
from tests.test_prepare import workspace

__all__ = ["workspace"]

CONFIRM = {"explore": [0], "confirm": {"top": 2, "seeds": 3}}
BATCH_SIZES = (8, 16, 32, 64)


def _confirmed_sweep(project: Project, *batch_sizes: int, **settings: object) -> Path:
    space = {
        "model": "att",
        "dataset": "wave",
        "train.time_steps": 16,
        "train.batch_size": {"grid_search": list(batch_sizes or BATCH_SIZES)},
    }
    return project.write_sweep("confirmed", param_space=space, **{"seeds": CONFIRM, **settings})


def _end(
    prepared: PreparedSweep, trials: Sequence[WantedTrial], status: Status = "finished", score: float = 0.0
) -> None:
    """Ends trials; their score grows with the batch size, unless it is given."""
    with LedgerWriter(prepared.paths.ledger) as writer:
        writer.register(*prepared.rows_of(trials))
        for trial in trials:
            writer.start_trial(trial.trial_id, 1.0 + trial.position, "0.1.0")
            loss = score or float(str(trial.config["train.batch_size"]))
            epoch = EpochRow(
                epoch=1, num_steps=1, train_loss=1.0, val_loss=2.0, val_mse_batch=loss, seconds=0.5, finished_at=100.0
            )
            writer.record_epochs(trial.trial_id, [epoch])
            stopped_by = scheduler_text(prepared.sweep) if status == "stopped" else None
            writer.end_trial(trial.trial_id, TrialEnd(status=status, finished_at=3.0, stopped_by=stopped_by))


def _sizes_and_seeds(trials: Sequence[WantedTrial] | None) -> list[tuple[object, int]]:
    assert trials is not None, "they have been chosen"
    return [(trial.config["train.batch_size"], trial.seed) for trial in trials]


BEST_TWO = [(8, 1), (8, 2), (8, 3), (16, 1), (16, 2), (16, 3)]


def test_nothing_is_chosen_before_the_search_is_over(project: Project, workspace: Workspace) -> None:
    file = _confirmed_sweep(project)
    prepared = prepare(file, [], workspace)
    assert (prepared.confirmed, prepared.num_trials, prepared.num_unchosen) == (None, 4 + 6, 6)
    assert {trial.phase for trial in prepared.wanted} == {"explore"}
    _end(prepared, prepared.explored[:3])
    prepared = prepare(file, [], workspace)
    assert (prepared.confirmed, prepared.num_trials) == (None, 4 + 6)
    _end(prepared, prepared.explored[3:])
    prepared = prepare(file, [], workspace)
    assert _sizes_and_seeds(prepared.confirmed) == BEST_TWO
    assert (prepared.num_trials, prepared.num_unchosen) == (4 + 6, 0)
    assert [trial.position for trial in prepared.wanted] == list(range(10))
    todo = prepared.plan().part(is_confirm=True).todo
    assert [need for _, need in todo] == ["new"] * 6
    assert [trial for trial, _ in todo] == prepared.confirmed


def test_without_confirm_there_are_no_phases(project: Project, workspace: Workspace) -> None:
    prepared = prepare(_confirmed_sweep(project, seeds=[0]), [], workspace)
    _end(prepared, prepared.explored)
    prepared = prepare(_confirmed_sweep(project, seeds=[0]), [], workspace)
    assert (prepared.num_trials, prepared.num_to_choose, prepared.confirmed) == (4, 0, ())
    assert {trial.phase for trial in prepared.wanted} == {None}


def test_a_choice_holds_while_what_was_explored_does(project: Project, workspace: Workspace) -> None:
    """Whatever its own trials come to; a wider grid may change it."""
    prepared = prepare(_confirmed_sweep(project), [], workspace)
    _end(prepared, prepared.explored)
    chosen = prepare(_confirmed_sweep(project), [], workspace)
    assert chosen.confirmed is not None, "the search is over"
    _end(chosen, chosen.confirmed[:2], "failed")
    _end(chosen, chosen.confirmed[2:], score=1e9)
    for sizes in (BATCH_SIZES, BATCH_SIZES[::-1]):
        again = prepare(_confirmed_sweep(project, *sizes), [], workspace)
        assert {trial.trial_id for trial in again.wanted} == {trial.trial_id for trial in chosen.wanted}
        assert _sizes_and_seeds(again.confirmed) == BEST_TWO
    wider = prepare(_confirmed_sweep(project, 4, *BATCH_SIZES), [], workspace)
    assert wider.confirmed is None
    _end(wider, [trial for trial in wider.explored if trial.config["train.batch_size"] == 4])
    wider = prepare(_confirmed_sweep(project, 4, *BATCH_SIZES), [], workspace)
    assert _sizes_and_seeds(wider.confirmed) == [(4, 1), (4, 2), (4, 3), (8, 1), (8, 2), (8, 3)]
    rest = wider.plan().part(is_confirm=True)
    assert [need for _, need in rest.todo] == ["new"] * 3 + ["retry"] * 2 + ["score"], "nothing is trained twice"


def test_a_failed_trial_is_tried_again_and_does_not_hold_up_the_choice(project: Project, workspace: Workspace) -> None:
    prepared = prepare(_confirmed_sweep(project), [], workspace)
    _end(prepared, prepared.explored[:1], "failed")
    _end(prepared, prepared.explored[1:])
    prepared = prepare(_confirmed_sweep(project), [], workspace)
    assert [need for _, need in prepared.plan().part(is_confirm=False).todo][:1] == ["retry"]
    assert _sizes_and_seeds(prepared.confirmed)[::3] == [(16, 1), (32, 1)]
    _end(prepared, prepared.explored[:1])
    assert _sizes_and_seeds(prepare(_confirmed_sweep(project), [], workspace).confirmed) == BEST_TWO


def test_no_scheduler_holds_back_what_confirms(project: Project, workspace: Workspace) -> None:
    """A seed that was explored once, and stopped, goes on when it is to confirm."""
    asha = {"asha": {"grace_period": 1}}
    before = prepare(_confirmed_sweep(project, seeds=[0, 1], scheduler=asha), [], workspace)
    _end(before, [trial for trial in before.explored if trial.seed == 0])
    _end(before, [trial for trial in before.explored if trial.seed == 1], "stopped")
    prepared = prepare(_confirmed_sweep(project, scheduler=asha), [], workspace)
    assert _sizes_and_seeds(prepared.confirmed) == BEST_TWO
    todo = prepared.plan().part(is_confirm=True).todo
    assert [need for _, need in todo] == ["continue", "new", "new"] * 2
    assert prepare(_confirmed_sweep(project, seeds=[0, 1], scheduler=asha), [], workspace).plan().count("continue") == 0


def test_what_the_scheduler_stopped_is_not_chosen_until_it_has_gone_on(project: Project, workspace: Workspace) -> None:
    asha = {"asha": {"grace_period": 1}}
    prepared = prepare(_confirmed_sweep(project, scheduler=asha), [], workspace)
    _end(prepared, prepared.explored[:3], "stopped")
    _end(prepared, prepared.explored[3:])
    prepared = prepare(_confirmed_sweep(project, scheduler=asha), [], workspace)
    assert _sizes_and_seeds(prepared.confirmed) == [(64, 1), (64, 2), (64, 3)], "fewer finished than may be chosen"
    assert prepared.num_trials == 4 + 3
    assert prepare(_confirmed_sweep(project), [], workspace).confirmed is None, "without it the search isn't over"


def test_the_best_of_each_series_and_fold_are_counted(project: Project, workspace: Workspace) -> None:
    space = {
        "model": "att",
        "dataset": {"grid_search": ["wave", "other"]},
        "train.time_steps": 16,
        "split.origin": {"grid_search": [0.6, 0.85]},
    }
    datasets = project.root / "data" / "datasets.yaml"
    datasets.write_text(datasets.read_text() + datasets.read_text().split("short:")[0].replace("wave:", "other:"))
    prepared = prepare(project.write_sweep("folds", param_space=space, seeds=CONFIRM), [], workspace)
    assert (prepared.num_explored, prepared.num_to_choose, prepared.num_trials) == (4, 4, 4 + 4 * 3)
    wider = {**space, "train.batch_size": {"grid_search": [8, 16, 32]}}
    prepared = prepare(project.write_sweep("folds", param_space=wider, seeds=CONFIRM), [], workspace)
    assert (prepared.num_explored, prepared.num_to_choose) == (12, 4 * 2)


def test_a_search_is_confirmed_when_it_has_proposed_all(project: Project, workspace: Workspace) -> None:
    space = {"model": "att", "dataset": "wave", "train.time_steps": 16, "train.batch_size": {"randint": [8, 64]}}
    settings = {"search": {"hyperopt": {"num_samples": 3}}, "param_space": space, "seeds": CONFIRM}
    file = project.write_sweep("searched", **settings)
    prepared = prepare(file, [], workspace)
    assert (prepared.num_explored, prepared.num_to_choose, prepared.num_trials) == (3, 2, 3 + 6)
    proposed = [
        prepared.identify(prepared.sweep.resolve({"train.batch_size": size}), 0, position)
        for position, size in enumerate((32, 8, 16))
    ]
    assert {trial.phase for trial in proposed} == {"explore"}
    _end(prepared, proposed[:2])
    assert prepare(file, [], workspace).confirmed is None
    assert _sizes_and_seeds(prepare(file, [], workspace).refreshed(is_search_over=True).confirmed)[::3] == [
        (8, 1),
        (32, 1),
    ], "it may find nothing more to propose"
    _end(prepared, proposed[2:])
    prepared = prepare(file, [], workspace)
    assert _sizes_and_seeds(prepared.confirmed) == BEST_TWO
    assert prepared.confirmed is not None, "the search is over"
    _end(prepared, prepared.confirmed)
    again = prepare(file, [], workspace)
    assert len(again.points) == 3, "what confirms is no observation of the search"
    assert again.wanted == prepared.wanted


def test_the_plan_says_what_is_to_come(
    project: Project, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(file: Path) -> str:
        print_plan(Console(width=200), prepare(file, [], workspace))
        return capsys.readouterr().out.strip()

    file = _confirmed_sweep(project)
    assert said(file) == "confirmed: 4 trials: 4 new, then 2 configs x 3 seeds to confirm"
    one = _confirmed_sweep(project, seeds={"explore": [3, 4], "confirm": {"top": 1, "seeds": 1}})
    assert said(one) == "confirmed: 8 trials (4 configs, 2 seeds each): 8 new, then 1 config x 1 seed to confirm"
    prepared = prepare(_confirmed_sweep(project), [], workspace)
    _end(prepared, prepared.explored, "diverged")
    assert said(file) == "confirmed: 4 trials: 4 done"


def test_room_is_asked_for_what_confirms_too(project: Project, workspace: Workspace) -> None:
    """For the largest, as long as nobody knows which."""

    def sizes(seeds: object) -> list[int]:
        space = {"dataset": "wave", "train.time_steps": 16, "model": "att", "model.d_model": grid}
        file = project.write_sweep("large", param_space=space, seeds=seeds)
        prepared = prepare(file, [], workspace)
        return sorted(checkpoint_bytes(size) for size in missing_sizes(prepared, prepared.plan()))

    grid = {"grid_search": [8, 16, 64]}
    explored = sizes([0])
    assert explored[0] < explored[1] < explored[2]
    assert sizes({"confirm": {"top": 2, "seeds": 2}}) == sorted(explored + 2 * explored[1:])
