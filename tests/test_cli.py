"""What people type, and what they are told when they mistype it."""

from __future__ import annotations

import shutil
import socket
import subprocess

import pytest
import typer

from raysweep.cli import _errors
from raysweep.ledger.writer import LedgerWriter
from tests.analysis.ledgers import FakeTrial, write_ledger
from tests.conftest import PROJECT, Project
from tests.spec.corpus.encodings import ENCODINGS
from tests.spec.corpus.names import NAMES
from tests.spec.corpus.paths import PATHS
from tests.spec.corpus.searches import SEARCHES
from tests.spec.corpus.seeds import SEEDS
from tests.spec.corpus.sizes import SIZES
from tests.spec.corpus.spaces import SPACES
from tests.spec.corpus.syntax import SYNTAX
from tests.spec.corpus.tags import TAGS
from tests.spec.corpus.types import TYPES


def test_a_mistyped_command_is_told_apart_from_a_missing_file(fresh_project: Project) -> None:
    done = fresh_project.run("statsu", expect=2)
    assert done.stderr == "raysweep: 'statsu' is neither a command nor a sweep file; did you mean status?\n"
    done = fresh_project.run("nowhere.yaml", expect=2)
    assert done.stderr.startswith("nowhere.yaml: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["status", "compare", "report", "export", "sync"])
def test_there_must_be_a_sweep_first(fresh_project: Project, command: str) -> None:
    assert "no sweep has been run here" in fresh_project.run(command, expect=2).stderr
    assert "no sweep 'x'" in fresh_project.run(command, "x", expect=2).stderr
    assert not (fresh_project.root / "results").exists()
    assert not (fresh_project.root / "mlflow.db").exists()


def test_a_name_cannot_leave_the_results(fresh_project: Project) -> None:
    (fresh_project.root / "results").mkdir()
    for name in ("../data", ".", ".."):
        assert "no sweep" in fresh_project.run("status", name, expect=2).stderr


def test_listings(fresh_project: Project) -> None:
    models = fresh_project.run("models").stdout
    assert "n_heads=8" in models
    series = fresh_project.run("data", "list").stdout
    assert "wave" in series
    assert "300" in series
    (fresh_project.root / "models" / "broken.py").write_text("class Model(")
    models = fresh_project.run("models").stdout
    assert "can't be used" in models
    assert "n_heads=8" in models, "a broken file hides no other"


def test_data_check(fresh_project: Project) -> None:
    assert "good: 300 points" in fresh_project.run("data", "check", "data/wave.csv").stdout
    bad = fresh_project.root / "bad.csv"
    bad.write_text("time,value\n0,1\n1,nan\n2,x\n")
    done = fresh_project.run("data", "check", bad, expect=2)
    assert "line 3" in done.stderr
    assert "line 4" in done.stderr
    assert "Traceback" not in done.stderr


def test_stand_ins_are_named_as_such(fresh_project: Project) -> None:
    shutil.copytree(PROJECT / "data", fresh_project.root / "data", dirs_exist_ok=True)
    assert "stand-in" in fresh_project.run("data", "list").stdout


def test_verbose_shows_where_an_error_came_from(fresh_project: Project) -> None:
    assert "Traceback" in fresh_project.run("plan", "nowhere.yaml", "-v", expect=2).stderr


def test_a_mistake_of_ours_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended, _errors(is_verbose=False):
        raise KeyError("first\nsecond") from None
    assert ended.value.exit_code == 3
    with pytest.raises(typer.Exit), _errors(is_verbose=False):
        raise RuntimeError("the node said:\nFile worker.py, line 1")
    told = capsys.readouterr().err.splitlines()
    assert told == [
        "raysweep: KeyError: 'first\\nsecond'; a mistake of raysweep's own: -v shows where",
        "raysweep: RuntimeError: the node said:; a mistake of raysweep's own: -v shows where",
    ]


# A model, and what marks that it was run: no command but a sweep may run it.
MARKING_MODEL = """\
\"\"\"Marks that it was run.\"\"\"

from pathlib import Path

from torch import nn

Path({mark!r}).touch()


class Model(nn.Module):
    \"\"\"Marks that it was run.\"\"\"

    is_align_target = True
    requirements = {rules!r}

    def __init__(self, *, size: int = 1, num_channels: int = 1) -> None:
        super().__init__()

    def forward(self, values):
        return values
"""


def write_model(fresh_project: Project, name: str, *rules: str) -> None:
    text = MARKING_MODEL.format(mark=str(fresh_project.root / "owned"), rules=rules)
    (fresh_project.root / "models" / f"{name}.py").write_text(text)


def test_looking_at_a_model_does_not_run_it(fresh_project: Project) -> None:
    write_model(fresh_project, "marking")
    write_model(fresh_project, "ruling", "size >= __import__('os').system('touch owned')")
    (fresh_project.root / "models" / "__init__.py").write_text(f"open({str(fresh_project.root / 'owned')!r}, 'w')\n")
    sweep = fresh_project.write_sweep(
        "looking", param_space={"model": "marking", "dataset": "wave", "train.time_steps": 8}
    )
    assert "1 new" in fresh_project.run("plan", sweep).stdout
    assert "marking" in fresh_project.run("models").stdout
    fresh_project.run("plan", sweep, "model=marking,ruling", "model.size=x", expect=2)
    fresh_project.run("--help")
    assert not list(fresh_project.root.rglob("owned"))


def test_tags_run_nothing(fresh_project: Project) -> None:
    tag = "!!python/object/apply:os.system ['touch owned']"
    (fresh_project.root / "a.yaml").write_text(f"name: {tag}\nparam_space: {{model: att, dataset: wave}}\n")
    done = fresh_project.run("plan", "a.yaml", expect=2)
    assert "a.yaml:1: name: the tag !!python/object/apply:os.system; no tags: " in done.stderr
    datasets = fresh_project.root / "data" / "datasets.yaml"
    datasets.write_text(datasets.read_text().replace("unit: ppm", f"unit: {tag}"))
    done = fresh_project.run("data", "list", expect=2)
    assert "unit: the tag !!python/object/apply:os.system; no tags: " in done.stderr
    assert not list(fresh_project.root.rglob("owned"))


BAD_SWEEPS = {
    "syntax": SYNTAX,
    "types": TYPES,
    "names": NAMES,
    "spaces": SPACES,
    "searches": SEARCHES,
    "seeds": SEEDS,
    "paths": PATHS,
    "tags": TAGS,
    "encodings": ENCODINGS,
    "sizes": SIZES,
}


def assert_told_in_plain_words(done: subprocess.CompletedProcess[str]) -> None:
    """Whatever was in the file, the screen got printable lines, each `place: what; rule`, and no traceback."""
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    *lines, last = done.stderr.splitlines()
    problems = lines if last.endswith(" problems; nothing was started.") else [*lines, last]
    assert problems
    for line in problems:
        assert line.isprintable()
        assert "; " in line
        assert "mistake of raysweep's own" not in line


@pytest.mark.parametrize("family", BAD_SWEEPS)
def test_a_bad_sweep_file_is_one_report(fresh_project: Project, family: str) -> None:
    content = BAD_SWEEPS[family][0].content
    (fresh_project.root / "x.yaml").write_bytes(content.encode() if isinstance(content, str) else content)
    before = sorted(fresh_project.root.rglob("*"))
    assert_told_in_plain_words(fresh_project.run("x.yaml", expect=2))
    assert sorted(fresh_project.root.rglob("*")) == before, "nothing was created"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.csv", b""),
        ("gzip.csv", b"\x1f\x8b\x08\x00"),
        ("terminal.csv", b"time,\x1b[31mred\n0,\x1b[2J\n1,2\n2,3\n"),
        ("header.csv", b"time,\x1b[31mred\n0,1\n1,2\n2,4\n"),
        ("latin.csv", "time,µg\n0,1\n".encode("latin-1")),
        ("cut.parquet", b"PAR1" + bytes(100)),
        ("name.txt", b"time,value\n0,1\n"),
    ],
)
def test_a_bad_series_file_is_one_report(fresh_project: Project, name: str, content: bytes) -> None:
    (fresh_project.root / name).write_bytes(content)
    assert_told_in_plain_words(fresh_project.run("data", "check", name, expect=2))


