"""What good sweep files mean."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from raysweep.spec.config import Config, TrainSettings, config_id, trial_id
from raysweep.spec.loader import load_sweep
from raysweep.spec.space import GridSearch
from raysweep.spec.sweep import Asha, Confirm, Fifo, Grid, HyperOpt, Resources
from tests.spec.catalog_double import CatalogDouble
from tests.spec.corpus.case import GOOD, entry, top
from tests.spec.loading import load

FULL = """\
name: full-1_a
protocol: holdout
seeds: [3, 0]
evaluate_on: [y_w, 4single]
metric: val_loss
mode: min
param_space:
  - model: vq
    dataset: 4single
    train.time_steps: 64
    train.learning_rate: {grid_search: [3e-3, 1]}
    train.batch_size: 32
    train.num_epochs: 7
    train.is_align_target: false
    split.origin: 0.6
    model.pe_type: none
  - {model: lstm, dataset: y_w, train.num_steps: 100}
scheduler: {asha: {grace_period: 2, reduction_factor: 4, within: [model]}}
search: grid
resources_per_trial: {cpu: 2, gpu: 0.25}
"""


def test_defaults() -> None:
    sweep = load(GOOD)
    assert (sweep.name, sweep.protocol, sweep.seeds, sweep.evaluate_on) == ("s", "holdout", (0,), None)
    assert (sweep.metric, sweep.mode, sweep.resources) == ("val_mse_batch", "min", "auto")
    assert (sweep.scheduler, sweep.search) == (Fifo(), Grid())
    assert sweep.spaces == ({"model": "att", "dataset": "4single"},)
    assert (sweep.file, sweep.text, sweep.overrides) == (Path("x.yaml"), GOOD, ())
    (config,) = sweep.configs()
    assert config.train == TrainSettings(is_align_target=True)
    assert config.origin == 0.85
    assert config.model_arguments == {argument.name: argument.default for argument in _arguments("att")}


def test_every_setting() -> None:
    sweep = load(FULL)
    assert (sweep.name, sweep.seeds, sweep.evaluate_on) == ("full-1_a", (3, 0), ("y_w", "4single"))
    assert sweep.metric == "val_loss"
    assert sweep.scheduler == Asha(grace_period=2, reduction_factor=4, within=("model",))
    assert sweep.resources == Resources(cpu=2.0, gpu=0.25)
    assert sweep.spaces[0]["train.learning_rate"] == GridSearch((0.003, 1.0))
    first, second, third = sweep.configs()
    assert first.train == TrainSettings(
        time_steps=64, learning_rate=0.003, batch_size=32, num_epochs=7, is_align_target=False
    )
    assert second.train.learning_rate == 1.0
    assert (first.origin, first.model_arguments["pe_type"]) == (0.6, "none")
    assert third.train == TrainSettings(num_epochs=None, num_steps=100, is_align_target=False)


@pytest.mark.parametrize(
    ("line", "explored", "confirm", "fresh"),
    [
        ("seeds: [0, 1]", (0, 1), None, ()),
        ("seeds: {confirm: {}}", (0,), Confirm(top=5, seeds=5), (1, 2, 3, 4, 5)),
        ("seeds: {explore: [0], confirm: {top: 5, seeds: 5}}", (0,), Confirm(), (1, 2, 3, 4, 5)),
        ("seeds: {explore: [3, 1], confirm: {seeds: 4}}", (3, 1), Confirm(seeds=4), (0, 2, 4, 5)),
        ("seeds:\n  confirm:\n    top: 1\n  explore:\n    - 7", (7,), Confirm(top=1), (0, 1, 2, 3, 4)),
        ("seeds: {confirm: {top: 2147483647, seeds: 1}}", (0,), Confirm(top=2**31 - 1, seeds=1), (1,)),
    ],
)
def test_seeds(line: str, explored: tuple[int, ...], confirm: Confirm | None, fresh: tuple[int, ...]) -> None:
    sweep = load(top(line))
    assert (sweep.seeds, sweep.confirm, sweep.fresh_seeds) == (explored, confirm, fresh)


def test_replication_has_no_origin_and_its_own_metric() -> None:
    sweep = load(top("protocol: replication"))
    assert sweep.metric == "val_loss"
    assert [config.origin for config in sweep.configs()] == [None]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("scheduler: fifo", Fifo()),
        ("scheduler: asha", Asha()),
        ("scheduler: {asha: {}}", Asha(grace_period=5, reduction_factor=3)),
        ("scheduler: {asha: {within: []}}", Asha(within=())),
        ("scheduler: {asha: {within: [model.d_model]}}", Asha(within=("model.d_model",))),
        ("scheduler: {asha: {grace_period: 50}}", Asha(grace_period=50)),
    ],
)
def test_schedulers(line: str, expected: Fifo | Asha) -> None:
    assert load(top(line)).scheduler == expected


def test_a_grace_period_is_not_judged_where_steps_are_given() -> None:
    head = "name: s\nscheduler: {asha: {grace_period: 60}}\n"
    assert load(entry("train.num_steps: 9", head=head)).scheduler == Asha(grace_period=60)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("resources_per_trial: auto", "auto"),
        ("resources_per_trial: {gpu: 0.5}", Resources(cpu=1.0, gpu=0.5)),
        ("resources_per_trial: {cpu: 0.5, gpu: 2}", Resources(cpu=0.5, gpu=2.0)),
    ],
)
def test_resources(line: str, expected: str | Resources) -> None:
    assert load(top(line)).resources == expected


@pytest.mark.parametrize(
    "line", ["metric: val_mse_regressive", "metric: val_mse_batch\nscheduler: asha", "seeds: [2147483647]", "mode: min"]
)
def test_what_is_allowed_at_the_border(line: str) -> None:
    load(top(line))


def test_grid_has_its_first_key_slowest() -> None:
    sweep = load(entry("train.time_steps: {grid_search: [32, 16]}\n  train.batch_size: {grid_search: [8, 4]}"))
    sizes = [(config.train.time_steps, config.train.batch_size) for config in sweep.configs()]
    assert sizes == [(32, 8), (32, 4), (16, 8), (16, 4)]


def test_entries_are_joined_and_the_same_config_stays_once_where_it_came_first() -> None:
    text = """\
