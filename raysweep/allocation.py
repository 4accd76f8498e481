"""What each trial takes of the machines: as the sweep file says, or under `auto` as its steps are measured to need."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal

from raysweep.errors import InputError, Problem
from raysweep.forecasting.catalog import FolderCatalog
from raysweep.forecasting.inputs import TrialInputs
from raysweep.ledger.check import has_ledger
from raysweep.ledger.reader import LedgerReader
from raysweep.ledger.rows import StepRow
from raysweep.ledger.writer import LedgerWriter
from raysweep.planning.plan import Plan
from raysweep.planning.points import largest_configs
from raysweep.planning.sharing import (
    Allocation,
    Shape,
    Share,
    cpus_of,
    shape_of,
    share_of,
    sharing_of,
)
from raysweep.prepare import PreparedSweep
from raysweep.spec.config import Config
from raysweep.spec.sweep import HyperOpt, Resources

if TYPE_CHECKING:
    from raysweep.tuning.cluster import RunningCluster

MAX_LINES = 4  # on screen, of how many trials share a GPU
Note = Callable[[str], None]
_Steps = Mapping[tuple[str, str], StepRow]  # by type of GPU and shape


def allocate(
    ledger: LedgerWriter, prepared: PreparedSweep, plan: Plan, cluster: RunningCluster, inputs: TrialInputs, note: Note
) -> Allocation:
    """What each trial gets. Under `auto`, where there are GPUs, measures what no earlier command has.

    Raises:
        InputError: If no trial would ever fit.
        ClusterError: If Ray is gone.
    """
    resources = prepared.sweep.resources
    default = _default_share(resources, cluster)
    if cluster.num_slots(default) == 0:
        raise InputError([_fits_nowhere(prepared, default, cluster)])
    if cluster.silence is not None:
        note(cluster.silence)
    if resources != "auto" or not cluster.gpus:
        return Allocation(default=default)
    shapes = _shapes(prepared, plan)
    _measure(ledger, prepared, shapes, cluster, inputs, note)
    steps = _known_steps(prepared)
    for line in _lines(shapes, steps, {gpu.name: gpu.cpus_per_gpu for gpu in cluster.gpus}):
        note(f"auto: {line}")
    shares = {}
    for shape in shapes:
        by_gpu = {gpu.name: steps[gpu.name, shape.text] for gpu in cluster.gpus if (gpu.name, shape.text) in steps}
        shares[shape] = share_of(by_gpu, cluster.gpus)
    return Allocation(default=default, shares=shares, shape_of=_shape_function(prepared.catalog))


def planned_lines(prepared: PreparedSweep, plan: Plan) -> list[str]:
    """For `raysweep plan`: how many trials will share a GPU, as far as earlier commands have measured it."""
    if prepared.sweep.resources != "auto" or not plan.todo:
        return []
    steps = _known_steps(prepared)
    if not steps:
        return []
    cpus_per_gpu = {row.gpu: row.cpus_per_gpu for row in steps.values()}
    return [f"auto, as measured before: {line}" for line in _lines(_shapes(prepared, plan), steps, cpus_per_gpu)]


def _default_share(resources: Resources | Literal["auto"], cluster: RunningCluster) -> Share:
    """What a trial takes of which nothing was measured."""
    if resources != "auto":
        return Share(cpu=resources.cpu, gpu=resources.gpu)
    return Share(cpu=cpus_of(cluster.gpus), gpu=1.0) if cluster.gpus else Share(cpu=1.0, gpu=0.0)


def _fits_nowhere(prepared: PreparedSweep, share: Share, cluster: RunningCluster) -> Problem:
    auto = "auto, " if prepared.sweep.resources == "auto" else ""
    found = f"{auto}{share.cpu:g} CPUs and {share.gpu:g} GPUs a trial"
    there = "are" if cluster.workers is None else "will be at most"
    valid = f"there {there} {cluster.num_cpus:g} CPUs and {cluster.num_gpus:g} GPUs here"
    if len(cluster.machines) > 1:
        cpus, gpus = (max(machine.get(name, 0.0) for machine in cluster.machines) for name in ("CPU", "GPU"))
        valid += f", no more than {cpus:g} and {gpus:g} of them on one machine"
    if cluster.silence is not None:
        valid += f"; {cluster.silence}"
    return Problem(where=str(prepared.sweep.file), key="resources_per_trial", found=found, valid=valid)


def _shapes(prepared: PreparedSweep, plan: Plan) -> dict[Shape, Mapping[str, object]]:
    """The shapes of all trials that are to run, or may yet be proposed or chosen; each with a config that has it."""
    configs = [trial.config for trial, _ in plan.todo]
    if prepared.num_to_choose:
        configs += [trial.config for trial in prepared.explored]
    if isinstance(prepared.sweep.search, HyperOpt) and prepared.num_explored > len(prepared.explored):
        configs += [config.to_flat() for config in largest_configs(prepared.sweep)]
    find_shape = _shape_function(prepared.catalog)
    found: dict[Shape, Mapping[str, object]] = {}
    for config in configs:
        found.setdefault(find_shape(config), config)
    return found


def _shape_function(catalog: FolderCatalog) -> Callable[[Mapping[str, object]], Shape]:
    return partial(_shape_in, catalog, version("torch"))


def _shape_in(catalog: FolderCatalog, torch: str, flat: Mapping[str, object]) -> Shape:
    config = Config.from_flat(flat)
    return shape_of(
        config,
        model_digest=catalog.model(config.model).digest,
        num_channels=catalog.series(config.dataset).values.shape[1],
        num_train_windows=catalog.num_train_windows(
            config.dataset, config.protocol, config.origin, config.train.time_steps
        ),
        torch=torch,
    )


def _known_steps(prepared: PreparedSweep) -> _Steps:
    if not has_ledger(prepared.paths.ledger):
        return {}
    with LedgerReader(prepared.paths.ledger, check=False) as reader:
        return {(row.gpu, row.shape): row for row in reader.steps()}


def _measure(
    ledger: LedgerWriter,
    prepared: PreparedSweep,
    shapes: Mapping[Shape, Mapping[str, object]],
    cluster: RunningCluster,
    inputs: TrialInputs,
    note: Note,
) -> None:
    """Adds to the ledger what it lacks. What can't be measured is said, and tried again by the next command."""
    from raysweep.tuning.measuring import measure_steps

    known = _known_steps(prepared)
    for gpu in cluster.gpus:
        missing = {shape.text: shape for shape in shapes if (gpu.name, shape.text) not in known}
        if not missing:
            continue
        note(f"auto: measuring a training step of {_count(len(missing), 'shape')} on a GPU ({gpu.name})")
        configs = {text: shapes[shape] for text, shape in missing.items()}
        num_cpus = cpus_of(cluster.gpus)
        for text, cost in measure_steps(
            configs,
            gpu,
            inputs=inputs,
            cluster=cluster,
            num_cpus=num_cpus,
            on_wait=partial(_note_workers, cluster, note),
        ):
            shape = missing.pop(text)
            if isinstance(cost, str):
                reason = f"{shape.label}, can't be measured on {gpu.name} ({cost})"
                note(f"auto: {reason}; its trials get a GPU of their own each")
                continue
            ledger.record_step(
                StepRow(gpu=gpu.name, shape=text, cpus_per_gpu=gpu.cpus_per_gpu, **dataclasses.asdict(cost))
            )
        if missing:
            note(f"auto: no GPU became free to measure on ({gpu.name}); trials get a GPU of their own each")


