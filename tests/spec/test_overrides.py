"""Overrides of the command line."""

from __future__ import annotations

from typing import Any

import pytest

from raysweep.spec.override_grammar import in_quotes
from raysweep.spec.space import Choice, GridSearch, LogUniform
from raysweep.spec.sweep import Asha, Confirm, Fifo, HyperOpt, Resources
from tests.spec.corpus.case import GOOD, HYPEROPT, entry, top
from tests.spec.loading import load, messages

ODD_PATH = "/mnt/it's, \\ [a] {folder}"
TWO_ENTRIES = """\
name: s
param_space:
  - model: lstm
    dataset: 4single
    train.learning_rate: {grid_search: [3e-3, 1e-3]}
    train.num_epochs: 9
  - model: {grid_search: [att, vq]}
    dataset: y_w
    model.d_model: 32
"""


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("train.learning_rate=1e-3,5e-4", GridSearch((1e-3, 5e-4))),
        ("train.learning_rate= 1e-3 , 5e-4 ", GridSearch((1e-3, 5e-4))),
        ("train.learning_rate=1", 1.0),
        ("train.batch_size=8,16", GridSearch((8, 16))),
        ("train.is_align_target=true,false", GridSearch((True, False))),
        ("dataset='y_w'", "y_w"),
        ('dataset="y_w", 4single', GridSearch(("y_w", "4single"))),
        ("model.pe_type=none", "none"),
        ("train.batch_size={grid_search: [8, 16]}", GridSearch((8, 16))),
        ("train.batch_size={grid_search:[8,16]}", GridSearch((8, 16))),
        ("model.title=a=b", "a=b"),
        ("model.title='a, b'", "a, b"),
        (r"model.title='it\'s'", "it's"),
        ('model.title="it\'s {x}"', "it's {x}"),
        ("model.title='true'", "true"),
        ("model.title=two words,''", GridSearch(("two words", ""))),
    ],
)
def test_config_keys(override: str, expected: object) -> None:
    key = override.partition("=")[0]
    model = "mixer" if key == "model.title" else "att"
    value = load(entry("train.num_epochs: 3", model=model), override).spaces[0][key]
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("override", "attribute", "expected"),
    [
        ("name=x", "name", "x"),
        ("name='20250113'", "name", "20250113"),
        ("protocol=replication", "protocol", "replication"),
        ("seeds=0,1", "seeds", (0, 1)),
        ("seeds=5", "seeds", (5,)),
        ("seeds=[0,1]", "seeds", (0, 1)),
        ("evaluate_on=y_w", "evaluate_on", ("y_w",)),
        ("evaluate_on=y_w,w_y", "evaluate_on", ("y_w", "w_y")),
        ("metric=val_loss", "metric", "val_loss"),
        ("scheduler=fifo", "scheduler", Fifo()),
        ("scheduler=asha", "scheduler", Asha()),
        ("scheduler={asha: {grace_period: 2}}", "scheduler", Asha(grace_period=2)),
        ("scheduler.asha.grace_period=2", "scheduler", Asha(grace_period=2, reduction_factor=4)),
        ("scheduler.asha.within=model,dataset", "scheduler", Asha(reduction_factor=4, within=("model", "dataset"))),
        ("resources_per_trial.gpu=0.5", "resources", Resources(gpu=0.5)),
        ("resources_per_trial={cpu:2,gpu:1}", "resources", Resources(cpu=2.0, gpu=1.0)),
        ("storage_path=/mnt/shared/", "storage_path", "/mnt/shared"),
        ("storage_path=s3://bucket/folder?region=eu-north-1", "storage_path", "s3://bucket/folder?region=eu-north-1"),
        (f"storage_path={in_quotes(ODD_PATH)}", "storage_path", ODD_PATH),
    ],
)
def test_settings(override: str, attribute: str, expected: Any) -> None:
    sweep = load(top("scheduler: {asha: {reduction_factor: 4}}"), override)
    assert getattr(sweep, attribute) == expected
    assert sweep.overrides == (override,)


