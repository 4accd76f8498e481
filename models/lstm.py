"""The recurrent baseline."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from ._layers import initialize


class Model(nn.Module):
    """Stacked LSTM with a linear head.

    It trains on the last step of the window alone by default.

    Args:
        hidden_size: Width of each layer.
        num_layers: Layers on top of each other.
        num_channels: C.
    """

    is_align_target: ClassVar[bool] = False
    requirements: ClassVar[tuple[str, ...]] = ("hidden_size >= 1", "num_layers >= 1")

    def __init__(self, *, hidden_size: int = 64, num_layers: int = 2, num_channels: int = 1) -> None:
        super().__init__()
        self.lstm = nn.LSTM(num_channels, hidden_size, num_layers, batch_first=True)
        self.head = nn.Linear(hidden_size, num_channels)
        initialize(self)

    def forward(self, values: Tensor) -> Tensor:
        """Forecast the next point at every step.

        Args:
            values: (B, T, C).

        Returns:
            (B, T, C).
        """
        states, _ = self.lstm(values)  # (B, T, hidden_size)
        forecast: Tensor = self.head(states)
        return forecast
