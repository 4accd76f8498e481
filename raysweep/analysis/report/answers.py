"""The three sentences on top of a report, made of numbers: what is best, whether that is real, what to try next.

Must not know: HTML, where the numbers come from.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from raysweep.analysis import numerals
from raysweep.analysis.claims import SEEDS_TO_CONFIRM
from raysweep.analysis.confidence_set import SIZE
from raysweep.analysis.report.page import Table
from raysweep.analysis.result_table import Column, TableRow
from raysweep.analysis.verdicts import Divergence, Rival, Verdict
from raysweep.spec.config import PROTOCOLS, ProtocolName

_NEAR_FLOOR = 0.05  # no closer than this share to the noise floor is anything left to gain
# By protocol: what the score that sorts is called, and what a table of it must say.
_SCORES: Mapping[ProtocolName, str] = {"holdout": "MSE", "replication": "validation loss"}
_LEADS: Mapping[ProtocolName, str] = {
    "holdout": (
        "How the best config's MSE differs from that of the best baseline, on validation, which selects, and on "
        "test, and from that of the next config: -5 % is 5 % lower. With fewer than "
        f"{SEEDS_TO_CONFIRM} seeds a difference is unconfirmed."
    ),
    "replication": (
        "Under replication the score is Final/val_loss: in-sample, in scaled units, and never for choosing a model. "
        "Baselines have none."
    ),
}
_CONFIRM = f"seeds: {{explore: [0], confirm: {{top: 5, seeds: {SEEDS_TO_CONFIRM}}}}}"


def answers(verdicts: Sequence[Verdict], divergence: Divergence | None = None) -> tuple[tuple[str, str], ...]:
    """Question and answer, three of them, about the comparison that matters most.

    Args:
        verdicts: Of all comparisons in which a config has a score.
        divergence: Of the configs where none has; None if none diverged.
    """
    if not verdicts and divergence is not None:
        return (
            ("What is best", _diverged_sentence(divergence)),
            ("Is it real", "There is no difference to judge."),
            (
                "What next",
                "Lower train.learning_rate; the same command runs only what is missing, not what has diverged.",
            ),
        )
    if not verdicts:
        return (
            ("What is best", "Nothing can be said yet: no trial has finished with a score."),
            ("Is it real", "There is no difference to judge."),
            ("What next", "Run the same command again: it runs what is missing, and tries again what has failed."),
        )
    main = leading(verdicts)
    return (
        ("What is best", best_sentence(main, verdicts)),
        ("Is it real", real_sentence(main)),
        ("What next", next_sentence(main)),
    )


def leading(verdicts: Sequence[Verdict]) -> Verdict:
    """The one that the sentences are about: hold-out before replication, most training data, one-step."""
    return max(
        verdicts,
        key=lambda verdict: (
            verdict.ranking.view.protocol == "holdout",
            not verdict.ranking.apart,
            float(verdict.ranking.fold),
            verdict.ranking.view.mode == "batch",
            verdict.num_ranked,
        ),
    )


def _diverged_sentence(divergence: Divergence) -> str:
    """Why nothing can be said though trials have finished."""
    of = f"{divergence.num_configs:,} configs"
    if divergence.num_diverged < divergence.num_configs:
        configs = f"no config has a score, and {divergence.num_diverged:,} of {of} diverged"
    else:
        configs = f"all {of} diverged" if divergence.num_configs > 1 else "the only config diverged"
    trials = f"{numerals.times(divergence.num_trials, 'trial')}, of which {divergence.num_finished:,} finished"
    why = "One seed without a finite error leaves a config without a score."
    return f"Nothing can be said so far: {configs} ({trials}). {why}"


def best_sentence(verdict: Verdict, verdicts: Sequence[Verdict]) -> str:
    """What is best, and by how much."""
    where = _where(verdict)
    score = numerals.score(verdict.score)
    runner_up = "" if verdict.runner_up is None else _against(verdict.runner_up, "the next config")
    elsewhere = _elsewhere(verdict, verdicts)
    if verdict.ranking.view.protocol == "replication":
        behind = f", {runner_up}" if runner_up else ""
        return f"{verdict.label} has the lowest validation loss {where}, {score}{behind}{elsewhere}."
    lower = "" if verdict.lower is None else f"; lower, but unconfirmed, is {verdict.lower.name}"
    if verdict.baseline is not None and not verdict.baseline.lead > 0:
        which = "config"
        if verdict.lower is not None and verdict.lower.lead > 0:
            which = "confirmed config"
            lower = f"; {verdict.lower.name}, unconfirmed, is {_than(verdict.lower.lead)} {verdict.baseline.name}"
        return (
            f"No {which} beats the best baseline {where}: the best, {verdict.label}, has an MSE of {score} on "
            f"validation, {_against(verdict.baseline, '')}{elsewhere}{lower}."
        )
    parts = [_against(verdict.baseline, "the best baseline")] if verdict.baseline is not None else []
    parts += [runner_up] if runner_up else []
    by_how_much = f", is {' and '.join(parts)}" if parts else ", is the only score there is"
    where = where.removeprefix("on ").replace(verdict.ranking.dataset, f"{verdict.ranking.dataset} best", 1)
    return f"{verdict.label} forecasts {where}: its MSE on validation, {score}{by_how_much}{elsewhere}{lower}."


def real_sentence(verdict: Verdict) -> str:
    """Whether that is more than chance."""
    ranking = verdict.ranking
    if ranking.view.protocol == "replication":
        return "No: under replication every score is in-sample, and says nothing of forecasts of unseen points."
    parts = []
    if verdict.num_seeds >= SEEDS_TO_CONFIRM and not verdict.is_confirmed:
        parts.append(
            f"Unconfirmed: a scheduler stopped {verdict.num_stopped} of its "
            f"{numerals.times(verdict.num_seeds + verdict.num_stopped, 'seed')}, and those that are left were picked "
            "for doing well"
        )
    elif not verdict.is_confirmed:
        of = f", chosen as the best of {verdict.num_ranked:,}, which flatters it" if verdict.num_ranked > 1 else ""
        parts.append(
            f"Unconfirmed: it has {numerals.times(verdict.num_seeds, 'seed')} where {SEEDS_TO_CONFIRM} are needed{of}"
        )
    else:
        parts.append(_standing(verdict))
        # A baseline whose errors by starts weren't kept was compared with nothing.
        if ranking.claims.baseline and verdict.baseline is not None:
            parts.append(_beside_baseline(verdict, verdict.baseline))
    if verdict.baseline is not None and not math.isnan(verdict.baseline.test_lead):
        parts.append(_on_test(verdict.baseline))
    if ranking.data_source == "stand-in":
        parts.append(f"and {ranking.dataset} is a stand-in that a script made up, so none of it is about measurements")
    return "; ".join(parts) + "."


def next_sentence(verdict: Verdict) -> str:
    """What to try next, the two most useful things."""
    steps = list(next_steps(verdict))[:2]
    text = "; then ".join(steps) if steps else "forecast other series with it (evaluate_on), and test it on new data"
    return text[0].upper() + text[1:] + "."


def next_steps(verdict: Verdict) -> Iterator[str]:
    """What the numbers ask for, the most urgent first."""
    ranking = verdict.ranking
    if ranking.view.protocol == "replication":
        yield "run the same configs with protocol: holdout, which chooses a model"
        return
    floor = ranking.floors.get("val", 0.0)
    # A score far below the floor says that the floor doesn't hold, not that the search is over.
    if floor > 0 and abs(verdict.score / floor - 1) <= _NEAR_FLOOR:
        yield (
            f"stop searching here: the MSE is within {100 * _NEAR_FLOOR:.0f} % of the noise floor "
            f"({numerals.score(floor)}), and if the series is smooth, no forecast can be expected below it"
        )
    elif verdict.borders:
        beyond = " and ".join(_beyond(*border) for border in verdict.borders)
        yield f"widen the search to {beyond}, where what was tried ends"
    behind = "" if verdict.baseline is None or verdict.baseline.lead > 0 else verdict.baseline.name
    if behind and verdict.against_baseline == "worse":
        yield f"use {behind} until a model beats it on validation; more seeds of these will not"
    elif not verdict.is_confirmed:
        yield f"confirm the best five with fresh seeds, by {_CONFIRM} in the sweep file"
        if behind:
            yield f"use {behind} if none of them beats it on validation"
    elif behind:
        if verdict.lower is not None and verdict.lower.lead > 0:
            yield f"confirm {verdict.lower.name} with fresh seeds, by a larger confirm.top in the sweep file"
        yield f"use {behind} until a model beats it on validation"
    elif verdict.runner_up is not None and verdict.num_best != 1 and verdict.seed_spread > verdict.runner_up.lead:
        yield (
            f"add seeds: they differ by {_percent(verdict.seed_spread)} (standard deviation), more than the "
            f"{_percent(verdict.runner_up.lead)} between the first two configs"
        )


def comparisons(verdicts: Sequence[Verdict]) -> Table:
    """The same facts for every comparison, a row each."""
    protocols = {verdict.ranking.view.protocol for verdict in verdicts}
    score = " or ".join(_SCORES[protocol] for protocol in PROTOCOLS if protocol in protocols)
    titles = ("best config", score, "best baseline", "on test", "next config", "seeds")
    columns = [
        *(Column(title=title, align="left") for title in ("series", "forecasts", "fold")),
        *(Column(title=title, align="left" if title == "best config" else "right") for title in titles),
    ]
    return Table(
        title="Every comparison",
        lead=" ".join(_LEADS[protocol] for protocol in PROTOCOLS if protocol in protocols),
        columns=tuple(columns),
        rows=tuple(TableRow(cells=_cells(verdict), style="ranked") for verdict in verdicts),
    )


def _cells(verdict: Verdict) -> tuple[str, ...]:
    ranking, baseline, runner_up = verdict.ranking, verdict.baseline, verdict.runner_up
    forecasts = {"batch": "one-step", "regressive": f"up to {ranking.horizon} steps", None: "replication"}
    return (
        ranking.dataset,
        forecasts[ranking.view.mode],
        f"{ranking.view.fold} {ranking.fold:g}",
        verdict.label,
        numerals.score(verdict.score),
        "-" if baseline is None else f"{_change(baseline.lead)} ({baseline.name})",
        "-" if baseline is None else _change(baseline.test_lead),
        "-" if runner_up is None else _change(runner_up.lead),
        numerals.count(verdict.num_seeds),
    )


def _standing(verdict: Verdict) -> str:
    """What is claimed of a config with enough seeds."""
    claims = verdict.ranking.claims
    seeds = f"it has {numerals.times(verdict.num_seeds, 'seed')}"
    match claims.lack:
        case "errors":
            return f"Not known: {seeds}, but the errors by starts that a test needs weren't kept or aren't finite"
        case "blocks":
            return f"Not known: {seeds}, but the validation part is too short to tell how errors vary along it"
    level = f"model confidence set at {100 * (1 - SIZE):.0f} %, over seeds and starts"
    compared = f"{claims.num_compared}"
    if claims.num_confirmed > claims.num_compared:
        compared = f"the {claims.num_compared} best of {claims.num_confirmed:,}"
    if claims.num_compared < 2:
        return f"{seeds[0].upper()}{seeds[1:]}, and no other config has enough to be compared with"
    if verdict.num_best == 1:
        return f"Yes among configs: it is known to be the best of {compared} with enough seeds ({level})"
    may_be = f"{verdict.num_best} of {compared} configs with enough seeds may be the best"
    return f"Not told apart: {may_be} ({level})"


def _beside_baseline(verdict: Verdict, baseline: Rival) -> str:
    if verdict.against_baseline:
        return f"on validation it is known to be {verdict.against_baseline} than {baseline.name}"
    return f"on validation it can't be told from {baseline.name}"


def _on_test(baseline: Rival) -> str:
    words = f"on the test part, which selected nothing, its MSE is {_than(baseline.test_lead)} that of {baseline.name}"
    return f"{words}, so the lead on validation is lost there" if baseline.test_lead < 0 < baseline.lead else words


def _where(verdict: Verdict) -> str:
    ranking = verdict.ranking
    steps = {"batch": "one step ahead", "regressive": f"up to {ranking.horizon} steps ahead", None: "in replication"}
    fold = f" ({ranking.view.fold} {ranking.fold:g})" if ranking.has_other_folds else ""
    return f"on {ranking.dataset} {steps[ranking.view.mode]}{fold}"


def _elsewhere(verdict: Verdict, verdicts: Sequence[Verdict]) -> str:
    protocol = verdict.ranking.view.protocol
    alike = [other for other in verdicts if other.ranking.view.protocol == protocol and not other.ranking.apart]
    counted = alike or [verdict]
    if len(counted) == 1:
        return ""
    num_first = sum(other.choice == verdict.choice for other in counted)
    num_left_out = len(verdicts) - len(counted)
    others = f" (not counted: {num_left_out} under another protocol or kept apart)" if num_left_out else ""
    return f"; it is first in {num_first} of the {len(counted)} comparisons{others}"


def _against(rival: Rival, role: str) -> str:
    name = f"{role} ({rival.name})" if role else rival.name
    if math.isnan(rival.lead):
        return f"above {name}, whose score is 0"
    return "level with " + name if abs(rival.lead) < 5e-4 else f"{_than(rival.lead)} {name}"


def _than(lead: float) -> str:
    if abs(lead) < 5e-4:
        return "level with"
    return f"{_percent(abs(lead))} {'below' if lead > 0 else 'above'}"


def _change(lead: float) -> str:
    return numerals.NOT_MEASURED if math.isnan(lead) else _percent(-lead, "+")


def _percent(share: float, sign: str = "") -> str:
    return f"{round(100 * share, 1) + 0.0:{sign}.1f} %"  # no -0.0


def _beyond(key: str, value: str, side: str) -> str:
    word = {"train.time_steps": "windows", "train.learning_rate": "learning rates"}[key]
    return f"{word} {'above' if side == 'highest' else 'below'} {value}"
