"""The average rank of each parameter value, and of pairs of values: the seed's own table, with counts.

Ranks are within a contest (series, fold, mode), so that contests can be averaged. Must not know: how it is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from raysweep.analysis import numerals
from raysweep.analysis.choices import Choices, IntArray, choices_of, labels_of
from raysweep.analysis.ranking import Ranking
from raysweep.analysis.result_table import Column, ResultTable, TableRow
from raysweep.analysis.views import VIEWS, View

FloatArray = npt.NDArray[np.float64]

# From here on (0 is none, 1 is all) two keys are too entangled for their averages to be read one by one.
CONFOUNDED = 0.3


@dataclass(frozen=True, kw_only=True)
class PairRanks:
    """The average rank of each pair of values of two keys; NaN where no config stands."""

    keys: tuple[str, str]
    labels: tuple[tuple[str, ...], tuple[str, ...]]
    mean_rank: FloatArray
    num_configs: IntArray


@dataclass(frozen=True, kw_only=True)
class RankTable:
    """Average ranks over all contests of one view.

    Attributes:
        view: Which score ranks.
        num_contests: How many series and folds.
        sizes: How many configs have a score or diverged in the smallest and in the largest contest.
        values: A row for each key and value: `key`, `value`, `mean_rank`, `place` (the mean of how far down the contest
            the rank is: 0 is first, 1 is last), `num_configs`, `num_stopped`, which have no rank.
        pairs: For all pairs of keys.
        confounded: Pairs of keys whose values weren't tried in the same proportions, and how far (Cramér's V, 0 to 1).
    """

    view: View
    num_contests: int
    sizes: tuple[int, int]
    values: pd.DataFrame
    pairs: tuple[PairRanks, ...]
    confounded: Mapping[tuple[str, str], float]


def rank_tables(rankings: Sequence[Ranking]) -> list[RankTable]:
    """One table for each view that has a key that varies."""
    by_view = [[ranking for ranking in rankings if ranking.view == view] for view in VIEWS]
    return [table for contests in by_view if (table := _table(contests)) is not None]


def value_table(table: RankTable) -> ResultTable:
    """The average ranks as a table of text."""
    columns = (
        Column(title="key", align="left"),
        Column(title="value", align="left"),
        Column(title="average rank"),
        Column(title="place"),
        Column(title="configs"),
        Column(title="stopped", spare=1),
    )
    rows = [
        TableRow(
            cells=(
                row["key"],
                row["value"],
                numerals.NOT_MEASURED if pd.isna(row["mean_rank"]) else f"{row['mean_rank']:.1f}",
                numerals.NOT_MEASURED if pd.isna(row["place"]) else f"{row['place']:.0%}",
                numerals.count(row["num_configs"]),
                numerals.count(row["num_stopped"]),
            ),
            style="ranked",
        )
        for row in table.values.to_dict("records")
    ]
    return ResultTable(
        title=f"{_title(table)}: average rank of each value",
        rule=_rule(table),
        columns=columns,
        rows=tuple(rows),
        notes=tuple(_notes(table)),
    )


def pair_table(table: RankTable, pair: PairRanks) -> ResultTable:
    """The average ranks of one pair of keys, with counts in brackets."""
    first, second = pair.keys
    columns = (
        Column(title=f"{first} / {second}", align="left"),
        *(Column(title=label) for label in pair.labels[1]),
    )
    rows = [
        TableRow(cells=(label, *map(_pair_cell, means, counts)), style="ranked")
        for label, means, counts in zip(pair.labels[0], pair.mean_rank, pair.num_configs, strict=True)
    ]
    return ResultTable(
        title=f"{_title(table)}: average rank by {first} and {second}",
        rule=f"{_rule(table)} In brackets, how many configs stand behind a cell.",
        columns=columns,
        rows=tuple(rows),
        notes=tuple(line for keys, line in _confounded_lines(table) if keys == pair.keys),
    )


def _table(contests: Sequence[Ranking]) -> RankTable | None:
    varied = [choices for choices in map(choices_of, contests) if choices.keys]
    found = [(choices, ranks) for choices in varied if (ranks := _ranks(choices)).notna().any()]
    if not found:
        return None
    keys = tuple(dict.fromkeys(key for choices, _ in found for key in choices.keys))
    view = found[0][0].ranking.view
    frames = []
    for choices, ranks in found:
        place = (ranks - 1) / max(int(ranks.notna().sum()) - 1, 1)
        place = place.mask(choices.configs["place"] == "diverged", 1.0)  # last, however many share that
        frame = choices.configs.assign(rank=ranks, share=place, dataset=choices.ranking.dataset)
        frame[view.fold] = choices.ranking.fold
        frames.append(frame)
    configs = pd.concat(frames, ignore_index=True)
    sizes = [int(ranks.notna().sum()) for _, ranks in found]
    is_ranked = configs["rank"].notna().to_numpy()
    coded = {key: labels_of(configs[key]) for key in keys}
    contest_keys = [key for key in ("dataset", view.fold) if configs[key].nunique() > 1]
    everywhere = {**coded, **{key: labels_of(configs[key]) for key in contest_keys}}
    return RankTable(
        view=view,
        num_contests=len(found),
        sizes=(min(sizes), max(sizes)),
        values=pd.concat([_values(configs, key, *coded[key]) for key in keys], ignore_index=True),
        pairs=tuple(_pair(configs, (one, two), coded) for one, two in combinations(keys, 2)),
        confounded=_confounded(everywhere, keys, is_ranked),
    )


def _ranks(choices: Choices) -> pd.Series:
    """By the score alone, as an average needs all configs: those of the leaderboard leave out the unconfirmed ones."""
    ranks = choices.configs["score"].rank(method="min")
    worst = int(ranks.notna().sum()) + 1
    return ranks.mask(choices.configs["place"] == "diverged", worst)


def _values(configs: pd.DataFrame, key: str, codes: IntArray, labels: Sequence[str]) -> pd.DataFrame:
    is_ranked = configs["rank"].notna().to_numpy() & (codes >= 0)
    counts = np.bincount(codes[is_ranked], minlength=len(labels))

    is_stopped = (configs["place"] == "stopped").to_numpy() & (codes >= 0)
    return pd.DataFrame(
        {
            "key": key,
            "value": list(labels),
            "mean_rank": _means(configs["rank"][is_ranked], codes[is_ranked], counts),
            "place": _means(configs["share"][is_ranked], codes[is_ranked], counts),
            "num_configs": counts,
            "num_stopped": np.bincount(codes[is_stopped], minlength=len(labels)),
        }
    )


def _pair(
    configs: pd.DataFrame, keys: tuple[str, str], coded: Mapping[str, tuple[IntArray, Sequence[str]]]
) -> PairRanks:
    (first, first_labels), (second, second_labels) = coded[keys[0]], coded[keys[1]]
    is_there = configs["rank"].notna().to_numpy() & (first >= 0) & (second >= 0)
    shape = len(first_labels), len(second_labels)
    cells = first[is_there] * shape[1] + second[is_there]
    counts = np.bincount(cells, minlength=shape[0] * shape[1])
    means = _means(configs["rank"][is_there], cells, counts)
    return PairRanks(
        keys=keys,
        labels=(tuple(first_labels), tuple(second_labels)),
        mean_rank=means.reshape(shape),
        num_configs=counts.reshape(shape),
    )


def _means(values: pd.Series, codes: IntArray, counts: IntArray) -> FloatArray:
    """The mean of the values with each code; NaN for a code that none has."""
    means = np.full(len(counts), np.nan)
    sums = np.bincount(codes, weights=values.to_numpy(), minlength=len(counts))
    np.divide(sums, counts, out=means, where=counts > 0)
    return means


def _confounded(
    coded: Mapping[str, tuple[IntArray, Sequence[str]]], keys: Sequence[str], is_ranked: npt.NDArray[np.bool_]
) -> dict[tuple[str, str], float]:
    found = {}
    for one, two in combinations(coded, 2):
        if one in keys or two in keys:  # a series and a fold are no choices
            association = _association(coded[one][0][is_ranked], coded[two][0][is_ranked])
            if association >= CONFOUNDED:
                found[one, two] = association
    return found


def _association(first: IntArray, second: IntArray) -> float:
    """Cramér's V; 0 where every value of one was tried in the same proportions with those of the other."""
    is_there = (first >= 0) & (second >= 0)
    if not is_there.any():
        return 0.0
    rows, columns = (np.unique(codes[is_there], return_inverse=True)[1] for codes in (first, second))
    shape = rows.max() + 1, columns.max() + 1
    table = np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)
    smaller = min(table.shape) - 1
    if smaller == 0:
        return 0.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / table.sum()
    return float(np.sqrt(((table - expected) ** 2 / expected).sum() / (table.sum() * smaller)))


