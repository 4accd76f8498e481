"""What a sweep file is judged against: which models and series there are.

`forecasting.catalog` fulfils this protocol. It stands here so that `spec` needs neither torch nor a file system.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from raysweep.spec.config import ProtocolName, Scalar

DataSource = Literal["original", "stand-in", "file"]


@dataclass(frozen=True, kw_only=True)
class ArgumentInfo:
    """One keyword argument of a model.

    Attributes:
        name: Without the `model.` prefix.
        kind: `bool`, `int`, `float` or `str`.
        default: The value where a sweep file gives none.
        choices: The valid values, if they are a closed list.
    """

    name: str
    kind: type[bool] | type[int] | type[float] | type[str]
    default: Scalar
    choices: tuple[Scalar, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """What a model file says about itself, without running it.

    Attributes:
        name: The file name without `.py`.
        file: Where it lies.
        summary: The first line of the class's docstring.
        arguments: Its keyword arguments, by name.
        is_align_target: Whether it trains on all steps by default.
        requirements: Rules over the arguments, as Python expressions, such as `d_model % n_heads == 0`.
        digest: Over the normalised syntax tree of the file and of all it imports from the models folder.
    """

    name: str
    file: str
    summary: str
    arguments: Mapping[str, ArgumentInfo]
    is_align_target: bool
    requirements: tuple[str, ...]
    digest: str


@dataclass(frozen=True, kw_only=True)
class DatasetInfo:
    """What is known of a series.

    Attributes:
        name: As in `datasets.yaml`.
        file: Where it was read.
        num_points: Its length.
        num_channels: How many value columns.
        unit: Of the values.
        digest: Over times and values.
        source: `original` if the file has the listed SHA-256, `stand-in` if raysweep made it, else `file`.
        notices: What a user should know: gaps, uneven sampling.
    """

    name: str
    file: str
    num_points: int
    num_channels: int
    unit: str
    digest: str
    source: DataSource
    notices: tuple[str, ...]


class Catalog(Protocol):
    """The models and series at hand. Names are listed cheaply; details are read when they are asked for."""

    def model_names(self) -> Sequence[str]:
        """All models that can be swept."""
        ...

    def dataset_names(self) -> Sequence[str]:
        """All series that are named."""
        ...

    def model(self, name: str) -> ModelInfo:
        """Raises `ModelError` if the file can't be used."""
        ...

    def dataset(self, name: str) -> DatasetInfo:
        """Raises `SeriesError` if the series can't be used."""
        ...

    def unmet_requirements(self, model: str, arguments: Mapping[str, Scalar]) -> Sequence[str]:
        """The rules of a model that these arguments break, each as written and with the values found."""
        ...

    def num_train_windows(self, dataset: str, protocol: ProtocolName, origin: float | None, time_steps: int) -> int:
        """How many training windows a window of `time_steps` leaves; 0 or less if it doesn't fit."""
        ...

    def why_untrainable(self, dataset: str, protocol: ProtocolName, origin: float | None) -> str | None:
        """Why no model can be trained on a series with this split, whatever the window; None if one can."""
        ...

    def protocol_version(self, protocol: ProtocolName) -> str:
        """The version of the training protocol; part of a config's identity."""
        ...
