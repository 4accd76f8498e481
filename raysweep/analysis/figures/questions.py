"""All pictures of the answers to which window, what mattered and what carries over. Must not know: files, pages."""

from __future__ import annotations

from collections.abc import Mapping

from raysweep.analysis.figures.effects import draw_effects, draw_importances
from raysweep.analysis.figures.picture import Picture
from raysweep.analysis.figures.transfer import draw_transfer
from raysweep.analysis.figures.windows import draw_windows
from raysweep.analysis.questions import Answers
from raysweep.analysis.windows import WindowPanel


def window_pictures(answers: Answers, units: Mapping[str, str] | None = None) -> list[Picture]:
    """Score against window: a picture for each series. `units`: of each series, where it is known."""
    by_series: dict[str, list[WindowPanel]] = {}
    for panel in answers.windows:
        by_series.setdefault(panel.ranking.dataset, []).append(panel)
    return [draw_windows(panels, (units or {}).get(name, "")) for name, panels in by_series.items()]


def what_mattered_pictures(answers: Answers) -> list[Picture]:
    """Effects, and importance where any key stands out from chance: a picture of each for each series."""
    names = dict.fromkeys(each.choices.ranking.dataset for each in answers.effects)
    pictures = []
    for name in names:
        effects = [each for each in answers.effects if each.choices.ranking.dataset == name]
        pictures.append(draw_effects(effects, f"{name}: effect of each choice"))
        importances = [each for each in answers.importances if each.choices.ranking.dataset == name]
        importances = [each for each in importances if len(each.known)]
        if importances:
            pictures.append(draw_importances(importances, f"{name}: importance of each key"))
    return pictures


def transfer_pictures(answers: Answers) -> list[Picture]:
    """The matrices of what carries over: a picture for each fold and mode."""
    return list(map(draw_transfer, answers.transfers))
