"""The space that HyperOpt searches: how large it is, and which trials of a ledger lie in it.

Must not know: HyperOpt.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress

from raysweep.ledger.reader import Row
from raysweep.planning.plan import KnownPoint, WantedTrial
from raysweep.spec.config import Config, Scalar
from raysweep.spec.keys import DEFAULT_ORIGIN
from raysweep.spec.space import Choice, Domain, GridSearch, IntRange, is_listed, listed_values, whole_numbers
from raysweep.spec.sweep import Sweep

MAX_COUNTED_CONFIGS = 20_000
MAX_LARGEST = 64


def searched_keys(sweep: Sweep) -> dict[str, Domain]:
    """What HyperOpt draws from; it takes exactly one mapping under `param_space`."""
    return {key: domain for key, domain in sweep.spaces[0].items() if not isinstance(domain, Scalar)}


def num_folds(sweep: Sweep) -> int:
    """How many series and `split.origin`s it draws from."""
    space = sweep.spaces[0]
    return len(listed_values(space["dataset"])) * len(listed_values(space.get("split.origin", DEFAULT_ORIGIN)))


def num_configs(sweep: Sweep, *, at_most: int) -> int:
    """How many different configs the searched space has, counted up to `at_most`; that too if they are too many."""
    space = searched_keys(sweep)
    if not all(map(is_listed, space.values())):
        return at_most
    values = [listed_values(domain) for domain in space.values()]
    if math.prod(map(len, values)) > MAX_COUNTED_CONFIGS:
        return at_most
    configs: set[tuple[tuple[str, Scalar | None], ...]] = set()
    for combination in itertools.product(*values):
        if len(configs) >= at_most:
            break
        with suppress(ValueError):  # what can't be run is passed over by the search too
            configs.add(tuple(sweep.resolve(dict(zip(space, combination, strict=True))).to_flat().items()))
    return len(configs)


def largest_configs(sweep: Sweep) -> Iterator[Config]:
    """Of every choice of the searched keys that are no numbers: the config with the largest numbers.

    What a trial takes of a device is mostly the more the larger its numbers, so these stand for all proposals.
    """
    largest: dict[str, Sequence[Scalar]] = {}
    for key, domain in searched_keys(sweep).items():
        values = listed_values(domain)
        numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
        largest[key] = [max(numbers)] if len(numbers) == len(values) else values
    for choice in itertools.islice(itertools.product(*largest.values()), MAX_LARGEST):
        with suppress(ValueError):  # what can't be run is passed over by the search too
            yield sweep.resolve(dict(zip(largest, choice, strict=True)))


def known_points(
    sweep: Sweep, rows: Sequence[Row], identify: Callable[[Config, int, int], WantedTrial]
) -> Iterator[KnownPoint]:
    """The ledger's trials that lie in the space searched now, with today's data and code.

    Args:
        sweep: What is searched.
        rows: Of `LedgerReader.trials`.
        identify: From a config, a seed and a place to the trial that they mean.
    """
    position = 0
    for row in sorted(rows, key=lambda row: (row["started_at"] or float("inf"), row["position"])):
        choice = _choice_of(searched_keys(sweep), row["config"])
        if choice is None or row["seed"] != sweep.seeds[0]:
            continue
        try:
            trial = identify(sweep.resolve(choice), sweep.seeds[0], position)
        except ValueError:
            continue
        if trial.trial_id == row["trial_id"]:
            yield KnownPoint(choice=choice, trial=trial, score=score_of(row, sweep.metric))
            position += 1


def _choice_of(space: Mapping[str, Domain], config: Mapping[str, Scalar]) -> dict[str, Scalar] | None:
    """Where a config lies in the space; None if outside. A key that its model doesn't take may be anything."""
    choice: dict[str, Scalar] = {}
    for key, domain in space.items():
        if key not in config and key.startswith("model."):
            choice[key] = listed_values(domain)[0]
        elif key in config and contains(domain, config[key]):
            choice[key] = config[key]
        else:
            return None
    return choice


def contains(domain: Domain, value: Scalar) -> bool:
    """Whether the search could draw it. Tune takes any number for a point of a range, inside or not."""
    if isinstance(domain, Choice | GridSearch):
        return value in domain.values
    if isinstance(domain, IntRange):
        return value in whole_numbers(domain)
    return not isinstance(value, str) and domain.lower <= value <= domain.upper


def score_of(row: Row, metric: str) -> float | None:
    """What a search is told of a trial; None if it is still to be run, infinity if it diverged or has no number."""
    if row["status"] == "diverged":
        return math.inf
    if row["status"] not in ("finished", "stopped"):
        return None
    column = {"val_loss": "final_val_loss"}.get(metric, metric)
    if row[column] is None:
        return None
    return float(row[column]) if math.isfinite(row[column]) else math.inf
