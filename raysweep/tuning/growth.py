"""A cluster that grows: which workers its autoscaler may bring, how many have come, and why none comes.

What may come stands in the file that `ray up` leaves on the head; what has come is what Ray's autoscaler last said.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from raysweep.planning.sharing import Share

LAUNCH_FILE = Path("~/ray_bootstrap_config.yaml")  # Ray's own name for it
FIRST_WORD_SECONDS = 30.0  # the autoscaler of a head that has just been started says nothing yet
POLL_SECONDS = 0.5
LOOK_SECONDS = 5.0  # the autoscaler has no news more often
SILENCE_SECONDS = 90.0  # asking a cloud for its machines may take it some time
STALL_SECONDS = 600.0  # a cloud's machine is there and set up in half of that


@dataclass(frozen=True, kw_only=True)
class NodeType:
    """One kind of machine.

    Attributes:
        resources: What Ray calls them, such as `CPU` and `GPU`, by name.
        max_nodes: How many of them there may be.
    """

    resources: Mapping[str, float]
    max_nodes: int

    def num_slots(self, share: Share) -> int:
        """How many trials that take so much fit on one of them."""
        wanted = {"CPU": share.cpu, "GPU": share.gpu}
        fits = [self.resources.get(name, 0.0) / amount for name, amount in wanted.items() if amount]
        return int(min(fits, default=0.0) + 1e-9)  # 0.3 is more than a third of 0.9 to a computer


@dataclass(frozen=True, kw_only=True)
class Growth:
    """What a cluster may grow to.

    Attributes:
        head: The head's own kind.
        workers: Kinds of workers.
        max_workers: How many workers there may be in all.
    """

    head: NodeType
    workers: tuple[NodeType, ...]
    max_workers: int

    @property
    def num_workers(self) -> int:
        """So many at most."""
        return min(self.max_workers, sum(kind.max_nodes for kind in self.workers))

    def total(self, resource: str) -> float:
        """How much of a resource there is when all workers have come."""
        return self._most(lambda kind: kind.resources.get(resource, 0.0))

    def num_slots(self, share: Share) -> int:
        """How many trials that take so much fit at the same time when all workers have come."""
        return int(self._most(lambda kind: kind.num_slots(share)))

    def all_resources(self) -> Iterator[Mapping[str, float]]:
        """Of every machine that may come, and of the head."""
        yield self.head.resources
        for kind in self.workers:
            yield from itertools.repeat(kind.resources, min(kind.max_nodes, self.max_workers))

    def _most(self, amount: Callable[[NodeType], float]) -> float:
        """The head's and the workers' amounts, of the kinds that have most."""
        left, sum_of_all = self.max_workers, amount(self.head)
        for kind in sorted(self.workers, key=amount, reverse=True):
            count = min(kind.max_nodes, left)
            left, sum_of_all = left - count, sum_of_all + count * amount(kind)
        return sum_of_all


@dataclass(frozen=True, kw_only=True)
class AutoscalerWord:
    """What the autoscaler said last.

    Attributes:
        said_at: Seconds since 1970.
        node_types: Of the machines that are there, the head's among them.
        num_joined: Workers that are there.
        num_starting: Workers that were asked for, or are being set up.
        refusals: Why no more of a kind can be had, a line a kind.
    """

    said_at: float
    node_types: frozenset[str]
    num_joined: int
    num_starting: int
    refusals: tuple[str, ...]

    @classmethod
    def from_json(cls, text: bytes | None, head_type: str) -> AutoscalerWord | None:
        """Ray's record of it; None before there is one."""
        said = json.loads(text) if text else {}
        report = said.get("autoscaler_report")
        if not report:
            return None
        active: Mapping[str, int] = report["active_nodes"]
        launching: Mapping[str, int] = report["pending_launches"]
        known: Mapping[str, Mapping[str, Any]] = report["node_availability_summary"]["node_availabilities"]
        refused = {name: record["unavailable_node_information"] for name, record in known.items()}
        return cls(
            said_at=said["time"],
            node_types=frozenset(active),
            num_joined=sum(count for name, count in active.items() if name != head_type),
            num_starting=len(report["pending_nodes"]) + sum(launching.values()),
            refusals=tuple(
                f"{name}: {why['category']} ({' '.join(why['description'].split())})"
                for name, why in refused.items()
                if why
            ),
        )


