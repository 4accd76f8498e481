"""The choices behind the configs of one contest: which keys vary, and what each config has chosen.

What the questions after `what mattered` are asked of. Must not know: how they are answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from raysweep.analysis import numerals
from raysweep.analysis.leaderboard import varying_keys
from raysweep.analysis.ranking import Ranking

MODEL = "model"
MAX_VALUES = 12  # a key with more of them was drawn from a range

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Choices:
    """The configs of one contest.

    Attributes:
        ranking: The contest.
        configs: One row a config that was ranked, diverged or stopped: its keys, `place`, and `log_score`, the natural
            logarithm of the mean over seeds of the score that selects; missing unless it was ranked.
        keys: What varies: `model` first, then settings, then arguments that vary within a model.
    """

    ranking: Ranking
    configs: pd.DataFrame
    keys: tuple[str, ...]

    @property
    def score_name(self) -> str:
        """The score that selects, as `trials.parquet` calls it."""
        view = self.ranking.view
        return f"val_mse_{view.mode}" if view.protocol == "holdout" else view.score

    @property
    def scored(self) -> pd.DataFrame:
        """The configs with a score."""
        return self.configs[self.configs["log_score"].notna()]

    def num_of(self, place: str) -> int:
        """How many configs have this `place`."""
        return int((self.configs["place"] == place).sum())


def choices_of(ranking: Ranking) -> Choices:
    """What varies in one contest."""
    rows = ranking.rows[ranking.rows["place"].isin(["ranked", "diverged", "stopped"])]
    score = rows[ranking.view.score].where(rows["place"] == "ranked").astype("float64")
    finite = score.where(score < float("inf"))
    # An error that is no finite number is what a divergence comes to.
    place = rows["place"].mask((rows["place"] == "ranked") & finite.isna(), "diverged")
    varying = varying_keys(ranking)
    settings = [key for key in varying[""] if rows[key].nunique(dropna=False) > 1]
    arguments = sorted({key for name, keys in varying.items() if name for key in keys if key in rows})
    models = [MODEL] if rows[MODEL].nunique() > 1 else []
    # Errors span orders of magnitude; a mean over them would be that of the worst.
    log_score = pd.Series(np.log(finite.where(finite > 0).to_numpy()), index=rows.index)
    configs = rows[[MODEL, *settings, *arguments]].assign(place=place, score=finite, log_score=log_score)
    return Choices(ranking=ranking, configs=configs, keys=(*models, *settings, *arguments))


def labels_of(values: pd.Series) -> tuple[IntArray, list[str]]:
    """Values as places in a list of texts: in order, many numbers as four ranges; -1 where a config lacks the key."""
    present = values.dropna()
    unique = present.unique()
    is_numeric = pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)
    if is_numeric and len(unique) > MAX_VALUES:
        return _quarters(values.astype("float64"))
    try:
        ordered = sorted(unique)
    except TypeError:  # numbers and texts under one key
        ordered = sorted(unique, key=str)
    codes = pd.Categorical(values, categories=ordered).codes.astype(np.int64)
    return codes, [numerals.setting(value if isinstance(value, str) else np.asarray(value).item()) for value in ordered]


def combined(codes: Sequence[IntArray], length: int) -> IntArray:
    """One number for each different combination of these codes."""
    together = np.zeros(length, dtype=np.int64)
    for each in codes:
        shifted = each + 1
        _, together = np.unique(together * (shifted.max(initial=0) + 1) + shifted, return_inverse=True)
    return together.astype(np.int64)


def _quarters(values: pd.Series) -> tuple[IntArray, list[str]]:
    cut = pd.qcut(values, 4, duplicates="drop")
    groups = values.groupby(cut, observed=True)
    texts = [
        f"{numerals.setting(float(low))} to {numerals.setting(float(high))}"
        for low, high in zip(groups.min(), groups.max(), strict=True)
    ]
    codes = cut.cat.remove_unused_categories().cat.codes.to_numpy().astype(np.int64)
    return codes, texts
