"""From the trials of one contest to its rows in order: configs, averaged over seeds, with the baselines among them.

All trials given are scored on the same evaluation sets. Must not know: why they are, and how rows are drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from raysweep.analysis.claims import SEEDS_TO_CONFIRM
from raysweep.analysis.views import View
from raysweep.forecasting.baselines import CARRIED_RIDGE
from raysweep.ledger.rows import ENDED

SKILLS = ("skill_last", "skill_mean", "skill_ridge")

# The order of a table's sections.
_WITH_SCORE, _WITHOUT_SCORE, _UNCONFIRMED, _UNCONFIRMED_WITHOUT_SCORE, _UNRANKED = range(5)


def standings(
    trials: pd.DataFrame, baselines: pd.DataFrame, view: View, keys: Sequence[str], claimed: pd.DataFrame
) -> pd.DataFrame:
    """The rows of one table, best first.

    Once a config is confirmed, ranks are those of confirmed configs alone. All that may be the best share the first.

    Args:
        trials: With `is_scored` and the columns `<prefix>.mse`, ... of the view.
        baselines: From `baseline_rows`.
        view: Which score sorts.
        keys: Config keys to keep.
        claimed: `Claims.rows`.

    Returns:
        A row for each config that has not failed altogether, and each baseline. `place` is `ranked`, `diverged`
        (the worst rank, shared), `stopped`, `unscored` or `baseline`; `rank` is missing for the last three, and for
        configs that aren't confirmed where others are. The columns of `claimed` are missing where it has no row.
    """
    configs = _configs(trials, view, keys)
    rows = pd.concat([configs, baselines]) if len(baselines) else configs
    rows = rows.join(claimed)
    rows["is_best"] = rows["is_best"].eq(True)
    is_config = rows["place"].isin(["ranked", "diverged"])
    has_score = rows["place"].isin(["ranked", "baseline"]) & rows[view.score].notna()
    is_left_out = is_config & ~rows["is_confirmed"] & bool(len(claimed))
    is_ranked = is_config & ~is_left_out
    # What can't be the best follows on all that can, also where its score is lower than the last one's of these.
    score = rows[view.score].mask(is_ranked & ~rows["is_best"], rows[view.score].clip(lower=_worst_of_best(rows, view)))
    ranks = score.where(is_ranked & has_score & ~rows["is_best"]).rank(method="min") + int(rows["is_best"].sum())
    worst = int((is_ranked & has_score).sum()) + 1
    rows["rank"] = ranks.mask(is_ranked & ~has_score, worst).mask(rows["is_best"], 1).astype("Int64")

    is_baseline = rows["place"] == "baseline"
    order = pd.DataFrame(
        {
            "section": pd.Series(_UNRANKED, index=rows.index)
            .mask(is_ranked | is_baseline, _WITHOUT_SCORE)
            .mask(has_score, _WITH_SCORE)
            .mask(is_left_out, _UNCONFIRMED_WITHOUT_SCORE)
            .mask(is_left_out & has_score, _UNCONFIRMED),
            "score": score.where(has_score),
            "is_beaten": ~rows["is_best"],
            # To be as good as a baseline isn't to beat it.
            "is_config": ~is_baseline,
            "epochs": -rows["stopped_to"].astype("float64").fillna(0.0),
            "at_stop": rows["at_stop"],
        }
    ).sort_values(["section", "score", "is_beaten", "is_config", "epochs", "at_stop"])
    rows = rows.loc[order.index]
    rows[view.score] = rows[view.score].fillna(rows["at_stop"])
    return rows


def _worst_of_best(rows: pd.DataFrame, view: View) -> float:
    return float(rows.loc[rows["is_best"], view.score].max()) if rows["is_best"].any() else float("-inf")


def baseline_rows(evaluations: pd.DataFrame, hashes: Mapping[str, str], view: View) -> pd.DataFrame:
    """The baselines on the evaluation sets with these hashes, by prefix; `model` is the baseline's name."""
    columns = ["mse", *SKILLS, "num_targets", "block_errors"]
    # A ridge that was fitted on another series is compared in the transfer tables alone.
    is_shown = (evaluations["kind"] == "baseline") & ~evaluations["model"].str.startswith(CARRIED_RIDGE)
    of_baselines = evaluations[is_shown].drop_duplicates(["model", "eval_set_hash"])
    by_part = {
        prefix: of_baselines[of_baselines["eval_set_hash"] == hashes.get(prefix, "")].set_index("model")
        for prefix in view.parts
    }
    frames = [rows[columns].add_prefix(f"{prefix}.") for prefix, rows in by_part.items()]
    rows = pd.concat(frames, axis=1)
    rows["settings"] = by_part[view.selecting]["settings"].reindex(rows.index)
    rows["model"] = rows.index
    rows["place"] = "baseline"
    rows["is_confirmed"] = False
    for loss in view.losses:
        rows[loss] = float("nan")
    rows.index = pd.Index([f"baseline {name}" for name in rows.index])
    return rows


def _configs(trials: pd.DataFrame, view: View, keys: Sequence[str]) -> pd.DataFrame:
    by_config = trials.groupby("config_id", sort=False)
    reason = f"{view.selecting}.reason"
    rows = by_config[["model", "sweep", "model_digest", *keys, "num_train_windows", "num_params", reason]].first()
    rows = rows.rename(columns={reason: "reason"})
    counts = trials.groupby(["config_id", "status"]).size().unstack(fill_value=0)
    counts = counts.reindex(index=rows.index, columns=list(ENDED), fill_value=0).add_prefix("num_")

    scored = trials[trials["is_scored"]].groupby("config_id")
    means = [f"{prefix}.{name}" for prefix in view.parts for name in ("mse", *SKILLS)]
    # A seed whose score is NaN makes the mean NaN: it must not drop out.
    scores = scored[[*means, *view.losses, "train_seconds"]].mean(skipna=False)
    targets = scored[[f"{prefix}.num_targets" for prefix in view.parts]].min()
    rows = rows.join([counts, scores, targets, scored.size().rename("num_scored")])
    rows["num_scored"] = rows["num_scored"].fillna(0).astype("int64")
    has_seeds = rows["num_scored"] + rows["num_diverged"] >= SEEDS_TO_CONFIRM
    # Seeds that a scheduler let go on were picked for doing well.
    rows["is_confirmed"] = has_seeds & (rows["num_stopped"] == 0)
    rows["train_seconds"] = rows["train_seconds"].fillna(by_config["train_seconds"].mean())

    stopped = trials[trials["status"] == "stopped"].groupby("config_id")
    rows["stopped_from"] = stopped["epochs"].min()
    rows["stopped_to"] = stopped["epochs"].max()
    rows["at_stop"] = stopped[view.at_stop].mean() if view.at_stop else float("nan")

    rows["place"] = "failed"
    for place, is_there in [
        ("unscored", rows["num_finished"] > 0),
        ("stopped", rows["num_stopped"] > 0),
        ("ranked", rows["num_scored"] > 0),
        # One seed that diverges is a result of the config; its mean over the other seeds would hide it.
        ("diverged", rows["num_diverged"] > 0),
    ]:
        rows.loc[is_there, "place"] = place
    is_diverged = rows["place"] == "diverged"
    rows.loc[is_diverged, [*means, *view.losses]] = float("nan")
    rows.loc[is_diverged, targets.columns] = 0
    rows.loc[rows["place"] != "stopped", "at_stop"] = float("nan")
    return rows[rows["place"] != "failed"]