def test_nothing_that_is_listed_can_drive_the_terminal(fresh_project: Project) -> None:
    write_model(fresh_project, "marking")
    model = fresh_project.root / "models" / "marking.py"
    model.write_text(model.read_text().replace("Marks that it was run", "Marks \\x1b[2J that \\x9b31m it was run"))
    write_model(fresh_project, "ruling", "size >= 1 or '\x1b[2J' == ''")
    (fresh_project.root / "models" / "linked.py").symlink_to(fresh_project.root / "\x1b[2J.py")
    (fresh_project.root / "models" / "warning.py").write_text("assert (1, 2)  # \x1b[2J\n")
    (fresh_project.root / "data" / "wave.csv").write_text("hours,level\n0,\x1b[2J\n1,2\n2,3\n")
    for arguments in (["models"], ["data", "list"]):
        done = fresh_project.run(*arguments)
        assert all(line.isprintable() for line in (done.stdout + done.stderr).splitlines())
    sweep = fresh_project.root / "\x1b[2J.yaml"
    sweep.write_text('"\\e[2J": "\\e[2J"\nname: "\\x9b2J"\nparam_space: {model: linked, dataset: wave}\n')
    assert_told_in_plain_words(fresh_project.run(sweep.name, "train.\x1b[2J=3", expect=2))


