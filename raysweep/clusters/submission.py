"""A sweep on a cluster, seen from a laptop: send, submit, follow, bring home.

Must not know: how anything looks on screen.
"""

from __future__ import annotations

import hashlib
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from raysweep.clusters.head import Head
from raysweep.clusters.machines import SSH_FAILED
from raysweep.clusters.parcel import Parcel
from raysweep.disks import cannot_write
from raysweep.errors import ClusterError, LockedError
from raysweep.ledger.reader import KnownTrial, LedgerReader
from raysweep.ledger.rows import ENDED
from raysweep.locks import FileLock
from raysweep.paths import SweepPaths

# Below the home folder of the head. A shell expands what the file of the cluster may set.
RESULTS = '"${RAYSWEEP_RESULTS_DIR:-$HOME/raysweep/results}"'
TRACKING_ADDRESS = "http://127.0.0.1:5000"  # on the head, where `ray up` starts MLflow
TRACKING_URI = f'"${{MLFLOW_TRACKING_URI:-{TRACKING_ADDRESS}}}"'
_CHECKOUT = "raysweep"  # what `ray up` takes there
_SENT = f"{_CHECKOUT}/sent"  # sweeps that were sent, by name: beside the checkout's folders one may have such a name
_PAUSES_SECONDS = (1, 2, 5, 10, 30)  # then again and again the last
# What Ray writes ahead of a job's own lines.
_OF_RAY = re.compile(r"[\d-]+ [\d:,]+\sINFO job_manager\.py:\d+ -- |Running entrypoint for job ")
_LEDGER_COPY = "ledger.copy.sqlite"
_SQLITE_ENDS = ("-wal", "-shm")  # of the names of files that SQLite may have left beside a database
_LOCK_SECONDS = 0.5  # `status` holds a sweep's lock for a moment
_PULLED = (
    *("trials.parquet", "epochs.parquet", "evaluations.parquet", "leaderboard.md", "leaderboard.tex"),
    *("report.html", "figures/", "predictions/", _LEDGER_COPY),
)

Note = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A sweep command for a cluster.

    Attributes:
        head: Of the cluster.
        name: The sweep's.
        parcel: The files that it needs.
        overrides: As typed.
        options: Further words of the command.
        tracking_uri: Of an MLflow that the head can reach; None for the one on the head.
    """

    head: Head
    name: str
    parcel: Parcel
    overrides: Sequence[str]
    options: Sequence[str] = ()
    tracking_uri: str | None = None

    @property
    def folder(self) -> str:
        """Where its files go, below the home folder of the head."""
        return f"{_SENT}/{self.name}/tree"

    @property
    def script(self) -> str:
        """The command, for a shell on the head."""
        words = ["run", f"sweeps/{self.parcel.sweep_file.name}", *self.overrides]
        if len(self.parcel.data_dirs) > 1:
            words += ["--data-dir", self.parcel.data_names[0]]
        text = shlex.join([*words, *self.options])
        # Not as a word of the command: those stand where everybody with an account can read them.
        tracking_uri = TRACKING_URI if self.tracking_uri is None else f'"$(cat "$HOME/{self._tracking_file}")"'
        return f"MLFLOW_TRACKING_URI={tracking_uri} python -m raysweep {text} --results-dir {RESULTS}"

    @property
    def _tracking_file(self) -> str:
        return f"{_SENT}/{self.name}/tracking_uri"

    @property
    def key(self) -> str:
        """Equal for equal commands."""
        safe = re.sub(r"[^\w-]+", "-", self.name, flags=re.ASCII)
        return f"raysweep-{safe}-{hashlib.sha256(self.script.encode()).hexdigest()[:8]}"

    def stop_command(self, job: str) -> str:
        """What people type here to end a job there: a clean stop, as after Ctrl-C."""
        return self.head.typed(f'bash -ic "ray job stop {job}"')

    def tunnel_command(self) -> str:
        """What people type here to see the head's MLflow at the same address."""
        return self.head.typed("-N", "-L", f"5000:{TRACKING_ADDRESS.removeprefix('http://')}")

    def submit(self, note: Note) -> str:
        """Sends the files and submits the job, unless the same command is at work there.

        Returns:
            The job's id.

        Raises:
            ClusterError: If the head can't be reached, or takes no job.
        """
        note(f"{self.head.login}: sending raysweep, models, series and {self.parcel.sweep_file.name}")
        targets = " ".join(f"{self.folder}/{name}" for _, name in self.parcel.folders())
        self.head.run(f"mkdir -p {targets}", doing="making its folders")
        for folder, name in self.parcel.folders():
            source = str(folder) if folder.is_file() else f"{folder}/"
            self.head.send([source], f"{self.folder}/{name}")
        if self.tracking_uri is not None:
            script = f"umask 077; cat > {self._tracking_file}"
            self.head.run(script, doing="telling it where MLflow is", given=self.tracking_uri)
        words = shlex.join(["python", "-m", "raysweep.clusters.job", "submit", self.key, self.parcel.digest()])
        said = self.head.run(f"cd {self.folder} && {words} {shlex.quote(self.script)}", doing="submitting the sweep")
        job, state = said.splitlines()[-1].split()
        if state == "edited":
            note(f"job {job} runs with the files as they were; once it has ended, the same command runs the edit")
        else:
            note(f"job {job} {'submitted' if state == 'new' else 'is running; going on with its output'}")
        return job

    def follow(self, job: str, note: Note, show: Note) -> int:
        """Shows what the job says until it ends, through lost connections and a laptop's sleep.

        Args:
            job: Its id.
            note: Takes what is to be told of the connection.
            show: Takes the job's lines.

        Returns:
            The job's exit code.
        """
        command = self.head.command(f"cd {self.folder} && python -u -m raysweep.clusters.job follow {job}")
        num_lost = 0
        while True:
            num_lines = 0
            with subprocess.Popen(
                command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, errors="replace"
            ) as process:
                assert process.stdout is not None, "asked for"
                try:
                    for line in process.stdout:
                        num_lines += 1
                        if not _OF_RAY.match(line):
                            show(line.rstrip("\n"))
                except BaseException:  # else it would be waited for, until the job's next line
                    process.terminate()
                    raise
            if process.returncode != SSH_FAILED:
                return process.returncode
            num_lost = 1 if num_lines else num_lost + 1
            pause = _PAUSES_SECONDS[min(num_lost, len(_PAUSES_SECONDS)) - 1]
            if num_lost == 1:
                note(f"{self.head.login}: the connection is lost; the sweep goes on there, trying again")
            time.sleep(pause)


