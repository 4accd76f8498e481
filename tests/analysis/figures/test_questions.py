"""The pictures of windows, effects, importance and transfer: what is drawn, and that nothing overlaps or is cut off."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from raysweep.analysis.effects import effects
from raysweep.analysis.figures.effects import draw_effects, draw_importances
from raysweep.analysis.figures.learning import learning_picture
from raysweep.analysis.figures.picture import Picture, to_svg
from raysweep.analysis.figures.style import styled
from raysweep.analysis.figures.transfer import draw_transfer
from raysweep.analysis.figures.windows import draw_windows
from raysweep.analysis.importance import importances
from raysweep.analysis.ranking import rank
from raysweep.analysis.tables import SweepTables
from raysweep.analysis.transfer import transfers
from raysweep.analysis.windows import window_panels
from tests.analysis.made_sweeps import RATE, WINDOW, Config, grid, make_tables, with_block_errors, with_phases

MODELS = ["att", "att_mh", "lstm", "vq", "vq_mh", "a_model_with_a_long_name"]


def error(config: Config) -> float:
    return 100.0 * (1 + MODELS.index(config["model"])) * (1 + abs(math.log2(config[WINDOW] / 256)))


def texts_of(figure: Figure) -> list[Text]:
    """All that are drawn; an axis also keeps labels for ticks outside its limits, which aren't."""
    hidden = set()
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        margin = 1e-6 * (high - low)
        places = zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True)
        hidden |= {id(label) for place, label in places if not low - margin <= place <= high + margin}
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    return [text for text in texts if text.get_visible() and text.get_text() and id(text) not in hidden]


def assert_readable(picture: Picture) -> None:
    """No text is cut off, and no two texts touch."""
    with styled():
        picture.figure.draw_without_rendering()
    size = picture.figure.bbox
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts_of(picture.figure)]
    boxes = [(text, box) for text, box in boxes if box.width > 0]
    for text, box in boxes:
        assert box.x0 >= -1 and box.x1 <= size.x1 + 1, f"{text!r} is cut off"
        assert box.y0 >= -1 and box.y1 <= size.y1 + 1, f"{text!r} is cut off"
    for (one, first), (other, second) in itertools.combinations(boxes, 2):
        width = min(first.x1, second.x1) - max(first.x0, second.x0)
        height = min(first.y1, second.y1) - max(first.y0, second.y0)
        assert width <= 1 or height <= 1, f"{one!r} touches {other!r}"


def panels_of(tables: SweepTables) -> Picture:
    return draw_windows(window_panels(tables, rank(tables)), "µg/m³")


def main_axes(picture: Picture) -> list[Axes]:
    return [axes for axes in picture.figure.axes if "test MSE" in axes.get_ylabel()]


@pytest.mark.parametrize(
    "windows", [[64, 128, 256, 512, 1024], [100], list(range(32, 64)), [16, 17, 18, 1024]], ids=str
)
def test_windows_can_be_read(windows: list[int]) -> None:
    tables = make_tables(grid(model=MODELS, train__time_steps=windows, split__origin=[0.6, 0.85]), error)
    picture = panels_of(tables)
    assert_readable(picture)
    assert len(main_axes(picture)) == 4
    assert len(picture.figure.axes) == 16  # training windows, steps and seconds below each


def test_windows_show_the_points_and_the_references() -> None:
    tables = make_tables(grid(model=["att", "lstm"], train__time_steps=[64, 128, 256]), error, seeds=5, noise=0.05)
    tables = with_block_errors(tables, num_blocks=30)
    (panel, _) = window_panels(tables, rank(tables))
    picture = draw_windows([panel])
    (axes,) = main_axes(picture)
    assert axes.get_yscale() == "log"
    drawn = [line.get_ydata() for line in axes.lines]
    for model in ("att", "lstm"):
        scores = panel.points.loc[panel.points["model"] == model, "test"].to_numpy()
        assert any(len(values) == 3 and np.allclose(values, scores) for values in drawn)
    assert any(set(np.ravel(values)) == {400.0} for values in drawn), "the last value is a line"
    assert "far off: noise floor 16.00" in axes.get_title(loc="left")
    assert "best confirmed is att at window 256" in axes.get_title(loc="left")
    assert "best confirmed is att at window 256" in picture.caption
    assert "Bars are 95 % intervals" in picture.caption


def test_one_seed_is_not_drawn_like_five() -> None:
    tables = make_tables(grid(train__time_steps=[64, 128, 256]), lambda config: 40.0 + config[WINDOW], seeds=6)
    picture = panels_of(with_phases(tables, {"config-0"}))
    assert_readable(picture)
    assert "\nchosen by val_mse_batch" in main_axes(picture)[1].get_title(loc="left")
    for axes in main_axes(picture):
        (hollow,) = (line for line in axes.lines if line.get_markerfacecolor() == "white")
        assert list(hollow.get_xdata()) == [128, 256]
    (legend,) = picture.figure.legends
    names = {text.get_text() for text in legend.get_texts()}
    assert names >= {"unconfirmed", "best confirmed"}
    assert "best by validation" not in names
    windows_below = [axes for axes in picture.figure.axes if "training" in axes.get_ylabel()]
    assert [len(axes.lines) for axes in windows_below] == [1, 1]