@pytest.mark.parametrize(
    ("line", "overrides", "explored", "confirm"),
    [
        ("seeds: [0]", ["seeds.confirm.top=3"], (0,), Confirm(top=3)),
        ("seeds: [4, 2]", ["seeds.confirm.seeds=7"], (4, 2), Confirm(seeds=7)),
        ("seeds: [4, 2]", ["seeds.confirm={}"], (4, 2), Confirm()),
        ("mode: min", ["seeds.confirm={top: 2}"], (0,), Confirm(top=2)),
        ("seeds: {explore: [3], confirm: {top: 2}}", ["seeds.explore=0,1"], (0, 1), Confirm(top=2)),
        ("seeds: {explore: [3], confirm: {top: 2}}", ["seeds.explore=[7]"], (7,), Confirm(top=2)),
        ("seeds: {explore: [3], confirm: {top: 2}}", ["seeds.confirm.seeds=3"], (3,), Confirm(top=2, seeds=3)),
        ("seeds: {explore: [3], confirm: {top: 2}}", ["seeds=0,1"], (0, 1), None),
        ("seeds: [5]", ["seeds={explore: [0, 1], confirm: {seeds: 2}}"], (0, 1), Confirm(seeds=2)),
        # The whole first, whatever was typed first.
        ("seeds: [5]", ["seeds.confirm.top=3", "seeds=0,1"], (0, 1), Confirm(top=3)),
    ],
)
def test_seeds(line: str, overrides: list[str], explored: tuple[int, ...], confirm: Confirm | None) -> None:
    sweep = load(top(line), *overrides)
    assert (sweep.seeds, sweep.confirm) == (explored, confirm)


def test_an_override_goes_into_every_entry_and_keeps_the_order_of_keys() -> None:
    sweep = load(TWO_ENTRIES, "train.learning_rate=1e-2", "train.time_steps=32,64")
    first, second = sweep.spaces
    assert list(first) == ["model", "dataset", "train.learning_rate", "train.num_epochs", "train.time_steps"]
    assert first["train.learning_rate"] == second["train.learning_rate"] == 1e-2
    assert first["train.time_steps"] == second["train.time_steps"] == GridSearch((32, 64))


def test_an_argument_goes_where_a_model_has_it() -> None:
    first, second = load(TWO_ENTRIES, "model.d_model=16,64").spaces
    assert "model.d_model" not in first
    assert second["model.d_model"] == GridSearch((16, 64))


def test_steps_take_the_place_of_epochs() -> None:
    sweep = load(TWO_ENTRIES, "train.num_steps=100")
    assert {(config.train.num_epochs, config.train.num_steps) for config in sweep.configs()} == {(None, 100)}


def test_entries_that_become_the_same_collapse() -> None:
    sweep = load(
        TWO_ENTRIES, "model=att", "dataset=y_w", "model.d_model=8", "train.learning_rate=1", "train.num_epochs=2"
    )
    assert len(sweep.spaces) == 2
    assert len(sweep.configs()) == 1


def test_several_values_are_a_choice_under_hyperopt() -> None:
    text = entry("train.batch_size: {choice: [1, 2]}", head=HYPEROPT)
    assert load(text, "model=att,vq").spaces[0]["model"] == Choice(("att", "vq"))
    space = load(GOOD, "search.hyperopt.num_samples=7", "train.batch_size=8,16").spaces[0]
    assert space["train.batch_size"] == Choice((8, 16))


