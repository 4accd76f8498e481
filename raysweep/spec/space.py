"""The verbs of a search space as values: what a key may be, apart from one constant.

They mirror Ray Tune's, so that `tuning` can translate one by one. Must not know: Ray, YAML, what any key means.

A `GridSearch` is walked through; all others are drawn from. As in Tune, upper bounds are exclusive for `RandInt` and
`LogRandInt`, and inclusive where values are rounded to multiples of `q`.
"""

from __future__ import annotations

from dataclasses import dataclass

from raysweep.spec.config import Scalar

MAX_LISTED_INTS = 1000


@dataclass(frozen=True)
class GridSearch:
    """Every one of the values."""

    values: tuple[Scalar, ...]


@dataclass(frozen=True)
class Choice:
    """One of the values, each as likely."""

    values: tuple[Scalar, ...]


@dataclass(frozen=True)
class Uniform:
    """A float from `lower` to `upper`."""

    lower: float
    upper: float


@dataclass(frozen=True)
class LogUniform:
    """A float from `lower` to `upper`, its logarithm uniform."""

    lower: float
    upper: float


@dataclass(frozen=True)
class QUniform:
    """A float multiple of `q` from `lower` to `upper`."""

    lower: float
    upper: float
    q: float


@dataclass(frozen=True)
class QLogUniform:
    """A float multiple of `q` from `lower` to `upper`, its logarithm uniform."""

    lower: float
    upper: float
    q: float


@dataclass(frozen=True)
class RandInt:
    """A whole number from `lower` to `upper - 1`."""

    lower: int
    upper: int


@dataclass(frozen=True)
class LogRandInt:
    """A whole number from `lower` to `upper - 1`, its logarithm uniform."""

    lower: int
    upper: int


@dataclass(frozen=True)
class QRandInt:
    """A multiple of `q`, at least 2, from `lower` to `upper`."""

    lower: int
    upper: int
    q: int


@dataclass(frozen=True)
class QLogRandInt:
    """A multiple of `q`, at least 2, from `lower` to `upper`, its logarithm uniform."""

    lower: int
    upper: int
    q: int


FloatRange = Uniform | LogUniform | QUniform | QLogUniform
IntRange = RandInt | LogRandInt | QRandInt | QLogRandInt
Listed = GridSearch | Choice
Domain = Listed | FloatRange | IntRange


def listed_values(domain: Scalar | Domain) -> tuple[Scalar, ...]:
    """What a key can be: all values of a constant, a list or a short range of ints; else the two ends of the range."""
    match domain:
        case GridSearch() | Choice():
            return domain.values
        case RandInt() | LogRandInt() | QRandInt() | QLogRandInt():
            values = whole_numbers(domain)
            return tuple(values) if is_listed(domain) else (values[0], values[-1])
        case Uniform() | LogUniform() | QUniform() | QLogUniform():
            return (domain.lower, domain.upper)
        case _:
            return (domain,)


def is_listed(domain: Scalar | Domain) -> bool:
    """Whether `listed_values` gives all that a key can be."""
    if isinstance(domain, IntRange):
        return len(whole_numbers(domain)) <= MAX_LISTED_INTS
    return not isinstance(domain, FloatRange)


def whole_numbers(domain: IntRange) -> range:
    """All that a range of whole numbers can give."""
    if isinstance(domain, RandInt | LogRandInt):
        return range(domain.lower, domain.upper)
    return range(domain.lower, domain.upper + 1, domain.q)
