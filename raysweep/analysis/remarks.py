"""The sentences around a table: what it compares, by which rule, and what must be known before it is believed.

Must not know: how a table is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import pandas as pd

from raysweep.analysis import numerals
from raysweep.analysis.claim_notes import claim_lines
from raysweep.analysis.claims import SEEDS_TO_CONFIRM as SEEDS_TO_CONFIRM
from raysweep.analysis.ranking import Ranking
from raysweep.analysis.views import View

_BELOW_FLOOR = 0.5  # an error below this share of the noise floor is no luck with the points of a short part
_INTERVAL = " The 95% interval is that of the validation score, over seeds and starts."
_PART_NAMES = {"val": "validation", "test": "test", "all": "all points"}


def title_of(ranking: Ranking) -> str:
    """One line that no other table of the same sweeps has, but those kept apart from it."""
    if ranking.view.protocol == "replication":
        return f"{ranking.dataset}: replication, window {ranking.fold}"
    forecasts = "one-step" if ranking.view.mode == "batch" else "autoregressive"
    return f"{ranking.dataset}: {forecasts} forecasts (holdout, split.origin {ranking.fold:g})"


def rule_of(ranking: Ranking, unit: str) -> str:
    """What must be read before the table: how it is sorted, and what it can't say."""
    squared = f"squared {unit}" if unit else "squared units of the data"
    sentences = [_rule_of_view(ranking, squared)]
    if ranking.has_other_folds:
        sentences.append(f"Each value of {ranking.view.fold} scores other points and has a table of its own.")
    if ranking.apart:
        sentences.append(f"Kept apart from the table before, because {ranking.apart}.")
    if ranking.data_source == "stand-in":
        sentences.append(
            f"{ranking.dataset} is a stand-in that a script made up: these numbers say nothing about measurements."
        )
    return " ".join(sentences)


def _rule_of_view(ranking: Ranking, squared: str) -> str:
    view = ranking.view
    if view.protocol == "replication":
        return (
            f"Sorted by {view.score}, the mean over seeds. All numbers here are in-sample: they are for comparison "
            f"with the seed's own tables, never for choosing a model. MSE in {squared}, losses in scaled units."
        )
    reach = f" up to {ranking.horizon} steps ahead" if ranking.horizon else ""
    forecasts = "one-step forecasts" if view.mode == "batch" else f"autoregressive forecasts{reach}"
    return (
        f"Sorted by val_mse_{view.mode}: the mean squared error ({squared}, mean over seeds) of {forecasts} on the "
        "validation part. Test scores and skills are shown and select nothing; skill is 1 - MSE / MSE of the "
        "baseline, on the test part."
        f"{_INTERVAL if ranking.claims.lack is None else ''}"
    )


def remark_of(row: Mapping[Hashable, Any], baseline: str = "") -> str:
    """What is special about one row of `standings`; empty if nothing is.

    Args:
        row: As a mapping.
        baseline: The one that claims are made against; see `Claims`.
    """
    match row["place"]:
        case "baseline":
            return "baseline"
        case "stopped":
            first, last = int(row["stopped_from"]), int(row["stopped_to"])
            return f"stopped at epoch {last}" if first == last else f"stopped at epochs {first} to {last}"
        case "diverged":
            found = [f"diverged{_share(row, 'num_diverged')}"]
        case "unscored":
            return f"not scored: {row['reason']}" if isinstance(row["reason"], str) else "not scored"
        case _:
            found = [f"stopped{_share(row, 'num_stopped')}"] if row["num_stopped"] else []
    if not row["is_confirmed"]:
        found.append("unconfirmed")
    if row["against_baseline"] in ("better", "worse"):
        found.append(f"{row['against_baseline']} than {_spoken(baseline)}")
    return ", ".join(found)


def _share(row: Mapping[Hashable, Any], name: str) -> str:
    number = int(row[name])
    all_seeds = int(row["num_finished"] + row["num_stopped"] + row["num_diverged"])
    return f" with {number} of {all_seeds} seeds" if number < all_seeds else ""


