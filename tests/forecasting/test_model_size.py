"""Counting parameters in another process."""

from __future__ import annotations

from pathlib import Path

import torch

from raysweep.forecasting.model_size import ModelSize, count_models
from raysweep.forecasting.model_source import ModelSources
from raysweep.forecasting.models import build_model
from tests.conftest import PROJECT

ODD = """
import torch
from torch import Tensor, nn


class Model(nn.Module):
    is_align_target = True

    def __init__(self, *, how: str = "fine", num_channels: int = 1) -> None:
        super().__init__()
        print("models may say what they like")
        if how == "raise":
            raise RuntimeError("no")
        self.trained = nn.Parameter(torch.zeros(3, num_channels))
        self.frozen = nn.Parameter(torch.zeros(5), requires_grad=False)
        self.register_buffer("table", torch.zeros(7))

    def forward(self, values: Tensor) -> Tensor:
        return values
"""


def test_counts_what_trials_will_report() -> None:
    sources = ModelSources.read(PROJECT / "models")
    wanted = [("att", {}, 1), ("lstm", {"hidden_size": 8}, 2)]
    models = [build_model(sources, name, arguments=args, num_channels=count, seed=0) for name, args, count in wanted]
    assert [size and size.num_params for size in count_models(sources, wanted)] == [
        sum(parameter.numel() for parameter in model.parameters()) for model in models
    ]


def test_what_cant_be_built_hides_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(ODD)
    sizes = count_models(ModelSources.read(tmp_path), [("odd", {"how": "raise"}, 1), ("odd", {}, 2)])
    other_bytes = (5 + 7) * torch.float32.itemsize
    assert sizes == [None, ModelSize(num_params=6, num_tensors=3, num_other_bytes=other_bytes)]
