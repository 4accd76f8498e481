"""The sweeps that ship: they load, and hold what their names say."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from raysweep.spec.loader import load_sweep
from raysweep.spec.sweep import Asha, Confirm, HyperOpt, Sweep
from tests.spec.catalog_double import CatalogDouble

SWEEPS = Path(__file__).parents[2] / "sweeps"
MODELS = {"lstm", "att", "vq", "att_mh", "vq_mh"}


def load(name: str, *overrides: str) -> Sweep:
    return load_sweep(SWEEPS / f"{name}.yaml", overrides=overrides, catalog=CatalogDouble())


@pytest.mark.parametrize("path", sorted(SWEEPS.glob("*.yaml")), ids=lambda path: path.name)
def test_each_is_named_after_its_file(path: Path) -> None:
    assert load(path.stem).name == path.stem


def test_quickstart_is_small() -> None:
    sweep = load("quickstart")
    configs = sweep.configs()
    assert len(configs) == 20
    assert {config.model for config in configs} == MODELS
    assert {(config.dataset, config.train.num_epochs) for config in configs} == {("4single", 8)}
    assert {config.train.time_steps for config in configs} == {32, 64}
    assert isinstance(sweep.scheduler, Asha)


def test_first_sweep_of_the_seed() -> None:
    sweep = load("y_w_and_4single")
    configs = sweep.configs()
    assert (sweep.protocol, len(configs)) == ("replication", 50)
    assert set(Counter(config.model for config in configs).values()) == {10}
    assert {config.train.time_steps for config in configs} == {112}
    assert {config.train.num_epochs for config in configs} == {50}
    assert {config.model_arguments["pe_type"] for config in configs if config.model == "vq"} == {"none"}
    assert {config.model for config in configs if not config.train.is_align_target} == {"lstm"}


def test_planned_sweep_of_the_seed() -> None:
    sweep = load("4single_timesteps")
    configs = sweep.configs()
    assert (sweep.protocol, len(configs)) == ("holdout", 125)
    assert {config.train.time_steps for config in configs} == {64, 128, 256, 512, 1024}
    assert sweep.evaluate_on == ("4single", "y_w", "w_y")
    assert (sweep.seeds, sweep.confirm) == ((0,), Confirm(top=5, seeds=5))
    assert len(load("4single_timesteps", "train.num_epochs=5").configs()) == 125


def test_hyperopt() -> None:
    sweep = load("hyperopt")
    assert sweep.search == HyperOpt(num_samples=40)
    assert isinstance(sweep.scheduler, Asha)