def notes_of(ranking: Ranking) -> tuple[str, ...]:
    """What must be read after the table, a line each."""
    rows = ranking.rows
    ranked, baselines = rows[rows["rank"].notna()], rows[rows["place"] == "baseline"]
    lines = [
        *_baseline_lines(ranking.view, ranked, baselines),
        *_settings_lines(baselines),
        *_floor_lines(ranking),
        *claim_lines(ranking),
        *_stop_lines(rows[rows["place"] == "ranked"]),
    ]
    if ranking.num_failed:
        lines.append(f"{numerals.times(ranking.num_failed, 'trial')} failed; the errors are in trials.parquet.")
    if ranking.num_old:
        lines.append(
            f"{numerals.times(ranking.num_old, 'older trial')} (of earlier model code, data or settings) not shown."
        )
    if ranking.num_old_elsewhere:
        lines.append(
            f"{numerals.times(ranking.num_old_elsewhere, 'older trial')} of series, folds or windows that have no "
            "table any more, not shown."
        )
    return tuple(lines)


def _baseline_lines(view: View, ranked: pd.DataFrame, baselines: pd.DataFrame) -> Iterator[str]:
    if ranked.empty:
        yield "Nothing to rank: no trial has finished with a score."
        return
    of = f"of {len(ranked):,} ranked configs"
    if not view.is_score_of_forecasts:
        yield "Baselines have no loss; they are to be read against the Predict columns."
    scores = [view.score] if view.is_score_of_forecasts else [f"{prefix}.mse" for prefix in reversed(list(view.parts))]
    for score in scores:
        best = baselines[score].dropna().sort_values()
        where = "on validation" if view.is_score_of_forecasts else f"on Predict/mse_{score.removesuffix('.mse')}"
        if best.empty:
            yield f"No baseline was scored {where}."
            continue
        num_better = int((ranked[score] < best.iloc[0]).sum())
        name = _spoken(baselines.loc[best.index[0], "model"])
        verb = "beats" if num_better == 1 else "beat"
        yield f"{num_better:,} {of} {verb} the best baseline {where} ({name}, MSE {numerals.score(best.iloc[0])})."


def _settings_lines(baselines: pd.DataFrame) -> Iterator[str]:
    for row in baselines.to_dict("records"):
        if isinstance(row["settings"], str) and row["settings"]:
            yield f"Settings of {_spoken(row['model'])}: {row['settings']}."


def _floor_lines(ranking: Ranking) -> Iterator[str]:
    floors = ranking.floors
    parts = [
        f"MSE {numerals.score(mse)} (RMSE {numerals.score(math.sqrt(mse))}) on {_PART_NAMES[part]}"
        for part, mse in floors.items()
        if mse >= 0
    ]
    if parts:
        yield (
            f"Noise floor, estimated from second differences: {', '.join(parts)}. If the series is smooth, no "
            "forecast of points that weren't trained on can be expected to have a lower error."
        )
    if ranking.view.protocol == "replication":
        return  # an error in-sample may well be lower
    scored = ranking.rows[ranking.rows["place"].isin(["ranked", "baseline"])]
    for prefix, (part, _) in ranking.view.parts.items():
        lowest, floor = scored[f"{prefix}.mse"].min(), floors.get(part, 0.0)
        if lowest < _BELOW_FLOOR * floor:
            yield (
                "The floor does not hold for this series, which isn't smooth enough for it: the lowest MSE on "
                f"{_PART_NAMES[part]} is {numerals.score(lowest)}."
            )


def _stop_lines(ranked: pd.DataFrame) -> Iterator[str]:
    if (ranked["num_stopped"] > 0).any():
        yield (
            "Where seeds were stopped, the score is the mean over those that weren't, which makes it look better "
            "than the config is."
        )


def _spoken(baseline: object) -> str:
    return str(baseline).replace("_", " ")
