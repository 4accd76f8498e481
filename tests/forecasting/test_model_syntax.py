from __future__ import annotations

from pathlib import Path

import pytest

from tests.forecasting.model_folders import SOUND, problems_of, write_models, write_sound_models

MODEL_LINE = SOUND.splitlines().index("class Model(nn.Module):") + 1
INIT_LINE = MODEL_LINE + 9
WIDTH_LINE = INIT_LINE + 3
ALIGN_LINE = MODEL_LINE + 6
RULES_LINE = ALIGN_LINE + 1
KEYWORDS = "is no keyword-only argument; write it after `*,`, by itself"
FITS = "write what a sweep file can hold: a whole number below 2**31, or text that can be seen"
RULES = "use numbers, texts, arguments, arithmetic, comparisons, and, or, not"
TYPES = "annotate it bool, int, float, str or Literal[...]"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Relative, as people name it, so that the messages are the same everywhere."""
    monkeypatch.chdir(tmp_path)
    return write_sound_models(Path("kinds"))


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("class Model(", "class Other(", "1: no class Model; write one `class Model(nn.Module)`"),
        (
            "def forward(",
            "def backward(",
            f"{MODEL_LINE}: class Model has no forward; write `def forward(self, values)`: (B, T, C) to (B, T, C)",
        ),
        (
            "def __init__(",
            "def setup(",
            f"{MODEL_LINE}: class Model has no __init__; write one with keyword-only arguments",
        ),
        (
            "num_channels: int = 1",
            "more: int = 1",
            f"{INIT_LINE}: __init__ has no num_channels; add `num_channels: int = 1`",
        ),
        ("width: int = 8", "width: int", f"{WIDTH_LINE}: width: has no default; give it one"),
        ("width: int = 8", "width = 8", f"{WIDTH_LINE}: width: has no annotation; {TYPES}"),
        ("width: int = 8", "width: list[int] = 8", f"{WIDTH_LINE}: width: its type is list[int]; {TYPES}"),
        ("width: int = 8", "width: int | None = 8", f"{WIDTH_LINE}: width: its type is int | None; {TYPES}"),
        ("width: int = 8", "width: Width = 8", f"{WIDTH_LINE}: width: its type is Width; {TYPES}"),
        ("width: int = 8", "width: 'a b' = 8", f"{WIDTH_LINE}: width: its type is 'a b'; {TYPES}"),
        (
            "width: int = 8",
            "width: Literal[1, 'a'] = 1",
            f"{WIDTH_LINE}: width: its type is Literal[(1, 'a')]; {TYPES}",
        ),
        ("width: int = 8", "width: int = 8.0", f"{WIDTH_LINE}: width: its default is 8.0; write a literal int"),
        ("width: int = 8", "width: int = True", f"{WIDTH_LINE}: width: its default is True; write a literal int"),
        (
            "width: int = 8",
            "width: int = len('x')",
            f"{WIDTH_LINE}: width: its default is len('x'); write a literal int",
        ),
        ("width: int = 8", "width: float = 1e999", f"{WIDTH_LINE}: width: its default is 1e309; write a literal float"),
        (
            "width: int = 8",
            f"width: int = 0x{'f' * 5_000}",
            f"{WIDTH_LINE}: width: its default is a very long number; {FITS}",
        ),
        ("width: int = 8", "width: int = 2147483648", f"{WIDTH_LINE}: width: its default is 2147483648; {FITS}"),
        (
            'title: str = "plain"',
            'title: str = "\\x1b[2J"',
            f"{WIDTH_LINE + 4}: title: its default is '\\x1b[2J'; {FITS}",
        ),
        (
            'title: str = "plain"',
            'title: Literal["a", "\\x1b[2J"] = "a"',
            f"{WIDTH_LINE + 4}: title: its type is Literal[('a', '\\x1b[2J')]; {TYPES}",
        ),
        (
            '"width >= 1"',
            "\"title != '\\x1b[2J'\"",
            f"{RULES_LINE}: requirements: `\"title != '\\x1b[2J'\"` has a character that can't be seen; {RULES}",
        ),
        ("width: int = 8", "width: Literal[1, 2] = 3", f"{WIDTH_LINE}: width: its default is 3; choices: 1, 2"),
        ("        *,\n        width", "        width", f"{INIT_LINE + 2}: width: {KEYWORDS}"),
        ("num_channels: int = 1,", "num_channels: int = 1, **rest", f"{WIDTH_LINE + 7}: rest: {KEYWORDS}"),
        (
            "is_align_target: ClassVar[bool] = True",
            "other = 1",
            f"{MODEL_LINE}: is_align_target: is missing; write `is_align_target: ClassVar[bool] = True` or False: "
            "is the loss taken over all steps?",
        ),
        (
            "is_align_target: ClassVar[bool] = True",
            "is_align_target = 1",
            f"{ALIGN_LINE}: is_align_target: is 1; write `is_align_target: ClassVar[bool] = True` or False: "
            "is the loss taken over all steps?",
        ),
        (
            '("width % heads == 0", "width >= 1")',
            "rules()",
            f'{RULES_LINE}: requirements: is rules(); write a tuple of texts: ("d_model >= 1",)',
        ),
        (
            '("width % heads == 0", "width >= 1")',
            '("width >= 1")',
            f"{RULES_LINE}: requirements: is 'width >= 1'; write a tuple of texts: (\"d_model >= 1\",)",
        ),
        ("import Mode, double", "import *", "3: a star-import; import names one by one"),
        ("from torch import nn", "from torch import *", "2: a star-import; import names one by one"),
        (
            "._layers import",
            "._layer import",
            "3: imports ._layer, which is not there; modules here: _layers, _numbers, sound",
        ),
        (
            "from ._layers import Mode",
            "from . import Mode",
            "3: imports .Mode, which is not there; modules here: _layers, _numbers, sound",
        ),
        ("._layers import", ".._layers import", "3: an import from outside the folder; copy the code into the folder"),
        ("._layers import", "kinds._layers import", "3: imports kinds._layers; write `from ._layers import ...`"),
        (
            "from torch import nn",
            "import kinds._layers as nn",
            "2: imports kinds._layers; write `from ._layers import ...`",
        ),
        ("from torch import nn", "import torch..nn", "2: syntax error: invalid syntax; mend it"),
        (
            "width: int = 8",
            "heads: int = 8",
            f"{WIDTH_LINE + 1}: syntax error: duplicate argument 'heads' in function definition; mend it",
        ),
    ],
)
def test_names_the_line_and_what_is_wrong(folder: Path, before: str, after: str, problem: str) -> None:
    assert before in SOUND
    write_models(folder, sound=SOUND.replace(before, after, 1))
    found = problems_of(folder, "sound")
    assert f"kinds/sound.py:{problem}" in found


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ("width >=", "is no Python expression"),
        ("wdth >= 1", "names 'wdth', which is no argument that can be swept"),
        ("num_channels >= 1", "names 'num_channels', which is no argument that can be swept"),
        ("exit()", "uses Call"),
        ("width ** 9", "uses Pow"),
        ("width.real", "uses Attribute"),
        ("width != None", "uses Constant"),
    ],
)
def test_names_the_rule_that_is_no_rule(folder: Path, rule: str, fault: str) -> None:
    write_models(folder, sound=SOUND.replace("width >= 1", rule))
    valid = "use numbers, texts, arguments, arithmetic, comparisons, and, or, not"
    assert problems_of(folder, "sound") == [f"kinds/sound.py:{RULES_LINE}: requirements: `{rule}` {fault}; {valid}"]


@pytest.mark.parametrize("alias", ["Loop = Loop", "Loop = Ring\nRing = Loop", "from ._ring import Loop"])
def test_a_type_that_stands_for_itself(folder: Path, alias: str) -> None:
    write_models(folder, sound=f"{alias}\n{SOUND.replace('width: int', 'width: Loop')}")
    write_models(folder, _ring="from .sound import Loop\n")
    line = WIDTH_LINE + 1 + alias.count("\n")
    [problem] = problems_of(folder, "sound")
    assert problem.startswith(f"kinds/sound.py:{line}: width: its type is ")


def test_says_all_that_is_wrong_at_once(folder: Path) -> None:
    write_models(folder, sound=SOUND.replace("width: int = 8", "width: int").replace("def forward", "def backward"))
    assert len(problems_of(folder, "sound")) == 2


def test_two_classes_model_are_one_too_many(folder: Path) -> None:
    write_models(folder, sound=f"{SOUND}\n\nclass Model:\n    pass\n")
    last = len(SOUND.splitlines()) + 3
    assert problems_of(folder, "sound") == [
        f"kinds/sound.py:{last}: a second class Model; write one `class Model(nn.Module)`"
    ]


def test_a_broken_sibling_is_named_by_its_own_line(folder: Path) -> None:
    write_models(folder, _numbers="TWO = 2\nTHREE = = 3\n")
    assert problems_of(folder, "sound") == ["kinds/_numbers.py:2: syntax error: invalid syntax; mend it"]


@pytest.mark.parametrize("code", ["X = " + "-" * 5_000 + "1", "X = " + "+".join(["1"] * 50_000), "X = " + "(" * 500])
def test_code_that_is_nested_too_deeply(folder: Path, code: str) -> None:
    write_models(folder, sound=f"{code}\n{SOUND}")
    assert problems_of(folder, "sound")[0].startswith("kinds/sound.py")