def pull(head: Head, paths: SweepPaths) -> None:
    """Brings ledger, tables, leaderboard, report and forecasts of a sweep home, as they are now.

    Args:
        head: Of the cluster.
        paths: Where to; the sweep has the same name there.

    Raises:
        ClusterError: If the cluster can't be reached, or what is here already would be lost.
        LockedError: If a process here runs the sweep, or brings it home, too.
        StorageError: If nothing can be written here.
    """
    name = shlex.quote(paths.name)
    steps = [
        # One that was started there was never sent.
        f"if [ -d {_SENT}/{name}/tree ]; then cd {_SENT}/{name}/tree; else cd {_CHECKOUT}; fi",
        f"python -m raysweep export {name} --results-dir {RESULTS}",
        f"python -m raysweep report {name} --results-dir {RESULTS}",
        f"python -m raysweep.ledger.snapshot {RESULTS}/{name}/ledger.sqlite {RESULTS}/{name}/{_LEDGER_COPY}",
        f"cd {RESULTS}/{name} && pwd",
    ]
    where = head.run(" && ".join(steps), doing="writing tables and report").splitlines()[-1].strip()
    with _alone(paths):
        copy = paths.root / _LEDGER_COPY
        head.fetch(where, [_LEDGER_COPY], paths.root)
        if (loss := _loss(paths, copy)) is not None:
            copy.unlink()
            raise ClusterError(f"{paths.root} {loss}")
        head.fetch(where, [name for name in _PULLED if name != _LEDGER_COPY], paths.root)
        for end in _SQLITE_ENDS:  # all that is in them is in the copy, too; beside it they would be taken for its own
            paths.ledger.with_name(paths.ledger.name + end).unlink(missing_ok=True)
        copy.replace(paths.ledger)


@contextmanager
def _alone(paths: SweepPaths) -> Iterator[None]:
    """What runs here writes the ledger that is to be replaced."""
    lock = FileLock(paths.driver_lock, "bringing this sweep home")
    try:
        paths.root.mkdir(parents=True, exist_ok=True)
        lock.acquire(_LOCK_SECONDS)
    except LockedError as error:
        raise LockedError(f"{paths.root}: {error} is at work; wait until it has ended, or end it") from None
    except OSError as error:
        raise cannot_write(error.filename or paths.root, error) from error
    with lock:
        yield


def _loss(paths: SweepPaths, copy: Path) -> str | None:
    """What would be lost here if the copy took the ledger's place, and what to do; None if nothing would."""
    if not paths.ledger.is_file():
        return None
    with LedgerReader(paths.ledger, check=False) as here, LedgerReader(copy, check=False) as there:
        if here.ledger_id() != there.ledger_id():
            return "holds another sweep of this name, which nothing overwrites; name another folder with --results-dir"
        known = there.known_trials()
        own = [name for name, trial in here.known_trials().items() if _is_ahead(trial, known.get(name))]
    if not own:
        return None
    return (
        f"has gone on by itself: what it has of {len(own)} trial{'' if len(own) == 1 else 's'}, such as {own[0]}, the "
        "cluster lacks, and nothing overwrites that; name another folder with --results-dir"
    )


def _is_ahead(here: KnownTrial, there: KnownTrial | None) -> bool:
    """Whether more is known of a trial here. One that was stopped, or failed, may be running again there."""
    if there is None:
        return here.status in ENDED
    is_finished = here.status == "finished" and there.status != "finished"
    return is_finished or (here.status in ENDED and here.epochs > there.epochs)
