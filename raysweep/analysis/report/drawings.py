"""The pictures of a report, drawn by whichever process calls these functions: matplotlib is loaded by none other.

Must not know: which are wanted, pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from raysweep.analysis.effects import Effects
from raysweep.analysis.forecasts import ScoredForecasts, TrialForecasts
from raysweep.analysis.importance import Importance
from raysweep.analysis.ranking import Ranking
from raysweep.analysis.transfer import Transfer
from raysweep.analysis.verdicts import label_of
from raysweep.analysis.windows import WindowPanel

if TYPE_CHECKING:
    from raysweep.analysis.figures.picture import Picture

MAX_SVG_BYTES = 400_000  # a picture with more lines than this is shown faster, and is smaller, as PNG


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A picture that has been drawn.

    Attributes:
        title: A line that no other picture of the same sweeps has.
        caption: What it shows, in a sentence.
        svg: An `<svg>` element.
        png: The same in dots, for a page; None where the SVG is small enough for one.
    """

    title: str
    caption: str
    svg: str
    png: bytes | None


def load() -> None:
    """What drawing needs, before there is anything to draw."""
    import raysweep.analysis.figures.picture  # noqa: F401


def windows(panels: Sequence[WindowPanel], unit: str) -> Drawn:
    """Score against window, of one series."""
    from raysweep.analysis.figures.windows import draw_windows

    return _drawn(draw_windows(panels, unit))


def effects(found: Sequence[Effects]) -> Drawn:
    """The effect of each choice."""
    from raysweep.analysis.figures.effects import draw_effects

    return _drawn(draw_effects(found))


def importances(found: Sequence[Importance]) -> Drawn:
    """The importance of each key."""
    from raysweep.analysis.figures.effects import draw_importances

    return _drawn(draw_importances(found))


def transfer(found: Transfer) -> Drawn:
    """The matrices of what carries over."""
    from raysweep.analysis.figures.transfer import draw_transfer

    return _drawn(draw_transfer(found))


def trial(forecasts: TrialForecasts, *, label: str, dataset: str, unit: str) -> Drawn:
    """What one trial forecast."""
    from raysweep.analysis.figures.trial import trial_picture

    return _drawn(trial_picture(forecasts, label=label, dataset=dataset, unit=unit))


def multiples(
    forecasts: Mapping[tuple[str, int], ScoredForecasts],
    *,
    where: str,
    score: str,
    score_unit: str,
    unit: str,
    dataset: str,
) -> Drawn:
    """Forecasts of models and windows side by side."""
    from raysweep.analysis.figures.multiples import multiples_picture

    picture = multiples_picture(forecasts, where=where, score=score, score_unit=score_unit, unit=unit, dataset=dataset)
    return _drawn(picture)


def learning(curves: pd.DataFrame, *, where: str, label: str, score: str, unit: str) -> Drawn:
    """Learning curves."""
    from raysweep.analysis.figures.learning import learning_picture

    return _drawn(learning_picture(curves, where=where, label=label, score=score, unit=unit))


def cost(
    configs: pd.DataFrame, references: Mapping[str, float], ranking: Ranking, *, where: str, score: str, unit: str
) -> Drawn:
    """Score against cost; `configs` are rows of `ranking`."""
    from raysweep.analysis.figures.cost import cost_picture

    named = partial(label_of, ranking=ranking)
    return _drawn(cost_picture(configs, references, label_of=named, where=where, score=score, unit=unit))


def _drawn(picture: Picture) -> Drawn:
    from raysweep.analysis.figures.picture import to_png, to_svg

    svg = to_svg(picture)
    png = to_png(picture) if len(svg) > MAX_SVG_BYTES else None
    return Drawn(title=picture.title, caption=picture.caption, svg=svg, png=png)
