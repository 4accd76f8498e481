"""Blocks that several models share: positional encodings, attention, start values.

Shapes as in the legend of `models/__init__.py`. What depends on the window alone (encodings, masks) is made for the
window at hand and kept in small caches, never in a state dict, so that no window can be too long.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

PeType = Literal["none", "sinpe", "rope", "randpe"]

ENCODING_BASE = 10_000.0  # of the wavelengths, for `sinpe` and `rope`
RANDPE_SEED = 20_250_113
RANDPE_STD = 0.02
RANDPE_BLOCK = 64  # rows drawn at a time
NUM_SCORES_AT_ONCE = 2**19  # 2 MiB of float32: stays in a core's cache
QUERY_BLOCK = 64  # steps; of 16, 32, 48, 64 and 96 the best on a CPU over windows from 64 to 256


def initialize(module: nn.Module) -> None:
    """Give linear layers and LSTMs their start values: weights Xavier-uniform (Glorot 2010), biases zero."""
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.LSTM):
            for name, parameter in part.named_parameters(recurse=False):
                if name.startswith("weight"):
                    nn.init.xavier_uniform_(parameter)
                else:
                    nn.init.zeros_(parameter)


def encode_positions(values: Tensor, pe_type: PeType) -> Tensor:
    """Tell values their position in the window.

    Args:
        values: (..., T, D), float32 or float64; D even for `rope`. The same with E for D.
        pe_type: `none`: nothing. `sinpe`: add sinusoids (Vaswani 2017). `rope`: rotate the interleaved pairs of
            columns (Su 2021). `randpe`: add fixed normal numbers, std 0.02.

    Returns:
        (..., T, D).
    """
    if pe_type == "none":
        return values
    steps, width = values.shape[-2:]
    if pe_type == "rope":
        # A pair of columns is a complex number: one product is three times as fast as sines and cosines of halves.
        pairs = torch.view_as_complex(values.reshape(*values.shape[:-1], width // 2, 2))  # (..., T, D / 2)
        turns = _rotations(steps, width, values.device, values.dtype)
        return torch.view_as_real(pairs * turns).flatten(-2)
    make_table = _sinusoids if pe_type == "sinpe" else _random_rows
    return values + make_table(steps, width, values.device, values.dtype)


# The tables are made outside inference mode even if it is on: a tensor of that mode can't be used in training later.


@lru_cache(maxsize=32)
@torch.inference_mode(False)
def _sinusoids(steps: int, width: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """(T, D): sines in the even columns, cosines in the odd ones."""
    angles = _angles(steps, width)
    table = torch.empty(steps, width, dtype=torch.float64, device="cpu")
    table[:, 0::2] = angles.sin()
    table[:, 1::2] = angles[:, : width // 2].cos()
    return table.to(device, dtype)


@lru_cache(maxsize=32)
@torch.inference_mode(False)
def _rotations(steps: int, width: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """(T, D / 2), complex, of absolute value 1: the turn of each pair of columns."""
    angles = _angles(steps, width)
    return torch.polar(torch.ones_like(angles), angles).to(device, dtype.to_complex())


@lru_cache(maxsize=32)
@torch.inference_mode(False)
def _random_rows(steps: int, width: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """(T, D), normal, the same in every process; the first rows are the same for every T."""
    # Whole blocks, because the first numbers of a draw depend on how many are drawn.
    generator = torch.Generator(device="cpu").manual_seed(RANDPE_SEED)
    blocks = [
        torch.randn(RANDPE_BLOCK, width, generator=generator, dtype=torch.float64, device="cpu")
        for _ in range(math.ceil(steps / RANDPE_BLOCK))
    ]
    return (RANDPE_STD * torch.cat(blocks)[:steps]).to(device, dtype)


def _angles(steps: int, width: int) -> Tensor:
    """(T, ceil(D / 2)), float64: position times the frequency of each pair of columns."""
    exponents = torch.arange(0, width, 2, dtype=torch.float64, device="cpu") / width
    positions = torch.arange(steps, dtype=torch.float64, device="cpu")
    return torch.outer(positions, ENCODING_BASE**-exponents)


@lru_cache(maxsize=32)
@torch.inference_mode(False)
def causal_mask(first: int, stop: int, columns: int, repeats: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Rows `first` to `stop - 1` of the lower triangle over (position, column), each `repeats` times.

    Returns:
        ((stop - first) * repeats, columns), to be added to scores: 0 where position >= column, else -infinity.
    """
    hidden = torch.full((stop - first, columns), -math.inf, device=device, dtype=dtype)
    return hidden.triu(first + 1).repeat_interleave(repeats, dim=0)


