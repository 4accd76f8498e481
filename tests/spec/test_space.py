"""Ranges and lists of a search that draws."""

from __future__ import annotations

import pytest

from raysweep.spec.config import Scalar
from raysweep.spec.space import (
    Choice,
    Domain,
    GridSearch,
    LogRandInt,
    LogUniform,
    QLogRandInt,
    QLogUniform,
    QRandInt,
    QUniform,
    RandInt,
    Uniform,
    is_listed,
    listed_values,
    whole_numbers,
)
from tests.spec.corpus.case import HYPEROPT, entry
from tests.spec.loading import load


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("train.learning_rate: {choice: [1, 5e-1]}", Choice((1.0, 0.5))),
        ("train.learning_rate: {uniform: [1e-4, 1]}", Uniform(1e-4, 1.0)),
        ("train.learning_rate: {loguniform: [1e-4, 1e-2]}", LogUniform(1e-4, 1e-2)),
        ("train.learning_rate: {quniform: [0.1, 0.3, 0.1]}", QUniform(0.1, 0.3, 0.1)),
        ("train.learning_rate: {qloguniform: [1e-4, 1e-2, 1e-4]}", QLogUniform(1e-4, 1e-2, 1e-4)),
        ("train.batch_size: {randint: [1, 9]}", RandInt(1, 9)),
        ("train.batch_size: {lograndint: [1, 9]}", LogRandInt(1, 9)),
        ("train.batch_size: {qrandint: [8, 64, 8]}", QRandInt(8, 64, 8)),
        ("train.batch_size: {qlograndint: [8, 64, 8]}", QLogRandInt(8, 64, 8)),
        # A whole number's key draws whole numbers; quniform's upper bound counts, qrandint's doesn't in steps of one.
        ("train.batch_size: {quniform: [8, 64, 8]}", QRandInt(8, 64, 8)),
        ("train.batch_size: {qloguniform: [8, 64, 8]}", QLogRandInt(8, 64, 8)),
        ("train.batch_size: {quniform: [1, 9, 1]}", RandInt(1, 10)),
        ("train.batch_size: {qrandint: [1, 9, 1]}", RandInt(1, 9)),
        ("train.batch_size: {qlograndint: [1, 9, 1]}", LogRandInt(1, 9)),
        ("train.is_align_target: {choice: [true, false]}", Choice((True, False))),
        ("model.pe_type: {choice: [none, rope]}", Choice(("none", "rope"))),
        ("train.time_steps: {randint: [2, 1186]}", RandInt(2, 1186)),  # 1185 is the longest window that fits
    ],
)
def test_verbs(line: str, expected: Domain) -> None:
    domain = load(entry(line, head=HYPEROPT)).spaces[0][line.partition(":")[0]]
    assert domain == expected
    assert type(domain) is type(expected)


def test_types_of_values_are_their_keys() -> None:
    space = load(entry("train.learning_rate: {uniform: [1, 2]}", head=HYPEROPT)).spaces[0]
    domain = space["train.learning_rate"]
    assert isinstance(domain, Uniform)
    assert type(domain.lower) is type(domain.upper) is float


@pytest.mark.parametrize(
    ("domain", "values"),
    [
        (7, (7,)),
        ("att", ("att",)),
        (GridSearch((1, 2)), (1, 2)),
        (Choice((True, False)), (True, False)),
        (RandInt(3, 6), (3, 4, 5)),
        (LogRandInt(3, 6), (3, 4, 5)),
        (QRandInt(8, 24, 8), (8, 16, 24)),
        (QLogRandInt(8, 24, 8), (8, 16, 24)),
        (RandInt(0, 1_000_000), (0, 999_999)),
        (Uniform(0.1, 0.2), (0.1, 0.2)),
        (QLogUniform(0.1, 0.2, 0.1), (0.1, 0.2)),
    ],
)
def test_listed_values(domain: Scalar | Domain, values: tuple[Scalar, ...]) -> None:
    assert listed_values(domain) == values


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        (7, True),
        ("att", True),
        (GridSearch((1, 2)), True),
        (Choice(tuple(range(5000))), True),
        (RandInt(0, 1000), True),
        (LogRandInt(1, 1002), False),
        (QRandInt(0, 1998, 2), True),
        (QLogRandInt(2, 2002, 2), False),
        (Uniform(0.1, 0.2), False),
        (LogUniform(0.1, 0.2), False),
        (QUniform(0.1, 0.2, 0.1), False),
        (QLogUniform(0.1, 0.2, 0.1), False),
    ],
)
def test_is_listed(domain: Scalar | Domain, expected: bool) -> None:
    assert is_listed(domain) == expected


def test_whole_numbers() -> None:
    assert whole_numbers(RandInt(3, 6)) == whole_numbers(LogRandInt(3, 6)) == range(3, 6)
    assert list(whole_numbers(QRandInt(2, 16, 2)))[-1] == list(whole_numbers(QLogRandInt(2, 16, 2)))[-1] == 16


def test_a_range_may_hold_combinations_that_only_the_model_can_judge() -> None:
    heads = "model.d_model: {qrandint: [64, 128, 64]}\n  model.n_heads: {choice: [4, 8]}"
    sweep = load(entry(heads, head=HYPEROPT, model="att_mh"))
    assert sweep.resolve({"model.d_model": 128, "model.n_heads": 4}).model_arguments["d_model"] == 128
