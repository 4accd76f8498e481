"""The command that runs on a cluster, word by word; that it runs there is tested on machines, in `tests/cluster`."""

from __future__ import annotations

import dataclasses
import shlex
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from raysweep.clusters.cluster_file import ClusterFile
from raysweep.clusters.head import Head
from raysweep.clusters.parcel import Parcel
from raysweep.clusters.submission import Submission, pull
from raysweep.errors import ClusterError, InputError, Interrupted, LockedError
from raysweep.ledger.reader import LedgerReader
from raysweep.ledger.rows import TrialEnd
from raysweep.ledger.snapshot import write_snapshot
from raysweep.ledger.writer import LedgerWriter
from raysweep.locks import FileLock
from raysweep.paths import SweepPaths
from raysweep.remote import _for_the_head, bring_home
from tests.tracking.ledgers import BEGIN, epochs, finish, register

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
    assert words[:2] == ["MLFLOW_TRACKING_URI=http://127.0.0.1:5000", "python"]
    assert words[2:7] == ["-m", "raysweep", "run", "sweeps/my sweep.yaml", override]
    assert words[7:] == ["--results-dir", "/home/lab/raysweep/results"]


def test_the_cluster_says_where_results_go(tmp_path: Path) -> None:
    words = words_in_a_shell(make(tmp_path).script, RAYSWEEP_RESULTS_DIR="/shared/all results")
    assert words[words.index("--results-dir") + 1] == "/shared/all results"


def test_an_mlflow_that_is_named_is_told_and_its_password_is_no_word_of_the_command(tmp_path: Path) -> None:
    address = "https://me:secret@mlflow.lab/?a=b&c"
    named = dataclasses.replace(make(tmp_path), tracking_uri=address)
    assert "secret" not in named.script
    file = tmp_path / "raysweep" / "sent" / "my_sweep" / "tracking_uri"
    file.parent.mkdir(parents=True)
    file.write_text(address)
    assert words_in_a_shell(named.script, HOME=str(tmp_path))[0] == f"MLFLOW_TRACKING_URI={address}"
    words = words_in_a_shell(make(tmp_path).script, MLFLOW_TRACKING_URI="http://other")
    assert words[0] == "MLFLOW_TRACKING_URI=http://other"


@pytest.mark.parametrize("address", ["http://localhost:5000", "http://127.0.0.1:5000", "https://me:secret@[::1]/x"])
def test_an_mlflow_of_this_machine_is_none_of_the_heads(address: str) -> None:
    named, (note,) = _for_the_head(address)
    assert named is None
    assert "is this machine's" in note
    assert "secret" not in note
    assert _for_the_head("sqlite:///mlflow.db") == (None, [])
    assert _for_the_head("https://mlflow.lab") == ("https://mlflow.lab", [])


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


def test_what_ray_says_of_the_job_is_not_shown(tmp_path: Path) -> None:
    class TalkingHead:
        login = "lab@192.0.2.1"

        def command(self, script: str) -> list[str]:
            lines = (
                "2026-01-02 13:46:41,965\tINFO job_manager.py:581 -- Runtime env is setting up.",
                "Running entrypoint for job raysweep-sent-7d229fab-1: python -m raysweep",
                "sent: 12 trials: 12 new",
            )
            return ["printf", "%s\n", *lines]

    shown: list[str] = []
    submission = dataclasses.replace(make(tmp_path), head=TalkingHead())  # type: ignore[arg-type]
    assert submission.follow("job", print, shown.append) == 0
    assert shown == ["sent: 12 trials: 12 new"]


def test_whoever_stops_following_need_not_wait_for_the_next_line(tmp_path: Path) -> None:
    class SilentHead:
        login = "lab@192.0.2.1"

        def command(self, script: str) -> list[str]:
            return ["sh", "-c", "echo one; exec sleep 60"]

    def show(line: str) -> None:
        raise Interrupted(line)

    head: Any = SilentHead()
    begun = time.monotonic()
    with pytest.raises(Interrupted, match="one"):
        dataclasses.replace(make(tmp_path), head=head).follow("job", print, show)
    assert time.monotonic() - begun < 30


