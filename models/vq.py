"""Attention over a learned codebook."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from ._layers import PeType, attend_codebooks, encode_positions, initialize


class Model(nn.Module):
    """Attention over a learned codebook; the forecast depends on the last value (and its position) alone.

    It doesn't mix time steps: step t is a query to the codebook and sees no other step, so a longer window gives it
    nothing but other positions.

    In order: linear C to D; encoding; input norm; attention over the codebook's rows as keys and values; linear D
    to C.

    Args:
        d_model: D.
        vocab_size: V.
        is_inln: Layer norm on the queries, after the encoding.
        is_causal: Position t sees the codebook's rows up to t only.
        pe_type: The positional encoding.
        num_channels: C.
    """

    is_align_target: ClassVar[bool] = True
    requirements: ClassVar[tuple[str, ...]] = (
        "d_model >= 1",
        "vocab_size >= 1",
        "pe_type != 'rope' or d_model % 2 == 0",
    )

    def __init__(
        self,
        *,
        d_model: int = 64,
        vocab_size: int = 64,
        is_inln: bool = False,
        is_causal: bool = True,
        pe_type: PeType = "randpe",
        num_channels: int = 1,
    ) -> None:
        super().__init__()
        self.is_causal = is_causal
        self.pe_type: PeType = pe_type
        self.embedding = nn.Linear(num_channels, d_model)
        self.input_norm = nn.LayerNorm(d_model) if is_inln else nn.Identity()
        self.codebook = nn.Parameter(torch.randn(vocab_size, d_model))  # (V, D)
        self.head = nn.Linear(d_model, num_channels)
        initialize(self)

    def forward(self, values: Tensor) -> Tensor:
        """Forecast the next point at every step.

        Args:
            values: (B, T, C).

        Returns:
            (B, T, C).
        """
        query = self.input_norm(encode_positions(self.embedding(values), self.pe_type))  # (B, T, D)
        return attend_codebooks(query.unsqueeze(0), self.codebook.unsqueeze(0), self.head, is_causal=self.is_causal)
