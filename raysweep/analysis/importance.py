"""How much of the difference between configs each key explains: functional ANOVA, by optuna.

Hutter, Hoos and Leyton-Brown, An Efficient Approach for Assessing Hyperparameter Importance, ICML 2014. optuna is
loaded only where it is asked. Must not know: how it is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from raysweep.analysis import numerals
from raysweep.analysis.choices import Choices, choices_of, labels_of
from raysweep.analysis.ranking import Ranking
from raysweep.analysis.remarks import title_of
from raysweep.analysis.result_table import Column, ResultTable, TableRow

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

MIN_CONFIGS = 16  # a forest learns nothing from fewer
MAX_CONFIGS = 64  # in one forest; more take long and change little
NUM_REPEATS = 6
NUM_TREES = 6
MAX_DEPTH = 5

FloatArray = npt.NDArray[np.float64]


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


def importances(rankings: Sequence[Ranking], *, seed: int = 0) -> list[Importance]:
    """The importance of keys in each contest in which two keys vary at least; the same for the same seed."""
    found = [choices_of(ranking) for ranking in rankings]
    return [_importance(choices, seed) for choices in found if len(choices.keys) > 1]


def load_optuna() -> None:
    """What `importances` needs, before there is anything to ask."""
    import optuna.importance  # noqa: F401
    import sklearn.ensemble  # noqa: F401


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


def _importance(choices: Choices, seed: int) -> Importance:
    used = choices.configs[choices.configs["place"] != "stopped"]
    worst = used["log_score"].max()
    scores = used["log_score"].where(used["place"] != "diverged", worst)
    used, log_scores = used[scores.notna()], scores.dropna().to_numpy(dtype=np.float64)
    if len(used) < MIN_CONFIGS or np.ptp(log_scores) == 0:
        return Importance(choices=choices, shares=pd.DataFrame(), num_configs=len(used))
    keys = [key for key in choices.keys if used[key].nunique(dropna=False) > 1]
    space = {key: _searched(used[key]) for key in keys}
    generator = np.random.default_rng(seed)
    drawn, shuffled = [], []
    for _ in range(NUM_REPEATS):
        size = min(len(used), MAX_CONFIGS)
        rows, others = generator.integers(len(used), size=size), generator.permutation(len(used))[:size]
        forest_seed = int(generator.integers(2**31))
        drawn.append(_shares(space, rows, log_scores[rows], forest_seed))
        # Each config once: copies of one would have the same shuffled score, and look like an effect.
        shuffled.append(_shares(space, others, generator.permutation(log_scores[others]), forest_seed))
    found, chance = pd.DataFrame(drawn), pd.DataFrame(shuffled)
    shares = pd.DataFrame({"share": found.mean(), "low": found.min(), "high": found.max(), "chance": chance.max()})
    shares = shares.rename_axis("key").sort_values("share", ascending=False).reset_index()
    return Importance(choices=choices, shares=shares, num_configs=len(used))


def _searched(values: pd.Series) -> tuple[BaseDistribution, Sequence[float | int]]:
    """A key as optuna sees it: numbers, or the codes of its values where they have no order or some have none.

    Numbers also where few were listed: of n codes it looks at all 2**n subsets, which takes long, and shuffled scores
    then explain much.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    is_flag = pd.api.types.is_bool_dtype(values.dtype)
    if pd.api.types.is_numeric_dtype(values.dtype) and not is_flag and not values.isna().any():
        numbers = values.to_numpy(dtype=np.float64)
        if numbers.min() > 0 and numbers.max() / numbers.min() >= 10:
            numbers = np.log(numbers)
        return FloatDistribution(float(numbers.min()), float(numbers.max())), numbers.tolist()
    codes = labels_of(values)[0].tolist()
    return CategoricalDistribution(sorted(set(codes))), codes


def _shares(
    space: Mapping[str, tuple[BaseDistribution, Sequence[float | int]]],
    rows: npt.NDArray[np.int64],
    log_scores: FloatArray,
    seed: int,
) -> dict[str, float]:
    import optuna
    from optuna.importance import FanovaImportanceEvaluator

    if np.ptp(log_scores) == 0:  # a draw of equal scores has nothing to explain
        return dict.fromkeys(space, 0.0)
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it tells of every study
    try:
        study = optuna.create_study()
        distributions = {key: distribution for key, (distribution, _) in space.items()}
        study.add_trials(
            optuna.create_trial(
                params={key: values[row] for key, (_, values) in space.items()},
                distributions=distributions,
                value=score,
            )
            for row, score in zip(rows.tolist(), log_scores.tolist(), strict=True)
        )
    finally:
        optuna.logging.set_verbosity(verbosity)
    evaluator = FanovaImportanceEvaluator(n_trees=NUM_TREES, max_depth=MAX_DEPTH, seed=seed)
    return {key: float(share) for key, share in evaluator.evaluate(study, params=list(space)).items()}


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