name: s
param_space:
  - {model: lstm, dataset: y_w}
  - {model: {grid_search: [att, lstm]}, dataset: y_w, train.learning_rate: {grid_search: [3e-3, 1e-3]}}
"""
    found = [(config.model, config.train.learning_rate) for config in load(text).configs()]
    assert found == [("lstm", 1e-3), ("att", 3e-3), ("att", 1e-3), ("lstm", 3e-3)]


def test_arguments_of_other_models_are_dropped_and_what_is_then_the_same_collapses() -> None:
    sweep = load(entry("model.n_heads: {grid_search: [4, 8]}", model="{grid_search: [lstm, att_mh]}"))
    configs = sweep.configs()
    assert [config.model for config in configs] == ["lstm", "att_mh", "att_mh"]
    assert [config.model_arguments.get("n_heads") for config in configs] == [None, 4, 8]


def test_an_argument_takes_the_type_of_each_model() -> None:
    sweep = load(entry("model.d_model: 2", model="{grid_search: [mixer, att]}"))
    values = [config.model_arguments["d_model"] for config in sweep.configs()]
    assert [(type(value), value) for value in values] == [(float, 2.0), (int, 2)]


def test_resolve_fills_constants_and_defaults_and_settles_types() -> None:
    text = "name: s\nsearch: {hyperopt: {num_samples: 3}}\n" + entry(
        "train.batch_size: 16\n  train.time_steps: {choice: [32, 64]}\n  model.n_heads: {choice: [4, 8]}",
        head="",
        model="{choice: [lstm, att_mh]}",
    )
    sweep = load(text)
    assert sweep.search == HyperOpt(num_samples=3)
    config = sweep.resolve({"model": "att_mh", "train.time_steps": 64.0, "model.n_heads": 4.0})
    assert (config.dataset, config.train.batch_size, config.train.time_steps) == ("4single", 16, 64)
    assert type(config.train.time_steps) is type(config.model_arguments["n_heads"]) is int
    assert config.model_arguments["d_model"] == 64
    lstm = sweep.resolve({"model": "lstm", "train.time_steps": 64, "model.n_heads": 4})
    assert set(lstm.model_arguments) == {"hidden_size", "num_layers"}
    assert not lstm.train.is_align_target


@pytest.mark.parametrize(
    "choice", [{"model": "vq"}, {"train.time_steps": 64.5}, {"train.time_steps": "64"}, {"train.learning_rate": "x"}]
)
def test_resolve_refuses_what_no_key_can_be(choice: dict[str, str | float]) -> None:
    with pytest.raises(ValueError):
        load(GOOD).resolve(choice)


def test_resolve_agrees_with_the_grid() -> None:
    sweep = load(FULL)
    choice = {"model": "vq", "dataset": "4single", "train.time_steps": 64, "train.learning_rate": 1}
    choice |= {"train.batch_size": 32, "train.num_epochs": 7, "train.is_align_target": False}
    assert sweep.resolve(choice | {"split.origin": 0.6, "model.pe_type": "none"}) == sweep.configs()[1]


def test_a_minus_zero_is_a_zero() -> None:
    (config,) = load(entry("model.dropout: -0.0", model="mixer")).configs()
    assert str(config.model_arguments["dropout"]) == "0.0"


def test_identity_never_changes() -> None:
    (config, *_) = load(FULL).configs()
    identity = config_id(config, data_digest="data", model_digest="model", protocol_version="holdout-1")
    assert identity == "9370566c9a69909e"
    assert trial_id(identity, 0) == "9f69edfdac397254"
    assert Config.from_flat(config.to_flat()) == config


def test_identity_is_that_of_the_content_however_it_is_written() -> None:
    short = entry("train.learning_rate: 1\n  train.batch_size: 64\n  train.num_epochs: 50")
    long = """\
