"""A small models folder, sound until a test edits it."""

from __future__ import annotations

from pathlib import Path

import pytest

from raysweep.errors import ModelError
from raysweep.forecasting.model_source import ModelSources

SOUND = '''\
from typing import ClassVar, Literal
from torch import nn
from ._layers import Mode, double


class Model(nn.Module):
    """A model.

    More about it.
    """

    is_align_target: ClassVar[bool] = True
    requirements: ClassVar[tuple[str, ...]] = ("width % heads == 0", "width >= 1")

    def __init__(
        self,
        *,
        width: int = 8,
        heads: int = 2,
        dropout: float = 0,
        is_on: bool = False,
        title: str = "plain",
        mode: Mode = "fast",
        size: Literal[1, 2] = 2,
        num_channels: int = 1,
    ) -> None:
        super().__init__()

    def forward(self, values):
        return double(values)
'''
LAYERS = '''\
from typing import Literal
from ._numbers import TWO

Mode = Literal["slow", "fast"]


def double(values):
    """Twice."""
    return TWO * values  # simple
'''
NUMBERS = "TWO = 2\n"


def write_models(folder: Path, **texts: str) -> Path:
    """Write `NAME.py` for every `NAME=text`."""
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return folder


def write_sound_models(folder: Path) -> Path:
    """A model `sound`, what it imports, and what that imports."""
    return write_models(folder, sound=SOUND, _layers=LAYERS, _numbers=NUMBERS)


def problems_of(folder: Path, name: str) -> list[str]:
    """What `info` finds wrong with a model."""
    with pytest.raises(ModelError) as caught:
        ModelSources.read(folder).info(name)
    return [str(problem) for problem in caught.value.problems]
