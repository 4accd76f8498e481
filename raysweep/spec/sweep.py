"""A checked sweep: what one file, with its overrides, asks for.

Must not know: YAML, how it was checked, how it is run.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from raysweep.spec.catalog import ModelInfo
from raysweep.spec.config import Config, ProtocolName, Scalar, TrainSettings
from raysweep.spec.keys import DEFAULT_ORIGIN, MODEL_PREFIX, TRAIN_RULES, coerce
from raysweep.spec.space import Domain, listed_values

MetricName = Literal["val_mse_batch", "val_mse_regressive", "val_loss"]


@dataclass(frozen=True)
class Fifo:
    """Every trial runs to its end."""


@dataclass(frozen=True, kw_only=True)
class Asha:
    """Trials that fall behind are stopped.

    Attributes:
        grace_period: Epochs that every trial gets.
        reduction_factor: One of so many trials goes on at each rung.
        within: Keys that trials must share to be compared.
    """

    grace_period: int = 5
    reduction_factor: int = 3
    within: tuple[str, ...] = ("model", "dataset", "train.time_steps")


@dataclass(frozen=True)
class Grid:
    """Every config of the grid runs."""


@dataclass(frozen=True, kw_only=True)
class HyperOpt:
    """Configs are suggested, each in the light of the results so far.

    Attributes:
        num_samples: How many are suggested.
    """

    num_samples: int


@dataclass(frozen=True, kw_only=True)
class Confirm:
    """After the search the best configs are trained again, to their end, with seeds that had no part in choosing them.

    Attributes:
        top: How many configs, of each series and fold.
        seeds: How many fresh seeds.
    """

    top: int = 5
    seeds: int = 5


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What one trial takes of a machine.

    Attributes:
        cpu: Cores.
        gpu: GPUs; a fraction shares one.
    """

    cpu: float = 1.0
    gpu: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """One sweep file, checked.

    Attributes:
        name: Names the folder of its results.
        protocol: How series are split, scaled and scored.
        seeds: Every config is trained with each.
        confirm: What the best configs are trained with afterwards; None if nothing is to be.
        evaluate_on: The series that finished trials are scored on; None means the trained series alone.
        metric: What trials are compared by; lower is better.
        mode: Always `min`.
        spaces: The entries of `param_space`: what each key may be, in the order of the file.
        scheduler: Which trials are stopped early.
        search: Which configs run.
        resources: What a trial takes; `auto` uses a GPU where there is one.
        storage_path: Where checkpoints and forecasts go, as given: a shared folder or an object store; None for the
            results. No part of any trial's identity.
        file: The sweep file.
        text: Its content.
        overrides: What the command line changed.
        models: All models of the spaces, by name.
    """

    name: str
    protocol: ProtocolName
    seeds: tuple[int, ...]
    confirm: Confirm | None
    evaluate_on: tuple[str, ...] | None
    metric: MetricName
    mode: Literal["min"]
    spaces: tuple[Mapping[str, Scalar | Domain], ...]
    scheduler: Fifo | Asha
    search: Grid | HyperOpt
    resources: Literal["auto"] | Resources
    storage_path: str | None
    file: Path
    text: str
    overrides: tuple[str, ...]
    models: Mapping[str, ModelInfo]

    @property
    def fresh_seeds(self) -> tuple[int, ...]:
        """What the best configs are confirmed with: the smallest seeds that explore nothing."""
        if self.confirm is None:
            return ()
        explored = frozenset(self.seeds)
        unused = (seed for seed in itertools.count() if seed not in explored)
        return tuple(itertools.islice(unused, self.confirm.seeds))

    def configs(self) -> list[Config]:
        """Every config of a grid once, in file order: the first key changes slowest.

        Arguments that a model doesn't have are dropped, and configs that are then the same are collapsed.
        """
        assert isinstance(self.search, Grid), "only a grid can be listed"
        configs: dict[tuple[object, ...], Config] = {}
        for space in self.spaces:
            for values in itertools.product(*(listed_values(domain) for domain in space.values())):
                config = self._resolved(dict(zip(space, values, strict=True)))
                arguments = tuple(config.model_arguments.items())
                content = (config.model, arguments, config.dataset, config.train, config.origin)
                configs.setdefault(content, config)
        return list(configs.values())

    def resolve(self, choice: Mapping[str, Scalar]) -> Config:
        """The config that one choice of keys makes, with all defaults filled in.

        Args:
            choice: A value for each key that varies. Constants may be left out where `param_space` is one mapping.
                A value may be of another type than its key's if it equals one of it: 64.0, numpy's numbers.

        Raises:
            ValueError: If the model isn't one of the sweep's, or a value can't be one of its key's type.
        """
        constants: dict[str, Scalar] = {}
        if len(self.spaces) == 1:
            (space,) = self.spaces
            constants = {key: value for key, value in space.items() if isinstance(value, Scalar)}
        return self._resolved({**constants, **choice})

    def _resolved(self, choice: Mapping[str, Scalar]) -> Config:
        model = self.models.get(str(choice["model"]))
        if model is None:
            raise ValueError(f"{choice['model']!r} is not a model of this sweep")
        arguments = {
            name: coerce(choice.get(f"{MODEL_PREFIX}{name}", argument.default), argument.kind)
            for name, argument in model.arguments.items()
        }
        chosen: dict[str, Any] = {
            key: coerce(choice[key], rule.kind) for key, rule in TRAIN_RULES.items() if key in choice
        }
        origin = chosen.pop("split.origin", DEFAULT_ORIGIN)
        train = {"train.is_align_target": model.is_align_target, **chosen}
        if "train.num_steps" in chosen:
            train["train.num_epochs"] = None
        return Config(
            protocol=self.protocol,
            model=model.name,
            model_arguments=arguments,
            dataset=str(choice["dataset"]),
            train=TrainSettings(**{key.removeprefix("train."): value for key, value in train.items()}),
            origin=origin if self.protocol == "holdout" else None,
        )
