"""The five models against a plain re-statement of their mathematics: numpy, float64, loops."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from models import _layers
from raysweep.forecasting.model_source import ModelSources
from raysweep.forecasting.models import build_model
from raysweep.paths import PROJECT_ROOT
from raysweep.spec.config import Scalar

SOURCES = ModelSources.read(PROJECT_ROOT / "models")
Array = np.ndarray
Weights = dict[str, Array]
ENCODINGS = ["none", "sinpe", "rope", "randpe"]


# The re-statement. One window at a time: values (T, C).


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softmax(scores: Array) -> Array:
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


def layer_norm(x: Array, weights: Weights, name: str, is_on: Scalar) -> Array:
    if not is_on:
        return x
    rows = x.reshape(-1, x.shape[-1])
    normed = [(row - row.mean()) / math.sqrt(((row - row.mean()) ** 2).mean() + 1e-5) for row in rows]
    return np.reshape(normed, x.shape) * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def encode(x: Array, pe_type: Scalar) -> Array:
    """x: (T, D)."""
    result = x.copy()
    steps, width = x.shape
    for t in range(steps):
        for column in range(width):
            pair = column // 2
            angle = t / 10_000 ** (2 * pair / width)
            is_even = column % 2 == 0
            if pe_type == "sinpe":
                result[t, column] += math.sin(angle) if is_even else math.cos(angle)
            elif pe_type == "rope":
                even, odd = x[t, 2 * pair], x[t, 2 * pair + 1]
                result[t, column] = (
                    even * math.cos(angle) - odd * math.sin(angle)
                    if is_even
                    else even * math.sin(angle) + odd * math.cos(angle)
                )
    if pe_type == "randpe":
        table = _layers.encode_positions(torch.zeros(steps, width, dtype=torch.float64), "randpe")
        result += table.numpy()
    return result


def attention(query: Array, key: Array, value: Array, is_causal: Scalar) -> Array:
    """query: (T, E); key, value: (rows, E)."""
    result = np.zeros((len(query), value.shape[1]))
    for t, one in enumerate(query):
        num_seen = min(t + 1, len(key)) if is_causal else len(key)
        weights = softmax(key[:num_seen] @ one / math.sqrt(len(one)))
        result[t] = weights @ value[:num_seen]
    return result


def embed(values: Array, weights: Weights, arguments: dict[str, Scalar]) -> Array:
    x = values @ weights["embedding.weight"].T + weights["embedding.bias"]
    x = encode(x, "none" if arguments.get("is_n_pe", False) else arguments["pe_type"])
    return layer_norm(x, weights, "input_norm", arguments["is_inln"])


def lstm(values: Array, weights: Weights, arguments: dict[str, Scalar]) -> Array:
    x = values
    for layer in range(int(arguments["num_layers"])):
        own = {key: weights[f"lstm.{key}_l{layer}"] for key in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
        state = cell = np.zeros(int(arguments["hidden_size"]))
        states = []
        for row in x:
            gates = own["weight_ih"] @ row + own["bias_ih"] + own["weight_hh"] @ state + own["bias_hh"]
            enter, forget, update, leave = np.split(gates, 4)
            cell = sigmoid(forget) * cell + sigmoid(enter) * np.tanh(update)
            state = sigmoid(leave) * np.tanh(cell)
            states.append(state)
        x = np.array(states)
    return x @ weights["head.weight"].T + weights["head.bias"]


def att(values: Array, weights: Weights, arguments: dict[str, Scalar]) -> Array:
    x = embed(values, weights, arguments)
    query, key, value = np.split(x @ weights["projection.weight"].T, 3, axis=1)
    inner = arguments["pe_type"] if arguments["is_n_pe"] else "none"
    query = encode(layer_norm(query, weights, "query_norm", arguments["is_qln"]), inner)
    key = encode(layer_norm(key, weights, "key_norm", arguments["is_kln"]), inner)
    return attention(query, key, value, arguments["is_causal"]) @ weights["head.weight"].T


def att_mh(values: Array, weights: Weights, arguments: dict[str, Scalar]) -> Array:
    x = embed(values, weights, arguments)
    n_heads, kv_heads = int(arguments["n_heads"]), int(arguments["kv_heads"])
    queries = np.split(x @ weights["query_projection.weight"].T, n_heads, axis=1)
    keys = np.split(x @ weights["key_projection.weight"].T, kv_heads, axis=1)
    heads_values = np.split(x @ weights["value_projection.weight"].T, kv_heads, axis=1)
    inner = arguments["pe_type"] if arguments["is_n_pe"] else "none"
    mixed = []
    for head, query in enumerate(queries):
        shared = head // (n_heads // kv_heads)
        query = encode(layer_norm(query, weights, "query_norm", arguments["is_qln"]), inner)
        key = encode(layer_norm(keys[shared], weights, "key_norm", arguments["is_kln"]), inner)
        mixed.append(attention(query, key, heads_values[shared], arguments["is_causal"]))
    return np.concatenate(mixed, axis=1) @ weights["head.weight"].T


def vq(values: Array, weights: Weights, arguments: dict[str, Scalar]) -> Array:
    codebook = weights["codebook"]
    mixed = attention(embed(values, weights, arguments), codebook, codebook, arguments["is_causal"])
    return mixed @ weights["head.weight"].T + weights["head.bias"]


def vq_mh(values: Array, weights: Weights, arguments: dict[str, Scalar]) -> Array:
    x = embed(values, weights, arguments)
    n_heads, kv_heads = int(arguments["n_heads"]), int(arguments["kv_heads"])
    inner = arguments["pe_type"] if arguments["is_n_pe"] else "none"
    mixed = []
    for head, query in enumerate(np.split(x, n_heads, axis=1)):
        codebook = weights["codebooks"][head // (n_heads // kv_heads)]
        query = encode(layer_norm(query, weights, "query_norm", arguments["is_qln"]), inner)
        mixed.append(attention(query, codebook, codebook, arguments["is_causal"]))
    return np.concatenate(mixed, axis=1) @ weights["head.weight"].T + weights["head.bias"]


FORMULAS: dict[str, Callable[[Array, Weights, dict[str, Scalar]], Array]] = {
    "lstm": lstm,
    "att": att,
    "att_mh": att_mh,
    "vq": vq,
    "vq_mh": vq_mh,
}


# Models and formulas side by side.


def cases() -> list[object]:
    """The defaults; small sizes; each boolean flipped; each encoding, on the input and on queries and keys."""
    small: dict[str, dict[str, Scalar]] = {
        "lstm": {"hidden_size": 5, "num_layers": 3},
        "att": {"d_model": 6},
        "att_mh": {"d_model": 12, "n_heads": 6, "kv_heads": 2},
        "vq": {"d_model": 6, "vocab_size": 5},
        "vq_mh": {"d_model": 12, "n_heads": 6, "kv_heads": 3, "vocab_size": 5},
    }
    found = []
    for name, sizes in small.items():
        arguments = SOURCES.info(name).arguments
        changes: list[dict[str, Scalar]] = [{}, sizes]
        changes += [sizes | {key: not info.default} for key, info in arguments.items() if info.kind is bool]
        for pe_type in ENCODINGS if "pe_type" in arguments else []:
            changes.append(sizes | {"pe_type": pe_type})
            if "is_n_pe" in arguments:
                changes.append(sizes | {"pe_type": pe_type, "is_n_pe": not arguments["is_n_pe"].default})
        for changed in changes:
            found.append(pytest.param(name, changed, id="-".join([name, *(f"{k}={v}" for k, v in changed.items())])))
    return found


def build_shaken(name: str, changed: dict[str, Scalar], num_channels: int) -> nn.Module:
    """A model in float64 whose parameters are all random, so that none is hidden by being 0 or 1."""
    model = build_model(SOURCES, name, arguments=changed, num_channels=num_channels, seed=0).double()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return model


@pytest.mark.parametrize("num_channels", [1, 2])
@pytest.mark.parametrize(("name", "changed"), cases())
def test_model_follows_its_formula(name: str, changed: dict[str, Scalar], num_channels: int) -> None:
    model = build_shaken(name, changed, num_channels)
    weights = {key: tensor.detach().numpy() for key, tensor in model.named_parameters()}
    arguments = {key: info.default for key, info in SOURCES.info(name).arguments.items()} | changed
    # Longer than a block of queries, and longer than the small codebooks but not the default one.
    values = torch.randn(2, _layers.QUERY_BLOCK + 3, num_channels, generator=torch.Generator().manual_seed(2)).double()
    forecast = model(values).detach().numpy()
    for window, result in zip(values.numpy(), forecast, strict=True):
        np.testing.assert_allclose(result, FORMULAS[name](window, weights, arguments), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_state_is_what_is_trained(name: str) -> None:
    model = build_model(SOURCES, name, arguments={}, num_channels=1, seed=0)
    assert list(model.state_dict()) == [key for key, _ in model.named_parameters()]


@pytest.mark.parametrize(
    ("name", "biases"),
    [
        ("att", {"embedding.bias", "input_norm.bias", "query_norm.bias", "key_norm.bias"}),
        ("att_mh", {"embedding.bias", "key_norm.bias"}),
        ("vq", {"embedding.bias", "head.bias"}),
        ("vq_mh", {"embedding.bias", "input_norm.bias", "head.bias"}),
    ],
)
def test_biases_stand_where_the_formulas_have_them(name: str, biases: set[str]) -> None:
    model = build_model(SOURCES, name, arguments={}, num_channels=1, seed=0)
    assert {key for key, _ in model.named_parameters() if key.endswith("bias")} == biases


@pytest.mark.parametrize(("name", "key", "shape"), [("vq", "codebook", (64, 64)), ("vq_mh", "codebooks", (4, 64, 8))])
def test_codebooks_start_standard_normal(name: str, key: str, shape: tuple[int, ...]) -> None:
    codebook = build_model(SOURCES, name, arguments={}, num_channels=1, seed=0).get_parameter(key)
    assert codebook.shape == shape
    num_sigmas = 5
    assert abs(codebook.mean().item()) < num_sigmas / math.sqrt(codebook.numel())
    assert abs(codebook.std().item() - 1) < num_sigmas / math.sqrt(2 * codebook.numel())


@pytest.mark.parametrize("name", ["vq", "vq_mh"])
def test_forecast_of_the_codebook_models_depends_on_the_last_value_alone(name: str) -> None:
    model = build_model(SOURCES, name, arguments={}, num_channels=1, seed=0)
    values = torch.randn(2, 20, 1, generator=torch.Generator().manual_seed(0))
    changed = values.clone()
    changed[:, :-1] += 1
    torch.testing.assert_close(model(changed)[:, -1], model(values)[:, -1], rtol=0, atol=1e-6)
    assert not torch.allclose(model(changed)[:, :-1], model(values)[:, :-1])


def test_lstm_sees_no_later_value() -> None:
    model = build_model(SOURCES, "lstm", arguments={}, num_channels=1, seed=0)
    values = torch.randn(2, 20, 1, generator=torch.Generator().manual_seed(0))
    changed = values.clone()
    changed[:, 12:] += 1
    assert torch.equal(model(changed)[:, :12], model(values)[:, :12])
    assert not torch.allclose(model(changed)[:, 12:], model(values)[:, 12:])


# Encodings and masks.


def test_rope_turns_a_pair_by_its_position() -> None:
    values = torch.tensor([[1.0, 0.0]], dtype=torch.float64).expand(4, 2)
    by_hand = [[math.cos(t), math.sin(t)] for t in range(4)]
    torch.testing.assert_close(_layers.encode_positions(values, "rope"), torch.tensor(by_hand, dtype=torch.float64))


def test_rope_turns_the_second_of_two_pairs_a_hundred_times_slower() -> None:
    values = torch.tensor([[0.0, 0.0, 0.0, 1.0]], dtype=torch.float64).expand(3, 4)
    by_hand = [[0, 0, -math.sin(t / 100), math.cos(t / 100)] for t in range(3)]
    torch.testing.assert_close(_layers.encode_positions(values, "rope"), torch.tensor(by_hand, dtype=torch.float64))


def test_sinusoids_of_an_odd_width() -> None:
    table = _layers.encode_positions(torch.zeros(2, 3, dtype=torch.float64), "sinpe")
    by_hand = [[0, 1, 0], [math.sin(1), math.cos(1), math.sin(10_000 ** (-2 / 3))]]
    torch.testing.assert_close(table, torch.tensor(by_hand, dtype=torch.float64))


def random_rows(steps: int, width: int) -> torch.Tensor:
    return _layers.encode_positions(torch.zeros(steps, width), "randpe")


@pytest.mark.parametrize("width", [1, 3, 8, 64])
def test_first_rows_of_randpe_are_the_same_for_every_window(width: int) -> None:
    longest = random_rows(1024, width)
    for steps in (1, 2, 15, 63, 64, 65, 128, 300):
        assert torch.equal(random_rows(steps, width), longest[:steps])


def test_randpe_is_normal_with_a_standard_deviation_of_002() -> None:
    rows = random_rows(1024, 64)
    num_sigmas = 5
    assert abs(rows.mean().item()) < num_sigmas * 0.02 / math.sqrt(rows.numel())
    assert abs(rows.std().item() - 0.02) < num_sigmas * 0.02 / math.sqrt(2 * rows.numel())
    assert rows.unique().numel() > 0.9 * rows.numel()


def test_randpe_is_the_same_in_every_process_and_leaves_the_global_random_state_alone() -> None:
    _layers._random_rows.cache_clear()
    torch.manual_seed(7)
    before = torch.get_rng_state()
    first_numbers = random_rows(2, 2).flatten().tolist()
    assert torch.equal(torch.get_rng_state(), before)
    assert first_numbers == pytest.approx([-0.006856449, -0.012486185, -0.000113442, 0.004890914], rel=1e-5)


@pytest.mark.parametrize("table", [_layers._sinusoids, _layers._rotations, _layers._random_rows])
def test_encodings_are_no_tensors_of_inference_mode(table: Callable[..., torch.Tensor]) -> None:
    with torch.inference_mode():
        assert not table(5, 4, torch.device("cpu"), torch.float32).is_inference()
        assert (torch.ones(1) + 1).is_inference()  # else the line above could not fail


def test_masks_are_no_tensors_of_inference_mode() -> None:
    with torch.inference_mode():
        assert not _layers.causal_mask(0, 5, 5, 1, torch.device("cpu"), torch.float32).is_inference()


def test_causal_mask_is_the_lower_triangle_over_position_and_row() -> None:
    off = -math.inf
    device, dtype = torch.device("cpu"), torch.float32
    whole = [[0, off, off], [0, 0, off], [0, 0, 0], [0, 0, 0]]
    assert _layers.causal_mask(0, 4, 3, 1, device, dtype).tolist() == whole
    assert _layers.causal_mask(1, 3, 3, 2, device, dtype).tolist() == [whole[1], whole[1], whole[2], whole[2]]


def test_first_position_of_causal_vq_sees_the_first_row_alone() -> None:
    model = build_model(SOURCES, "vq", arguments={"is_causal": True}, num_channels=1, seed=0)
    codebook, head = model.get_parameter("codebook"), model.get_submodule("head")
    forecast = model(torch.randn(3, 4, 1, generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(forecast[:, 0], head(codebook[0]).expand(3, 1))
    loss = forecast[:, 2].sum()
    loss.backward()
    rows_seen = codebook.grad.abs().sum(dim=1) > 0 if codebook.grad is not None else torch.zeros(64)
    assert rows_seen.tolist() == [True] * 3 + [False] * 61
