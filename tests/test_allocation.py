"""What is refused before a sweep starts, since it would wait for ever."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from raysweep.allocation import allocate
from raysweep.errors import InputError
from raysweep.planning.sharing import Share
from raysweep.spec.sweep import Resources
from raysweep.tuning.cluster import RunningCluster


def _cluster(*machines: dict[str, float], silence: str | None = None) -> RunningCluster:
    num_cpus, num_gpus = (sum(machine.get(name, 0.0) for machine in machines) for name in ("CPU", "GPU"))
    return RunningCluster(num_cpus=num_cpus, num_gpus=num_gpus, machines=machines, silence=silence)


def _default_share(resources: object, cluster: RunningCluster, note: Any = None) -> Share:
    """What a trial gets; only the parts that no GPU is measured for are there."""
    prepared: Any = SimpleNamespace(sweep=SimpleNamespace(resources=resources, file=Path("sweep.yaml")))
    nothing: Any = None
    return allocate(nothing, prepared, nothing, cluster, nothing, note).default


def test_a_trial_that_only_all_machines_together_could_take_is_refused() -> None:
    cluster = _cluster(*[{"CPU": 4.0}] * 3)
    assert _default_share(Resources(cpu=4.0, gpu=0.0), cluster) == Share(cpu=4.0, gpu=0.0)
    with pytest.raises(InputError) as error:
        _default_share(Resources(cpu=8.0, gpu=0.0), cluster)
    assert str(error.value) == (
        "sweep.yaml: resources_per_trial: 8 CPUs and 0 GPUs a trial; "
        "there are 12 CPUs and 0 GPUs here, no more than 4 and 0 of them on one machine"
    )


def test_auto_is_refused_too_where_there_is_no_cpu() -> None:
    """Such as on a head that is there to start workers, whose autoscaler nobody hears."""
    assert _default_share("auto", _cluster({"CPU": 2.0})) == Share(cpu=1.0, gpu=0.0)
    with pytest.raises(InputError) as error:
        _default_share("auto", _cluster({"CPU": 0.0}, silence="the autoscaler has said nothing"))
    assert str(error.value) == (
        "sweep.yaml: resources_per_trial: auto, 1 CPUs and 0 GPUs a trial; "
        "there are 0 CPUs and 0 GPUs here; the autoscaler has said nothing"
    )


def test_an_autoscaler_that_nobody_hears_is_told_of_where_a_trial_fits_all_the_same() -> None:
    notes: list[str] = []
    _default_share("auto", _cluster({"CPU": 2.0}, silence="the autoscaler has said nothing"), notes.append)
    assert notes == ["the autoscaler has said nothing"]
