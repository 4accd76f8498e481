"""LaTeX: what is written compiles, and shows what the tables say."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from raysweep.analysis.compare import write_leaderboard
from raysweep.analysis.latex import escape, to_latex
from raysweep.analysis.result_table import Column, ResultTable, TableRow
from raysweep.paths import SweepPaths
from tests.analysis.ledgers import FakeTrial, write_ledger
from tests.analysis.made_sweeps import grid, leaderboards, make_tables
from tests.required import skip_unless_required

ODD = "a_b & c% $x$ #1 {y} ~ ^ \\ <|> \"q\" 'r' `s` -- ,, <<>> µg/m³ é 模型 → 1 \n\t end"


def odd_board() -> ResultTable:
    return ResultTable(
        title=ODD,
        rule=ODD,
        columns=(Column(title=ODD, align="left"), Column(title="val MSE")),
        rows=(
            TableRow(cells=(ODD, "-0.03"), style="ranked"),
            TableRow(cells=("ridge", "-"), style="baseline"),
        ),
        notes=(ODD,),
    )


def many_rows() -> list[ResultTable]:
    configs = grid(model=["att", "vq"], train__time_steps=list(range(32, 132)))
    return leaderboards(make_tables(configs, lambda config: float(config["train.time_steps"])))


def test_every_special_character_is_escaped() -> None:
    text = escape(ODD)
    assert "\n" not in text
    plain = re.sub(r"\\[a-z]+\{[^}]*\}|\\[_&%$#{}]", "", text)
    assert not set(plain.replace("-{}", "").replace(",{}", "")) & set("\\_&%$#{}~^<>|\"'`")
    assert r"\texttt{U+6A21}" in text
    assert "µg/m³" in text


def test_rows_have_a_cell_for_each_column() -> None:
    text = to_latex([odd_board()])
    body = text[text.index(r"\midrule") : text.index(r"\bottomrule")].splitlines()[1:]
    assert [len(re.findall(r"(?<!\\)&", line)) for line in body] == [1, 1]
    assert all(line.endswith(r" \\") for line in body)
    assert body[0].endswith(r"& $-$0.03 \\")
    assert body[1] == r"\textit{ridge} & \textit{--} \\"


def has_tex() -> bool:
    """Whether there is a pdflatex, with booktabs, which a small installation lacks."""
    if shutil.which("pdflatex") is None or shutil.which("kpsewhich") is None:
        return False
    return subprocess.run(["kpsewhich", "booktabs.sty"], capture_output=True, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("boards", [[], [odd_board()], many_rows()], ids=["nothing", "odd", "many rows"])
def test_it_compiles(boards: list[ResultTable], tmp_path: Path) -> None:
    if not has_tex():
        skip_unless_required("no pdflatex with booktabs on this machine")
    (tmp_path / "leaderboard.tex").write_text(to_latex(boards, heading=ODD), encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "leaderboard.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert (tmp_path / "leaderboard.pdf").stat().st_size > 1000
    if boards != [odd_board()]:  # whose title is wider than any page
        assert "Overfull" not in done.stdout


def test_it_is_written_beside_the_page(paths: SweepPaths) -> None:
    write_ledger(paths, [FakeTrial(), FakeTrial(model="lstm", val=40.0)])
    boards = write_leaderboard(paths)
    assert paths.leaderboard_tex.read_text(encoding="utf-8") == to_latex(boards, heading="Leaderboard of tiny")
