from __future__ import annotations

from pathlib import Path

import pytest

from raysweep.errors import ModelError
from raysweep.forecasting.model_source import ModelSources
from tests.forecasting.model_folders import SOUND, write_models, write_sound_models


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Relative, as people name it, so that the messages are the same everywhere."""
    monkeypatch.chdir(tmp_path)
    return write_sound_models(Path("kinds"))


def rules_for(folder: Path, *rules: str) -> ModelSources:
    write_models(folder, sound=SOUND.replace('("width % heads == 0", "width >= 1")', repr(rules)))
    return ModelSources.read(folder)


def test_names_the_rule_and_the_values(folder: Path) -> None:
    sources = ModelSources.read(folder)
    assert sources.unmet_requirements("sound", {"width": 60, "heads": 8}) == [
        "`width % heads == 0` must hold, but width is 60 and heads is 8"
    ]
    assert sources.unmet_requirements("sound", {"width": 64, "heads": 8}) == []


def test_arguments_not_given_have_their_defaults(folder: Path) -> None:
    assert ModelSources.read(folder).unmet_requirements("sound", {"width": 3}) == [
        "`width % heads == 0` must hold, but width is 3 and heads is 2"
    ]


@pytest.mark.parametrize(
    ("rule", "is_met"),
    [
        ("width == 8", True),
        ("width != 8", False),
        ("1 <= width <= 8", True),
        ("1 <= width < 8", False),
        ("9 > width >= 9", False),
        ("width - 2 * heads == +4", True),
        ("width / heads == 4.0", True),
        ("width // 3 == 2", True),
        ("-width + heads == -6", True),
        ("not is_on", True),
        ("is_on or heads == 2", True),
        ("is_on and heads == 2", False),
        ("mode != 'fast' or width % 2 == 0", True),
        ("mode == 'fast' and width % 3 == 0", False),
        ("dropout", False),
        ("True", True),
        ("title >= 1", False),
        ("title * 3 == 'plainplainplain'", False),
        ("width / 0 == 1", False),
        ("heads == 2 or width / 0 == 1", True),
    ],
)
def test_evaluates_rules(folder: Path, rule: str, is_met: bool) -> None:
    assert (rules_for(folder, rule).unmet_requirements("sound", {}) == []) is is_met


def test_a_rule_over_three_arguments(folder: Path) -> None:
    assert rules_for(folder, "mode == 'slow' or heads > width").unmet_requirements("sound", {}) == [
        "`mode == 'slow' or heads > width` must hold, but mode is 'fast', heads is 2 and width is 8"
    ]


def test_a_very_long_rule_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match="has more than 500 characters"):
        rules_for(folder, "+".join(["width"] * 1000)).info("sound")
