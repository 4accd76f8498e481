"""Files from strangers: whatever stands in them, there is a sweep or a report, soon, and no code runs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from raysweep.errors import SweepFileError
from raysweep.spec.keys import CONFIG_KEYS, SETTING_KEYS
from raysweep.spec.loader import load_sweep
from raysweep.spec.sweep import Grid, Sweep
from raysweep.spec.verbs import VERBS
from tests.spec.catalog_double import CatalogDouble
from tests.spec.corpus.case import GOOD, entry
from tests.spec.examples import apply_mutations, examples, mutations
from tests.spec.loading import load

MAX_SECONDS = 5.0
ANY_NUMBER_OF_TIMES = settings(
    examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

INNER_KEYS = ("model.d_model", "model.n_heads", "asha", "hyperopt", "explore", "confirm", "top")
KEYS = st.sampled_from([*SETTING_KEYS, *CONFIG_KEYS, *VERBS, *INNER_KEYS])
WORDS = st.sampled_from(["att", "att_mh", "4single", "y_w", "replication", "val_loss", "asha", "grid", "min", "none"])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 300), st.integers(), st.floats(), WORDS, st.text(max_size=8)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(KEYS, st.text(max_size=5)), inner, max_size=4)
    ),
    max_leaves=12,
)
SPACES = st.fixed_dictionaries({"model": VALUES, "dataset": VALUES}) | st.dictionaries(KEYS, VALUES, max_size=6)
SWEEPS = st.dictionaries(KEYS, VALUES, max_size=6).flatmap(
    lambda top: st.builds(
        lambda space: {"name": "s", **top, "param_space": space}, SPACES | st.lists(SPACES, max_size=3)
    )
)
YAML_LIKE = st.lists(
    st.one_of(
        st.sampled_from([*"[]{}:,-#&*!|>'\"%@`?~\n\t ", "\n  ", ": ", "- ", "<<", "!!", "&a", "*a", "---\n"]),
        KEYS,
        WORDS,
    ),
    max_size=40,
).map("".join)

FULL = """\
name: full
protocol: holdout
seeds: {explore: [0, 1], confirm: {top: 2, seeds: 3}}
evaluate_on: [4single, y_w]
metric: val_mse_batch
mode: min
param_space:
  - model: lstm
    dataset: 4single
    train.time_steps: {grid_search: [64, 128]}
  - model: {grid_search: [att, att_mh]}
    dataset: y_w
    train.learning_rate: {grid_search: [3e-3, 1e-3]}
    model.d_model: 64
    split.origin: 0.85
scheduler: {asha: {grace_period: 5, reduction_factor: 3, within: [model, dataset]}}
search: grid
resources_per_trial: {cpu: 1, gpu: 0.25}
"""
PIECES = (
    *"[]{}:,-#&*!|>'\"%@`?~\n\t ",
    "\n  ",
    ": ",
    "- ",
    "&a ",
    "*a",
    "!!str ",
    "null",
    "-1",
    "1e999",
    ".nan",
    "0x1",
    "\x1b[2J",
)


def outcome(content: str | bytes, *overrides: str) -> Sweep | SweepFileError:
    began = time.process_time()
    try:
        result: Sweep | SweepFileError = load(content, *overrides)
    except SweepFileError as error:
        result = error
        assert all(str(problem).isprintable() for problem in error.problems)
    assert time.process_time() - began < MAX_SECONDS
    return result


@ANY_NUMBER_OF_TIMES
@given(st.binary(max_size=300))
def test_any_bytes(content: bytes) -> None:
    outcome(content)


@ANY_NUMBER_OF_TIMES
@given(st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_text(content: bytes) -> None:
    outcome(content)


@ANY_NUMBER_OF_TIMES
@given(YAML_LIKE)
def test_any_text_that_looks_like_yaml(content: str) -> None:
    outcome(content)


@ANY_NUMBER_OF_TIMES
@given(SWEEPS)
def test_any_structure(structure: object) -> None:
    result = outcome(yaml.safe_dump(structure, allow_unicode=False))
    if isinstance(result, Sweep) and isinstance(result.search, Grid):
        assert result.configs()


@ANY_NUMBER_OF_TIMES
@given(entry_values=st.dictionaries(st.sampled_from(CONFIG_KEYS[2:]), VALUES, max_size=3))
def test_any_value_in_a_good_file(entry_values: dict[str, object]) -> None:
    structure = {"name": "s", "param_space": {"model": "att", "dataset": "4single", **entry_values}}
    result = outcome(yaml.safe_dump(structure))
    if isinstance(result, Sweep):
        assert all(config.train.time_steps <= 1185 for config in result.configs())


@ANY_NUMBER_OF_TIMES
@given(
    st.lists(st.one_of(st.text(max_size=30), st.builds(lambda key, text: f"{key}={text}", KEYS, YAML_LIKE)), max_size=3)
)
def test_any_override(overrides: list[str]) -> None:
    outcome(GOOD, *overrides)


MUTATED_SWEEPS = st.sampled_from([GOOD, FULL]).flatmap(
    lambda text: st.lists(mutations(len(text), PIECES), min_size=1, max_size=4).map(
        lambda changes: apply_mutations(text, changes)
    )
)


@settings(ANY_NUMBER_OF_TIMES, max_examples=3 * ANY_NUMBER_OF_TIMES.max_examples)
@given(MUTATED_SWEEPS)
def test_any_edit_of_a_good_file(content: str) -> None:
    outcome(content)


def test_what_is_edited_is_good() -> None:
    assert isinstance(outcome(GOOD), Sweep)
    assert isinstance(outcome(FULL), Sweep)


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system ['touch owned']", "!!python/object/new:os.system ['touch owned']"]
)
def test_no_code_runs(tag: str, own_folder: Path) -> None:
    assert isinstance(outcome(GOOD.replace("att", tag)), SweepFileError)
    assert not (own_folder / "owned").exists()


def test_wide_ranges_are_not_walked_through() -> None:
    ranges = [f"{key}: {{randint: [1, 1001]}}" for key in ("model.d_model", "train.batch_size", "train.num_epochs")]
    text = entry("\n  ".join(ranges), head="name: s\nsearch: {hyperopt: {num_samples: 9}}\n")
    assert isinstance(outcome(text), Sweep)


def test_a_broken_catalog_is_reported_and_not_raised() -> None:
    class BrokenCatalog(CatalogDouble):
        def model_names(self) -> list[str]:
            self.model("torn")
            return []

    Path("x.yaml").write_text(GOOD)
    with pytest.raises(SweepFileError, match=r"^models/torn.py:3: no class Model; one class Model$"):
        load_sweep(Path("x.yaml"), overrides=[], catalog=BrokenCatalog())
