from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raysweep.ledger.rows import StepRow
from raysweep.planning.sharing import (
    MAX_SHARING,
    RESERVE,
    Allocation,
    GpuType,
    Shape,
    Share,
    cpus_of,
    part_of,
    shape_of,
    share_of,
    sharing_of,
)
from raysweep.spec.config import Config, TrainSettings

GB = 10**9
BIG = GpuType(name="H200", count=8, cpus_per_gpu=16.0)
SMALL = GpuType(name="T4", count=2, cpus_per_gpu=4.0)


def _step(**changes: object) -> StepRow:
    values = {
        "gpu": "H200",
        "shape": "s",
        "cpus_per_gpu": 16.0,
        "seconds": 0.01,
        "busy": 0.01,
        "memory_bytes": 3 * GB,
        "total_bytes": 141 * GB,
    }
    return StepRow(**(values | changes))  # type: ignore[arg-type]


def _config(model: str = "att", rate: float = 1e-3, arguments: Mapping[str, object] | None = None) -> Config:
    return Config(
        protocol="holdout",
        model=model,
        model_arguments={"d_model": 16, "dropout": 0.1} if arguments is None else arguments,  # type: ignore[arg-type]
        dataset="wave",
        train=TrainSettings(time_steps=64, learning_rate=rate),
        origin=0.85,
    )


def _shape(config: Config | None = None, **changes: object) -> Shape:
    given = {"model_digest": "d", "num_channels": 1, "num_train_windows": 1000, "torch": "2"} | changes
    return shape_of(config or _config(), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "cpus", "number", "limit"),
    [
        ({}, 16.0, 16, "the CPUs beside it"),
        ({}, 64.0, MAX_SHARING, "never more than 16"),
        ({"memory_bytes": 31 * GB}, 16.0, 4, "its memory"),
        ({"memory_bytes": 140 * GB}, 16.0, 1, "its memory"),
        ({"busy": 0.4}, 16.0, 2, "they keep it busy"),
        ({"busy": 0.7}, 16.0, 1, "they keep it busy"),
        ({"busy": None}, 6.5, 6, "the CPUs beside it"),
        ({}, 0.5, 1, "the CPUs beside it"),
        ({"memory_bytes": None, "total_bytes": None}, 16.0, 4, "a guess, as its memory isn't known"),
    ],
)
def test_the_scarcest_thing_says_how_many_share(
    changes: dict[str, object], cpus: float, number: int, limit: str
) -> None:
    sharing = sharing_of(_step(**changes), cpus)
    assert (sharing.number, sharing.limit) == (number, limit)


memory = st.integers(min_value=1, max_value=200 * GB)


@given(needs=st.lists(memory, min_size=1, max_size=40), total=st.integers(4 * GB, 200 * GB), cpus=st.floats(0.1, 64))
def test_whatever_shares_a_gpu_fits_into_its_memory_but_for_the_reserve(
    needs: list[int], total: int, cpus: float
) -> None:
    """As Ray packs: one after the other, as long as the sum of the fractions is no more than one."""
    gpu = GpuType(name="H200", count=1, cpus_per_gpu=cpus)
    taken, used = Decimal(0), 0
    for need in needs:
        share = share_of({"H200": _step(memory_bytes=need, total_bytes=total)}, [gpu])
        if taken + Decimal(str(share.gpu)) <= 1:
            taken, used = taken + Decimal(str(share.gpu)), used + need
            alone = share.gpu == 1
            # Thirds lie less than 1/10,000 below their third, so sixteen of them err by no more than that.
            assert alone or used <= total * (1 - RESERVE) * 1.002


@given(number=st.integers(1, 1000), whole=st.floats(0.1, 100))
def test_so_many_parts_fit_into_the_whole_by_rays_count(number: int, whole: float) -> None:
    part = Decimal(str(part_of(whole, number)))
    assert part * 10_000 == int(part * 10_000), "Ray tells no more apart"
    assert part * number <= Decimal(str(whole)) + Decimal("1e-10")


def test_a_trial_that_was_not_measured_gets_a_gpu_of_its_own() -> None:
    assert share_of({}, [BIG]) == Share(cpu=1.0, gpu=1.0)
    assert share_of({}, [BIG]).bundle == {"CPU": 1.0, "GPU": 1.0}


