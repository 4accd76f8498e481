"""A config: one choice of model, dataset, window, training and split settings; and its identity.

Must not know: where a config came from, how it is run, what came of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Scalar = bool | int | float | str
ProtocolName = Literal["holdout", "replication"]

PROTOCOLS: tuple[ProtocolName, ...] = ("holdout", "replication")
ID_LENGTH = 16  # hexadecimal digits: 64 bits, so a collision among a million trials has odds below 1e-7


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """How a model is trained. The defaults are the seed's.

    Attributes:
        time_steps: How many past points the model sees (the window).
        learning_rate: Adam's step size.
        batch_size: Training windows a step.
        num_epochs: Passes over the training windows; None where `num_steps` is given.
        num_steps: Optimizer steps; None where `num_epochs` is given.
        is_align_target: Whether the loss is taken over all steps of the window, not the last alone.
    """

    time_steps: int = 112
    learning_rate: float = 1e-3
    batch_size: int = 64
    num_epochs: int | None = 50
    num_steps: int | None = None
    is_align_target: bool = True


@dataclass(frozen=True, kw_only=True)
class Config:
    """One resolved config: every default is filled in.

    Attributes:
        protocol: How the series is split, scaled and scored.
        model: A file name in the models folder, without `.py`.
        model_arguments: All arguments of the model, without the `model.` prefix.
        dataset: The name of the series to train on.
        train: The training settings.
        origin: `split.origin`, the fraction of the series where the test part begins; None under `replication`.
    """

    protocol: ProtocolName
    model: str
    model_arguments: Mapping[str, Scalar]
    dataset: str
    train: TrainSettings
    origin: float | None

    def to_flat(self) -> dict[str, Scalar | None]:
        """The config under its dotted keys, in the order in which people read them."""
        train: dict[str, Scalar | None] = {f"train.{key}": value for key, value in vars(self.train).items()}
        arguments: dict[str, Scalar | None] = {
            f"model.{key}": self.model_arguments[key] for key in sorted(self.model_arguments)
        }
        head: dict[str, Scalar | None] = {
            "protocol": self.protocol,
            "model": self.model,
            "dataset": self.dataset,
        }
        return {**head, **train, "split.origin": self.origin, **arguments}

    @classmethod
    def from_flat(cls, flat: Mapping[str, Any]) -> Config:
        """The inverse of `to_flat`, for a mapping that has been checked before."""

        def below(prefix: str) -> dict[str, Any]:
            return {key.removeprefix(prefix): value for key, value in flat.items() if key.startswith(prefix)}

        return cls(
            protocol=flat["protocol"],
            model=flat["model"],
            model_arguments=below("model."),
            dataset=flat["dataset"],
            train=TrainSettings(**below("train.")),
            origin=flat["split.origin"],
        )


def config_id(config: Config, *, data_digest: str, model_digest: str, protocol_version: str) -> str:
    """The identity of a config: its content, the training series, the model's code, the training protocol."""
    return _digest(
        {
            "config": config.to_flat(),
            "data": data_digest,
            "model": model_digest,
            "protocol_version": protocol_version,
        }
    )


def trial_id(config_id: str, seed: int) -> str:
    """The identity of a trial: a config trained with one seed."""
    return _digest({"config_id": config_id, "seed": seed})


def _digest(content: Mapping[str, object]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:ID_LENGTH]
