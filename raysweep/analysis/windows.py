"""Score against window: for each model the best config that validation finds at each window, and what it cost.

Only for holdout: under replication every window is scored over other points. Must not know: how it is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from raysweep.analysis import numerals
from raysweep.analysis.claim_notes import choice_lines
from raysweep.analysis.ranking import Ranking
from raysweep.analysis.remarks import SEEDS_TO_CONFIRM, title_of
from raysweep.analysis.result_table import Column, ResultTable, TableRow
from raysweep.analysis.seed_errors import NO_INTERVAL, intervals, scored_seeds
from raysweep.analysis.tables import SweepTables
from raysweep.forecasting.protocol import Mode

WINDOW = "train.time_steps"
SHOWN_PART = "test"


@dataclass(frozen=True, kw_only=True)
class WindowPanel:
    """One series and fold in one mode.

    Attributes:
        ranking: Where the configs come from; its order is validation's.
        points: A row for each model and window that has a ranked config: `model`, `window`, `config_id`, `val`, `test`,
            `low` and `high` of its 95 % interval, `num_seeds`, `num_configs` that it was chosen from, `learning_rate`,
            `skill_ridge`, `num_train_windows`, `num_steps`, `seconds`, `is_confirmed`, `has_rank`, which beside
            confirmed configs no other has, `is_best_of_model` and `is_best`, both by the ranking's order. In the order
            of models and windows.
        missing: Models and windows none of whose configs has a score.
        references: Test score of each baseline, and of `noise_floor` where it has one.
    """

    ranking: Ranking
    points: pd.DataFrame
    missing: tuple[tuple[str, int], ...]
    references: Mapping[str, float]

    @property
    def best(self) -> Mapping[str, Any] | None:
        """The first by the ranking's rule, so a confirmed one if there is any; None if nothing was scored."""
        chosen = self.points[self.points["is_best"]]
        return None if chosen.empty else {str(key): value for key, value in chosen.iloc[0].items()}

    @property
    def choice(self) -> str:
        """The best point in words: validation chooses only where nothing was confirmed."""
        best = self.best
        if best is None:
            return "no score"
        where = f"{best['model']} at window {best['window']}"
        return f"best confirmed is {where}" if best["is_confirmed"] else f"validation chooses {where}"

    @property
    def chosen_by(self) -> str:
        """By which other score the best was chosen to be confirmed, in words; empty if by none."""
        by, best = self.ranking.chosen_by_another, self.best
        return f"chosen by {by}" if by and best is not None and best["is_confirmed"] else ""

    @property
    def has_several_windows(self) -> bool:
        """Whether there is anything to compare."""
        return bool(self.points["window"].nunique() > 1)

    @property
    def models(self) -> list[str]:
        """In the order of their names."""
        return [str(name) for name in self.points["model"].unique()]


def window_panels(
    tables: SweepTables, rankings: Sequence[Ranking], *, with_intervals: bool = True
) -> list[WindowPanel]:
    """One panel for each ranking under holdout, in the rankings' order.

    Args:
        tables: What the rankings were made of.
        rankings: From `rank`.
        with_intervals: Whether they are wanted: resampling takes longer than all the rest.
    """
    steps = tables.trials[tables.trials["status"] == "finished"].groupby("config_id")["num_steps"].mean()
    chosen = {}
    for index, ranking in enumerate(rankings):
        if ranking.view.protocol == "holdout":
            chosen[index] = _chosen(ranking)
    if not with_intervals:
        return [_panel(rankings[index], rows, [NO_INTERVAL] * len(rows), steps) for index, rows in chosen.items()]
    configs = {str(config) for rows in chosen.values() for config in rows.index[rows["is_confirmed"].astype("bool")]}
    modes: tuple[Mode, ...] = ("batch", "regressive")
    seeds = {mode: scored_seeds(tables, configs, mode) for mode in modes}
    panels = []
    for index, rows in chosen.items():
        mode = rankings[index].view.mode
        assert mode is not None, "under holdout each mode has a ranking of its own"
        panels.append(_panel(rankings[index], rows, intervals(list(rows.index), seeds[mode]), steps))
    return panels


