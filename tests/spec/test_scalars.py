"""What words without quotes mean."""

from __future__ import annotations

import math

import pytest

from raysweep.spec.config import Scalar
from raysweep.spec.scalars import resolve_plain


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("none", "none"),
        ("None", "None"),
        ("true", True),
        ("FALSE", False),
        ("yes", "yes"),
        ("on", "on"),
        ("No", "No"),
        ("y", "y"),
        ("0", 0),
        ("-12", -12),
        ("+3", 3),
        ("3e-3", 0.003),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-0.0", -0.0),
        ("1.5e+2", 150.0),
        ("00.5", 0.5),
        ("010", "010"),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("1:30", "1:30"),
        ("1,5", "1,5"),
        ("1e", "1e"),
        ("e3", "e3"),
        (".", "."),
        ("-", "-"),
        ("2025-01-13", "2025-01-13"),
        ("4single", "4single"),
        ("inf", "inf"),
        ("nan", "nan"),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("٣", "٣"),
        ("9" * 101, "9" * 101),
    ],
)
def test_plain_words(text: str, value: Scalar | None) -> None:
    assert resolve_plain(text) == value
    assert type(resolve_plain(text)) is type(value)


def test_not_a_number() -> None:
    value = resolve_plain(".nan")
    assert isinstance(value, float)
    assert math.isnan(value)