def test_a_report_needs_neither_series_nor_models(fresh_project: Project) -> None:
    write_ledger(fresh_project.paths("first"), [FakeTrial()])
    write_ledger(fresh_project.paths("second"), [FakeTrial(model="lstm")])
    for folder in ("data", "models"):
        shutil.rmtree(fresh_project.root / folder)
    done = fresh_project.run("report", "first")
    assert done.stdout.splitlines()[0] == "first: reading tables"
    assert done.stdout.splitlines()[-3:] == [
        "report       results/first/report.html",
        "pictures     results/first/figures/",
        "MLflow       raysweep sync first takes the pictures to the runs",
    ]
    assert not (fresh_project.root / "results" / "second" / "report.html").exists()
    assert "report       both/report.html" in fresh_project.run("report", "--output", "both").stdout
    page = (fresh_project.root / "both" / "report.html").read_text()
    assert "<title>first, second</title>" in page
    assert not (fresh_project.root / "mlflow.db").exists()


def test_a_report_that_cannot_be_written_is_one_line(fresh_project: Project) -> None:
    paths = write_ledger(fresh_project.paths("first"), [FakeTrial()])
    paths.report.mkdir()
    done = fresh_project.run("report", expect=2)
    assert done.stderr.count("\n") == 1
    assert "report.html" in done.stderr


def test_a_report_asks_no_server_that_a_ledger_names(fresh_project: Project) -> None:
    """Credentials would go along, and a stranger's ledger names what it likes."""
    paths = write_ledger(fresh_project.paths("theirs"), [FakeTrial()])
    with socket.create_server(("127.0.0.1", 0)) as server:
        location = f"s3://x/y?endpoint_override=http://127.0.0.1:{server.getsockname()[1]}"
        with LedgerWriter(paths.ledger) as ledger:
            ledger.set_storage_path(location)
        told = fresh_project.run("report", "theirs").stdout
        server.settimeout(0.0)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert "theirs: pictures of forecasts are left out: its ledger alone says that they lie at s3://x/y?" in told
