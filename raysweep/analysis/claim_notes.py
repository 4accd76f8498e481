"""Sentences on what may be claimed: who may be the best, what differs from the best baseline, what isn't known.

Must not know: how it was found out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from raysweep.analysis import numerals
from raysweep.analysis.claims import MOST_COMPARED, SEEDS_TO_CONFIRM, Claims
from raysweep.analysis.confidence_set import SIZE
from raysweep.analysis.phases import Optimism
from raysweep.analysis.ranking import Ranking
from raysweep.analysis.resampling import LEAST_INDEPENDENT_BLOCKS

_STRETCH = "It holds for stretches of the series like this one; what the series does elsewhere is another question."


def claim_lines(ranking: Ranking) -> Iterator[str]:
    """What must be read after a table before one of its differences is believed, a line each."""
    claims = ranking.claims
    match claims.lack:
        case "seeds":
            pass
        case "in-sample":
            yield "No intervals and no claims: in-sample scores don't tell how a config does on other points."
        case "errors":
            yield (
                f"No intervals and no claims: the errors by block of starts of some configs are missing, zero or not "
                f"finite.{_all_first(claims)}"
            )
        case "blocks":
            yield _too_few_blocks(ranking)
        case None:
            yield from _set_lines(ranking)
    yield from _unconfirmed_lines(ranking)
    yield from choice_lines(ranking)
    yield from _chosen_from_lines(ranking)
    for found in ranking.optimisms:
        yield from _optimism_lines(ranking.rows, found, ranking.view.is_score_of_forecasts)


def _too_few_blocks(ranking: Ranking) -> str:
    claims = ranking.claims
    ahead = f" up to {ranking.horizon} steps ahead" if ranking.horizon > 1 else ""
    if claims.num_apart == 0:
        room = f"no room for a whole stretch of forecasts{ahead}, and {LEAST_INDEPENDENT_BLOCKS} that share no point"
    else:
        stretches = "1 stretch" if claims.num_apart == 1 else f"{claims.num_apart} stretches"
        room = f"room for only {stretches} of forecasts{ahead} that share no point, and {LEAST_INDEPENDENT_BLOCKS}"
    return (
        f"No intervals and no claims: the validation part has {room} are needed to tell how errors vary along the "
        f"series.{_all_first(claims)}"
    )


def _all_first(claims: Claims) -> str:
    return " All confirmed configs share rank 1." if claims.num_confirmed > 1 else ""


def _set_lines(ranking: Ranking) -> Iterator[str]:
    claims, rows = ranking.claims, ranking.rows
    compared = f"the {claims.num_compared} confirmed configs"
    if claims.num_confirmed > MOST_COMPARED:
        compared = f"the {MOST_COMPARED} best of {claims.num_confirmed:,} confirmed configs"
    num_best = int(rows["is_best"].sum())
    if claims.num_compared > 1:
        found = f"Rank 1 is shared by the {num_best} that may be the best of {compared}"
        if num_best == claims.num_compared:
            found = f"Rank 1 is shared by {compared}: none is known to be worse than another"
        elif num_best == 1:
            found = f"{config_in_words(rows[rows['is_best']].iloc[0])} is known to be the best of {compared}"
        yield f"{found} (model confidence set at {SIZE:.0%}, over seeds and blocks of starts). {_STRETCH}"
    if claims.baseline:
        better, worse = ((rows["against_baseline"] == word).sum() for word in ("better", "worse"))
        yield (
            f"Against {claims.baseline.replace('_', ' ')}, start by start: {better} of {compared} "
            f"{'is' if better == 1 else 'are'} better, {worse} worse, and {claims.num_compared - better - worse} can't "
            f"be told from it ({1 - SIZE:.0%} for all of them together)."
        )


def _unconfirmed_lines(ranking: Ranking) -> Iterator[str]:
    rows = ranking.rows
    configs = rows[rows["place"].isin(["ranked", "diverged"])]
    unconfirmed = configs[~configs["is_confirmed"].astype("bool")]
    if unconfirmed.empty:
        return
    have = "has" if len(unconfirmed) == 1 else "have"
    few = f"Unconfirmed: {len(unconfirmed):,} of {len(configs):,} configs {have} fewer than {SEEDS_TO_CONFIRM} seeds"
    if (unconfirmed["num_scored"] + unconfirmed["num_diverged"] >= SEEDS_TO_CONFIRM).any():
        few += ", or seeds that were stopped, and those that are left were picked for doing well"
    if len(ranking.claims.rows):
        yield f"{few}. Such rows stand below, without a rank, and nothing is claimed of them."
        return
    yield f"{few}. Nothing is claimed of them: small differences may be chance."
    scores = configs[ranking.view.score].astype("float64").where(configs["place"] == "ranked")
    few_scores = scores[unconfirmed.index].dropna()
    if len(few_scores) > 1 and few_scores.min() <= scores.min():
        no_choice = " Its test score has seen no choice." if "test" in ranking.view.parts else ""
        yield (
            f"The lowest of {len(few_scores):,} such scores is lower than that config's next seeds will be: luck "
            f"helped to make it the lowest.{no_choice}"
        )


def _chosen_from_lines(ranking: Ranking) -> Iterator[str]:
    """That the first has been chosen, on the points that its score is of: fresh seeds don't make up for that."""
    rows = ranking.rows
    num_configs = int((~rows["place"].isin(["baseline", "unscored"])).sum())
    if ranking.claims.num_confirmed and ranking.view.is_score_of_forecasts and num_configs > 1:
        what = "score and interval are" if ranking.claims.lack is None else "score is"
        yield (
            f"The first config was chosen from {num_configs:,}, on the same validation points that its {what} of, "
            "which flatters it; its test score has seen no choice."
        )


