"""What a report writes, from what is there: ledgers, somebody's copy, forecasts that are missing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from raysweep.analysis.export import export_tables
from raysweep.analysis.figures.cost import cost_picture, frontier
from raysweep.analysis.figures.multiples import multiples_picture
from raysweep.analysis.figures.trial import spread_starts, trial_picture
from raysweep.analysis.forecasts import ScoredForecasts, TrialForecasts, read_forecasts
from raysweep.analysis.report.material import Material
from raysweep.analysis.report.page import Code, Drawing, Page, Table, Text
from raysweep.analysis.report.questions import choice_section
from raysweep.analysis.report.write import build_page, write_report
from raysweep.analysis.tables import load_tables
from raysweep.errors import StorageError
from raysweep.forecasting.series import Series
from raysweep.ledger.rows import CommandRow
from raysweep.ledger.writer import LedgerWriter
from raysweep.paths import SweepPaths
from tests.analysis.ledgers import FakeTrial, sweep_paths, write_ledger
from tests.analysis.made_sweeps import Config, grid, make_tables
from tests.analysis.reports import NUM_POINTS, small_sweep, write_forecasts

SWEEP_TEXT = "name: tiny  # </code><script>alert(1)</script>\nseeds: [0]\n"


def _page(*sweeps: SweepPaths) -> Page:
    return build_page(Material(sweeps=sweeps, tables=load_tables(sweeps)))


def _section(page: Page, title: str) -> str:
    return next(section.lead for section in page.sections if section.title == title)


def test_files_and_pictures(paths: SweepPaths) -> None:
    small_sweep(paths)
    write_report([paths], paths.report, paths.figures, units={"4single": "µg/m³"})
    names = sorted(file.name for file in paths.figures.glob("*.svg"))
    assert names == [
        "cost-4single-one-step-split.origin-0.85.svg",
        "effects.svg",
        "forecasts-4single-autoregressive-split.origin-0.85.svg",
        "learning-4single-one-step-split.origin-0.85.svg",
        "windows-4single.svg",
    ]
    best = FakeTrial(dataset="4single", train={"time_steps": 64, "num_epochs": 4})
    assert [file.stem for file in (paths.figures / "trials").iterdir()] == [best.trial_id]
    assert "µg/m³" in paths.report.read_text(encoding="utf-8")


def test_pictures_of_an_older_report_go_and_others_stay(paths: SweepPaths) -> None:
    small_sweep(paths)
    write_report([paths], paths.report, paths.figures)
    (picture,) = (paths.figures / "trials").iterdir()
    picture.rename(stale := picture.with_name("0123456789abcdef.svg"))
    (own := paths.figures / "mine.svg").write_text("<svg/>")
    write_report([paths], paths.report, paths.figures)
    assert picture.exists()
    assert not stale.exists()
    assert own.exists()


def test_series_whose_names_make_one_file_name_have_two(paths: SweepPaths) -> None:
    names = ("O3", "o3", "o 3", "o-3")
    trials = [
        FakeTrial(dataset=name, data=f"data of {name}", train={"time_steps": window})
        for name in names
        for window in (64, 128)
    ]
    write_ledger(paths, trials)
    write_report([paths], paths.report, paths.figures)
    files = [file.name for file in paths.figures.glob("*.svg")]
    windows = {"windows-o3.svg", "windows-o3-2.svg", "windows-o-3.svg", "windows-o-3-2.svg"}
    assert {name for name in files if name.startswith("windows")} == windows
    assert len({name.lower() for name in files}) == len(files), "a Mac takes O3 and o3 for one"


def test_a_copy_without_ledger_and_forecasts_says_so(paths: SweepPaths, tmp_path: Path) -> None:
    small_sweep(paths)
    export_tables(paths)
    copy = sweep_paths(tmp_path / "somebody's")
    copy.root.mkdir(parents=True)
    for file in (paths.trials, paths.epochs, paths.evaluations):
        shutil.copy(file, copy.root)
    write_report([copy], copy.report, copy.figures)
    page = _page(copy)
    assert _section(page, "Forecasts") == (
        "No picture: the files in predictions/ that it would be drawn from aren't here."
    )
    assert "its sweep file is in the ledger alone" in copy.report.read_text(encoding="utf-8")
    assert [drawing.file for drawing in page.drawings()] == [
        "windows-4single",
        "effects",
        "learning-4single-one-step-split.origin-0.85",
        "cost-4single-one-step-split.origin-0.85",
    ]


@pytest.mark.parametrize("damage", [b"", b"PAR1 not at all"])
def test_forecasts_that_cannot_be_read_are_left_out(paths: SweepPaths, damage: bytes) -> None:
    write_ledger(paths, [FakeTrial()])
    write_forecasts(paths, FakeTrial()).write_bytes(damage)
    assert _section(_page(paths), "Forecasts").startswith("No picture")


def test_the_command_and_the_file_that_make_it_again(paths: SweepPaths) -> None:
    small_sweep(paths)
    with LedgerWriter(paths.ledger) as writer:
        writer.begin_command(
            CommandRow(
                started_at=1.0,
                host="host",
                pid=1,
                sweep_file="my sweeps/tiny.yaml",
                sweep_text=SWEEP_TEXT,
                overrides=("model=att,vq", "train.num_epochs=4"),
                metric="val_mse_batch",
                scheduler="fifo",
                code_version="0.1.0",
            )
        )
    page = write_report([paths], paths.report, paths.figures)
    command, file = (block for block in page.sections[-1].blocks if isinstance(block, Code))
    assert command.text == (
        f"python -m raysweep 'my sweeps/tiny.yaml' model=att,vq train.num_epochs=4 --results-dir {paths.results_dir}\n"
        f"raysweep report tiny --results-dir {paths.results_dir}"
    )
    assert file.text == SWEEP_TEXT
    html = paths.report.read_text(encoding="utf-8")
    assert "&lt;/code&gt;&lt;script&gt;" in html
    assert html.count("<script>") == 1
    (digests,) = (block for block in page.sections[-1].blocks if isinstance(block, Table))
    assert ("series", "4single", "data-1", "original", "8") in [row.cells for row in digests.rows]


def test_sweeps_together_make_one_page(tmp_path: Path) -> None:
    first = write_ledger(sweep_paths(tmp_path, "first"), [FakeTrial()])
    second = write_ledger(sweep_paths(tmp_path, "second"), [FakeTrial(model="lstm", val=40.0)])
    page = write_report([first, second], tmp_path / "both" / "report.html", tmp_path / "both" / "figures")
    assert page.title == "first, second"
    assert page.answers[0][1].startswith("lstm with window 112 forecasts y_w best")
    assert (tmp_path / "both" / "report.html").is_file()


def test_a_sweep_that_has_only_failed_has_a_page(paths: SweepPaths) -> None:
    write_ledger(paths, [FakeTrial(status="failed", error="ValueError: <b>")])
    write_report([paths], paths.report, paths.figures)
    assert "ValueError: &lt;b&gt;" in paths.report.read_text(encoding="utf-8")


def test_failures_are_counted_among_the_trials_that_count(tmp_path: Path) -> None:
    trials = [FakeTrial(), FakeTrial(model="lstm", status="failed")]
    old = tuple(FakeTrial(seed=seed, model_digest="code-0") for seed in range(5))
    sweeps = [write_ledger(sweep_paths(tmp_path, name), trials, old=old) for name in ("first", "second")]
    assert _section(_page(*sweeps), "Failures") == "1 trial of 2 failed; the same command tries them again."


def test_replication_has_pictures_too(paths: SweepPaths) -> None:
    trials = [FakeTrial(protocol="replication", model=model, val=val) for model, val in (("att", 0.5), ("vq", 0.6))]
    write_ledger(paths, trials)
    page = write_report([paths], paths.report, paths.figures)
    assert [drawing.file.split("-")[0] for drawing in page.drawings()] == ["effects", "learning", "cost"]


def test_pictures_of_replication_name_its_loss(paths: SweepPaths) -> None:
    trials = [FakeTrial(protocol="replication", model=model, val=val) for model, val in (("att", 0.5), ("vq", 0.6))]
    write_ledger(paths, trials)
    for trial in trials:
        write_forecasts(paths, trial)
    captions = {drawing.file.split("-")[0]: drawing.drawn.caption for drawing in _page(paths).drawings()}
    assert "the config with the lowest validation loss (scaled, in-sample), which stands" in captions["forecasts"]
    assert "MSE" not in captions["forecasts"]
    assert captions["cost"].endswith("has 0.5000 for 3 s."), "baselines have no loss that could be far above"


def test_several_channels_are_told_where_one_is_drawn(paths: SweepPaths) -> None:
    trials = [FakeTrial(model=model) for model in ("att", "vq")]
    write_ledger(paths, trials)
    for trial in trials:
        write_forecasts(paths, trial, channels=("level", "flow"))
    (caption,) = (drawing.drawn.caption for drawing in _page(paths).drawings() if drawing.file.startswith("forecasts"))
    assert caption.endswith("Drawn is level, one of 2 channels; scores are over all of them.")


def test_a_file_in_the_way_is_one_error(paths: SweepPaths) -> None:
    write_ledger(paths, [FakeTrial()])
    paths.figures.write_text("not a folder")
    with pytest.raises(StorageError, match="figures"):
        write_report([paths], paths.report, paths.figures)


def test_pictures_show_explored_configs_without_a_place_beside_confirmed_ones(paths: SweepPaths) -> None:
    # Two windows confirmed with 60 and 61; 50 of the explored one is luck.
    trials = [
        FakeTrial(train={"time_steps": window}, seed=seed, val=val, val_far=val, phase="confirm")
        for window, val in ((64, 60.0), (128, 61.0))
        for seed in range(1, 6)
    ]
    trials.append(FakeTrial(train={"time_steps": 256}, val=50.0, val_far=50.0, phase="explore"))
    write_ledger(paths, trials)
    for trial in trials:
        write_forecasts(paths, trial)
    page = _page(paths)
    drawn = {drawing.file.split("-")[0]: drawing.drawn for drawing in page.drawings()}
    assert "The lowest of the confirmed ones is att with window 64, 60.00" in drawn["forecasts"].caption
    assert "att with window 64 has the lowest score, 60.00" in drawn["cost"].caption
    assert "; hollow points are unconfirmed" in drawn["cost"].caption


def test_a_cell_of_models_and_windows_says_that_it_is_unconfirmed(forecasts: TrialForecasts) -> None:
    found = {
        ("att", window): ScoredForecasts(forecasts=forecasts, score=score, has_rank=has_rank)
        for window, score, has_rank in ((64, 60.0, True), (128, 50.0, False))
    }
    picture = multiples_picture(found, where="y_w", score="MSE", score_unit="", unit="", dataset="y_w")
    titles = [axes.get_title(loc="left") for axes in picture.figure.axes]
    assert titles == ["att, window 64\nMSE 60.00", "att, window 128\nunconfirmed: 50.00"]
    assert "The lowest of the confirmed ones is att with window 64, 60.00" in picture.caption


def test_costs_of_explored_configs_are_hollow_and_off_the_line() -> None:
    configs = pd.DataFrame(
        {
            "model": "att",
            "score": [60.0, 50.0],
            "train_seconds": [3.0, 2.0],
            "num_params": 9,
            "is_confirmed": [True, False],
        }
    ).assign(has_rank=[True, False])
    picture = cost_picture(configs, {}, label_of=lambda row: "it", where="y_w", score="MSE", unit="")
    axes = picture.figure.axes[0]
    hollow, filled, line = axes.lines
    assert (list(hollow.get_ydata()), hollow.get_markerfacecolor()) == ([50.0], "none")
    assert (list(filled.get_ydata()), filled.get_markerfacecolor() != "none") == ([60.0], True)
    assert list(line.get_ydata()) == [60.0], "luck doesn't move the line"
    assert "it has the lowest score, 60.00" in picture.caption


def test_no_seed_is_shown_for_its_luck(paths: SweepPaths) -> None:
    write_ledger(paths, [FakeTrial(seed=seed, val=val) for seed, val in enumerate((10.0, 30.0, 20.0))])
    material = Material(sweeps=[paths], tables=load_tables([paths]))
    trial = material.middle_trial(FakeTrial().config_id, "val_mse_batch")
    assert trial is not None
    assert trial["seed"] == 2


def test_no_seed_is_shown_that_its_config_was_chosen_for(paths: SweepPaths) -> None:
    trials = [FakeTrial(seed=seed, val=val, phase="confirm") for seed, val in ((1, 20.0), (2, 30.0), (3, 40.0))]
    write_ledger(paths, [FakeTrial(seed=0, val=10.0, phase="explore"), *trials])
    material = Material(sweeps=[paths], tables=load_tables([paths]))
    trial = material.middle_trial(FakeTrial().config_id, "val_mse_batch")
    assert trial is not None
    assert trial["seed"] == 2


@pytest.fixture
def forecasts(paths: SweepPaths) -> TrialForecasts:
    write_forecasts(paths, FakeTrial(), bias=3.0)
    found = read_forecasts(paths, FakeTrial().trial_id, "y_w", horizon=30)
    assert found is not None
    return found


def test_errors_by_steps_ahead(forecasts: TrialForecasts) -> None:
    model, last = forecasts.error_by_step("test")
    assert list(model.index) == [10, 20, 30]
    assert model.to_numpy() == pytest.approx(3.0)
    level = 50 + 10 * np.sin(np.arange(NUM_POINTS) / 20)
    first_ten = [(level[start - 1] - level[start + step]) ** 2 for start in range(340, 400, 10) for step in range(10)]
    assert last.loc[10] == pytest.approx(np.mean(first_ten) ** 0.5)


def test_pictures_of_forecasts_say_what_they_show(forecasts: TrialForecasts) -> None:
    picture = trial_picture(forecasts, label="att with window 64", dataset="y_w", unit="ppm")
    axes = picture.figure.axes
    assert [panel.get_ylabel() for panel in axes] == ["y_w (ppm)"] * 3 + ["RMSE (ppm)"] * 2
    labels = [panel.get_xlabel() for panel in axes]
    assert labels == ["time (h)", "", "time (h)", "steps ahead", "steps ahead"]
    picture.figure.draw_without_rendering()
    for panel in axes[3:]:
        legend = panel.get_legend()
        assert legend is not None
        assert not legend.get_window_extent().overlaps(panel.get_window_extent()), "it would cover a curve"
    assert {text.get_text() for text in axes[1].texts} == {"validation", "test"}
    assert "is 3 (" in picture.caption
    assert picture.caption.count("3 (") == 2


def test_the_training_part_is_shown_where_the_series_is_at_hand(paths: SweepPaths, forecasts: TrialForecasts) -> None:
    series = Series(
        name="y_w",
        time_hours=np.arange(NUM_POINTS) / 30,
        values=(50 + 10 * np.sin(np.arange(NUM_POINTS) / 20))[:, None],
        columns=("level",),
        unit="ppm",
        digest="data-1",
        source="original",
        file="y_w.csv",
        notices=(),
    )
    whole = read_forecasts(paths, FakeTrial().trial_id, "y_w", horizon=30, series=series)
    assert whole is not None
    assert (len(forecasts.actual), len(whole.actual)) == (120, NUM_POINTS)
    picture = trial_picture(whole, label="att", dataset="y_w", unit="")
    assert {text.get_text() for text in picture.figure.axes[0].texts} == {"training", "validation", "test"}


def test_a_series_that_has_changed_since_is_not_shown(paths: SweepPaths) -> None:
    write_ledger(paths, [FakeTrial()])
    write_forecasts(paths, FakeTrial())
    other = Series(
        name="y_w",
        time_hours=np.arange(3.0),
        values=np.zeros((3, 1)),
        columns=("level",),
        unit="ppm",
        digest="data-2",
        source="file",
        file="y_w.csv",
        notices=(),
    )
    material = Material(sweeps=[paths], tables=load_tables([paths]), series_named=lambda name: other)
    found = material.forecasts_of(material.tables.trials.iloc[0], 120)
    assert found is not None
    assert len(found.actual) == 120


def test_starts_do_not_overlap_and_are_few(forecasts: TrialForecasts) -> None:
    rows = forecasts.ahead("val")
    assert spread_starts(rows, 30, 8) == [280, 310]
    assert spread_starts(rows, 10, 3) == [280, 300, 330]


def test_the_frontier_holds_what_nothing_cheaper_beats(paths: SweepPaths) -> None:
    table = load_tables([write_ledger(paths, [FakeTrial()])]).trials
    costs = table["train_seconds"].reindex([0] * 4).reset_index(drop=True)
    costs[:] = [1.0, 2.0, 2.0, 3.0]
    scores = costs.copy()
    scores[:] = [9.0, 8.0, 7.0, 8.0]
    assert frontier(costs, scores).to_numpy().tolist() == [[1.0, 9.0], [2.0, 7.0]]


def test_every_question_has_its_section(paths: SweepPaths) -> None:
    small_sweep(paths)
    titles = [section.title for section in _page(paths).sections]
    assert titles == [
        "At a glance",
        "Leaderboards",
        "Windows",
        "What mattered",
        "Forecasts",
        "Training and cost",
        "Failures",
        "How it was made",
    ]


def test_rankings_that_differ_in_the_metric_alone_stay_apart(paths: SweepPaths) -> None:
    trials = [FakeTrial(model=model, metric=metric) for model, metric in (("att", "1"), ("vq", "1"), ("lstm", "2"))]
    write_ledger(paths, trials)
    write_forecasts(paths, trials[0])
    page = _page(paths)
    assert [drawing.file for drawing in page.drawings()][-3] == f"trials/{trials[0].trial_id}"


def _importance_of(error: Callable[[Config], float]) -> tuple[list[str], list[str]]:
    """The names of the pictures, and the sentences, of what mattered."""
    models = ["att", "lstm", "vq"]
    configs = grid(model=models, train__time_steps=[32, 64, 128, 256], train__learning_rate=[1e-3, 3e-3])
    section = choice_section(Material(sweeps=[], tables=make_tables(configs, error)))
    assert section is not None
    names = [block.file for block in section.blocks if isinstance(block, Drawing)]
    return names, [line for block in section.blocks if isinstance(block, Text) for line in block.paragraphs]


def test_importance_of_noise_is_a_sentence() -> None:
    random = np.random.default_rng(1)
    pictures, sentences = _importance_of(lambda config: 100 * float(np.exp(random.normal())))
    assert pictures == ["effects"]
    assert [line.partition(": ")[2].partition(": ")[2] for line in sentences] == ["no key stands out from chance."] * 2


def test_importance_that_stands_out_is_a_picture() -> None:
    pictures, sentences = _importance_of(lambda config: 900.0 if config["model"] == "att" else 100.0)
    assert (pictures, sentences) == (["effects", "importances"], [])
