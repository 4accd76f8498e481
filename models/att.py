"""Attention with a single head."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from ._layers import PeType, attend, encode_positions, initialize


class Model(nn.Module):
    """One attention layer with a single head, no residual, no feed-forward.

    In order: linear C to D; encoding, unless `is_n_pe`; input norm; one projection to queries, keys and values; their
    norms; encoding of queries and keys, where `is_n_pe`; attention; linear D to C.

    Args:
        d_model: D.
        is_inln: Layer norm on the input of the attention.
        is_qln: Layer norm on the queries.
        is_kln: Layer norm on the keys.
        is_causal: No step sees a later one.
        is_n_pe: Positions are encoded on queries and keys instead of the input.
        pe_type: The positional encoding.
        num_channels: C.
    """

    is_align_target: ClassVar[bool] = True
    requirements: ClassVar[tuple[str, ...]] = ("d_model >= 1", "pe_type != 'rope' or d_model % 2 == 0")

    def __init__(
        self,
        *,
        d_model: int = 64,
        is_inln: bool = True,
        is_qln: bool = True,
        is_kln: bool = True,
        is_causal: bool = True,
        is_n_pe: bool = False,
        pe_type: PeType = "sinpe",
        num_channels: int = 1,
    ) -> None:
        super().__init__()
        self.is_causal = is_causal
        self.input_pe_type: PeType = "none" if is_n_pe else pe_type
        self.query_key_pe_type: PeType = pe_type if is_n_pe else "none"
        self.embedding = nn.Linear(num_channels, d_model)
        self.input_norm = nn.LayerNorm(d_model) if is_inln else nn.Identity()
        self.projection = nn.Linear(d_model, 3 * d_model, bias=False)
        self.query_norm = nn.LayerNorm(d_model) if is_qln else nn.Identity()
        self.key_norm = nn.LayerNorm(d_model) if is_kln else nn.Identity()
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
        query, key, value = self.projection(hidden).unsqueeze(1).chunk(3, dim=-1)  # each (B, 1, T, D)
        query = encode_positions(self.query_norm(query), self.query_key_pe_type)
        key = encode_positions(self.key_norm(key), self.query_key_pe_type)
        forecast: Tensor = self.head(attend(query, key, value, is_causal=self.is_causal))
        return forecast
