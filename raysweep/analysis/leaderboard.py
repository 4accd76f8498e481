"""From rankings to leaderboards. Must not know: how a table is drawn, where numbers come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from raysweep.analysis import numerals
from raysweep.analysis.cells import counts, intervals, label_of, scores, skills, texts
from raysweep.analysis.ranking import Ranking
from raysweep.analysis.remarks import notes_of, remark_of, rule_of, title_of
from raysweep.analysis.result_table import Column, ResultTable, Style, TableRow
from raysweep.analysis.standings import SKILLS

MOST_ROWS = 200

SHORT_NAMES = {"train.time_steps": "window", "train.learning_rate": "learning rate"}
_STYLES: Mapping[str, Style] = {
    "ranked": "ranked",
    "diverged": "ranked",
    "baseline": "baseline",
    "stopped": "unranked",
    "unscored": "unranked",
}


def leaderboards_of(
    rankings: Sequence[Ranking], *, units: Mapping[str, str] | None = None, top: int = MOST_ROWS, has_many_sweeps: bool
) -> list[ResultTable]:
    """A leaderboard for each ranking.

    Args:
        rankings: In the order of the leaderboards.
        units: The unit of each series, where it is known.
        top: How many configs a table shows at most.
        has_many_sweeps: Whether rows must name their sweep.
    """
    return [_build(ranking, (units or {}).get(ranking.dataset, ""), top, has_many_sweeps) for ranking in rankings]


def _build(ranking: Ranking, unit: str, top: int, has_many_sweeps: bool) -> ResultTable:
    is_baseline = ranking.rows["place"] == "baseline"
    shown = ranking.rows[is_baseline | ((~is_baseline).cumsum() <= top)]
    varying = varying_keys(ranking)
    columns = list(_columns(ranking, shown, varying, has_many_sweeps))
    styles: list[Style] = [_STYLES[place] for place in shown["place"]]
    return ResultTable(
        title=title_of(ranking),
        rule=rule_of(ranking, unit),
        columns=tuple(column for column, _ in columns),
        rows=tuple(
            TableRow(cells=cells, style=style)
            for cells, style in zip(zip(*(texts for _, texts in columns), strict=True), styles, strict=True)
        ),
        notes=notes_of(ranking),
        num_hidden=len(ranking.rows) - len(shown),
    )


def varying_keys(ranking: Ranking) -> dict[str, list[str]]:
    """The config keys that a row must name to be told from others: by model its arguments, under "" all others."""
    return varying_keys_of(ranking.rows[ranking.rows["place"] != "baseline"], ranking.keys)


def varying_keys_of(configs: pd.DataFrame, keys: Sequence[str]) -> dict[str, list[str]]:
    """The same of rows that have a `model` and a column for each of these keys."""
    settings = [key for key in keys if not key.startswith("model.")]
    arguments = [key for key in keys if key.startswith("model.")]
    varies = configs.groupby("model")[[*arguments, "train.is_align_target"]].nunique(dropna=False) > 1
    by_model = {str(model): [key for key in arguments if varies.loc[model, key]] for model in varies.index}
    always = ["train.time_steps", "train.learning_rate"]
    others = [key for key in settings if key not in always and configs[key].nunique(dropna=False) > 1]
    if not varies["train.is_align_target"].any() and "train.is_align_target" in others:
        others.remove("train.is_align_target")  # each model's own habit: its name says it
    return {**by_model, "": [*always, *others]}


def _columns(
    ranking: Ranking, shown: pd.DataFrame, varying: Mapping[str, list[str]], has_many_sweeps: bool
) -> Iterator[tuple[Column, list[str]]]:
    records = shown.to_dict("records")
    yield Column(title="rank"), counts(shown["rank"])
    yield Column(title="model", align="left"), [label_of(row, varying) for row in records]
    if has_many_sweeps:
        yield Column(title="sweep", align="left"), [numerals.setting(name) for name in shown["sweep"]]
    for key in varying[""]:
        yield Column(title=SHORT_NAMES.get(key, key)), [numerals.setting(value) for value in shown[key]]
    is_scored = shown["num_scored"] > 0
    seeds = shown["num_scored"].where(is_scored, shown[["num_finished", "num_stopped", "num_diverged"]].sum(axis=1))
    yield Column(title="seeds", spare=1), counts(seeds.mask(shown["place"] == "baseline"))
    yield from _score_columns(ranking, shown)
    yield Column(title="train windows", spare=4), counts(shown["num_train_windows"])
    yield Column(title="params", spare=5), counts(shown["num_params"])
    times = [numerals.NOT_MEASURED if pd.isna(value) else numerals.seconds(value) for value in shown["train_seconds"]]
    yield Column(title="seconds", spare=6), times
    yield Column(title="remark", align="left"), [remark_of(row, ranking.claims.baseline) for row in records]


def _score_columns(ranking: Ranking, shown: pd.DataFrame) -> Iterator[tuple[Column, list[str]]]:
    view = ranking.view
    if view.protocol == "holdout":
        for prefix in view.parts:
            yield Column(title=f"{prefix} MSE"), scores(shown, prefix)
            if prefix == view.selecting and ranking.claims.lack is None:
                yield Column(title="interval"), intervals(shown)
        for name, spare in zip(SKILLS, (2, 3, 0), strict=True):
            yield Column(title=name.replace("_", " "), spare=spare), skills(shown, "test", name)
    else:
        for prefix in reversed(list(view.parts)):
            yield Column(title=f"Predict/mse_{prefix}"), scores(shown, prefix)
        for loss in view.losses:
            is_measured = shown["place"] == "ranked"
            yield (
                Column(title=loss, spare=0 if loss == view.score else 2),
                texts(shown[loss], is_measured, numerals.score),
            )
