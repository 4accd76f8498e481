"""What can't be compared isn't ranked together, and whoever asks for it reads why: in the terminal and on the page."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from raysweep.analysis.compare import compare
from raysweep.analysis.report.material import Material
from raysweep.analysis.report.page import Page
from raysweep.analysis.report.render import to_html
from raysweep.analysis.report.sections import leaderboard_section
from raysweep.analysis.tables import load_tables
from raysweep.paths import SweepPaths
from raysweep.screen import print_leaderboards
from tests.analysis.ledgers import FakeTrial, sweep_paths, write_ledger

APART = "Kept apart from the table before, because its"


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"protocol": "replication"}, "All numbers here are in-sample: they are for comparison"),
        ({"data": "data-2"}, f"{APART} series holds other data: digest data-2, not data-1."),
        ({"num_targets": 99, "metric": "points"}, f"{APART} scores are over 99 points, not 150."),
        ({"data": "d2", "source": "stand-in"}, f"{APART} series is of another source: stand-in, not original."),
        ({"origin": 0.6}, "Each value of split.origin scores other points and has a table of its own."),
        ({"metric": "2"}, f"{APART} scores are over other points, or by another version of the metric."),
    ],
    ids=["protocols", "data digests", "test points", "stand-in and original", "folds", "versions of the metric"],
)
def test_wrong_use_is_set_apart_with_its_reason(tmp_path: Path, other: dict[str, Any], reason: str) -> None:
    usual = [FakeTrial(val=50.0), FakeTrial(model="lstm", val=60.0)]
    sweeps = [
        write_ledger(sweep_paths(tmp_path, "usual"), usual),
        write_ledger(sweep_paths(tmp_path, "other"), [FakeTrial(model="vq", val=1.0, **other)]),
    ]
    boards = compare(sweeps)
    models = [{row.cells[1] for row in board.rows} & {"att", "lstm", "vq"} for board in boards]
    assert {"att", "lstm"} in models
    assert {"vq"} in models
    assert all(found in ({"att", "lstm"}, {"vq"}) for found in models)

    console = Console(width=160)
    with console.capture() as printed:
        print_leaderboards(console, boards, 20)
    for text in (printed.get(), _page(*sweeps)):
        assert reason in " ".join(text.split())
    assert reason not in _page(sweeps[0]), "it is said where there is reason to"


def _page(*sweeps: SweepPaths) -> str:
    """The leaderboards of `report.html` as text; its pictures would take long."""
    section = leaderboard_section(Material(sweeps=sweeps, tables=load_tables(sweeps)))
    page = to_html(Page(title="test", subtitle="", answers=(), sections=(section,)))
    return " ".join(html.unescape(page).split())