def _title(table: RankTable) -> str:
    if table.view.mode is None:
        return "Replication"
    return f"{'One-step' if table.view.mode == 'batch' else 'Autoregressive'} forecasts"


def _rule(table: RankTable) -> str:
    score = table.view.score if table.view.mode is None else f"val_mse_{table.view.mode}"
    smallest, largest = table.sizes
    of = f"{smallest:,}" if smallest == largest else f"{smallest:,} to {largest:,}"
    return (
        f"Ranks by {score} within a series and fold ({numerals.times(table.num_contests, 'contest')} of {of} configs), "
        "averaged over all configs with this value, confirmed or not; 1 is best. These are places by the score as it "
        "is, not the ranks of the leaderboard."
    )


def _notes(table: RankTable) -> Iterator[str]:
    yield "Place is how far down its contest a config stands: 0% is first, 100% is last."
    yield from (line for _, line in _confounded_lines(table))
    if table.values["num_stopped"].any():
        yield "Stopped configs have no rank, so a value that was often stopped looks better than it is."


def _confounded_lines(table: RankTable) -> Iterator[tuple[tuple[str, str], str]]:
    for keys, association in table.confounded.items():
        yield (
            keys,
            f"{keys[0]} and {keys[1]} are entangled (association {association:.2f} of 1): some of their values were "
            "mostly tried together, and their averages can't be told apart. The effects compare all else equal.",
        )


def _pair_cell(mean: float, count: int) -> str:
    return numerals.NOT_MEASURED if count == 0 else f"{mean:.1f} ({count:,})"