def test_what_is_the_same_for_all_models_is_one_line() -> None:
    picture = panels_of(make_tables(grid(model=MODELS[:3], train__time_steps=[64, 128]), error))
    below = [axes for axes in picture.figure.axes if axes not in main_axes(picture)]
    assert [len(axes.lines) for axes in below] == [1] * 6  # made up, seconds are equal, too


def test_windows_with_scores_that_are_no_numbers() -> None:
    tables = make_tables(grid(model=["att", "lstm"], train__time_steps=[64, 128]), error)
    is_odd = (tables.evaluations["config_id"] == "config-0") & (tables.evaluations["part"] == "test")
    tables.evaluations.loc[is_odd, "mse"] = math.inf
    assert_readable(panels_of(tables))
    stopped = make_tables(grid(train__time_steps=[64, 128]), error, status=lambda config: "stopped")
    assert_readable(panels_of(stopped))


def test_effects_can_be_read_and_say_what_the_numbers_say() -> None:
    def status(config: Config) -> str:
        return "stopped" if config["model"] == "vq" else "finished"

    configs = grid(model=MODELS, train__time_steps=[64, 128, 256], train__learning_rate=[1e-3, 3e-3])
    found = effects(rank(make_tables(configs, error, noise=0.1, status=status)))
    picture = draw_effects(found)
    assert_readable(picture)
    labels = [label.get_text() for label in picture.figure.axes[0].get_yticklabels()]
    assert labels[:2] == ["model = a_model_with_a_long_name", "model = att"]
    assert sum("can't tell: no pairs" in text.get_text() for text in picture.figure.axes[0].texts) == 1
    assert "lower error with model att (error x 0.28)" in picture.caption


def test_importance_can_be_read() -> None:
    configs = grid(model=MODELS, train__time_steps=[64, 128, 256], train__learning_rate=[1e-3, 3e-3])
    found = importances(rank(make_tables(configs, error, noise=0.1)))
    picture = draw_importances(found)
    assert_readable(picture)
    (legend,) = picture.figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["share of variance: matters", "can't tell", "its spread", "highest by chance"]
    chances = [line for line in picture.figure.axes[0].lines if line.get_marker() == "D"]
    assert len(chances) == len(found[0].shares)
    assert {line.get_markerfacecolor() for line in chances} == {"white"}, "it is seen on a dark bar, too"


def test_transfer_can_be_read_in_grey_too() -> None:
    series = ["4single", "w_y", "y_w"]
    configs = grid(model=["att", "lstm", "vq", "vq_mh"], dataset=series)
    far = {"4single": 30.0, "w_y": 500.0, "y_w": None}
    tables = make_tables(configs, lambda config: 100.0, evaluate_on=series, away=lambda config, name: far[name])
    picture = draw_transfer(transfers(tables, rank(tables))[0])
    assert_readable(picture)
    axes = picture.figure.axes[0]
    shown = [text.get_text() for text in axes.texts]
    # 30 and 10 % on the test part, against 400 of the last value; and so on.
    assert [shown.count(text) for text in ("+0.92", "-0.38", "-")] == [2, 2, 2]
    for patch in axes.patches:
        red, green, blue, alpha = patch.get_facecolor()
        assert alpha == 0 or 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.3, "dark text needs a light ground"


def test_pictures_are_the_same_every_time_and_small() -> None:
    tables = make_tables(grid(model=MODELS, train__time_steps=[64, 128, 256], train__learning_rate=[1e-3]), error)
    one, other = to_svg(panels_of(tables)), to_svg(panels_of(tables))
    assert one == other
    assert len(one) < 300_000
    assert RATE not in one


def test_learning_curves_have_epochs_below_each_column() -> None:
    rows = [
        {
            "trial_id": model,
            "model": model,
            "status": "finished",
            "is_best": False,
            "epoch": epoch,
            "score": 9.0 / epoch,
        }
        for model in MODELS[:5]
        for epoch in (1, 2, 3)
    ]
    picture = learning_picture(pd.DataFrame(rows), where="y_w", label="att", score="MSE", unit="")
    with styled():
        picture.figure.draw_without_rendering()
    panels = [axes for axes in picture.figure.axes if axes.get_visible()]
    has_numbers = [any(label.get_text() for label in axes.get_xticklabels()) for axes in panels]
    assert has_numbers == [False, False, True, True, True]
