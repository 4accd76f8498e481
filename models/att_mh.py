"""Attention with several heads and grouped queries."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from ._layers import PeType, attend, encode_positions, initialize, split_heads


class Model(nn.Module):
    """One attention layer with several heads and grouped queries, no residual, no feed-forward.

    In order: linear C to D; encoding, unless `is_n_pe`; input norm; three projections to queries, keys and values;
    split into heads; norms per head; encoding of queries and keys per head, where `is_n_pe`; attention; linear D to C.

    Args:
        d_model: D.
        n_heads: H.
        kv_heads: K.
        is_inln: Layer norm on the input of the attention.
        is_qln: Layer norm on each head of the queries.
        is_kln: Layer norm on each head of the keys.
        is_causal: No step sees a later one.
        is_n_pe: Positions are encoded on queries and keys instead of the input.
        pe_type: The positional encoding.
        num_channels: C.
    """

    is_align_target: ClassVar[bool] = True
    requirements: ClassVar[tuple[str, ...]] = (
        "d_model >= 1",
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
        n_heads: int = 8,
        kv_heads: int = 1,
        is_inln: bool = False,
        is_qln: bool = False,
        is_kln: bool = True,
        is_causal: bool = True,
        is_n_pe: bool = False,
        pe_type: PeType = "sinpe",
        num_channels: int = 1,
    ) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.kv_heads = kv_heads
        self.is_causal = is_causal
        self.input_pe_type: PeType = "none" if is_n_pe else pe_type
        self.query_key_pe_type: PeType = pe_type if is_n_pe else "none"
        head_size = d_model // n_heads
        self.embedding = nn.Linear(num_channels, d_model)
        self.input_norm = nn.LayerNorm(d_model) if is_inln else nn.Identity()
        self.query_projection = nn.Linear(d_model, d_model, bias=False)
        self.key_projection = nn.Linear(d_model, kv_heads * head_size, bias=False)
        self.value_projection = nn.Linear(d_model, kv_heads * head_size, bias=False)
        self.query_norm = nn.LayerNorm(head_size) if is_qln else nn.Identity()
        self.key_norm = nn.LayerNorm(head_size) if is_kln else nn.Identity()
        self.head = nn.Linear(d_model, num_channels, bias=False)
        initialize(self)

    def forward(self, values: Tensor) -> Tensor:
        """Forecast the next point at every step.

        Args:
            values: (B, T, C).

        Returns:
            (B, T, C).
        """
        hidden = self.input_norm(encode_positions(self.embedding(values), self.input_pe_type))  # (B, T, D)
        query = self.query_norm(split_heads(self.query_projection(hidden), self.n_heads))  # (B, H, T, E)
        key = self.key_norm(split_heads(self.key_projection(hidden), self.kv_heads))  # (B, K, T, E)
        value = split_heads(self.value_projection(hidden), self.kv_heads)  # (B, K, T, E)
        query = encode_positions(query, self.query_key_pe_type)
        key = encode_positions(key, self.query_key_pe_type)
        forecast: Tensor = self.head(attend(query, key, value, is_causal=self.is_causal))
        return forecast
