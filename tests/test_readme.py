"""The README must stay true: its links, its sweep file, its model, its tree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT, Project

README = (PROJECT / "README.md").read_text()
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "data/README.md",
    *(f"docs/{file.name}" for file in (PROJECT / "docs").glob("*.md")),
]


def _block(language: str) -> str:
    (block,) = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return block


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    file = PROJECT / page
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", file.read_text()) if "://" not in link]
    broken = [link for link in links if not (file.parent / link.split("#")[0]).exists()]
    assert broken == []


def test_the_sweep_file_has_twelve_lines_and_loads(project: Project) -> None:
    text = _block("yaml")
    assert len(text.splitlines()) == 12
    (project.root / "windows.yaml").write_text(text)
    done = project.run("plan", "windows.yaml", "--data-dir", PROJECT / "data")
    assert "windows: 30 trials (15 configs, 2 seeds each): 30 new" in done.stdout


def test_the_model_is_one_file_and_no_other_edit(project: Project) -> None:
    (project.root / "models" / "drift.py").write_text(_block("python"))
    assert "start=0.0" in project.run("models").stdout
    space = {"model": "drift", "dataset": "wave", "train.time_steps": 8, "model.start": {"grid_search": [0.0, 0.1]}}
    sweep = project.write_sweep("drifting", param_space=space)
    assert "2 trials: 2 new" in project.run("plan", sweep).stdout


def test_the_tree_names_every_file() -> None:
    tree = README[README.index("## The tree") : README.index("## Non-goals")]
    listed = subprocess.run(
        [
            "git",
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "raysweep",
            "models",
            "sweeps",
            "docs",
            "benchmarks",
        ],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    files = [Path(line) for line in listed.stdout.splitlines()]
    names = {
        file.name for file in files if file.name != "__init__.py" and len(file.parts) <= 3 and file.parts[0] != "docs"
    }
    missing = {name for name in names if not re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", tree)}
    assert missing == set()
    gone = {
        name
        for name in re.findall(r"[\w.]+\.(?:py|yaml|md)\b", tree)
        if not any(PROJECT.glob(name)) and not any(PROJECT.glob(f"*/{name}")) and not any(PROJECT.glob(f"*/*/{name}"))
    }
    assert gone == set()


def test_the_commands_are_those_that_are_there(project: Project) -> None:
    shown = project.run("--help").stdout
    for command in ("run", "plan", "status", "export", "compare", "report", "sync", "doctor", "models", "data"):
        assert re.search(rf"^  {command} ", shown, re.MULTILINE), command


@pytest.mark.parametrize("name", ["replication", "seed_sweeps"])
def test_pages_are_what_their_scripts_make_of_the_tables(name: str, tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "docs", tmp_path / "docs")
    page = tmp_path / "docs" / f"{name}.md"
    page.unlink()
    subprocess.run(
        [sys.executable, f"docs/{name}/make_page.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        check=True,
        capture_output=True,
        timeout=120,
    )
    assert page.read_text() == (PROJECT / "docs" / f"{name}.md").read_text()