class NearHead:
    """A head whose results are in a folder here."""

    def __init__(self, there: SweepPaths) -> None:
        self.there = there

    def run(self, script: str, *, doing: str) -> str:
        write_snapshot(self.there.ledger, self.there.root / "ledger.copy.sqlite")
        self.there.leaderboard.write_text("as it is there")
        return f"{self.there.root}\n"

    def fetch(self, source: str, patterns: Sequence[str], target: Path) -> None:
        for name in patterns:
            if (Path(source) / name).is_file():
                shutil.copy(Path(source) / name, target)


class TwoPlaces:
    """A sweep of three trials on a cluster, the first of which has finished, and what of it has come home."""

    def __init__(self, folder: Path) -> None:
        self.there, self.home = SweepPaths(folder / "there", "sent"), SweepPaths(folder / "home", "sent")
        self.there.root.mkdir(parents=True)
        with LedgerWriter(self.there.ledger) as writer:
            self.trials = register(writer, 3)
            finish(writer, self.trials[:1])
        self.pull()

    def pull(self) -> None:
        head: Any = NearHead(self.there)
        pull(head, self.home)

    def finished(self) -> list[str]:
        with LedgerReader(self.home.ledger) as reader:
            return [name for name, trial in reader.known_trials().items() if trial.status == "finished"]


@pytest.fixture
def places(tmp_path: Path) -> TwoPlaces:
    return TwoPlaces(tmp_path)


def test_what_was_brought_home_is_brought_up_to_date(places: TwoPlaces) -> None:
    first, second, stopped = places.trials
    with LedgerWriter(places.there.ledger) as writer:
        finish(writer, [second])
        writer.start_trial(stopped, BEGIN, "0.1.0")
        writer.record_epochs(stopped, epochs(1, 2))
        writer.end_trial(stopped, TrialEnd(status="stopped", finished_at=BEGIN, stopped_by="asha"))
    places.pull()
    assert places.finished() == [first, second]
    with LedgerWriter(places.there.ledger) as writer:  # under another scheduler it goes on
        writer.start_trial(stopped, BEGIN, "0.1.0")
    places.pull()
    with LedgerReader(places.home.ledger) as reader:
        assert reader.known_trials()[stopped].status == "running"
    assert places.home.leaderboard.read_text() == "as it is there"


def test_a_sweep_that_has_gone_on_at_home_is_kept(places: TwoPlaces) -> None:
    with LedgerWriter(places.home.ledger) as writer:
        finish(writer, places.trials[2:])
    places.home.leaderboard.write_text("as it is here")
    with pytest.raises(ClusterError, match=f"what it has of 1 trial, such as {places.trials[2]}, the cluster lacks"):
        places.pull()
    assert places.finished() == [places.trials[0], places.trials[2]]
    assert places.home.leaderboard.read_text() == "as it is here"


def test_a_sweep_that_runs_at_home_is_left_alone(places: TwoPlaces) -> None:
    lock = FileLock(places.home.driver_lock, "running this sweep")
    lock.acquire()
    with lock, pytest.raises(LockedError, match="running this sweep"):
        places.pull()
    places.pull()


def test_what_a_killed_process_has_left_of_the_old_ledger_goes_with_it(places: TwoPlaces) -> None:
    before = places.home.ledger
    with LedgerWriter(before) as writer:
        finish(writer, places.trials[1:2])
        left = [shutil.copy(f"{before}{end}", f"{before}{end}.left") for end in ("-wal", "-shm")]
    for file in left:
        Path(file).rename(file.removesuffix(".left"))
    with LedgerWriter(places.there.ledger) as writer:
        finish(writer, places.trials[1:])
    places.pull()
    assert {file.name for file in places.home.root.glob("ledger*")} == {"ledger.sqlite"}
    assert places.finished() == places.trials
