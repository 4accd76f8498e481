from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from raysweep.errors import ModelError
from raysweep.forecasting.model_source import MAX_FILE_BYTES, ModelSources
from raysweep.paths import PROJECT_ROOT
from raysweep.spec.catalog import ArgumentInfo
from tests.forecasting.model_folders import LAYERS, SOUND, problems_of, write_models, write_sound_models


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Relative, as people name it, so that the messages are the same everywhere."""
    monkeypatch.chdir(tmp_path)
    return write_sound_models(Path("kinds"))


# What a sound file says.


def test_reads_all_that_a_model_says_about_itself(folder: Path) -> None:
    info = ModelSources.read(folder).info("sound")
    assert (info.name, info.file, info.summary) == ("sound", "kinds/sound.py", "A model.")
    assert info.is_align_target is True
    assert info.requirements == ("width % heads == 0", "width >= 1")
    assert list(info.arguments.values()) == [
        ArgumentInfo(name="width", kind=int, default=8),
        ArgumentInfo(name="heads", kind=int, default=2),
        ArgumentInfo(name="dropout", kind=float, default=0.0),
        ArgumentInfo(name="is_on", kind=bool, default=False),
        ArgumentInfo(name="title", kind=str, default="plain"),
        ArgumentInfo(name="mode", kind=str, default="fast", choices=("slow", "fast")),
        ArgumentInfo(name="size", kind=int, default=2, choices=(1, 2)),
    ]
    assert isinstance(info.arguments["dropout"].default, float)


@pytest.mark.parametrize(
    ("head", "annotation"),
    [
        ("from ._layers import Mode as Way", "Way"),
        ("from typing import Literal", "Literal['slow', 'fast']"),
        ("import typing", "typing.Literal['slow', 'fast']"),
        ("import typing", '\'typing.Literal["slow", "fast"]\''),
        ("from typing import Literal\nOwn = Literal['slow', 'fast']", "Own"),
        ("from typing import Literal, TypeAlias\nOwn: TypeAlias = Literal['slow', 'fast']", "Own"),
        ("from ._layers import Mode\nOwn = Mode", "Own"),
        ("Mode = int\nfrom ._layers import Mode", "Mode"),
    ],
)
def test_finds_the_choices_wherever_they_are_written(folder: Path, head: str, annotation: str) -> None:
    write_models(folder, sound=f"{head}\n{SOUND.replace('Mode, ', '').replace('mode: Mode', f'mode: {annotation}')}")
    assert ModelSources.read(folder).info("sound").arguments["mode"].choices == ("slow", "fast")


def test_requirements_may_be_left_out(folder: Path) -> None:
    write_models(folder, sound=SOUND.replace("requirements", "others"))
    assert ModelSources.read(folder).info("sound").requirements == ()


def test_lists_models_and_nothing_else(folder: Path) -> None:
    write_models(folder, __init__="", another=SOUND, _private=SOUND)
    (folder / "not-a-name.py").write_text(SOUND)
    (folder / "notes.txt").write_text("text")
    assert ModelSources.read(folder).model_names() == ("another", "sound")


def test_a_broken_file_does_not_hide_the_others(folder: Path) -> None:
    write_models(folder, broken="def (")
    (folder / "latin.py").write_bytes(b"# \xe9\n")
    sources = ModelSources.read(folder)
    assert sources.model_names() == ("broken", "latin", "sound")
    assert sources.info("sound").name == "sound"


def test_no_torch_is_imported() -> None:
    code = "import sys, raysweep.forecasting.model_source; print(sorted({'torch', 'ray', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


# A snapshot.


def test_an_edit_after_reading_changes_nothing(folder: Path) -> None:
    sources = ModelSources.read(folder)
    before = sources.digest
    write_models(folder, sound="broken(", later=SOUND)
    assert sources.info("sound").summary == "A model."
    assert sources.model_names() == ("sound",)
    assert sources.digest == before
    assert ModelSources.read(folder).digest != before


def test_travels_to_other_processes_without_its_caches(folder: Path) -> None:
    sources = ModelSources.read(folder)
    size = len(pickle.dumps(sources))
    info = sources.info("sound")
    assert len(pickle.dumps(sources)) == size < 3 * len(SOUND + LAYERS)
    copy = pickle.loads(pickle.dumps(sources))
    assert copy == sources
    assert copy.info("sound") == info


def test_its_text_form_does_not_hold_the_files(folder: Path) -> None:
    assert "class Model" not in repr(ModelSources.read(folder))


# The identity of the code.


def digest(folder: Path) -> str:
    return ModelSources.read(folder).info("sound").digest


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("sound", "return double(values)", "return double(values)  # twice"),
        ("sound", "return double(values)", "return (double( values ))"),
        ("sound", "A model.", "The model."),
        ("sound", "        super().__init__()", '        """Builds."""\n        super().__init__()'),
        ("sound", '"plain"', "'plain'"),
        ("_layers", "Twice.", "Two times."),
        ("_layers", "  # simple", ""),
        ("_numbers", "TWO = 2", '"""Numbers."""\n\nTWO = 0x2'),
    ],
)
def test_digest_stays_when_only_the_writing_changes(folder: Path, file: str, before: str, after: str) -> None:
    first = digest(folder)
    text = (folder / f"{file}.py").read_text()
    assert text.count(before) == 1
    write_models(folder, **{file: text.replace(before, after)})
    assert digest(folder) == first


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("sound", "return double(values)", "return double(values) + 0"),
        ("sound", "width: int = 8", "width: int = 9"),
        ("sound", "is_on: bool = False", "is_on: bool = True"),
        ("sound", '"plain"', '"fancy"'),
        ("_layers", "TWO * values", "values * TWO"),
        ("_numbers", "TWO = 2", "TWO = 2.0"),
        ("_numbers", "TWO = 2", "TWO = True"),
    ],
)
def test_digest_changes_with_the_code_of_the_file_and_of_all_it_imports(
    folder: Path, file: str, before: str, after: str
) -> None:
    first = digest(folder)
    text = (folder / f"{file}.py").read_text()
    assert text.count(before) == 1
    write_models(folder, **{file: text.replace(before, after)})
    assert digest(folder) != first


def test_digest_stays_when_a_file_that_is_not_imported_changes(folder: Path) -> None:
    first = digest(folder)
    write_models(folder, _unused="X = 1\n", another=SOUND)
    assert digest(folder) == first


def test_imports_inside_functions_and_in_circles_count(folder: Path) -> None:
    write_models(
        folder,
        _numbers="def late():\n    from . import _later\n    return _later\nTWO = 2\n",
        _later="from . import sound\n",
    )
    first = digest(folder)
    write_models(folder, _later="from . import sound\nX = 1\n")
    assert digest(folder) != first


# Folders and files that can't be read.


def test_a_file_that_is_too_large(folder: Path) -> None:
    write_models(folder, sound="#" * MAX_FILE_BYTES, large="#" * (MAX_FILE_BYTES + 1))
    assert problems_of(folder, "large") == ["kinds/large.py: is too large; a model file has at most 1,000,000 bytes"]
    assert problems_of(folder, "sound") == ["kinds/sound.py:1: no class Model; write one `class Model(nn.Module)`"]


def test_a_file_that_is_not_utf8(folder: Path) -> None:
    (folder / "sound.py").write_bytes(b"X = 1\n# caf\xe9\n")
    assert problems_of(folder, "sound") == ["kinds/sound.py:2: is not UTF-8; save it as UTF-8"]


def test_a_mark_of_the_byte_order_is_no_fault(folder: Path) -> None:
    (folder / "sound.py").write_bytes(b"\xef\xbb\xbf" + SOUND.encode())
    assert ModelSources.read(folder).info("sound").summary == "A model."


def test_a_binary_file(folder: Path) -> None:
    (folder / "sound.py").write_bytes(b"a\0b")
    assert problems_of(folder, "sound")[0].startswith("kinds/sound.py")


def test_a_link_that_leaves_the_folder(folder: Path, tmp_path: Path) -> None:
    write_models(tmp_path / "elsewhere", secret=SOUND)
    (folder / "linked.py").symlink_to(tmp_path / "elsewhere" / "secret.py")
    target = os.path.realpath(tmp_path / "elsewhere" / "secret.py")
    assert problems_of(folder, "linked") == [
        f"kinds/linked.py: is a link to {target}, outside the folder; copy the file here"
    ]


def test_a_link_can_not_drive_the_terminal(folder: Path, tmp_path: Path) -> None:
    (folder / "linked.py").symlink_to(tmp_path / "\x1b[2J.py")
    (problem,) = problems_of(folder, "linked")
    assert problem.isprintable()
    assert "\\x1b[2J.py" in problem


def test_a_docstring_can_not_drive_the_terminal(folder: Path) -> None:
    write_models(folder, sound=SOUND.replace("A model.", "A \\x1b[2J model."))
    assert ModelSources.read(folder).info("sound").summary == "'A \\x1b[2J model.'"
    write_models(folder, sound=SOUND.replace("A model.", "A" * 1_000))
    assert ModelSources.read(folder).info("sound").summary == "A" * 200


def test_what_python_warns_of_is_not_shown(folder: Path) -> None:
    write_models(folder, sound=SOUND + "\nassert (1, 2)  # \x1b[2J\nx = 1 is 1\ny = '\\d'\n")
    code = "from pathlib import Path; from raysweep.forecasting.model_source import ModelSources as S; "
    code += "print(S.read(Path('kinds')).info('sound').summary)"
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("A model.\n", "")


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("x = " + "-" * 100_000 + "1", id="signs"),
        pytest.param("x = " + "+".join(["1"] * 100_000), id="a sum"),
        pytest.param("x = a" + ".b" * 200_000, id="attributes"),
        pytest.param("x = " + "not " * 200_000 + "1", id="nots"),
        pytest.param("x = " + "(" * 100_000, id="brackets"),
        pytest.param("x = 0" + "\nif x: pass" + "\nelif x: pass" * 50_000, id="branches"),
        pytest.param("x = " + "9" * 5_000, id="digits"),
    ],
)
def test_code_made_to_break_the_parser_is_refused(folder: Path, line: str) -> None:
    write_models(folder, sound=f"{SOUND}\n{line}\n")
    (problem,) = problems_of(folder, "sound")
    assert problem.startswith("kinds/sound.py")
    assert len(problem) < 350


def test_a_link_within_the_folder_is_fine(folder: Path) -> None:
    (folder / "linked.py").symlink_to("sound.py")
    assert ModelSources.read(folder).info("linked").summary == "A model."


@pytest.mark.parametrize("target", ["nowhere.py", "dangling.py"])
def test_a_link_that_leads_nowhere(folder: Path, target: str) -> None:
    (folder / "dangling.py").symlink_to(target)
    assert problems_of(folder, "dangling") == ["kinds/dangling.py: is no regular file; a model is a text file"]


@pytest.mark.parametrize("name", ["../kinds/sound", "os", "_layers", "sound.py", "kinds.sound", "", "not-a-name"])
def test_only_models_can_be_named(folder: Path, name: str) -> None:
    assert problems_of(folder, name) == [f"kinds: no model is named {name!r}; models here: sound"]


def test_a_missing_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ModelError, match=r"^none: can't be read as a folder \(No such file or directory\); name a folder"
    ):
        ModelSources.read(Path("none"))


def test_a_file_in_place_of_the_folder(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"^kinds/sound\.py: can't be read as a folder \(Not a directory\); name"):
        ModelSources.read(folder / "sound.py")


def test_a_folder_without_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"^empty: holds no models; put NAME\.py with a class Model there"):
        ModelSources.read(write_models(Path("empty"), _layers=LAYERS))
