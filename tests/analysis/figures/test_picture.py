"""Pictures become files that are equal for equal numbers, and carry their words."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from raysweep.analysis.figures.picture import Picture, save, to_svg
from raysweep.analysis.figures.style import PNG_DPI, looks, new_figure, plain_log_axis, styled

CAPTION = 'lstm is "best" & 20 % < att'


def draw() -> Picture:
    with styled():
        figure = new_figure(4, 3)
        axes = figure.add_subplot()
        for name, look in looks(["a$b$", "b"]).items():
            axes.plot([1, 2, 3], [1, 10, 100], label=name, **look.line)
        plain_log_axis(axes, "y")
        axes.legend()
    return Picture(figure=figure, title="a title", caption=CAPTION)


def test_svg_is_one_element_with_its_words_and_the_same_every_time() -> None:
    svg = to_svg(draw())
    root = ElementTree.fromstring(svg)
    assert root.tag.endswith("svg")
    assert root.attrib["aria-label"] == CAPTION
    assert root.attrib["role"] == "img"
    assert svg == to_svg(draw())


def test_files_are_what_their_name_says(tmp_path: Path) -> None:
    picture = draw()
    for name in ("a.svg", "a.png"):
        save(picture, tmp_path / name)
    assert ElementTree.parse(tmp_path / "a.svg").getroot().attrib["aria-label"] == CAPTION
    assert imread(tmp_path / "a.png").shape[:2] == (3 * PNG_DPI, 4 * PNG_DPI)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.png", "a.svg"]


def test_a_users_own_settings_change_nothing_and_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = to_svg(draw())
    monkeypatch.setitem(mpl.rcParams, "font.size", 30.0)
    monkeypatch.setitem(mpl.rcParams, "axes.facecolor", "black")
    assert to_svg(draw()) == plain
    assert mpl.rcParams["font.size"] == 30.0


def test_twelve_lines_differ_in_two_ways_each() -> None:
    found = list(looks(f"model {index}" for index in range(12)).values())
    for index, one in enumerate(found):
        for other in found[:index]:
            assert (one.linestyle, one.marker) != (other.linestyle, other.marker)


def test_log_axes_have_plain_numbers() -> None:
    picture = draw()
    picture.figure.draw_without_rendering()
    (axes,) = picture.figure.axes
    texts = [label.get_text() for label in axes.get_yticklabels()]
    assert "100" in texts
    assert not any("10^" in text or "e" in text for text in texts)
    assert isinstance(picture.figure, Figure)


@pytest.mark.parametrize(
    "lowest, highest",
    [
        *((930, 1260), (900, 1100), (1.01e-3, 1.9e-3), (21, 49), (600, 2300), (99.0, 100.5), (889, 2918)),
        *((0.5, 2.2), (1500, 200_000), (0.006, 160), (1e-5, 1e7), (1e-3, 1e200)),
    ],
)
def test_numbers_on_an_axis_are_few_and_stand_apart(lowest: float, highest: float) -> None:
    """As many as fit beside each other: four hundredths of an axis each, for half of a page."""
    with styled():
        axes = new_figure(4, 3).add_subplot()
        plain_log_axis(axes, "x")
        axes.set_xlim(lowest, highest)
        ticks = [tick for tick in axes.get_xticks() if lowest <= tick <= highest]
        places = [axes.transLimits.transform(axes.transScale.transform((tick, 1.0)))[0] for tick in ticks]
    assert 3 <= len(ticks) <= 10
    assert min(after - before for before, after in itertools.pairwise(places)) > 0.04
