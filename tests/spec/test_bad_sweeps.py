"""Every file of the corpus is refused with exactly its messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.spec.corpus.case import BadSweep, entry
from tests.spec.corpus.encodings import ENCODINGS
from tests.spec.corpus.names import NAMES
from tests.spec.corpus.paths import PATHS
from tests.spec.corpus.searches import SEARCHES
from tests.spec.corpus.seeds import SEEDS
from tests.spec.corpus.sizes import SIZES
from tests.spec.corpus.spaces import SPACES
from tests.spec.corpus.storage import STORAGE
from tests.spec.corpus.syntax import SYNTAX
from tests.spec.corpus.tags import TAGS
from tests.spec.corpus.types import TYPES
from tests.spec.loading import FILE, messages

FAMILIES = {
    "syntax": SYNTAX,
    "types": TYPES,
    "names": NAMES,
    "spaces": SPACES,
    "searches": SEARCHES,
    "seeds": SEEDS,
    "paths": PATHS,
    "storage": STORAGE,
    "tags": TAGS,
    "encodings": ENCODINGS,
    "sizes": SIZES,
}
CASES = [pytest.param(case, id=f"{family}: {case.title}") for family, cases in FAMILIES.items() for case in cases]


@pytest.mark.parametrize("case", CASES)
def test_message_is_exact_and_nothing_is_created(case: BadSweep, own_folder: Path) -> None:
    assert messages(case.content) == list(case.messages)
    assert [path.name for path in own_folder.iterdir()] == [FILE.name]


def test_every_message_is_one_printable_line_with_a_rule() -> None:
    for cases in FAMILIES.values():
        for message in (message for case in cases for message in case.messages):
            assert message.isprintable()
            assert "; " in message
            assert len(message) < 450, "whatever stands in the file is cut short"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_has_many_different_files(family: str) -> None:
    assert len({case.content for case in FAMILIES[family]}) == len(FAMILIES[family]) >= 8


def test_one_report_has_all_problems_by_line() -> None:
    text = """\
name: a/b
seed: [0]
metric: val_mse
param_space:
  - model: atx
    dataset: 4single
    train.learning_rate: {grid_search: [1e-3, fast]}
  - model: vq
    dataset: y_x
    dataset: y_w
    train.time_steps: 1
    model.d_model: 0
mode: max
"""
    assert messages(text, "train.num_epoch=3", "name=x,y") == [
        "x.yaml:2: seed: unknown key; did you mean seeds?",
        "x.yaml:3: metric: 'val_mse'; did you mean val_mse_batch? "
        "valid: val_mse_batch, val_loss, val_mse_regressive under protocol holdout",
        "x.yaml:5: model: 'atx'; did you mean att? valid: att, att_mh, lstm, vq, vq_mh, mixer, torn",
        "x.yaml:7: train.learning_rate: 'fast', which is text; a number above 0",
        "x.yaml:9: dataset: 'y_x'; did you mean y_w? valid: 4single, y_w, w_y, short, twin, flat, lost",
        "x.yaml:10: dataset: given twice, first at line 9; each key once",
        "x.yaml:11: train.time_steps: 1; a whole number of at least 2",
        "x.yaml:12: model.d_model: in vq, `d_model >= 1` must hold, but d_model is 0; values that keep it",
        "x.yaml:13: mode: 'max'; min: every metric is an error, lower is better",
        "command line: name: 2 values; one value",
        "command line: train.num_epoch: unknown key; did you mean train.num_epochs?",
    ]


def test_a_value_of_a_long_list_is_found_in_its_line() -> None:
    text = entry("train.time_steps:\n    grid_search:\n      - 64\n      - 4096\n      - wide")
    assert messages(text) == [
        "x.yaml:8: train.time_steps: 4096 leaves 0 training windows of 4single at split.origin 0.85; "
        "at least 64: the longest window that fits is 1185",
        "x.yaml:9: train.time_steps: 'wide', which is text; a whole number of at least 2",
    ]


@pytest.mark.parametrize(
    "lines",
    [
        "model: {grid_search: [lstm, atx]}\n  model.d_model: 32",  # atx may have a d_model
        "model: lstm\n  train.num_epochs: {grid_search: [2, x]}",  # x may be long enough for the grace period
    ],
)
def test_what_follows_from_a_mistake_is_not_reported_beside_it(lines: str) -> None:
    text = f"name: s\nscheduler: asha\nparam_space:\n  dataset: 4single\n  {lines}\n"
    (message,) = messages(text)
    assert "'atx'" in message or "'x'" in message


def test_the_same_problem_of_two_entries_with_one_cause_is_said_once() -> None:
    text = "name: s\nparam_space:\n  - {model: torn, dataset: lost}\n  - {model: torn, dataset: lost}\n"
    assert messages(text) == [
        "models/torn.py:3: no class Model; one class Model",
        "data/lost.csv: no such file; the series' file",
    ]


def test_many_broken_rules_are_cut_short() -> None:
    odd_sizes = ", ".join(str(size) for size in range(65, 96, 2))
    found = messages(entry(f"model.d_model: {{grid_search: [{odd_sizes}]}}", model="att_mh"))
    assert found[0] == "x.yaml:3: model: more values break rules of att_mh; values that keep them"
    assert len(found) == 11
