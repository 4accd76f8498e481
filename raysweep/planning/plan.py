"""What a sweep still has to do: the trials it asks for against what its ledger holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from raysweep.ledger.reader import KnownTrial
from raysweep.ledger.rows import Phase

Need = Literal["new", "resume", "retry", "continue", "score"]


@dataclass(frozen=True, kw_only=True)
class WantedTrial:
    """One trial that a sweep asks for.

    Attributes:
        trial_id: Its identity.
        config_id: Its config's.
        config: The config under its dotted keys.
        seed: Of start values and order.
        position: Its place in the sweep's order.
        phase: What it is trained for, in a sweep that confirms its best configs; else None.
    """

    trial_id: str
    config_id: str
    config: Mapping[str, object]
    seed: int
    position: int
    phase: Phase | None = None


@dataclass(frozen=True, kw_only=True)
class KnownPoint:
    """A trial of an earlier command that lies in the space that a search walks now.

    Attributes:
        choice: The values of the searched keys.
        trial: Which trial that is.
        score: What it came to; None while it still has to be run, infinity if it diverged.
    """

    choice: Mapping[str, bool | int | float | str]
    trial: WantedTrial
    score: float | None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is done and what isn't, in the sweep's order.

    Attributes:
        done: Trials that keep what they have.
        todo: The others, each with what it needs: `new`; `resume` from its checkpoint after an interruption;
            `retry` after a failure; `continue` where a scheduler that is no longer asked for stopped it; `score`
            on series that were added to `evaluate_on` or have changed, without training.
    """

    done: Sequence[WantedTrial]
    todo: Sequence[tuple[WantedTrial, Need]]

    def count(self, need: Need) -> int:
        """How many trials have this need."""
        return sum(1 for _, other in self.todo if other == need)

    def part(self, *, is_confirm: bool) -> Plan:
        """The trials that confirm, or all others."""
        return Plan(
            done=[trial for trial in self.done if (trial.phase == "confirm") == is_confirm],
            todo=[(trial, need) for trial, need in self.todo if (trial.phase == "confirm") == is_confirm],
        )


def make_plan(
    wanted: Sequence[WantedTrial],
    known: Mapping[str, KnownTrial],
    *,
    scheduler: str,
    eval_sets_of: Callable[[WantedTrial], frozenset[tuple[str, str]]],
) -> Plan:
    """Compares the trials that a sweep asks for with those that its ledger knows.

    Args:
        wanted: In the sweep's order.
        known: From the ledger; empty before the first run.
        scheduler: Its settings as text. What the same scheduler stopped stays stopped.
        eval_sets_of: The series and `eval_set_hash` of every score that a finished trial should have: other data or
            another version of the metric are another hash.
    """
    done: list[WantedTrial] = []
    todo: list[tuple[WantedTrial, Need]] = []
    for trial in wanted:
        need = _need(trial, known.get(trial.trial_id), scheduler, eval_sets_of)
        if need is None:
            done.append(trial)
        else:
            todo.append((trial, need))
    return Plan(done=done, todo=todo)


def _need(
    trial: WantedTrial,
    known: KnownTrial | None,
    scheduler: str,
    eval_sets_of: Callable[[WantedTrial], frozenset[tuple[str, str]]],
) -> Need | None:
    if known is None or (known.status == "pending" and not known.epochs):
        return "new"
    if known.status in ("pending", "running"):
        return "resume"
    if known.status == "failed":
        return "retry"
    if known.status == "stopped" and known.stopped_by != scheduler:
        return "continue"
    if known.status == "finished" and not eval_sets_of(trial) <= known.eval_sets:
        return "score"
    return None