def test_where_there_are_several_types_the_smallest_decides() -> None:
    steps = {"H200": _step(), "T4": _step(gpu="T4", total_bytes=16 * GB)}
    assert share_of(steps, [BIG, SMALL]) == Share(cpu=1.0, gpu=0.25), "four CPUs beside a T4"
    steps["T4"] = _step(gpu="T4", total_bytes=16 * GB, memory_bytes=6 * GB)
    assert share_of(steps, [BIG, SMALL]).gpu == 0.5


def test_a_trial_that_does_not_fit_on_one_type_is_kept_to_another() -> None:
    share = share_of({"H200": _step(memory_bytes=20 * GB)}, [SMALL, BIG])
    assert share == Share(cpu=1.0, gpu=0.1666, gpu_type="H200")
    assert share.bundle == {"CPU": 1.0, "GPU": 0.1666, "accelerator_type:H200": 0.0001}


def test_all_trials_have_the_same_cpus_as_threads_decide_the_last_bits() -> None:
    assert cpus_of([BIG, SMALL]) == 1.0
    assert cpus_of([BIG, dataclasses.replace(SMALL, cpus_per_gpu=2 / 3)]) == 0.6666


def test_a_shape_is_what_decides_memory_and_time() -> None:
    shape = _shape()
    assert shape == _shape(_config(rate=1e-4)), "not the learning rate"
    assert shape == _shape(_config(arguments={"d_model": 16, "dropout": 0.5})), "nor any other rate"
    assert shape != _shape(_config(arguments={"d_model": 16, "dropout": 0.0})), "but whether it is there"
    assert shape != _shape(_config(arguments={"d_model": 32, "dropout": 0.1}))
    assert shape != _shape(_config(model="lstm"))
    assert shape != _shape(num_channels=2)
    assert shape != _shape(model_digest="other")
    assert shape != _shape(torch="3")
    assert shape != _shape(num_train_windows=50), "a batch has no more windows than there are"
    assert shape.batch_size == 64
    assert shape.label == "att, window 64"


def test_a_larger_shape_covers_a_smaller_one() -> None:
    small, large = (_shape(_config(arguments={"d_model": size, "kind": "a"})) for size in (16, 32))
    assert large.covers(small)
    assert not small.covers(large)
    assert not large.covers(_shape(_config(arguments={"d_model": 16, "kind": "b"})))
    assert not large.covers(_shape(_config("lstm", arguments={"d_model": 16, "kind": "a"})))
    assert not large.covers(_shape(_config(arguments={"d_model": 16})))


def test_what_a_search_proposes_takes_what_the_nearest_measured_shape_does() -> None:
    def of(model: str, size: int) -> Shape:
        return _shape(_config(model, arguments={"d_model": size}))

    shares = {
        of("att", 16): Share(cpu=1.0, gpu=0.1),
        of("att", 64): Share(cpu=1.0, gpu=0.5),
        of("lstm", 16): Share(cpu=1.0, gpu=0.25),
    }
    allocation = Allocation(
        default=Share(cpu=1.0, gpu=1.0), shares=shares, shape_of=lambda flat: _shape(Config.from_flat(flat))
    )

    def gpu(model: str, size: int) -> float:
        return allocation.of(_config(model, arguments={"d_model": size}).to_flat()).gpu

    assert gpu("att", 16) == 0.1, "measured itself"
    assert gpu("att", 17) == 0.5, "the least that covers it"
    assert gpu("att", 8) == 0.1
    assert gpu("att", 65) == 0.5, "the neediest of its model"
    assert gpu("vq", 1) == 0.5, "the neediest of all"
    configs = [_config(model, arguments={"d_model": size}).to_flat() for model, size in (("att", 16), ("lstm", 16))]
    assert allocation.typical(configs) == Share(cpu=1.0, gpu=pytest.approx((0.1 + 0.25) / 2))
    assert allocation.typical([]) == Share(cpu=1.0, gpu=pytest.approx((0.1 + 0.5 + 0.25) / 3)), "of any"


def test_what_the_file_says_is_what_a_trial_takes() -> None:
    allocation = Allocation(default=Share(cpu=2.0, gpu=0.0))
    assert allocation.of(_config().to_flat()) == Share(cpu=2.0, gpu=0.0)
    assert allocation.typical([]) == Share(cpu=2.0, gpu=0.0)