def choice_lines(ranking: Ranking) -> Iterator[str]:
    """By what the confirmed configs were chosen, where that isn't what sorts them here."""
    if ranking.chosen_by_another:
        yield (
            f"Confirmed configs were chosen by {ranking.chosen_by_another}, not by the score of this table: one that "
            "wasn't chosen may be better here."
        )


def _optimism_lines(rows: pd.DataFrame, found: Optimism, is_mse: bool) -> Iterator[str]:
    score = "MSE" if is_mse else "loss"
    by = "one seed" if found.num_seeds == 1 else f"{found.num_seeds} seeds"
    name = config_in_words(rows.loc[[found.config_id]].iloc[0])
    where = f"{found.sweep}: " if found.sweep else ""
    fresh = numerals.times(found.num_fresh, "fresh seed")
    if math.isnan(found.fresh):
        became = f"of its {fresh} not all have a finite {score}"
    else:
        became = f"with {fresh} its {score} is {numerals.score(found.fresh)}"
        if found.explored > 0:
            became += f", {_more(found.fresh / found.explored - 1)} than it was chosen for"
    yield (
        f"{where}{name} was chosen as the best of {found.num_explored:,} by {by}, with "
        f"{score} {numerals.score(found.explored)}; {became}."
    )
    if found.num_compared > 1:
        mean = "in the mean" if where else "In the mean"
        which = "chosen configs have"
        if found.num_compared < found.num_chosen:
            which = f"of {found.num_chosen} chosen configs that can be compared have"
        yield (
            f"{where}{mean} the {found.num_compared} {which} {_more(found.excess)} {score} with fresh seeds than they "
            "were chosen for."
        )


def _more(share: float) -> str:
    return f"{abs(share):.0%} {'more' if share >= 0 else 'less'}"


def config_in_words(row: pd.Series) -> str:
    """Such as `att (window 64, learning rate 0.003)`."""
    settings = f"window {numerals.setting(row['train.time_steps'])}"
    return f"{row['model']} ({settings}, learning rate {numerals.setting(row['train.learning_rate'])})"
