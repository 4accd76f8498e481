"""A catalog in plain Python: the seed's five models and three series, and some that can't be used."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from raysweep.errors import ModelError, Problem, SeriesError
from raysweep.spec.catalog import ArgumentInfo, DatasetInfo, ModelInfo
from raysweep.spec.config import ProtocolName, Scalar

PE_TYPES = ("none", "sinpe", "rope", "randpe")
HEADS = ("d_model % n_heads == 0", "n_heads % kv_heads == 0")

MODELS: dict[str, tuple[dict[str, Scalar], tuple[str, ...]]] = {
    "att": (
        {"d_model": 64, "is_inln": True, "is_qln": True, "is_kln": True, "is_causal": True, "is_n_pe": False}
        | {"pe_type": "sinpe"},
        ("d_model >= 1",),
    ),
    "att_mh": (
        {"d_model": 64, "n_heads": 8, "kv_heads": 1, "is_inln": False, "is_qln": False, "is_kln": True}
        | {"is_causal": True, "is_n_pe": False, "pe_type": "sinpe"},
        ("d_model >= 1", *HEADS),
    ),
    "lstm": ({"hidden_size": 64, "num_layers": 2}, ()),
    "vq": (
        {"d_model": 64, "vocab_size": 64, "is_inln": False, "is_causal": True, "pe_type": "randpe"},
        ("d_model >= 1",),
    ),
    "vq_mh": (
        {"d_model": 64, "vocab_size": 64, "n_heads": 8, "kv_heads": 4, "is_inln": True, "is_qln": False}
        | {"is_causal": False, "is_n_pe": True, "pe_type": "rope"},
        ("d_model >= 1", *HEADS),
    ),
    # Not the seed's: an argument of every kind, and one that other models have with another type.
    "mixer": ({"dropout": 0.1, "d_model": 1.5, "order": 2, "title": "plain"}, ()),
}
CHOICES: dict[tuple[str, str], tuple[Scalar, ...]] = {("mixer", "order"): (1, 2, 4)} | {
    (model, "pe_type"): PE_TYPES for model in ("att", "att_mh", "vq", "vq_mh")
}

NUM_POINTS = {"4single": 1785, "y_w": 733, "w_y": 728, "short": 100, "twin": 800, "flat": 1000}
NUM_CHANNELS = {"twin": 2}


class CatalogDouble:
    """Fulfils `Catalog`, and counts how often models and series are read."""

    def __init__(self) -> None:
        self.reads: list[str] = []

    def model_names(self) -> Sequence[str]:
        return [*MODELS, "torn"]

    def dataset_names(self) -> Sequence[str]:
        return [*NUM_POINTS, "lost"]

    def model(self, name: str) -> ModelInfo:
        self.reads.append(name)
        if name == "torn":
            raise ModelError([Problem(where="models/torn.py:3", found="no class Model", valid="one class Model")])
        arguments, requirements = MODELS[name]
        return ModelInfo(
            name=name,
            file=f"models/{name}.py",
            summary=f"The {name} model.",
            arguments={
                argument: ArgumentInfo(
                    name=argument, kind=type(default), default=default, choices=CHOICES.get((name, argument), ())
                )
                for argument, default in arguments.items()
            },
            is_align_target=name != "lstm",
            requirements=requirements,
            digest=f"digest of {name}",
        )

    def dataset(self, name: str) -> DatasetInfo:
        self.reads.append(name)
        if name == "lost":
            raise SeriesError([Problem(where="data/lost.csv", found="no such file", valid="the series' file")])
        return DatasetInfo(
            name=name,
            file=f"data/{name}.csv",
            num_points=NUM_POINTS[name],
            num_channels=NUM_CHANNELS.get(name, 1),
            unit="ug/m³",
            digest=f"digest of {name}",
            source="file",
            notices=(),
        )

    def unmet_requirements(self, model: str, arguments: Mapping[str, Scalar]) -> Sequence[str]:
        _, requirements = MODELS[model]
        assert set(arguments) == set(MODELS[model][0]), "every argument is needed to judge the rules"
        return [
            f"`{rule}` must hold, but {' and '.join(f'{name} is {arguments[name]}' for name in _names(rule))}"
            for rule in requirements
            if not eval(rule, {}, dict(arguments))
        ]

    def num_train_windows(self, dataset: str, protocol: ProtocolName, origin: float | None, time_steps: int) -> int:
        num_points = NUM_POINTS[dataset]
        if protocol == "replication":
            return math.floor(0.8 * (num_points - time_steps))
        assert origin is not None
        return math.floor(round((origin - 0.15) * num_points, 6)) - time_steps

    def why_untrainable(self, dataset: str, protocol: ProtocolName, origin: float | None) -> str | None:
        """The series `flat` is flat over its first half."""
        if dataset != "flat" or origin is None or origin - 0.15 > 0.5:
            return None
        return f"channel 0 is constant over the first half of {dataset}, on which it is scaled at split.origin {origin}"

    def protocol_version(self, protocol: ProtocolName) -> str:
        return f"{protocol}-1"


def _names(rule: str) -> list[str]:
    return [word for word in rule.split() if word.isidentifier()]
