from __future__ import annotations

import linecache
import pickle
import sys
import threading
import traceback
from pathlib import Path

import pytest
import torch
from torch import nn

from raysweep.errors import ModelError
from raysweep.forecasting.model_source import ModelSources
from raysweep.forecasting.models import build_model

SCALED = """\
import torch
from torch import nn
from ._layers import FACTOR, start


class Model(nn.Module):
    is_align_target = True

    def __init__(self, *, width: int = 3, num_channels: int = 1) -> None:
        super().__init__()
        self.num_channels = num_channels
        self.weight = nn.Parameter(start(width))

    def forward(self, values):
        if values.ndim != 3:
            raise RuntimeError("not a batch of windows")
        return FACTOR * values
"""
LAYERS = """\
import torch

FACTOR = 2.0


def start(width):
    return torch.randn(width)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "kinds"
    folder.mkdir()
    (folder / "scaled.py").write_text(SCALED)
    (folder / "_layers.py").write_text(LAYERS)
    return folder


def build(sources: ModelSources, name: str = "scaled", *, seed: int = 0, **arguments: int) -> nn.Module:
    return build_model(sources, name, arguments=arguments, num_channels=2, seed=seed)


def edit(folder: Path, before: str, after: str, file: str = "scaled") -> None:
    path = folder / f"{file}.py"
    text = path.read_text()
    assert text.count(before) == 1
    path.write_text(text.replace(before, after))


def test_builds_with_arguments_and_channels(folder: Path) -> None:
    model = build(ModelSources.read(folder), width=5)
    assert model.get_parameter("weight").shape == (5,)
    assert model.num_channels == 2
    assert model(torch.ones(1, 1, 1)).item() == 2.0


def test_the_seed_fixes_the_start_values(folder: Path) -> None:
    sources = ModelSources.read(folder)
    first, again, other = (build(sources, seed=seed).get_parameter("weight") for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_start_values_do_not_depend_on_what_was_drawn_before(folder: Path) -> None:
    sources = ModelSources.read(folder)
    first = build(sources).get_parameter("weight")
    torch.randn(5)
    assert torch.equal(build(sources).get_parameter("weight"), first)


def test_the_global_random_state_is_left_alone(folder: Path) -> None:
    edit(folder, "FACTOR = 2.0", "FACTOR = torch.randn(1)", "_layers")  # drawn on import
    torch.manual_seed(123)  # a state that no build leaves behind
    before = torch.get_rng_state()
    build(ModelSources.read(folder))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_global_random_state_is_left_alone_by_an_init_that_fails(folder: Path) -> None:
    edit(folder, "self.num_channels = num_channels", "torch.randn(3); raise KeyError('mine')")
    torch.manual_seed(123)  # a state that no build leaves behind
    before = torch.get_rng_state()
    with pytest.raises(KeyError, match=r"^'mine'$"):
        build(ModelSources.read(folder))
    assert torch.equal(torch.get_rng_state(), before)


def test_threads_that_build_at_once_get_the_same_start_values(folder: Path) -> None:
    edit(folder, "return torch.randn(width)", "return torch.cat([torch.randn(100) for _ in range(width)])", "_layers")
    sources = ModelSources.read(folder)
    expected = build(sources, width=200).get_parameter("weight")
    found: list[nn.Parameter] = []
    threads = [
        threading.Thread(target=lambda: found.append(build(sources, width=200).get_parameter("weight")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(torch.equal(weight, expected) for weight in found)


def test_is_built_on_the_cpu_whatever_the_default_device(folder: Path) -> None:
    with torch.device("meta"):
        assert build(ModelSources.read(folder)).get_parameter("weight").device.type == "cpu"


# A snapshot runs as it was read.


def test_an_edit_of_the_files_changes_nothing_that_runs(folder: Path) -> None:
    sources = ModelSources.read(folder)
    edit(folder, "FACTOR = 2.0", "FACTOR = 3.0", "_layers")
    edit(folder, "is_align_target = True", "is_align_target = True; raise RuntimeError('edited')")
    assert build(sources)(torch.ones(1, 1, 1)).item() == 2.0


def test_two_snapshots_live_in_one_process(folder: Path) -> None:
    before = ModelSources.read(folder)
    first = build(before)
    edit(folder, "FACTOR = 2.0", "FACTOR = 3.0", "_layers")
    second = build(ModelSources.read(folder))
    third = build(before)
    assert [model(torch.ones(1, 1, 1)).item() for model in (first, second, third)] == [2.0, 3.0, 2.0]
    assert type(first) is type(third)


def test_a_file_added_later_cannot_be_imported(folder: Path) -> None:
    edit(folder, "        super().__init__()", "        super().__init__()\n        __import__(f'{__package__}.later')")
    sources = ModelSources.read(folder)
    (folder / "later.py").write_text("")
    with pytest.raises(ModuleNotFoundError, match="later"):
        build(sources)


def test_a_snapshot_from_another_process_runs_without_the_folder(folder: Path) -> None:
    data = pickle.dumps(ModelSources.read(folder))
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert build(pickle.loads(data))(torch.ones(1, 1, 1)).item() == 2.0


def test_the_package_of_the_folder_is_not_run(folder: Path) -> None:
    (folder / "__init__.py").write_text("raise RuntimeError('run')\n")
    assert isinstance(build(ModelSources.read(folder)), nn.Module)


def test_nothing_is_left_on_the_import_path_and_no_bytecode_is_written(folder: Path) -> None:
    before = list(sys.path)
    build(ModelSources.read(folder))
    assert sys.path == before
    assert sorted(path.name for path in folder.iterdir()) == ["_layers.py", "scaled.py"]


def test_tracebacks_show_the_lines_that_ran(folder: Path) -> None:
    sources = ModelSources.read(folder)
    edit(
        folder, "        if values.ndim != 3:", "        # an edit that moves the lines\n\n        if values.ndim != 3:"
    )
    linecache.getlines(str(folder / "scaled.py"))
    model = build(sources)
    with pytest.raises(RuntimeError) as caught:
        model(torch.ones(2))
    line = SCALED.splitlines().index('            raise RuntimeError("not a batch of windows")') + 1
    shown = "".join(traceback.format_exception(caught.value))
    assert f'File "{folder / "scaled.py"}", line {line}, in forward' in shown
    assert '    raise RuntimeError("not a batch of windows")\n' in shown


# What can't be built.


@pytest.mark.parametrize("name", ["../kinds/scaled", "os", "_layers", "", "scaled.Model"])
def test_nothing_but_a_model_of_the_folder_can_be_named(folder: Path, name: str) -> None:
    with pytest.raises(ModelError, match="no model is named"):
        build(ModelSources.read(folder), name)


def test_a_broken_file_is_a_model_error(folder: Path) -> None:
    edit(folder, "def forward", "def backward")
    with pytest.raises(ModelError, match=r"scaled\.py:6: class Model has no forward"):
        build(ModelSources.read(folder))


def test_a_class_that_is_no_module_is_a_model_error(folder: Path) -> None:
    edit(folder, "class Model(nn.Module)", "class Model")
    edit(folder, "nn.Parameter(start(width))", "width")
    with pytest.raises(ModelError, match=r"scaled\.py: Model is no nn\.Module; write `class Model\(nn\.Module\)`"):
        build(ModelSources.read(folder))


def test_an_import_that_fails_comes_through_and_fails_again(folder: Path) -> None:
    edit(folder, "import torch\nfrom torch", "import no_such_library\nimport torch\nfrom torch")
    sources = ModelSources.read(folder)
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match="no_such_library"):
            build(sources)
