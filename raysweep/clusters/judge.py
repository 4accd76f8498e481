"""Which rules apply to which form of the examination. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from raysweep.clusters.facts import Finding, Form, Situation
from raysweep.clusters.rules_access import judge_nodes, judge_ports, judge_rsync, judge_ssh, judge_token
from raysweep.clusters.rules_machines import (
    judge_clocks,
    judge_disks,
    judge_gpus,
    judge_memory,
    judge_mlflow,
    judge_results,
    judge_versions,
)

Rule = Callable[[Situation], Iterator[Finding]]

_THROUGH_SSH: Sequence[Rule] = (judge_ssh, judge_rsync)
_RULES: Mapping[Form, Sequence[Rule]] = {
    "one machine": (judge_versions, judge_gpus, judge_disks, judge_memory, judge_mlflow),
    "quick": (judge_nodes, judge_versions, judge_clocks, judge_results, judge_disks),
    "full": (
        judge_nodes,
        judge_versions,
        judge_token,
        judge_ports,
        judge_gpus,
        judge_clocks,
        judge_results,
        judge_disks,
        judge_memory,
        judge_mlflow,
    ),
}
# Where nobody has answered they would call good what nobody has seen.
_ABOUT_NODES = (judge_token, judge_ports, judge_gpus, judge_results)
_ABOUT_MACHINES = (judge_versions, judge_clocks, judge_disks, judge_memory)


def judge(situation: Situation) -> tuple[Finding, ...]:
    """All findings, good and bad, in the order in which one would mend them."""
    rules = _RULES[situation.form]
    if any(machine.visit for machine in situation.machines):
        rules = (*_THROUGH_SSH, *rules)
    if not any(machine.facts for machine in situation.joined):
        rules = tuple(rule for rule in rules if rule not in _ABOUT_NODES)
    if not any(machine.facts for machine in situation.machines):
        rules = tuple(rule for rule in rules if rule not in _ABOUT_MACHINES)
    return tuple(finding for rule in rules for finding in rule(situation))