def window_table(panel: WindowPanel, unit: str = "") -> ResultTable:
    """The panel as a table of text."""
    columns = (
        Column(title="model", align="left"),
        Column(title="window"),
        Column(title="learning rate"),
        Column(title="configs", spare=2),
        Column(title="seeds", spare=1),
        Column(title="val MSE"),
        Column(title="test MSE"),
        Column(title="skill ridge"),
        Column(title="train windows", spare=4),
        Column(title="steps", spare=5),
        Column(title="seconds", spare=6),
        Column(title="remark", align="left"),
    )
    rows = [TableRow(cells=_cells(point), style="ranked") for point in panel.points.to_dict("records")]
    return ResultTable(
        title=f"{title_of(panel.ranking)}: score against window",
        rule=rule_of(panel, unit),
        columns=columns,
        rows=tuple(rows),
        notes=tuple(_notes(panel)),
    )


def rule_of(panel: WindowPanel, unit: str = "") -> str:
    """How a point was chosen, and why windows differ in more than their length."""
    squared = f"squared {unit}" if unit else "squared units of the data"
    return (
        f"At each window, each model's best config by val_mse_{panel.ranking.view.mode}{_before_others(panel)}; shown "
        f"is its mean squared error ({squared}, mean over seeds) on the test part, which selects nothing. A longer "
        "window also leaves fewer training windows, and with a fixed number of epochs fewer steps: its length isn't "
        "all that changes."
    )


def _before_others(panel: WindowPanel) -> str:
    return "" if panel.points["has_rank"].all() else ", a confirmed one before all others"


def answer_of(panel: WindowPanel) -> str:
    """What the panel says, in a sentence made of its numbers."""
    best, name = panel.best, title_of(panel.ranking)
    if best is None:
        return f"{name}: no config has a score."
    by = f" ({panel.chosen_by})" if panel.chosen_by else ""
    sentence = f"{name}: {panel.choice}{by}, test MSE {numerals.score(best['test'])}"
    if not pd.isna(best["skill_ridge"]):
        sentence += f", skill {numerals.skill(best['skill_ridge'])} against the ridge"
    of_model = panel.points[panel.points["model"] == best["model"]]
    comparable = of_model[of_model["has_rank"] == best["has_rank"]]
    worst = comparable.loc[comparable["val"].idxmax()]
    if worst["val"] > best["val"]:
        which = "worst" if len(comparable) == len(of_model) else "worst confirmed"
        sentence += f"; its {which} window on validation is {worst['window']}, test MSE {numerals.score(worst['test'])}"
    lowest = panel.points.sort_values("val", kind="stable").iloc[0]
    if not lowest["has_rank"]:
        sentence += f"; lower on validation, but unconfirmed, is {lowest['model']} at window {lowest['window']}"
    return f"{sentence}."


def _chosen(ranking: Ranking) -> pd.DataFrame:
    """The best ranked config of each model and window, by validation."""
    rows = ranking.rows[(ranking.rows["place"] == "ranked") & ranking.rows[ranking.view.score].notna()]
    counts = rows.groupby(["model", WINDOW])[WINDOW].transform("size")
    # The rows come best first.
    chosen = rows.assign(num_configs=counts).drop_duplicates(["model", WINDOW])
    return chosen.sort_values(["model", WINDOW])


