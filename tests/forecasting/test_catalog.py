"""The models and series in folders, as the loader of sweep files sees them."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from raysweep.errors import ModelError, SeriesError
from raysweep.forecasting.catalog import FolderCatalog
from raysweep.forecasting.protocol import PROTOCOL_VERSION
from raysweep.paths import PROJECT_ROOT
from raysweep.spec.catalog import Catalog
from raysweep.spec.config import PROTOCOLS

DATASETS = """
a: {file: a.csv, time_column: t, value_columns: [v, w], unit: m}
b: {file: b.csv, time_column: t, value_columns: [v], unit: m}
"""


@pytest.fixture
def catalog() -> Catalog:
    return FolderCatalog(PROJECT_ROOT / "models", [PROJECT_ROOT / "data" / "stand_ins", PROJECT_ROOT / "data"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "datasets.yaml").write_text(DATASETS)
    (tmp_path / "a.csv").write_text("t,v,w\n0,1,5\n1,2,6\n2,4,7\n9,5,7\n")
    return tmp_path


def test_the_projects_own_models_and_series(catalog: Catalog) -> None:
    assert tuple(catalog.dataset_names()) == ("y_w", "w_y", "4single")
    assert set(catalog.model_names()) >= {"att", "att_mh", "lstm", "vq", "vq_mh"}
    assert catalog.model("lstm").arguments["hidden_size"].default == 64
    assert catalog.model("att").is_align_target
    assert not catalog.model("lstm").is_align_target


def test_what_is_known_of_a_series(folder: Path) -> None:
    catalog = FolderCatalog(PROJECT_ROOT / "models", [folder])
    info = catalog.dataset("a")
    assert (info.name, info.num_points, info.num_channels, info.unit, info.source) == ("a", 4, 2, "m", "file")
    assert info.file == str(folder / "a.csv")
    assert info.digest == catalog.series("a").digest
    assert info.notices == ("a: one gap of 7 h after row 3",)


def test_a_series_is_read_once(folder: Path) -> None:
    catalog = FolderCatalog(PROJECT_ROOT / "models", [folder])
    first = catalog.series("a")
    (folder / "a.csv").unlink()
    assert catalog.series("a") is first
    assert catalog.num_train_windows("a", "replication", None, 1) == 2


def test_nothing_is_read_before_it_is_asked_for(tmp_path: Path) -> None:
    FolderCatalog(tmp_path / "no models", [tmp_path / "no data"])


def test_names_that_are_not_there(catalog: Catalog, folder: Path) -> None:
    with pytest.raises(SeriesError) as caught:
        catalog.dataset("4singel")
    (problem,) = caught.value.problems
    assert problem.found == "no series is named '4singel'"
    assert problem.valid == "did you mean 4single? the series are y_w, w_y, 4single"
    with pytest.raises(ModelError, match="no model is named 'attn'"):
        catalog.model("attn")
    with pytest.raises(SeriesError, match=r"b: no b\.csv in "):
        FolderCatalog(PROJECT_ROOT / "models", [folder]).dataset("b")


def test_requirements_of_a_model(catalog: Catalog) -> None:
    assert not catalog.unmet_requirements("att_mh", {"d_model": 64, "n_heads": 8})
    (unmet,) = catalog.unmet_requirements("att_mh", {"d_model": 60, "n_heads": 8})[:1]
    assert "d_model is 60" in unmet


@pytest.mark.parametrize("time_steps", [2, 64, 1024])
@pytest.mark.parametrize("name", ["y_w", "4single"])
def test_training_windows_that_a_window_leaves(catalog: Catalog, name: str, time_steps: int) -> None:
    num_points = catalog.dataset(name).num_points
    for origin in (0.6, 0.85):
        in_training = int((Decimal(str(origin)) - Decimal("0.15")) * num_points)
        assert catalog.num_train_windows(name, "holdout", origin, time_steps) == in_training - time_steps
    if num_points > time_steps:
        in_training = int(Decimal("0.8") * (num_points - time_steps))
        assert catalog.num_train_windows(name, "replication", None, time_steps) == in_training
    else:
        assert catalog.num_train_windows(name, "replication", None, time_steps) <= 0


def test_a_series_that_is_flat_in_training(folder: Path) -> None:
    rows = "".join(f"{hour},{0.1 if hour < 30 else hour},{hour}\n" for hour in range(100))
    (folder / "a.csv").write_text("t,v,w\n" + rows)
    catalog = FolderCatalog(PROJECT_ROOT / "models", [folder])
    reason = "channel 0 is constant over the first 30 points of a, on which it is scaled at split.origin 0.45"
    assert catalog.why_untrainable("a", "holdout", 0.45) == reason
    assert catalog.why_untrainable("a", "holdout", 0.85) is None
    assert catalog.why_untrainable("a", "replication", None) is None


def test_protocol_versions(catalog: Catalog) -> None:
    assert {name: catalog.protocol_version(name) for name in PROTOCOLS} == dict(PROTOCOL_VERSION)


def test_a_catalog_answers_without_torch_ray_or_pandas() -> None:
    code = """
import sys
from pathlib import Path
from raysweep.forecasting.catalog import FolderCatalog
catalog = FolderCatalog(Path("models"), [Path("data")])
for name in catalog.dataset_names():
    catalog.dataset(name)
for name in catalog.model_names():
    catalog.model(name)
heavy = {"torch", "ray", "pandas", "pyarrow", "mlflow"} & set(sys.modules)
sys.exit(f"loaded {heavy}" if heavy else 0)
"""
    result = subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
