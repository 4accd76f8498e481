"""Where trials come from: a list, or HyperOpt. Ours, because Tune's own make up ids and nest configs."""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ray import tune
from ray.tune.experiment import Experiment, Trial
from ray.tune.experiment.config_parser import _create_trial_from_spec, _make_parser
from ray.tune.search import SearchAlgorithm
from ray.tune.search.hyperopt import HyperOptSearch

from raysweep.planning.plan import KnownPoint, WantedTrial
from raysweep.planning.sharing import Share
from raysweep.spec.config import Scalar
from raysweep.spec.space import (
    Choice,
    Domain,
    FloatRange,
    IntRange,
    LogRandInt,
    LogUniform,
    QLogRandInt,
    QLogUniform,
    QRandInt,
    QUniform,
    RandInt,
    Uniform,
    whole_numbers,
)

# HyperOpt may repeat itself for ever in a small discrete space: after so many repeats in a row it is exhausted.
MAX_REPEATS = 200


class TrialList(SearchAlgorithm):  # type: ignore[misc]
    """Hands out trials in order, under their own ids.

    Args:
        trials: Each with whether it only needs new scores.
        share_of: What a trial takes, by its config.

    Attributes:
        max_running: How many may be handed out that haven't ended; None for as many as Tune asks for.
    """

    def __init__(
        self, trials: Iterable[tuple[WantedTrial, bool]], *, share_of: Callable[[Mapping[str, object]], Share]
    ) -> None:
        self.max_running: int | None = None
        self._trials = deque(trials)
        self._share_of = share_of
        self._running: set[str] = set()
        self._parser = _make_parser()
        self._spec: dict[str, Any] = {}

    @property
    def total_samples(self) -> int:
        """How many trials are still to be handed out."""
        return len(self._trials)

    def add_configurations(self, experiments: list[Experiment]) -> None:
        """Tune tells what a trial runs."""
        self._spec = experiments[0].spec

    def next_trial(self) -> Trial | None:
        """The next trial, or None when there is none, or none yet."""
        if self.max_running is not None and len(self._running) >= self.max_running:
            return None
        chosen = self._choose()
        if chosen is None:
            self.set_finished()
            return None
        trial, is_rescore = chosen
        self._running.add(trial.trial_id)
        return self._make(trial, is_rescore)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """A trial has ended, also by its last failure."""
        self._running.discard(trial_id)

    def _choose(self) -> tuple[WantedTrial, bool] | None:
        """The next trial and whether it only needs new scores; None when there is none."""
        if not self._trials:
            return None
        chosen = self._trials.popleft()
        if not self._trials:
            self.set_finished()
        return chosen

    def _make(self, trial: WantedTrial, is_rescore: bool) -> Trial:
        config = {
            "trial_id": trial.trial_id,
            "config": dict(trial.config),
            "seed": trial.seed,
            "is_rescore": is_rescore,
        }
        resources = tune.PlacementGroupFactory([self._share_of(trial.config).bundle])
        spec = {**self._spec, "config": config, "resources_per_trial": resources}
        return _create_trial_from_spec(spec, self._parser, trial_id=trial.trial_id)


