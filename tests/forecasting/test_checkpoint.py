from __future__ import annotations

import hashlib
import io
import json
import pickle
import socket
import zipfile
from pathlib import Path

import pytest
import torch

from raysweep.errors import CheckpointError
from raysweep.forecasting.checkpoint import FORMAT, load_checkpoint, load_newest, save_checkpoint
from raysweep.forecasting.training import start_training, train_epochs
from raysweep.forecasting.windows import prepare
from raysweep.storage import LocalFolder
from tests.forecasting.builders import Causal, make_config, noisy_wave

CPU = torch.device("cpu")


def _train(folder: Path, num_epochs: int, save_at: set[int]):  # type: ignore[no-untyped-def]
    config = make_config(num_epochs=num_epochs)
    data, state = prepare(config, noisy_wave(), CPU), start_training(config, Causal())
    history = []
    for epoch in train_epochs(config, data, state, seed=0):
        history.append(epoch)
        if epoch.epoch in save_at:
            save_checkpoint(LocalFolder(folder), "trial", state, history, data.scaler)
    return config, data, history


def test_a_restored_trial_ends_bit_for_bit_the_same(tmp_path: Path) -> None:
    config, data, whole = _train(tmp_path, 6, save_at={3})
    checkpoint = load_newest(LocalFolder(tmp_path), "trial")
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


def test_damaged_ones_take_no_place_of_whole_ones(tmp_path: Path) -> None:
    """Both of the newest were torn by a power cut; training began anew."""
    for epoch in (49, 50):
        (tmp_path / f"epoch-{epoch:06d}.ckpt").write_bytes(b"torn")
    assert load_newest(LocalFolder(tmp_path), "trial") is None
    _train(tmp_path, 3, save_at={1, 3})
    assert sorted(file.name for file in tmp_path.iterdir()) == ["epoch-000001.ckpt", "epoch-000003.ckpt"]


def _signed(content: bytes, form: str = FORMAT) -> bytes:
    first = {"format": form, "sha256": hashlib.sha256(content).hexdigest()}
    return json.dumps(first).encode() + b"\n" + content


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "header", "epoch", "short pickle"])
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
        case "epoch":
            content = bytearray(bytes(content).replace(b'"epoch": 4,', b'"epoch": 3,', 1))
        case "short pickle":  # with a checksum that holds: torch fails with another error than for damaged bytes
            header = bytes(content).split(b"\n")[1]
            content = bytearray(_signed(header + b"\n" + b"\x80\x02"))
    newest.write_bytes(content)
    with pytest.raises(CheckpointError, match="epoch-000004"):
        load_checkpoint(LocalFolder(tmp_path), newest.name)
    checkpoint = load_newest(LocalFolder(tmp_path), "trial")
    assert checkpoint is not None
    assert checkpoint.epoch == 3


def test_another_trials_checkpoint_is_not_taken(tmp_path: Path) -> None:
    _train(tmp_path, 1, save_at={1})
    assert load_newest(LocalFolder(tmp_path), "other") is None
    assert load_newest(LocalFolder(tmp_path / "nowhere"), "trial") is None


def test_another_format_is_not_passed_over(tmp_path: Path) -> None:
    _train(tmp_path, 4, save_at={3, 4})
    newest = tmp_path / "epoch-000004.ckpt"
    newest.write_bytes(_signed(newest.read_bytes().partition(b"\n")[2], "raysweep-checkpoint-3"))
    with pytest.raises(CheckpointError, match=r"epoch-000004\.ckpt: format 'raysweep-checkpoint-3'; this version"):
        load_newest(LocalFolder(tmp_path), "trial")


def test_what_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "trial"
    _train(folder, 4, save_at={3, 4})
    (folder / "epoch-000005.ckpt").mkdir()
    with pytest.raises(CheckpointError, match=r"epoch-000005\.ckpt: can't be read \("):
        load_newest(LocalFolder(folder), "trial")
    with pytest.raises(CheckpointError, match=r"epoch-000004\.ckpt: can't be read \("):
        load_newest(LocalFolder(folder / "epoch-000004.ckpt"), "trial")


def test_a_checkpoint_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"epoch-000001\.ckpt: no such file"):
        load_checkpoint(LocalFolder(tmp_path), "epoch-000001.ckpt")


def test_the_newest_is_the_one_of_the_last_epoch(tmp_path: Path) -> None:
    _train(tmp_path, 2, save_at={1, 2})
    (tmp_path / "epoch-000001.ckpt").rename(tmp_path / "epoch-999999.ckpt")
    (tmp_path / "epoch-000002.ckpt").rename(tmp_path / "epoch-1000000.ckpt")
    checkpoint = load_newest(LocalFolder(tmp_path), "trial")
    assert checkpoint is not None
    assert checkpoint.epoch == 2


def test_the_next_save_removes_what_killed_workers_left(tmp_path: Path) -> None:
    (tmp_path / f".epoch-000001.ckpt.{socket.gethostname()}.99999999.tmp").write_bytes(b"half")
    _train(tmp_path, 1, save_at={1})
    assert [file.name for file in tmp_path.iterdir()] == ["epoch-000001.ckpt"]


def test_a_hostile_file_runs_no_code(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "owned",))  # type: ignore[return-value]

    buffer = io.BytesIO()
    torch.save({"model": Evil(), "optimizer": {}}, buffer)
    tensors = buffer.getvalue()
    header = {
        "trial_id": "trial",
        "epoch": 1,
        "num_steps": 1,
        "scaler": {"mean": [0.0], "std": [1.0]},
        "history": [],
    }
    for name, content in {
        "a": _signed(json.dumps(header).encode() + b"\n" + tensors),
        "b": pickle.dumps(Evil()),
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CheckpointError, match="not a readable checkpoint"):
            load_checkpoint(LocalFolder(tmp_path), name)
    assert not (tmp_path / "owned").exists()


def test_tensors_that_unfold_are_not_unpacked(tmp_path: Path) -> None:
    """torch packs nothing, and reads what is packed: zeros take a thousandth of their memory."""
    _train(tmp_path, 1, save_at={1})
    file = tmp_path / "epoch-000001.ckpt"
    _, header, tensors = file.read_bytes().split(b"\n", 2)
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(tensors)) as before, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            after.writestr(name, before.read(name))
    file.write_bytes(_signed(header + b"\n" + packed.getvalue()))
    with pytest.raises(CheckpointError, match=r"not a readable checkpoint \(ValueError: something in it is packed\)"):
        load_checkpoint(LocalFolder(tmp_path), file.name)


def test_nothing_half_written_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)  # a full disk can't be had in a unit test
    with pytest.raises(OSError, match="No space"):
        _train(tmp_path, 1, save_at={1})
    assert list(tmp_path.iterdir()) == []
