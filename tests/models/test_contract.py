"""What every file in `models/` must fulfil. A new model is tested here without an edit."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from raysweep.forecasting.model_source import ModelSources
from raysweep.forecasting.models import build_model
from raysweep.paths import PROJECT_ROOT
from raysweep.spec.config import Scalar

SOURCES = ModelSources.read(PROJECT_ROOT / "models")
NAMES = SOURCES.model_names()
Arguments = dict[str, Scalar]


def variants() -> Iterator[tuple[str, Arguments]]:
    """Every model with every boolean flipped and every other choice, one argument at a time."""
    for name in NAMES:
        for argument in SOURCES.info(name).arguments.values():
            others = (not argument.default,) if argument.kind is bool else argument.choices
            for value in others:
                changed = {argument.name: value}
                if value != argument.default and not SOURCES.unmet_requirements(name, changed):
                    yield name, changed


VARIANTS = [
    pytest.param(name, changed, id=f"{name}-{'-'.join(f'{key}={value}' for key, value in changed.items())}")
    for name, changed in variants()
]
DEFAULTS_AND_VARIANTS = [*(pytest.param(name, {}, id=name) for name in NAMES), *VARIANTS]
every_model = pytest.mark.parametrize("name", NAMES)
every_variant = pytest.mark.parametrize(("name", "changed"), DEFAULTS_AND_VARIANTS)


@pytest.fixture(autouse=True)
def single_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def build(name: str, *, num_channels: int = 1, seed: int = 0, **arguments: Scalar) -> nn.Module:
    return build_model(SOURCES, name, arguments=arguments, num_channels=num_channels, seed=seed)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def train(model: nn.Module, values: Tensor, *, num_steps: int, learning_rate: float = 0.01) -> list[float]:
    """The loss before each step, over all steps of the window. `values`: (B, T + 1, C)."""
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    losses = []
    for _ in range(num_steps):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(values[:, :-1]), values[:, 1:])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_the_five_models_are_here() -> None:
    assert set(NAMES) >= {"lstm", "att", "att_mh", "vq", "vq_mh"}


@pytest.mark.parametrize("num_channels", [1, 3])
@every_variant
def test_maps_windows_to_forecasts_of_the_same_shape_and_type(name: str, changed: Arguments, num_channels: int) -> None:
    model = build(name, num_channels=num_channels, **changed)
    for dtype in (torch.float32, torch.float64):
        forecast = model.to(dtype)(draw(2, 20, num_channels).to(dtype))
        assert forecast.shape == (2, 20, num_channels)
        assert forecast.dtype == dtype
        assert forecast.isfinite().all()


@every_variant
def test_every_parameter_gets_a_finite_gradient(name: str, changed: Arguments) -> None:
    model = build(name, num_channels=2, **changed)
    values = draw(4, 80, 2)
    nn.functional.mse_loss(model(values[:, :-1]), values[:, 1:]).backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
        assert parameter.grad.abs().sum() > 0, key


@pytest.mark.parametrize(("name", "changed"), VARIANTS)
def test_every_argument_changes_the_forecast(name: str, changed: Arguments) -> None:
    values = draw(2, 20, 1)
    assert not torch.allclose(build(name)(values), build(name, **changed)(values))


def causal_cases() -> Iterator[object]:
    """Where no step may see a later one: with `is_causal`, and wherever the loss is taken over all steps."""
    for name in NAMES:
        info = SOURCES.info(name)
        if info.is_align_target:
            yield pytest.param(name, {}, id=name)
        if "is_causal" in info.arguments:
            yield pytest.param(name, {"is_causal": True}, id=f"{name}-is_causal")
            yield pytest.param(name, {"is_causal": True, "num_channels": 3}, id=f"{name}-is_causal-3-channels")


@pytest.mark.parametrize("first_changed", [1, 40, 70, 149])
@pytest.mark.parametrize(("name", "arguments"), list(causal_cases()))
def test_no_forecast_sees_a_later_value(name: str, arguments: Arguments, first_changed: int) -> None:
    model = build(name, **arguments)
    values = draw(2, 150, int(arguments.get("num_channels", 1)))
    changed = values.clone()
    changed[:, first_changed:] = draw(*changed[:, first_changed:].shape, seed=1)
    before, after = model(values), model(changed)
    torch.testing.assert_close(after[:, :first_changed], before[:, :first_changed], rtol=0, atol=1e-6)
    assert not torch.allclose(after[:, first_changed:], before[:, first_changed:])


@pytest.mark.parametrize("time_steps", [2, 3, 64, 112, 513, 1024])
@every_model
def test_takes_any_window(name: str, time_steps: int) -> None:
    model = build(name)
    values = draw(2, time_steps, 1)
    model(values).square().mean().backward()
    assert model(values).shape == values.shape
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters() if parameter.grad is not None)


@every_model
def test_a_forecast_does_not_depend_on_the_other_windows_of_the_batch(name: str) -> None:
    model = build(name).eval()
    values = draw(40, 64, 1)
    together = model(values)
    alone = torch.cat([model(window) for window in values.split(1)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


@every_model
def test_state_survives_saving_and_loading(name: str) -> None:
    model = build(name, num_channels=2)
    train(model, draw(2, 9, 2), num_steps=1)
    model(draw(2, 300, 2))  # what a long window leaves behind must not be part of the state
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other = build(name, num_channels=2, seed=1)
    values = draw(2, 30, 2)
    assert not torch.equal(other(values), model(values))
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other(values), model(values))


@every_model
def test_training_on_a_sine_lowers_the_loss(name: str) -> None:
    phases = 2 * math.pi * torch.arange(16).reshape(16, 1, 1) / 16
    values = torch.sin(phases + torch.arange(33).reshape(1, 33, 1) / 3)
    losses = train(build(name), values, num_steps=40)
    assert losses[-1] < 0.5 * losses[0]


@every_model
def test_the_same_seed_gives_the_same_training_bit_for_bit(name: str) -> None:
    values = draw(8, 90, 1)
    first, second = build(name), build(name)
    assert train(first, values, num_steps=3) == train(second, values, num_steps=3)
    assert first.state_dict().keys() == second.state_dict().keys()
    for key, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[key]), key


@every_model
def test_another_seed_gives_other_start_values(name: str) -> None:
    assert not torch.equal(build(name, seed=0)(draw(1, 9, 1)), build(name, seed=1)(draw(1, 9, 1)))


@every_model
def test_building_and_running_leaves_the_global_random_state_alone(name: str) -> None:
    torch.manual_seed(123)  # a state that no build leaves behind
    before = torch.get_rng_state()
    build(name)(draw(2, 31, 1))
    assert torch.equal(torch.get_rng_state(), before)


@every_model
def test_two_models_share_nothing(name: str) -> None:
    trained, other = build(name), build(name)
    before = other(draw(2, 20, 1))
    train(trained, draw(2, 21, 1), num_steps=2)
    assert torch.equal(other(draw(2, 20, 1)), before)


@every_variant
def test_trains_after_a_forecast_of_the_same_window_in_inference_mode(name: str, changed: Arguments) -> None:
    model = build(name, **changed)
    time_steps = 37  # no other test has it, so this one fills the caches
    with torch.inference_mode():
        model(draw(2, time_steps, 1))
    train(model, draw(2, time_steps + 1, 1), num_steps=1)


@every_model
def test_start_values_are_xavier_uniform_with_zero_biases(name: str) -> None:
    model = build(name)
    for module_name, module in model.named_modules():
        for key, parameter in module.named_parameters(recurse=False):
            where = f"{module_name}.{key}"
            if isinstance(module, nn.Linear | nn.LSTM) and "weight" in key:
                rows, columns = parameter.shape
                bound = math.sqrt(6 / (rows + columns))
                assert parameter.abs().max() <= bound, where
                # The largest of n uniform numbers: below 0.8 of the bound with a chance of 0.8**n, n >= 64 here.
                assert parameter.abs().max() > 0.8 * bound, where
            elif isinstance(module, nn.Linear | nn.LSTM):
                assert not parameter.any(), where
            elif isinstance(module, nn.LayerNorm):
                assert (parameter == (1 if key == "weight" else 0)).all(), where


@every_variant
def test_leaves_the_cpu_with_all_it_makes(name: str, changed: Arguments) -> None:
    """A device without numbers stands for a GPU: mixing it with tensors of the CPU fails as it would there."""
    model = build(name, **changed).to("meta")
    forecast = model(torch.empty(2, 70, 1, device="meta"))
    assert forecast.device.type == "meta"
    assert forecast.shape == (2, 70, 1)
