from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch

from raysweep.errors import CheckpointError
from raysweep.forecasting.checkpoint import load_checkpoint, load_newest, save_checkpoint
from raysweep.forecasting.training import start_training, train_epochs
from raysweep.forecasting.windows import prepare
from tests.forecasting.builders import Causal, make_config, noisy_wave

CPU = torch.device("cpu")


def _train(folder: Path, num_epochs: int, save_at: set[int]):  # type: ignore[no-untyped-def]
    config = make_config(num_epochs=num_epochs)
    data, state = prepare(config, noisy_wave(), CPU), start_training(config, Causal())
    history = []
    for epoch in train_epochs(config, data, state, seed=0):
        history.append(epoch)
        if epoch.epoch in save_at:
            save_checkpoint(folder, "trial", state, history, data.scaler)
    return config, data, history


def test_a_restored_trial_ends_bit_for_bit_the_same(tmp_path: Path) -> None:
    config, data, whole = _train(tmp_path, 6, save_at={3})
    checkpoint = load_newest(tmp_path, "trial")
    assert checkpoint is not None
    state = start_training(config, Causal(seed=99))  # other start values: the checkpoint must replace them
    checkpoint.restore(state)
    rest = list(train_epochs(config, data, state, seed=0))
    assert [each.val_loss for each in (*checkpoint.history, *rest)] == [each.val_loss for each in whole]
    assert checkpoint.history == whole[:3]
    assert checkpoint.scaler.mean.tolist() == data.scaler.mean.tolist()


def test_the_newest_two_are_kept(tmp_path: Path) -> None:
    _train(tmp_path, 5, save_at={1, 2, 3, 4, 5})
    assert sorted(file.name for file in tmp_path.iterdir()) == ["epoch-000004.ckpt", "epoch-000005.ckpt"]


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "header", "foreign"])
def test_a_damaged_file_is_found_out_and_the_one_before_is_used(tmp_path: Path, damage: str) -> None:
    _train(tmp_path, 4, save_at={3, 4})
    newest = tmp_path / "epoch-000004.ckpt"
    content = bytearray(newest.read_bytes())
    match damage:
        case "cut":
            content = content[:-100]
        case "flipped":
            content[-500] ^= 1
        case "empty":
            content = bytearray()
        case "header":
            content[:30] = b"x" * 30
        case "foreign":
            header, _, rest = bytes(content).partition(b"\n")
            content = bytearray(json.dumps(json.loads(header) | {"format": "other"}).encode() + b"\n" + rest)
    newest.write_bytes(content)
    with pytest.raises(CheckpointError, match="epoch-000004"):
        load_checkpoint(newest)
    checkpoint = load_newest(tmp_path, "trial")
    assert checkpoint is not None
    assert checkpoint.epoch == 3


def test_another_trials_checkpoint_is_not_taken(tmp_path: Path) -> None:
    _train(tmp_path, 1, save_at={1})
    assert load_newest(tmp_path, "other") is None
    assert load_newest(tmp_path / "nowhere", "trial") is None


def test_a_hostile_file_runs_no_code(tmp_path: Path) -> None:
    import hashlib

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "owned",))  # type: ignore[return-value]

    import io

    buffer = io.BytesIO()
    torch.save({"model": Evil(), "optimizer": {}}, buffer)
    tensors = buffer.getvalue()
    header = {
        "format": "raysweep-checkpoint-1",
        "trial_id": "trial",
        "epoch": 1,
        "num_steps": 1,
        "scaler": {"mean": [0.0], "std": [1.0]},
        "history": [],
        "num_bytes": len(tensors),
        "sha256": hashlib.sha256(tensors).hexdigest(),
    }
    for name, content in {"a": json.dumps(header).encode() + b"\n" + tensors, "b": pickle.dumps(Evil())}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CheckpointError):
            load_checkpoint(tmp_path / name)
    assert not (tmp_path / "owned").exists()


def test_nothing_half_written_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)  # a full disk can't be had in a unit test
    with pytest.raises(OSError, match="No space"):
        _train(tmp_path, 1, save_at={1})
    assert list(tmp_path.iterdir()) == []
