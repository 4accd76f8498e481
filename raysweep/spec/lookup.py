"""The catalog as the loader asks it: each failure becomes a finding, once, instead of an exception.

Must not know: who asks, and why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from raysweep.errors import InputError
from raysweep.spec.catalog import Catalog, DatasetInfo, ModelInfo
from raysweep.spec.config import ProtocolName, Scalar
from raysweep.spec.findings import Findings

Answer = TypeVar("Answer")

MIN_TRAIN_WINDOWS = 64
SHORTEST_WINDOW = 2


@dataclass(frozen=True)
class Split:
    """A series as it is split for training."""

    dataset: str
    protocol: ProtocolName
    origin: float | None


class Lookup:
    """Questions to a catalog. None is the answer where the catalog fails.

    Attributes:
        model_names: All models that can be swept.
        dataset_names: All series that are named.
    """

    def __init__(self, catalog: Catalog, findings: Findings) -> None:
        self._catalog = catalog
        self._findings = findings
        self._models: dict[str, ModelInfo | None] = {}
        self._datasets: dict[str, DatasetInfo | None] = {}
        self._untrainable: dict[Split, str | None] = {}
        self.model_names = self._ask(lambda: tuple(catalog.model_names()))
        self.dataset_names = self._ask(lambda: tuple(catalog.dataset_names()))

    def model(self, name: str) -> ModelInfo | None:
        """What a model of this name says about itself."""
        if name not in self._models:
            self._models[name] = self._ask(lambda: self._catalog.model(name))
        return self._models[name]

    def dataset(self, name: str) -> DatasetInfo | None:
        """What is known of the series of this name."""
        if name not in self._datasets:
            self._datasets[name] = self._ask(lambda: self._catalog.dataset(name))
        return self._datasets[name]

    def models_read(self) -> dict[str, ModelInfo]:
        """All models that were asked for and could be read."""
        return {name: model for name, model in self._models.items() if model is not None}

    def unmet_requirements(self, model: str, arguments: Mapping[str, Scalar]) -> tuple[str, ...]:
        """The rules of a model that these arguments break."""
        return self._ask(lambda: tuple(self._catalog.unmet_requirements(model, arguments))) or ()

    def num_train_windows(self, split: Split, time_steps: int) -> int | None:
        """How many training windows a window leaves."""
        dataset, protocol, origin = split.dataset, split.protocol, split.origin
        return self._ask(lambda: self._catalog.num_train_windows(dataset, protocol, origin, time_steps))

    def why_untrainable(self, split: Split) -> str | None:
        """Why no model can be trained with this split, whatever the window."""
        if split not in self._untrainable:
            question = partial(self._catalog.why_untrainable, split.dataset, split.protocol, split.origin)
            self._untrainable[split] = self._ask(question)
        return self._untrainable[split]

    def longest_window(self, split: Split, wanted: int) -> int | None:
        """The longest window, up to the wanted one, that leaves enough training windows; 0 if none does."""

        def fits(time_steps: int) -> bool | None:
            num_windows = self.num_train_windows(split, time_steps)
            return None if num_windows is None else num_windows >= MIN_TRAIN_WINDOWS

        wanted_fits = fits(wanted)
        if wanted_fits is not False:
            return wanted if wanted_fits else None
        if not fits(SHORTEST_WINDOW):
            return 0
        fitting, too_long = SHORTEST_WINDOW, wanted
        while too_long - fitting > 1:  # a longer window never leaves more training windows
            middle = (fitting + too_long) // 2
            fitting, too_long = (middle, too_long) if fits(middle) else (fitting, middle)
        return fitting

    def _ask(self, question: Callable[[], Answer]) -> Answer | None:
        try:
            return question()
        except InputError as error:
            self._findings.adopt(error)
            return None
