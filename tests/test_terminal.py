"""A stranger's files can't drive the terminal, whatever way their words take to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.panel import Panel
from rich.text import Text

from raysweep.terminal import SafeConsole, printable
from tests.conftest import Project

ESCAPE = "\x1b[2J"


def test_printable_keeps_lines_and_letters() -> None:
    assert printable("µg/m³\nnext") == "µg/m³\nnext"
    assert printable("a\x1b[31mb\tc\x9b\u202e") == "a\\x1b[31mb\\tc\\x9b\\u202e"


@pytest.mark.parametrize("wrap", [str, Text, lambda text: Panel(Text(text))])
def test_every_way_through_the_console(wrap: object, capsys: pytest.CaptureFixture[str]) -> None:
    console = SafeConsole(force_terminal=True, width=80, color_system="standard", highlight=False)
    console.print(wrap(f"be{ESCAPE}ware"), style="bold")  # type: ignore[operator]
    out = capsys.readouterr().out
    assert ESCAPE not in out
    assert "be\\x1b[2Jware" in out
    assert "\x1b[1m" in out, "its own colours stay"


def test_names_of_folders_and_files(project: Project) -> None:
    with_escape = project.root / "results" / f"x{ESCAPE}"
    with_escape.mkdir(parents=True)
    (with_escape / "ledger.sqlite").write_text("nothing of the kind")
    series = project.root / f"s{ESCAPE}.csv"
    series.write_text((project.root / "data" / "wave.csv").read_text())
    commands: list[tuple[list[str | Path], int]] = [
        (["status"], 2),
        (["status", f"y{ESCAPE}"], 2),
        (["data", "check", series], 0),
        (["plan", f"z{ESCAPE}.yaml"], 2),
        ([f"stat{ESCAPE}"], 2),
    ]
    for arguments, code in commands:
        done = project.run(*arguments, expect=code)
        assert "\x1b" not in done.stdout + done.stderr
        assert "x1b[2J" in done.stdout + done.stderr