class Workers:
    """The workers of a cluster that grows: how many are there, and what people should know of those that aren't.

    Args:
        growth: What it may grow to.
        ask: What the autoscaler said last.
        log: Where it says more.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        growth: Growth,
        ask: Callable[[], AutoscalerWord | None],
        *,
        log: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.growth = growth
        self._ask, self._log, self._clock = ask, log, clock
        self._word: AutoscalerWord | None = None
        self._looked_at = 0.0
        self._idle_since = clock()
        self._is_silence_told = False
        self._told: set[str] = set()

    def state(self) -> str:
        """How many have joined, such as `waiting for workers: 0 of up to 4 have joined, 2 are starting`."""
        joined, starting = (self._word.num_joined, self._word.num_starting) if self._word else (0, 0)
        text = (
            f"{'workers' if joined else 'waiting for workers'}: {joined} of up to {self.growth.num_workers} have joined"
        )
        return f"{text}, {starting} {'is' if starting == 1 else 'are'} starting" if starting else text

    def news(self, *, num_running: int, is_waiting: bool) -> Iterator[str]:
        """Lines to tell people now; ask often. `is_waiting` says whether trials wait for a place."""
        now = self._clock()
        if num_running or not is_waiting:
            self._idle_since = now
        if now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        self._word = self._ask() or self._word
        yield from self._refusals()
        yield from self._silence(now)
        if now - self._idle_since >= STALL_SECONDS:
            minutes = (now - self._idle_since) / 60
            self._idle_since = now
            yield f"no trial could run for {minutes:.0f} min: `ray status` says what is asked for, {self._log} more"

    def _refusals(self) -> Iterator[str]:
        """Each once, and again after it was gone."""
        refusals = set(self._word.refusals) if self._word else set()
        for line in sorted(refusals - self._told):
            yield f"no more workers can be had at the moment: {line}; the autoscaler goes on trying"
        self._told = refusals

    def _silence(self, now: float) -> Iterator[str]:
        is_silent = self._word is not None and now - self._word.said_at > SILENCE_SECONDS
        if is_silent and not self._is_silence_told:
            yield f"the autoscaler has said nothing for {SILENCE_SECONDS:g} s, no worker may come: see {self._log}"
        self._is_silence_told = is_silent


@dataclass(frozen=True, kw_only=True)
class Silence:
    """Workers may come, but the autoscaler hasn't said a word; `line` is what to tell people."""

    line: str


def find_workers() -> Workers | Silence | None:
    """The workers that may come to the Ray that this process has joined; None if it doesn't grow.

    Takes some seconds where the head has only just been started.
    """
    import ray

    launched = _launched()
    if launched is None:
        return None
    growth, head_type = launched

    def ask() -> AutoscalerWord | None:
        from ray._private.ray_constants import DEBUG_AUTOSCALING_STATUS
        from ray.experimental.internal_kv import _internal_kv_get

        return AutoscalerWord.from_json(_internal_kv_get(DEBUG_AUTOSCALING_STATUS), head_type)

    deadline = time.monotonic() + FIRST_WORD_SECONDS
    while (word := ask()) is None and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    log = str(Path(ray._private.worker.global_worker.node.get_logs_dir_path()) / "monitor.log")
    if word is None:
        said = f"the autoscaler has said nothing for {FIRST_WORD_SECONDS:g} s"
        return Silence(line=f"{said}, so workers that may still come don't count: see {log}")
    # The file may be left from a cluster that has gone: the autoscaler of this one knows other kinds of machines.
    return Workers(growth, ask, log=log) if head_type in word.node_types else None


def _launched() -> tuple[Growth, str] | None:
    """What `ray up` has left here, with the name of the head's kind; None where it started a fixed number of nodes."""
    try:
        content = yaml.safe_load(LAUNCH_FILE.expanduser().read_text())
    except OSError:
        return None
    if content["provider"]["type"] == "local":
        return None
    kinds, head_type = content["available_node_types"], content["head_node_type"]
    growth = Growth(
        head=NodeType(resources=kinds[head_type]["resources"], max_nodes=1),
        workers=tuple(
            NodeType(resources=kind["resources"], max_nodes=kind["max_workers"])
            for name, kind in kinds.items()
            if name != head_type
        ),
        max_workers=content["max_workers"],
    )
    num_fixed = sum(kind.get("min_workers", 0) for kind in kinds.values())
    return (growth, head_type) if growth.num_workers > num_fixed else None