def _note_workers(cluster: RunningCluster, note: Note) -> None:
    """Where the first worker is still to come, trials wait for it."""
    if cluster.workers is not None:
        for line in cluster.workers.news(num_running=0, is_waiting=True):
            note(line)


def _lines(shapes: Iterable[Shape], steps: _Steps, cpus_per_gpu: Mapping[str, float]) -> list[str]:
    """How many trials share a GPU, a line for each number; of many, those of the fewest and of the most."""
    found: dict[tuple[int, str], list[tuple[StepRow, Shape]]] = {}
    for shape in shapes:
        for gpu, cpus in cpus_per_gpu.items():
            if row := steps.get((gpu, shape.text)):
                found.setdefault((sharing_of(row, cpus).number, gpu), []).append((row, shape))
    lines = [
        _line(gpu, cpus_per_gpu[gpu], measured) for (_, gpu), measured in sorted(found.items(), key=lambda one: one[0])
    ]
    return lines if len(lines) <= MAX_LINES else [*lines[: MAX_LINES - 1], lines[-1]]


def _line(gpu: str, cpus_per_gpu: float, measured: Sequence[tuple[StepRow, Shape]]) -> str:
    """Of shapes of which equally many share a GPU: the one that needs most stands for all."""
    row, shape = max(measured, key=lambda one: (one[0].memory_bytes or 0, one[0].seconds))
    sharing = sharing_of(row, cpus_per_gpu)
    who = shape.label
    if len(measured) > 1:
        who = f"{_count(len(measured), 'shape')}, at most {who},"
    memory = "needs memory that the device doesn't tell"
    if row.memory_bytes and row.total_bytes:
        memory = f"needs {row.memory_bytes / 1e9:.1f} GB of {row.total_bytes / 1e9:.0f} GB"
    share = f"{sharing.number} trials share a GPU" if sharing.number > 1 else "a trial gets a GPU of its own"
    return f"{share} ({gpu}): {who} {memory}, {row.seconds * 1e3:.1f} ms a step; the limit: {sharing.limit}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