def _panel(
    ranking: Ranking, chosen: pd.DataFrame, bounds: Sequence[tuple[float, float]], steps: pd.Series
) -> WindowPanel:
    points = pd.DataFrame(
        {
            "model": chosen["model"].astype("str"),
            "window": chosen[WINDOW].astype("int64"),
            "config_id": chosen.index,
            "val": chosen["val.mse"],
            "test": chosen["test.mse"],
            "low": [low for low, _ in bounds],
            "high": [high for _, high in bounds],
            "num_seeds": chosen["num_scored"],
            "num_configs": chosen["num_configs"],
            "learning_rate": chosen["train.learning_rate"],
            "skill_ridge": chosen["test.skill_ridge"],
            "num_train_windows": chosen["num_train_windows"],
            "num_steps": steps.reindex(chosen.index),
            "seconds": chosen["train_seconds"],
            "has_rank": chosen["rank"].notna(),
            "is_confirmed": chosen["is_confirmed"].astype("bool"),
        }
    ).reset_index(drop=True)
    # By place, not by score: an explored score that is lower than confirmed ones doesn't make a config better.
    place = pd.Series(ranking.rows.index.get_indexer(chosen.index), index=points.index)
    points["is_best_of_model"] = place == place.groupby(points["model"]).transform("min")
    points["is_best"] = place == place.min()
    configs = ranking.rows[ranking.rows["place"] != "baseline"]
    asked = {(str(model), int(window)) for model, window in zip(configs["model"], configs[WINDOW], strict=True)}
    found = set(zip(points["model"], points["window"], strict=True))
    baselines = ranking.rows[ranking.rows["place"] == "baseline"]
    references = dict(zip(baselines["model"].astype("str"), baselines["test.mse"].astype("float64"), strict=True))
    if SHOWN_PART in ranking.floors and ranking.view.mode == "batch":
        references["noise_floor"] = ranking.floors[SHOWN_PART]
    return WindowPanel(ranking=ranking, points=points, missing=tuple(sorted(asked - found)), references=references)


def _cells(point: Mapping[Any, Any]) -> tuple[str, ...]:
    remark = "best of all" if point["is_best"] else "best of its model" if point["is_best_of_model"] else ""
    if not point["has_rank"]:
        remark = f"{remark}, unconfirmed" if remark else "unconfirmed"
    numbers = [point["num_train_windows"], point["num_steps"]]
    return (
        point["model"],
        str(point["window"]),
        numerals.setting(point["learning_rate"]),
        numerals.count(point["num_configs"]),
        numerals.count(point["num_seeds"]),
        numerals.score(point["val"]),
        _test_score(point),
        numerals.NOT_MEASURED if pd.isna(point["skill_ridge"]) else numerals.skill(point["skill_ridge"]),
        *(numerals.NOT_MEASURED if pd.isna(number) else numerals.count(number) for number in numbers),
        numerals.NOT_MEASURED if pd.isna(point["seconds"]) else numerals.seconds(point["seconds"]),
        remark,
    )


def _test_score(point: Mapping[Any, Any]) -> str:
    score = numerals.score(point["test"])
    if pd.isna(point["low"]):
        return score
    return f"{score} ({numerals.score(point['low'])} to {numerals.score(point['high'])})"


def _notes(panel: WindowPanel) -> Iterator[str]:
    yield answer_of(panel)
    yield from choice_lines(panel.ranking)
    references = [f"{name.replace('_', ' ')} {numerals.score(mse)}" for name, mse in panel.references.items()]
    if references:
        yield f"On the same test points: {', '.join(references)}."
    if (panel.points["num_seeds"] < SEEDS_TO_CONFIRM).any():
        yield "Where fewer than five seeds were trained, there is no interval: small differences may be chance."
    if (~panel.points["is_confirmed"] & (panel.points["num_seeds"] >= SEEDS_TO_CONFIRM)).any():
        yield "Where some seeds were stopped, there is no interval: those that are left were picked for doing well."
    if not panel.points["has_rank"].all():
        yield (
            "Beside confirmed configs an unconfirmed one isn't called the best, whatever its score: luck may have made "
            "it low."
        )
    if panel.points["low"].notna().any():
        yield "In brackets, the 95 % interval, from the seeds and the starts of this test part."
    if panel.missing:
        pairs = ", ".join(f"{model} at {window}" for model, window in panel.missing)
        yield f"No config has a score here, as all were stopped, diverged or couldn't be scored: {pairs}."