seeds: [4]
scheduler: asha
evaluate_on: [y_w]
param_space: [{train.learning_rate: 1.0e+0, split.origin: 0.85, dataset: "4single", model: 'att', model.d_model: 64}]
name: other
"""
    assert _ids(short) == _ids(long)
    assert _ids(short) != _ids(short.replace("50", "51"))


def _ids(text: str) -> list[str]:
    digests = {"data_digest": "data", "model_digest": "model", "protocol_version": "1"}
    return [config_id(config, **digests) for config in load(text).configs()]


def test_byte_order_mark_and_line_ends_of_windows_change_nothing() -> None:
    text = FULL.replace("\n", "\r\n")
    sweep = load("\ufeff" + text)
    assert sweep.configs() == load(FULL).configs()
    assert sweep.text == text


def test_a_catalog_is_asked_for_each_model_and_series_once() -> None:
    Path("x.yaml").write_text(FULL)
    catalog = CatalogDouble()
    load_sweep(Path("x.yaml"), overrides=[], catalog=catalog)
    assert sorted(catalog.reads) == ["4single", "lstm", "vq", "y_w"]


def test_the_largest_grids_of_a_night_load_at_once() -> None:
    rates = ", ".join(f"{rate}e-4" for rate in range(1, 61))
    text = entry(
        f"train.learning_rate: {{grid_search: [{rates}]}}\n  train.time_steps: {{grid_search: [8, 64, 128, 256, 512]}}",
        model="{grid_search: [lstm, att, vq, att_mh, vq_mh]}",
    )
    seconds = []
    for _ in range(3):  # a process that has run many tests has garbage to look through
        began = time.process_time()
        assert len(load(text).configs()) == 1500
        seconds.append(time.process_time() - began)
    assert min(seconds) < 0.3


def test_loading_imports_nothing_heavy() -> None:
    check = "import raysweep.spec.loader, sys; print({'torch', 'ray', 'pandas', 'numpy', 'mlflow'} & set(sys.modules))"
    root = Path(__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", check], cwd=root, capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


def _arguments(model: str) -> list:
    return list(CatalogDouble().model(model).arguments.values())
