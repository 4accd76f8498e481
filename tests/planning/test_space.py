"""How much a sweep will write: the arithmetic. Whether it is true is tested on real sweeps, in tests/faults."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from raysweep.errors import InputError
from raysweep.forecasting.checkpoint import NUM_KEPT
from raysweep.forecasting.model_size import ModelSize
from raysweep.planning import space
from raysweep.planning.space import Place, TrialSize, check_space, results_need, size_text, tracking_need
from tests.faults.mounts import Mounts, mounts

__all__ = ["mounts"]


def _trial(**changes: object) -> TrialSize:
    fields: dict[str, object] = {
        "model": ModelSize(num_params=10**6),
        "num_epochs": 10,
        "num_points": 100,
        "num_forecasts": 1000,
        "num_scores": 6,
    }
    return TrialSize(**{**fields, **changes})  # type: ignore[arg-type]


def test_as_many_checkpoints_are_counted_as_are_kept() -> None:
    assert space.NUM_KEPT == NUM_KEPT


def test_checkpoints_are_two_a_trial_and_one_more_for_each_that_runs() -> None:
    one = results_need([_trial()], num_slots=4)["checkpoints"]
    assert one == pytest.approx(3 * 12e6, rel=0.01)
    ten = results_need([_trial() for _ in range(10)], num_slots=4)["checkpoints"]
    assert ten == pytest.approx((20 + 4) * 12e6, rel=0.01)


def test_what_is_there_already_isnt_needed_again() -> None:
    resumed = _trial(num_bytes_there=24_000_000)
    assert results_need([resumed], num_slots=1)["checkpoints"] == pytest.approx(12e6, rel=0.02)


def test_a_trial_that_is_only_scored_has_no_checkpoints() -> None:
    need = results_need([_trial(model=None, num_epochs=0)], num_slots=1)
    assert need["checkpoints"] == 0
    assert need["forecasts"] > 0


def test_everything_grows_with_its_cause() -> None:
    few, many = results_need([_trial()], 1), results_need([_trial(num_epochs=10**5, num_forecasts=10**6)], 1)
    assert all(many[part] > 10 * few[part] for part in ("ledger", "tables", "forecasts"))
    assert tracking_need([_trial(num_epochs=10**5)]) > 10 * tracking_need([_trial()])


def test_a_disk_that_is_too_small_is_refused(tmp_path: Path, mounts: Mounts) -> None:
    disk = mounts.small_disk(tmp_path / "disk", 12)
    places = [
        Place(folder=disk / "results" / "x", need={"ledger": 2_000_000}, remedy="name another disk with --results-dir"),
        Place(folder=disk / "elsewhere", need={"checkpoints": 280_000_000, "forecasts": 0}, remedy="move it"),
        Place(folder=tmp_path, need={"MLflow": 1000}, remedy="name another database"),
    ]
    with pytest.raises(InputError) as caught:
        check_space(places)
    assert str(caught.value) == (
        f"{disk / 'elsewhere'}: 13 MB free, this sweep needs about 282 MB (checkpoints 280 MB, ledger 2.0 MB); "
        "free some or move it"
    )
    check_space([places[0], places[2]])


def test_a_link_counts_where_it_leads(tmp_path: Path, mounts: Mounts) -> None:
    disk = mounts.small_disk(tmp_path / "disk", 1)
    (tmp_path / "checkpoints").symlink_to(disk)
    with pytest.raises(InputError, match=r"checkpoints: 1\.0 MB free"):
        check_space([Place(folder=tmp_path / "checkpoints", need={"checkpoints": 2_000_000}, remedy="move it")])


def test_a_file_system_that_doesnt_tell_its_size_is_not_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mock: no such file system is at hand; some that are mounted over a network say 0 of 0."""
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(total=0, used=0, free=0))
    check_space([Place(folder=tmp_path, need={"ledger": 10**15}, remedy="")])


def test_the_free_space_is_what_this_user_may_take(tmp_path: Path) -> None:
    status = os.statvfs(tmp_path)
    assert space.free_bytes(tmp_path / "not" / "yet") == pytest.approx(status.f_bavail * status.f_frsize, rel=0.05)


@pytest.mark.parametrize(
    ("num_bytes", "text"), [(7, "7 bytes"), (1500, "1.5 kB"), (12_345_678, "12 MB"), (2_400_000_000, "2.4 GB")]
)
def test_sizes_as_people_read_them(num_bytes: int, text: str) -> None:
    assert size_text(num_bytes) == text