class HyperOptQueue(TrialList):
    """Proposes configs by tree-structured Parzen estimators (Bergstra et al., 2011) until there are enough.

    Args:
        space: The searched keys.
        num_samples: How many different trials there shall be, known ones included.
        seed: Of the proposals.
        identify: From a choice to the trial that it means; the second argument is its position. Raises
            `ValueError` for a choice that can't be run.
        on_proposal: Told of every new trial before it is handed out.
        known: What earlier commands tried; HyperOpt gets it back as observations.
        todo: Those of them that aren't done, by id, each with whether it only needs new scores.
        share_of: What a trial takes, by its config.
    """

    def __init__(
        self,
        *,
        space: Mapping[str, Domain],
        num_samples: int,
        seed: int,
        identify: Callable[[Mapping[str, Scalar], int], WantedTrial],
        on_proposal: Callable[[WantedTrial], None],
        known: Sequence[KnownPoint] = (),
        todo: Mapping[str, bool],
        share_of: Callable[[Mapping[str, object]], Share],
    ) -> None:
        left = [(point.trial, todo[point.trial.trial_id]) for point in known if point.trial.trial_id in todo]
        super().__init__(left, share_of=share_of)
        self._space = space
        self._num_samples = num_samples
        self._identify = identify
        self._on_proposal = on_proposal
        self._scores: dict[str, float | None] = {point.trial.trial_id: point.score for point in known}
        logging.getLogger("hyperopt").setLevel(logging.ERROR)
        self._searcher = HyperOptSearch(
            space=HyperOptSearch.convert_search_space({key: _to_tune(domain) for key, domain in space.items()}),
            metric="score",
            mode="min",
            points_to_evaluate=[dict(point.choice) for point in known] or None,
            # The same seed would propose the points of the random phase again.
            random_state_seed=seed + len(known),
        )
        for point in known:
            self._searcher.suggest(point.trial.trial_id)
            if point.score is not None and point.trial.trial_id not in todo:
                self._tell(point.trial.trial_id, point.score)

    @property
    def total_samples(self) -> int:
        """How many trials there shall be."""
        return self._num_samples

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """A trial has ended: an observation."""
        super().on_trial_complete(trial_id, result, error)
        score = math.inf if error or not result else float(result["score"])
        self._scores[trial_id] = score
        self._tell(trial_id, score)

    def _choose(self) -> tuple[WantedTrial, bool] | None:
        """Unfinished trials of earlier commands first, then new proposals."""
        if self._trials:
            return self._trials.popleft()
        for _ in range(MAX_REPEATS):
            if len(self._scores) >= self._num_samples:
                break
            proposal = self._propose()
            if proposal is not None:
                return proposal, False
        return None

    def _propose(self) -> WantedTrial | None:
        """One proposal; None if it was known before, or can't be run: then HyperOpt has had its answer."""
        ticket = f"proposal-{len(self._scores)}"
        suggestion = self._searcher.suggest(ticket)
        choice = {key: _plain(value, self._space[key]) for key, value in suggestion.items()}
        try:
            trial = self._identify(choice, len(self._scores))
        except ValueError:
            self._tell(ticket, float("inf"))
            return None
        if trial.trial_id in self._scores:
            # Its observation is there already, or comes when the running trial ends; twice would weigh it double.
            self._tell(ticket, float("inf"))
            return None
        # The searcher knows a suggestion by the name that it was asked for under.
        self._searcher._live_trial_mapping[trial.trial_id] = self._searcher._live_trial_mapping.pop(ticket)
        self._scores[trial.trial_id] = None
        self._on_proposal(trial)
        return trial

    def _tell(self, name: str, score: float) -> None:
        """One score that is no number would make all later proposals meaningless, so it goes in as a failure."""
        if math.isfinite(score):
            self._searcher.on_trial_complete(name, result={"score": score})
        else:
            self._searcher.on_trial_complete(name, error=True)


_DOMAINS: Mapping[type, Callable[[Any], Any]] = {
    Choice: lambda domain: tune.choice(list(domain.values)),
    Uniform: lambda domain: tune.uniform(domain.lower, domain.upper),
    QUniform: lambda domain: tune.quniform(domain.lower, domain.upper, domain.q),
    LogUniform: lambda domain: tune.loguniform(domain.lower, domain.upper),
    QLogUniform: lambda domain: tune.qloguniform(domain.lower, domain.upper, domain.q),
    RandInt: lambda domain: tune.randint(domain.lower, domain.upper),
    # Through Tune's qrandint, HyperOpt would never propose the upper bound.
    QRandInt: lambda domain: tune.quniform(domain.lower, domain.upper, domain.q),
    LogRandInt: lambda domain: tune.lograndint(domain.lower, domain.upper),
    QLogRandInt: lambda domain: tune.qloguniform(domain.lower, domain.upper, domain.q),
}


def _to_tune(domain: Domain) -> Any:
    if isinstance(domain, IntRange) and len(whole_numbers(domain)) == 1:
        # HyperOpt has no range from a number to itself.
        return tune.choice(list(whole_numbers(domain)))
    return _DOMAINS[type(domain)](domain)


def _plain(value: Any, domain: Domain) -> Scalar:
    """HyperOpt gives numpy numbers, floats for integers, and rounds past the ends of a range: 3 * 0.1 > 0.3."""
    plain: Scalar = value.item() if hasattr(value, "item") else value
    if isinstance(domain, IntRange):
        return round(float(plain))
    return min(max(float(plain), domain.lower), domain.upper) if isinstance(domain, FloatRange) else plain
