"""Which configs are confirmed: the best on validation, when the search is over."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from raysweep.ledger.reader import KnownTrial
from raysweep.planning.plan import WantedTrial
from raysweep.spec.config import trial_id

Fold = tuple[str, float | None]  # series and `split.origin`; scores of two folds don't compare


def fold_of(config: Mapping[str, object]) -> Fold:
    """Where a config's scores compare, given under its dotted keys."""
    origin = config["split.origin"]
    assert origin is None or isinstance(origin, float), "it is a fraction"
    return str(config["dataset"]), origin


def select_best(
    explored: Sequence[WantedTrial], known: Mapping[str, KnownTrial], *, metric: str, top: int
) -> dict[Fold, list[WantedTrial]]:
    """The best configs of each fold, the best first, each as the first of its explored trials.

    A config counts if all its explored trials have finished, with a number for a score: one that was stopped, diverged
    or failed has none to be chosen by. Its score is their mean. Of equal ones, the order of their ids decides, which no
    edit of the sweep file changes.

    Args:
        explored: All that the search tried.
        known: From the ledger.
        metric: What trials are compared by; lower is better.
        top: How many of each fold, at most.

    Returns:
        For every fold, in the sweep's order, also where nothing can be chosen.
    """
    configs: dict[str, list[WantedTrial]] = {}
    for trial in explored:
        configs.setdefault(trial.config_id, []).append(trial)
    folds: dict[Fold, list[tuple[float, str]]] = {}
    for name, trials in configs.items():
        candidates = folds.setdefault(fold_of(trials[0].config), [])
        score = _mean_score([known.get(trial.trial_id) for trial in trials], metric)
        if score is not None:
            candidates.append((score, name))
    return {fold: [configs[name][0] for _, name in sorted(found)[:top]] for fold, found in folds.items()}


def _mean_score(trials: Sequence[KnownTrial | None], metric: str) -> float | None:
    scores = [trial.scores.get(metric) if trial and trial.status == "finished" else None for trial in trials]
    numbers = [score for score in scores if score is not None and math.isfinite(score)]
    return sum(numbers) / len(scores) if len(numbers) == len(scores) else None


def confirming_trials(
    best: Mapping[Fold, Sequence[WantedTrial]], seeds: Sequence[int], position: int
) -> list[WantedTrial]:
    """The chosen configs with fresh seeds, config after config; `position` is the first one's place."""
    chosen = [(trial, seed) for trials in best.values() for trial in trials for seed in seeds]
    return [
        replace(
            trial,
            trial_id=trial_id(trial.config_id, seed),
            seed=seed,
            position=position + index,
            phase="confirm",
        )
        for index, (trial, seed) in enumerate(chosen)
    ]
