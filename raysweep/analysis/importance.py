"""How much of the difference between configs each key explains: functional ANOVA, by optuna.

Hutter, Hoos and Leyton-Brown, An Efficient Approach for Assessing Hyperparameter Importance, ICML 2014. What is asked
and what is answered stand apart, as forests take long and may grow elsewhere. Must not know: how it is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from raysweep.analysis import numerals
from raysweep.analysis.choices import Choices, choices_of, labels_of
from raysweep.analysis.forests import Grove, Key, Sample, grow
from raysweep.analysis.ranking import Ranking
from raysweep.analysis.remarks import title_of
from raysweep.analysis.result_table import Column, ResultTable, TableRow

MIN_CONFIGS = 16  # a forest learns nothing from fewer
MAX_CONFIGS = 64  # in one forest; more take long and change little
NUM_REPEATS = 6


@dataclass(frozen=True, kw_only=True)
class Importance:
    """What each key explains of the variance of the log score in one contest.

    Attributes:
        choices: The contest.
        shares: A row for each key, most important first: `key`, `share` (the mean over repeats, 0 to 1), `low` and
            `high` (the lowest and highest repeat; each draws its configs with replacement and grows its own forest),
            `chance` (the highest share that the key got when the scores were shuffled). Empty if there are too few
            configs.
        num_configs: How many configs were used, the diverged among them.
    """

    choices: Choices
    shares: pd.DataFrame
    num_configs: int

    @property
    def known(self) -> pd.DataFrame:
        """The rows of `shares` whose keys stand out from chance."""
        return self.shares[[verdict_of(row) == "matters" for _, row in self.shares.iterrows()]]


@dataclass(frozen=True, kw_only=True)
class Question:
    """What an `Importance` is made from; `grove` holds two forests a repeat, the second of shuffled scores."""

    choices: Choices
    num_configs: int
    grove: Grove


def importances(rankings: Sequence[Ranking], *, seed: int = 0) -> list[Importance]:
    """The importance of keys in each contest in which two keys vary at least; the same for the same seed."""
    asked = questions(rankings, seed=seed)
    return answers(asked, grow([question.grove for question in asked]))


def questions(rankings: Sequence[Ranking], *, seed: int = 0) -> list[Question]:
    """What forests have to say of each such contest, before any is grown."""
    found = [choices_of(ranking) for ranking in rankings]
    return [_question(choices, seed) for choices in found if len(choices.keys) > 1]


def answers(asked: Sequence[Question], grown: Sequence[Sequence[Mapping[str, float]]]) -> list[Importance]:
    """The importance of keys from what `forests.grow` has found."""
    return [_answered(question, shares) for question, shares in zip(asked, grown, strict=True)]


def verdict_of(row: pd.Series) -> str:
    """What one row of `Importance.shares` says: a key matters where no repeat is as low as chance can be."""
    return "matters" if row["low"] > row["chance"] else "can't tell"


def answer_of(found: Importance) -> str:
    """What was found, in a sentence."""
    name = title_of(found.choices.ranking)
    if found.shares.empty:
        return f"{name}: {found.num_configs} configs are too few to tell which key matters."
    known = [f"{row['key']} ({row['share']:.0%})" for _, row in found.known.iterrows()]
    return f"{name}: {', '.join(known)} explain the score." if known else f"{name}: no key stands out from chance."


def importance_table(found: Importance) -> ResultTable:
    """The shares as a table of text."""
    columns = (
        Column(title="key", align="left"),
        Column(title="share of variance"),
        Column(title="spread"),
        Column(title="by chance", spare=1),
        Column(title="what it says", align="left"),
    )
    rows = [
        TableRow(
            cells=(
                row["key"],
                f"{row['share']:.0%}",
                f"{row['low']:.0%} to {row['high']:.0%}",
                f"up to {row['chance']:.0%}",
                verdict_of(row),
            ),
            style="ranked",
        )
        for _, row in found.shares.iterrows()
    ]
    return ResultTable(
        title=f"{title_of(found.choices.ranking)}: importance of each key",
        rule=(
            f"Functional ANOVA (random forests): how much of the variance of log({found.choices.score_name}) each key "
            f"explains alone, over {numerals.times(found.num_configs, 'config')}; what is missing to 100% lies in how "
            f"keys act together. Spread: lowest to highest of {NUM_REPEATS} forests, each on configs drawn anew. By "
            "chance: what the key gets when the scores are shuffled."
        ),
        columns=columns,
        rows=tuple(rows),
        notes=tuple(_notes(found)),
    )


def _question(choices: Choices, seed: int) -> Question:
    used = choices.configs[choices.configs["place"] != "stopped"]
    worst = used["log_score"].max()
    scores = used["log_score"].where(used["place"] != "diverged", worst)
    used, log_scores = used[scores.notna()], scores.dropna().to_numpy(dtype=np.float64)
    if len(used) < MIN_CONFIGS or np.ptp(log_scores) == 0:
        return Question(choices=choices, num_configs=len(used), grove=Grove(keys={}, samples=()))
    keys = {key: _searched(used[key]) for key in choices.keys if used[key].nunique(dropna=False) > 1}
    generator = np.random.default_rng(seed)
    samples = []
    for _ in range(NUM_REPEATS):
        size = min(len(used), MAX_CONFIGS)
        rows, others = generator.integers(len(used), size=size), generator.permutation(len(used))[:size]
        forest_seed = int(generator.integers(2**31))
        samples.append(Sample(rows=rows, log_scores=log_scores[rows], seed=forest_seed))
        # Each config once: copies of one would have the same shuffled score, and look like an effect.
        shuffled = generator.permutation(log_scores[others])
        samples.append(Sample(rows=others, log_scores=shuffled, seed=forest_seed))
    return Question(choices=choices, num_configs=len(used), grove=Grove(keys=keys, samples=samples))


def _answered(question: Question, shares_by_forest: Sequence[Mapping[str, float]]) -> Importance:
    shares = pd.DataFrame()
    if shares_by_forest:
        found, chance = pd.DataFrame(shares_by_forest[0::2]), pd.DataFrame(shares_by_forest[1::2])
        shares = pd.DataFrame({"share": found.mean(), "low": found.min(), "high": found.max(), "chance": chance.max()})
        shares = shares.rename_axis("key").sort_values("share", ascending=False).reset_index()
    return Importance(choices=question.choices, shares=shares, num_configs=question.num_configs)


def _searched(values: pd.Series) -> Key:
    """A key as optuna sees it: numbers, or the codes of its values where they have no order or some have none.

    Numbers also where few were listed: of n codes it looks at all 2**n subsets, which takes long, and shuffled scores
    then explain much.
    """
    is_flag = pd.api.types.is_bool_dtype(values.dtype)
    if pd.api.types.is_numeric_dtype(values.dtype) and not is_flag and not values.isna().any():
        numbers = values.to_numpy(dtype=np.float64)
        if numbers.min() > 0 and numbers.max() / numbers.min() >= 10:
            numbers = np.log(numbers)
        return Key(values=numbers.tolist(), is_code=False)
    return Key(values=labels_of(values)[0].tolist(), is_code=True)


def _notes(found: Importance) -> Iterator[str]:
    choices = found.choices
    if found.shares.empty:
        yield (
            f"Can't tell: {numerals.times(found.num_configs, 'config')} with a score; it takes {MIN_CONFIGS} that "
            "differ in it."
        )
    elif found.known.empty:
        yield "Can't tell which key matters: no share is above what chance gives."
    if found.num_configs > MAX_CONFIGS:
        yield f"Each forest sees {MAX_CONFIGS} of the configs."
    if choices.num_of("diverged") and not found.shares.empty:
        configs = numerals.times(choices.num_of("diverged"), "config")
        yield f"{configs} diverged; each counts as the worst score that was measured."
    if choices.num_of("stopped"):
        yield f"{numerals.times(choices.num_of('stopped'), 'config')} stopped, left out: it has no final score."
