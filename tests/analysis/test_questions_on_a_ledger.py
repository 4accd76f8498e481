"""The same answers from a ledger, and from somebody else's Parquet files; quickly enough for ten thousand trials."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from raysweep.analysis.effects import effects
from raysweep.analysis.export import export_tables
from raysweep.analysis.figures.questions import transfer_pictures, what_mattered_pictures, window_pictures
from raysweep.analysis.questions import Answers, transfer_tables, what_mattered_tables, window_tables
from raysweep.analysis.rank_table import rank_tables
from raysweep.analysis.ranking import rank
from raysweep.analysis.result_table import ResultTable
from raysweep.analysis.tables import SweepTables, load_tables
from raysweep.analysis.transfer import transfers
from raysweep.analysis.windows import window_panels
from raysweep.paths import SweepPaths
from tests.analysis.ledgers import FakeTrial, sweep_paths, write_ledger
from tests.analysis.made_sweeps import RATE, WINDOW, grid, make_tables


def answers(tables: SweepTables) -> list[ResultTable]:
    found = Answers(tables=tables, rankings=rank(tables))
    return [*window_tables(found), *what_mattered_tables(found), *transfer_tables(found)]


def trials_of(model: str) -> list[FakeTrial]:
    return [
        FakeTrial(
            model=model,
            train={"time_steps": window, "learning_rate": rate},
            status=status,
            val=window * rate * 1e3,
            test=window * rate * 2e3,
        )
        for window, rate, status in [
            (32, 1e-3, "finished"),
            (64, 1e-3, "finished"),
            (32, 3e-3, "diverged"),
            (64, 3e-3, "stopped"),
        ]
    ]


def two_sweeps(folder: Path) -> list[SweepPaths]:
    one, other = sweep_paths(folder, "one"), sweep_paths(folder, "other")
    att = trials_of("att")
    away = att[0].evaluation("test", "batch", 1, 70.0, eval_dataset="w_y", num_targets=100)
    short = att[0].evaluation("test", "regressive", 120, 0.0, eval_dataset="w_y", num_targets=0, reason="w_y is short")
    write_ledger(one, att, extra=(away, short))
    write_ledger(other, trials_of("lstm"))
    return [one, other]


def test_ledgers_and_copies_of_their_tables_give_the_same_answers(tmp_path: Path) -> None:
    ledgers = two_sweeps(tmp_path / "mine")
    copies = []
    for paths in ledgers:
        export_tables(paths)
        copy = SweepPaths(tmp_path / "theirs", paths.name)
        copy.root.mkdir(parents=True)
        for file in (paths.trials, paths.evaluations):
            shutil.copy(file, copy.root)
        copies.append(copy)
    from_ledgers, from_copies = answers(load_tables(ledgers)), answers(load_tables(copies))
    assert from_ledgers == from_copies
    titles = [board.title for board in from_ledgers]
    assert len(titles) == len(set(titles))
    assert "y_w: one-step forecasts (holdout, split.origin 0.85): score against window" in titles
    assert "Transfer: autoregressive forecasts (holdout, split.origin 0.85)" in titles
    transfer = from_ledgers[titles.index("Transfer: autoregressive forecasts (holdout, split.origin 0.85)")]
    assert any("att of y_w on w_y: w_y is short" in note for note in transfer.notes)
    assert any("lstm of y_w on w_y: not forecast in these sweeps" in note for note in transfer.notes)
    every_row = [row for board in from_ledgers for row in board.rows]
    assert all(len(row.cells) == len(board.columns) for board in from_ledgers for row in board.rows)
    assert every_row


def test_pictures_of_all_answers_have_titles_of_their_own(tmp_path: Path) -> None:
    tables = load_tables(two_sweeps(tmp_path))
    found = Answers(tables=tables, rankings=rank(tables))
    pictures = [*window_pictures(found), *what_mattered_pictures(found), *transfer_pictures(found)]
    titles = [picture.title for picture in pictures]
    assert titles == [
        "y_w: score against window",
        "y_w: effect of each choice",  # and no importance, of which six configs can't tell
        "Transfer: one-step forecasts (holdout, split.origin 0.85)",
        "Transfer: autoregressive forecasts (holdout, split.origin 0.85)",
    ]
    assert all(picture.caption.endswith(".") for picture in pictures)


def test_replication_has_ranks_and_effects_within_a_window(paths: SweepPaths) -> None:
    rates = (1e-3, 3e-3)
    write_ledger(
        paths,
        [
            FakeTrial(protocol="replication", model=model, train={"learning_rate": rate}, val=rate * 100)
            for model in ("att", "lstm")
            for rate in rates
        ],
    )
    titles = [board.title for board in answers(load_tables([paths]))]
    assert "Replication: average rank of each value" in titles
    assert "y_w: replication, window 112: effect of each choice" in titles
    assert not any("score against window" in title or "Transfer" in title for title in titles)


@pytest.mark.slow
def test_ten_thousand_trials_are_answered_at_once() -> None:
    configs = grid(
        model=["att", "lstm", "vq", "att_mh", "vq_mh"],
        dataset=["one", "two"],
        train__time_steps=[16, 32, 64, 128, 256],
        train__learning_rate=[10 ** (-4 + 0.1 * step) for step in range(10)],
        train__batch_size=[16, 32, 64, 128],
    )
    tables = make_tables(
        configs, lambda config: config[WINDOW] * config[RATE] * 1e4, seeds=5, noise=0.1, evaluate_on=["two"]
    )
    assert len(tables.trials) == 10_000
    rankings = rank(tables)
    questions: dict[str, Callable[[], object]] = {
        "windows": lambda: window_panels(tables, rankings),
        "ranks": lambda: rank_tables(rankings),
        "effects": lambda: effects(rankings),
        "transfer": lambda: transfers(tables, rankings),
    }
    for name, ask in questions.items():
        started = time.process_time()
        ask()
        seconds = time.process_time() - started
        print(f"{name}: {seconds:.2f} s")
        # The aim is 0.5 s; five times that, for a machine that is slow.
        assert seconds < 2.5, name
