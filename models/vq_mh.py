"""Attention with several heads over learned codebooks."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from ._layers import PeType, attend_codebooks, encode_positions, initialize


class Model(nn.Module):
    """Multi-head attention over codebooks; the forecast depends on the last value (and its position) alone.

    It doesn't mix time steps: step t is a query to the codebooks and sees no other step, so a longer window gives it
    nothing but other positions.

    In order: linear C to D; encoding, unless `is_n_pe`; input norm; split into heads; norm of the queries per head;
    encoding of the queries per head, where `is_n_pe`; attention over the codebooks' rows as keys and values; linear D
    to C. The rows of a codebook have no position, so they get no encoding.

    Args:
        d_model: D.
        vocab_size: V.
        n_heads: H.
        kv_heads: K, the number of codebooks.
        is_inln: Layer norm on the input of the attention.
        is_qln: Layer norm on each head of the queries.
        is_causal: Position t sees the codebooks' rows up to t only.
        is_n_pe: Positions are encoded on the queries, per head, instead of the input.
        pe_type: The positional encoding.
        num_channels: C.
    """

    is_align_target: ClassVar[bool] = True
    requirements: ClassVar[tuple[str, ...]] = (
        "d_model >= 1",
        "vocab_size >= 1",
        "n_heads >= 1",
        "kv_heads >= 1",
        "d_model % n_heads == 0",
        "n_heads % kv_heads == 0",
        "pe_type != 'rope' or d_model % 2 == 0",
        "pe_type != 'rope' or not is_n_pe or d_model // n_heads % 2 == 0",
    )

    def __init__(
        self,
        *,
        d_model: int = 64,
        vocab_size: int = 64,
        n_heads: int = 8,
        kv_heads: int = 4,
        is_inln: bool = True,
        is_qln: bool = False,
        is_causal: bool = False,
        is_n_pe: bool = True,
        pe_type: PeType = "rope",
        num_channels: int = 1,
    ) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.is_causal = is_causal
        self.input_pe_type: PeType = "none" if is_n_pe else pe_type
        self.query_pe_type: PeType = pe_type if is_n_pe else "none"
        head_size = d_model // n_heads
        self.embedding = nn.Linear(num_channels, d_model)
        self.input_norm = nn.LayerNorm(d_model) if is_inln else nn.Identity()
        self.query_norm = nn.LayerNorm(head_size) if is_qln else nn.Identity()
        self.codebooks = nn.Parameter(torch.randn(kv_heads, vocab_size, head_size))  # (K, V, E)
        self.head = nn.Linear(d_model, num_channels)
        initialize(self)

    def forward(self, values: Tensor) -> Tensor:
        """Forecast the next point at every step.

        Args:
            values: (B, T, C).

        Returns:
            (B, T, C).
        """
        hidden = self.input_norm(encode_positions(self.embedding(values), self.input_pe_type))  # (B, T, D)
        query = self.query_norm(hidden.unflatten(-1, (self.n_heads, -1)).permute(2, 0, 1, 3))  # (H, B, T, E)
        query = encode_positions(query, self.query_pe_type)
        return attend_codebooks(query, self.codebooks, self.head, is_causal=self.is_causal)
