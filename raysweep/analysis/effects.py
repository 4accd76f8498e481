"""The effect of each choice, all else equal: configs are compared that differ in one key alone.

Must not know: how the numbers are drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from raysweep.analysis import numerals
from raysweep.analysis.choices import MAX_VALUES, MODEL, Choices, IntArray, choices_of, combined, labels_of
from raysweep.analysis.ranking import Ranking
from raysweep.analysis.remarks import title_of
from raysweep.analysis.result_table import Column, ResultTable, TableRow

NO_EFFECT = 5e-4  # what is nearer to 1 reads as 1.000, and may be round-off
CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Effects:
    """The effects of all choices in one contest.

    A *setting* is one choice of all other keys. Within it the log score of a value is compared with the mean of those
    of the other values, so that each setting gives one number and no config stands in two of them: these numbers, not
    the pairs, are what the interval counts.

    Attributes:
        choices: The contest.
        values: A row for each key and value: `key`, `value`, `ratio` (the geometric mean, over settings, of its error
            over that of the other values), `low` and `high` of its 95 % interval (t over settings; missing for one),
            `num_settings`, `num_pairs`, `num_configs` with a score, `num_stopped`, `num_diverged`. All missing but
            counts where there are no pairs, or more values than can be told apart.
        is_uneven: Keys whose values weren't all tried in the same settings.
    """

    choices: Choices
    values: pd.DataFrame
    is_uneven: tuple[str, ...]


def effects(rankings: Sequence[Ranking]) -> list[Effects]:
    """The effects in each contest with at least one key that varies."""
    found = [choices_of(ranking) for ranking in rankings]
    return [_effects(choices) for choices in found if choices.keys]


def effects_table(found: Effects) -> ResultTable:
    """The effects as a table of text."""
    columns = (
        Column(title="key", align="left"),
        Column(title="value", align="left"),
        Column(title="error against the others"),
        Column(title="95 % interval"),
        Column(title="settings"),
        Column(title="pairs", spare=1),
        Column(title="configs", spare=2),
        Column(title="what it says", align="left"),
    )
    rows = [TableRow(cells=_cells(row), style="ranked") for _, row in found.values.iterrows()]
    ranking = found.choices.ranking
    return ResultTable(
        title=f"{title_of(ranking)}: effect of each choice",
        rule=(
            f"Of configs that differ in one key alone: the error ({found.choices.score_name}, mean over seeds) with "
            "this value over that with the others, as a geometric mean over settings of all other keys. Below 1 is "
            "better. The interval says how the effect varies from setting to setting of this sweep, on this series; "
            "one in twenty leaves out 1 by chance."
        ),
        columns=columns,
        rows=tuple(rows),
        notes=tuple(_notes(found)),
    )


def verdict_of(row: pd.Series) -> str:
    """What one row of `Effects.values` says, in a few words."""
    if row["num_pairs"] == 0:
        return "can't tell: no pairs"
    if pd.isna(row["ratio"]):
        return "can't tell: too many values"
    if pd.isna(row["low"]):
        return "can't tell: one setting"
    if row["high"] < 1 - NO_EFFECT:
        return "lower error"
    return "higher error" if row["low"] > 1 + NO_EFFECT else "can't tell"


def answer_of(found: Effects) -> str:
    """What was found, in a sentence."""
    name = title_of(found.choices.ranking)
    told = [(row, verdict_of(row)) for _, row in found.values.iterrows()]
    lower = [f"{row['key']} {row['value']} ({_times(row['ratio'])})" for row, said in told if said == "lower error"]
    if not lower and found.values["low"].isna().all():
        return f"{name}: can't tell which choice lowers the error: none was made in two settings."
    if not lower:
        return f"{name}: no choice lowers the error by more than its interval."
    return f"{name}: all else equal, lower error with {', '.join(lower)}."


def _times(ratio: float) -> str:
    return f"error x {ratio:.2f}" if ratio < 0.995 else f"error x {ratio:.3f}"


def _effects(choices: Choices) -> Effects:
    tables, uneven = [], []
    for key in choices.keys:
        table, is_uneven = _effect_of(choices, key)
        tables.append(table)
        if is_uneven:
            uneven.append(key)
    return Effects(choices=choices, values=pd.concat(tables, ignore_index=True), is_uneven=tuple(uneven))


def _effect_of(choices: Choices, key: str) -> tuple[pd.DataFrame, bool]:
    """The rows of one key, and whether its values were tried in different settings."""
    has_key = choices.configs[choices.configs[key].notna()]
    is_listed = has_key[key].nunique() <= MAX_VALUES
    # Pairs differ in the value itself; a range of values, or a long list of them, is no choice.
    all_codes, values = labels_of(has_key[key]) if is_listed else (pd.factorize(has_key[key])[0], [])
    is_scored = has_key["log_score"].notna().to_numpy()
    scored, codes = has_key[is_scored], all_codes[is_scored]
    by_setting = _log_ratios(scored, codes, _settings(scored, key, choices.keys))
    if not is_listed:
        return _row_of_range(key, has_key, by_setting), False
    counts = {
        "num_configs": np.bincount(codes, minlength=len(values)),
        **{
            f"num_{place}": np.bincount(all_codes[has_key["place"] == place], minlength=len(values))
            for place in ("stopped", "diverged")
        },
    }
    table = pd.DataFrame({"key": key, "value": values, **counts})
    table = table.join(_over_settings(by_setting))
    table[["num_settings", "num_pairs"]] = table[["num_settings", "num_pairs"]].fillna(0).astype("int64")
    num_all = by_setting["setting"].nunique()
    return table, bool((table["num_settings"] != num_all).any())


def _settings(scored: pd.DataFrame, key: str, keys: Sequence[str]) -> IntArray:
    """Numbers configs so that those with equal numbers differ in `key` alone."""
    # Arguments are a model's own: another model has others, so between models only settings can be equal.
    others = [other for other in keys if other != key and not (key == MODEL and other.startswith("model."))]
    codes = [np.asarray(pd.factorize(scored[other])[0], dtype=np.int64) for other in others]
    return combined(codes, len(scored))


def _log_ratios(
    scored: pd.DataFrame,
    codes: IntArray,
    settings: IntArray,
) -> pd.DataFrame:
    """By setting and value: its mean log score less that of the other values there, and how many pairs that is."""
    long = pd.DataFrame({"setting": settings, "value": codes, "log": scored["log_score"].to_numpy()})
    means = long.groupby(["setting", "value"], as_index=False)["log"].agg(["mean", "size"])
    in_setting = means.groupby("setting")
    num_values, sums = in_setting["mean"].transform("size"), in_setting["mean"].transform("sum")
    num_others = in_setting["size"].transform("sum") - means["size"]
    means["pairs"] = means["size"] * num_others
    means = means[num_values > 1]
    num_values, sums = num_values[means.index], sums[means.index]
    return means.assign(ratio=means["mean"] - (sums - means["mean"]) / (num_values - 1))


def _over_settings(by_setting: pd.DataFrame) -> pd.DataFrame:
    from scipy.special import stdtrit  # takes a while to load, and who draws effects needs none of it

    groups = by_setting.groupby("value")
    means, counts = groups["ratio"].mean(), groups.size()
    reach = stdtrit(np.maximum(counts - 1, 1), (1 + CONFIDENCE) / 2) * groups["ratio"].std() / np.sqrt(counts)
    return pd.DataFrame(
        {
            "ratio": np.exp(means),
            "low": np.exp(means - reach),
            "high": np.exp(means + reach),
            "num_settings": counts,
            "num_pairs": groups["pairs"].sum(),
        }
    )


def _row_of_range(key: str, has_key: pd.DataFrame, by_setting: pd.DataFrame) -> pd.DataFrame:
    """A key with too many values has none to compare; its row says how many settings and pairs there were."""
    row = {
        "key": key,
        "value": f"{has_key[key].nunique()} values",
        "num_configs": int(has_key["log_score"].notna().sum()),
        "num_stopped": int((has_key["place"] == "stopped").sum()),
        "num_diverged": int((has_key["place"] == "diverged").sum()),
        "num_settings": by_setting["setting"].nunique(),
        "num_pairs": int(by_setting["pairs"].sum()) // 2,  # each is counted with both of its values
        **dict.fromkeys(("ratio", "low", "high"), float("nan")),
    }
    return pd.DataFrame([row])


def _cells(row: pd.Series) -> tuple[str, ...]:
    has_interval = not pd.isna(row["low"])
    return (
        row["key"],
        row["value"],
        numerals.NOT_MEASURED if pd.isna(row["ratio"]) else f"{row['ratio']:.3f}",
        f"{row['low']:.3f} to {row['high']:.3f}" if has_interval else numerals.NOT_MEASURED,
        numerals.count(row["num_settings"]),
        numerals.count(row["num_pairs"]),
        numerals.count(row["num_configs"]),
        verdict_of(row),
    )


def _notes(found: Effects) -> Iterator[str]:
    if found.is_uneven:
        keys = ", ".join(found.is_uneven)
        yield f"Not all values were tried in the same settings, so each is compared with those beside it: {keys}."
    for place, why in (("stopped", "has no final score"), ("diverged", "has no finite score")):
        number = found.choices.num_of(place)
        if number:
            configs = numerals.times(number, "config")
            yield f"{configs} {place}: one that {why} is in no pair, so a value that often {place} looks better."
    if MODEL in found.choices.keys:
        yield "Models are compared at equal settings; over a model's own arguments the log error is averaged."