def test_hyperopt_from_the_command_line_alone() -> None:
    sweep = load(GOOD, "search={hyperopt: {num_samples: 7}}", "train.learning_rate={loguniform: [1e-4, 1e-2]}")
    assert sweep.search == HyperOpt(num_samples=7)
    assert sweep.spaces[0]["train.learning_rate"] == LogUniform(1e-4, 1e-2)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.learning_rat=1", "train.learning_rat: unknown key; did you mean train.learning_rate?"),
        ("sed=1", "sed: unknown key; did you mean seeds?"),
        ("d_model=1", "d_model: unknown key; did you mean model.d_model?"),
        ("learning_rate=1", "learning_rate: unknown key; did you mean train.learning_rate?"),
        (
            "model.d_modle=1",
            "model.d_modle: not an argument of att; did you mean model.d_model? valid: model.d_model, model.is_inln, "
            "model.is_qln, model.is_kln, model.is_causal, model.is_n_pe, model.pe_type",
        ),
        ("model=atx", "model: 'atx'; did you mean att? valid: att, att_mh, lstm, vq, vq_mh, mixer, torn"),
        ("model=att,att", "model: att is given twice; each value once"),
        (
            "train.batch_size='64'",
            "train.batch_size: '64', which is text; a whole number of at least 1, without quotes",
        ),
        ("train.batch_size=8,0", "train.batch_size: 0; a whole number of at least 1"),
        ("train.batch_size=[8,16]", "train.batch_size: a list; values with commas between them, without brackets"),
        ("train.batch_size=8,[16]", "train.batch_size: a list; a whole number of at least 1"),
        (
            "train.time_steps=4096",
            "train.time_steps: 4096 leaves 0 training windows of 4single at split.origin 0.85; "
            "at least 64: the longest window that fits is 1185",
        ),
        ("name=../s", "name: '../s'; up to 100 letters, digits, - and _"),
        ("name=a,b", "name: 2 values; one value"),
        ("seeds=0,0", "seeds: 0 is given twice; each value once"),
        ("seeds.confirm=5", "seeds.confirm: 5; {top: 5, seeds: 5}"),
        ("seeds.confirm.seeds=1,2", "seeds.confirm.seeds: 2 values; one value"),
        ("seeds.confirm.best=2", "seeds.confirm.best: unknown key; valid: top, seeds"),
        (
            "seeds.explore=0,1",
            "seeds.confirm: missing beside explore; {top: 5, seeds: 5}, or a list of seeds, such as [0, 1, 2], alone",
        ),
        ("seeds.confirm.top.all=2", "seeds.confirm.top.all: unknown key; at most 3 words with dots between"),
        ("scheduler.asha.grace_perod=1", "scheduler.asha.grace_perod: unknown key; did you mean grace_period?"),
        (
            "scheduler.fifo.x=1",
            "scheduler: a mapping with 'fifo'; fifo, or {asha: {grace_period: 5, reduction_factor: 3}}",
        ),
        ("search.a.b.c=1", "search.a.b.c: unknown key; at most 3 words with dots between"),
        (
            "param_space={}",
            "param_space: an override of it as a whole; config keys as they are, such as train.learning_rate=1e-3",
        ),
        ("model", "'model'; key=value, such as model=att,vq"),
        ("=1", "'=1'; key=value, such as model=att,vq"),
        ("+train.num_epochs=1", "'+train.num_epochs=1'; no + here: a key that the file lacks is added all the same"),
        ("~model", "'~model'; a key can't be taken away here: edit the file"),
        ("model=", "model: an empty value; a value, or '' in quotes"),
        ("model=att,", "model: an empty value; a value, or '' in quotes"),
        ("model='att", "model: \"'att\", whose quotes don't close; a closing '"),
        ("model='att'x", "model: 'x'; a comma between values, and odd text in quotes"),
        ("model=choice(att,vq)", "model: 'choice(att,vq)'; text with brackets or quotes in it stands in quotes itself"),
        ("model={choice: [att}", "model: '{choice: [att}'; text with brackets or quotes in it stands in quotes itself"),
        ("model={choice: [att", "model: '{choice: [att'; a ',' or a closing ']'"),
        ("model={a: 1, a: 2}", "model: 'a' is given twice; each key once"),
        ("model=" + "[" * 5000, "model: too many brackets inside each other; simple values"),
        ("model=a\nb", "model: 'a\\nb'; printable text on one line"),
        ("a\nb=1", "'a\\nb': unknown key; valid: "),
    ],
)
def test_refused(override: str, message: str) -> None:
    (found,) = messages(GOOD, override)
    assert (
        found.startswith(f"command line: {message}") if message.endswith(": ") else found == f"command line: {message}"
    )


def test_each_key_once() -> None:
    assert messages(GOOD, "model=att", "model=vq") == ["command line: model: given twice; each key once"]


def test_epochs_and_steps_exclude_each_other_on_the_command_line_too() -> None:
    assert messages(GOOD, "train.num_steps=5", "train.num_epochs=5") == [
        "command line: train.num_steps: train.num_epochs and train.num_steps are both given; one of them"
    ]
