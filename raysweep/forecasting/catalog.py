"""The models and series in folders, as the loader of sweep files asks for them.

Importing it loads neither torch nor Ray: models are read as text, never run. Must not know: sweep files.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from raysweep.errors import Problem, SeriesError
from raysweep.forecasting import protocol as protocols
from raysweep.forecasting.dataset_file import Dataset
from raysweep.forecasting.datasets import load_series, read_datasets
from raysweep.forecasting.model_source import ModelSources
from raysweep.forecasting.series import Series
from raysweep.spec.catalog import DatasetInfo, ModelInfo
from raysweep.spec.config import ProtocolName, Scalar
from raysweep.spec.source import show_path


class FolderCatalog:
    """Fulfils `spec.catalog.Catalog`. Reads each file once, when it is first asked for; not for use by several threads.

    Args:
        models_dir: The folder of the models.
        data_dirs: The folders of the series, the first before the others: `--data-dir`, then the project's `data`.
    """

    def __init__(self, models_dir: Path, data_dirs: Sequence[Path]) -> None:
        assert data_dirs, "a catalog needs a folder of series"
        self._models_dir = models_dir
        self._data_dirs = tuple(dict.fromkeys(data_dirs))
        self._series: dict[str, Series] = {}

    def model_names(self) -> Sequence[str]:
        """All models that can be swept."""
        return self.sources.model_names()

    def dataset_names(self) -> Sequence[str]:
        """All series that are named. Raises `SeriesError` if a `datasets.yaml` is wrong."""
        return tuple(self.datasets)

    def model(self, name: str) -> ModelInfo:
        """Raises `ModelError` if the file can't be used."""
        return self.sources.info(name)

    def dataset(self, name: str) -> DatasetInfo:
        """Raises `SeriesError` if the series can't be used."""
        series = self.series(name)
        return DatasetInfo(
            name=name,
            file=series.file,
            num_points=len(series.values),
            num_channels=series.values.shape[1],
            unit=series.unit,
            digest=series.digest,
            source=series.source,
            notices=series.notices,
        )

    def series(self, name: str) -> Series:
        """The series itself. Raises `SeriesError` if it can't be used."""
        if name not in self._series:
            if name not in self.datasets:
                raise self._unknown(name)
            self._series[name] = load_series(self.datasets[name], self._data_dirs)
        return self._series[name]

    @cached_property
    def sources(self) -> ModelSources:
        """The models folder as it was when it was first asked for. Raises `ModelError` if it holds none."""
        return ModelSources.read(self._models_dir)

    @cached_property
    def datasets(self) -> Mapping[str, Dataset]:
        """The entries of all `datasets.yaml`, by name. Raises `SeriesError` if one is wrong."""
        return read_datasets(self._data_dirs)

    def unmet_requirements(self, model: str, arguments: Mapping[str, Scalar]) -> Sequence[str]:
        """The rules of a model that these arguments break, each with the values found; empty if all hold."""
        return self.sources.unmet_requirements(model, arguments)

    def num_train_windows(self, dataset: str, protocol: ProtocolName, origin: float | None, time_steps: int) -> int:
        """How many training windows a window of `time_steps` leaves; 0 or less if it doesn't fit."""
        return protocols.num_train_windows(
            num_points=len(self.series(dataset).values), protocol=protocol, origin=origin, time_steps=time_steps
        )

    def why_untrainable(self, dataset: str, protocol: ProtocolName, origin: float | None) -> str | None:
        """Why no model can be trained on a series with this split, whatever the window; None if one can."""
        return protocols.why_unscalable(self.series(dataset).values, protocol, origin, name=dataset)

    def protocol_version(self, protocol: ProtocolName) -> str:
        """The version of the training protocol; part of a config's identity."""
        return protocols.PROTOCOL_VERSION[protocol]

    def _unknown(self, name: str) -> SeriesError:
        nearest = difflib.get_close_matches(name, self.datasets, n=1)
        hint = f"did you mean {nearest[0]}? " if nearest else ""
        valid = f"{hint}the series are {', '.join(self.datasets)}"
        where = " and ".join(map(show_path, self._data_dirs))
        return SeriesError([Problem(where=where, found=f"no series is named {name!r}", valid=valid)])
