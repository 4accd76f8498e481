"""The command that runs on a cluster, word by word; that it runs there is tested on machines, in `tests/cluster`."""

from __future__ import annotations

import dataclasses
import shlex
import subprocess
from pathlib import Path

import pytest

from raysweep.clusters.cluster_file import ClusterFile
from raysweep.clusters.head import Head
from raysweep.clusters.parcel import Parcel
from raysweep.clusters.submission import Submission
from raysweep.errors import InputError
from raysweep.remote import bring_home

CLUSTER = ClusterFile(
    file=Path("cluster.yaml"),
    provider="local",
    user="lab",
    key=Path("/home/lab/a key"),
    proxy_command=None,
    head="192.0.2.1",
    workers=(),
    num_nodes=1,
)
HEAD = Head(cluster=CLUSTER, address="192.0.2.1")


def make(tmp_path: Path, *overrides: str, folders: int = 1) -> Submission:
    data = tuple(tmp_path / f"data {number}" for number in range(folders))
    parcel = Parcel(sweep_file=tmp_path / "my sweep.yaml", models_dir=tmp_path, data_dirs=data)
    return Submission(head=HEAD, name="my_sweep", parcel=parcel, overrides=overrides)


def words_in_a_shell(script: str, **variables: str) -> list[str]:
    done = subprocess.run(
        ["bash", "-c", f"printf '%s\\n' {script}"],
        env={"HOME": "/home/lab", **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_the_command_survives_the_shell(tmp_path: Path) -> None:
    override = "model.note='a $HOME; rm -rf \"x\"'"
    words = words_in_a_shell(make(tmp_path, override).script)
    assert words[:6] == ["python", "-m", "raysweep", "run", "sweeps/my sweep.yaml", override]
    assert words[6:] == ["--results-dir", "/home/lab/raysweep/results", "--tracking-uri", "http://127.0.0.1:5000"]


def test_the_cluster_says_where_results_go(tmp_path: Path) -> None:
    words = words_in_a_shell(make(tmp_path).script, RAYSWEEP_RESULTS_DIR="/shared/all results")
    assert words[words.index("--results-dir") + 1] == "/shared/all results"


def test_an_mlflow_that_is_named_is_told(tmp_path: Path) -> None:
    named = dataclasses.replace(make(tmp_path), tracking_uri="https://mlflow.lab/?a=b&c")
    assert words_in_a_shell(named.script)[-1] == "https://mlflow.lab/?a=b&c"
    assert words_in_a_shell(make(tmp_path).script, MLFLOW_TRACKING_URI="http://other")[-1] == "http://other"


@pytest.mark.parametrize("name", ["../other", "a/b", "", "a b", "."])
def test_no_name_leaves_the_folder_of_results(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the name of a sweep"):
        bring_home(name, tmp_path, tmp_path / "cluster.yaml")


def test_series_of_a_folder_of_ones_own_come_first(tmp_path: Path) -> None:
    words = words_in_a_shell(make(tmp_path, folders=2).script)
    assert words[words.index("--data-dir") + 1] == "data_1"
    assert "--data-dir" not in words_in_a_shell(make(tmp_path).script)


def test_equal_commands_are_one_job(tmp_path: Path) -> None:
    assert make(tmp_path, "seeds=0").key == make(tmp_path, "seeds=0").key
    assert make(tmp_path, "seeds=0").key != make(tmp_path, "seeds=1").key


def test_ssh_gets_the_script_as_one_word() -> None:
    """What arrives at the other end is a command for the login shell, which hands bash the script whole."""
    script = "echo \"it's\" '$HOME' && false"
    arrived = HEAD.command(script)[-1]
    assert shlex.split(arrived.removesuffix(" 2>/dev/null"))[-1] == f"source ~/.bashrc; ( {script}\n) 2>&1"


@pytest.mark.parametrize(
    ("script", "code", "said"), [("echo good; echo bad >&2", 0, "good\nbad\n"), ("echo bad >&2; exit 7", 7, "bad\n")]
)
def test_both_outputs_and_the_exit_code_come_back(script: str, code: int, said: str) -> None:
    """Without ssh: the part that the head's shell runs."""
    done = subprocess.run(["bash", "-c", HEAD.command(script)[-1]], capture_output=True, text=True)
    assert (done.returncode, done.stdout[-len(said) :]) == (code, said)