def split_heads(values: Tensor, num_heads: int) -> Tensor:
    """Cut (B, T, H * E) into heads, (B, H, T, E)."""
    batch, steps, width = values.shape
    return values.view(batch, steps, num_heads, width // num_heads).transpose(1, 2)


def attend(query: Tensor, key: Tensor, value: Tensor, *, is_causal: bool) -> Tensor:
    """Scaled dot-product attention of grouped queries (Ainslie 2023).

    Args:
        query: (B, H, T, E).
        key: (B, K, T, E); head k serves the H / K heads of the query that begin at k * H / K.
        value: (B, K, T, E).
        is_causal: Whether a step sees itself and earlier ones alone.

    Returns:
        The heads side by side, (B, T, H * E).
    """
    group = query.shape[1] // key.shape[1]
    if group > 1 and query.device.type == "cpu":
        return _attend_folded(query, key, value, is_causal=is_causal)
    key, value = (heads.repeat_interleave(group, dim=1) if group > 1 else heads for heads in (key, value))
    mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=is_causal)
    return mixed.transpose(1, 2).flatten(-2)


def _attend_folded(query: Tensor, key: Tensor, value: Tensor, *, is_causal: bool) -> Tensor:
    """`attend` for CPUs: a group of heads becomes more rows of one matrix, which small heads need to be fast.

    A block of steps at a time, because keys later than the block then cost nothing.
    """
    batch, num_heads, steps, size = query.shape
    kv_heads = key.shape[1]
    group = num_heads // kv_heads
    query = query.view(batch, kv_heads, group, steps, size).transpose(2, 3)  # (B, K, T, H / K, E)
    block = QUERY_BLOCK if is_causal else steps
    mixed = []
    for first in range(0, steps, block):
        stop = min(first + block, steps)
        seen = stop if is_causal else steps
        mask = causal_mask(first, stop, seen, group, query.device, query.dtype) if is_causal else None
        rows = functional.scaled_dot_product_attention(
            query[:, :, first:stop].flatten(2, 3), key[:, :, :seen], value[:, :, :seen], attn_mask=mask
        )  # (B, K, block * H / K, E)
        mixed.append(rows.view(batch, kv_heads, stop - first, group, size))
    return torch.cat(mixed, dim=2).transpose(1, 2).reshape(batch, steps, num_heads * size)


def attend_codebooks(query: Tensor, codebooks: Tensor, head: nn.Linear, *, is_causal: bool) -> Tensor:
    """Attention over codebooks as keys and values, followed by the output layer.

    The output layer is applied to the codebooks instead of the attention's result. The mathematics is the same, and
    the values have C columns instead of E.

    Args:
        query: (H, B, T, E).
        codebooks: (K, V, E); codebook k serves the H / K heads of the query that begin at k * H / K.
        head: From the heads side by side, H * E, to C.
        is_causal: Whether position t sees only the codebook's rows up to t.

    Returns:
        (B, T, C).
    """
    num_heads, batch, steps, size = query.shape
    codebooks = codebooks.repeat_interleave(num_heads // codebooks.shape[0], dim=0)  # (H, V, E)
    num_rows = codebooks.shape[1]
    keys = codebooks / math.sqrt(size)
    output_layer = head.weight.view(head.out_features, num_heads, size).transpose(0, 1)  # (H, C, E)
    values = output_layer @ codebooks.transpose(1, 2)  # (H, C, V)
    mask = causal_mask(0, steps, num_rows, 1, query.device, query.dtype).T if is_causal else None  # (V, T)
    part = batch if query.device.type != "cpu" else max(1, NUM_SCORES_AT_ONCE // (num_heads * num_rows * steps))
    forecasts = []
    for windows in torch.split(query, part, dim=1):
        # Scores as (H, V, part * T), not (H, part * T, V): wide matrices are faster than tall ones.
        scores = torch.bmm(keys, windows.flatten(1, 2).transpose(1, 2))
        if mask is not None:
            scores.view(num_heads, num_rows, windows.shape[1], steps).add_(mask.unsqueeze(1))
        forecasts.append(torch.bmm(values, scores.softmax(1)).sum(0))  # (C, part * T)
    return torch.cat(forecasts, dim=1).T.reshape(batch, steps, head.out_features) + head.bias
