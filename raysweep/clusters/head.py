"""A cluster's head as a laptop reaches it: commands over ssh, files by rsync.

Must not know: sweeps, jobs, Ray.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from raysweep.clusters.cluster_file import ClusterFile, read_cluster_file
from raysweep.clusters.machines import SSH_FAILED, address_of_head, login, ssh_by_hand, ssh_command
from raysweep.errors import ClusterError


@dataclass(frozen=True, kw_only=True)
class Head:
    """The machine that `ray up` made the head.

    Attributes:
        cluster: Whose.
        address: Host name or address.
    """

    cluster: ClusterFile
    address: str

    @property
    def login(self) -> str:
        """As ssh and rsync take it."""
        return login(self.cluster, self.address)

    def typed(self, *words: str) -> str:
        """What a person types to do that there."""
        return shlex.join([*shlex.split(ssh_by_hand(self.cluster, self.address)), *words])

    def command(self, script: str) -> list[str]:
        """What runs a script on the head in the environment that `ray up` made there.

        Args:
            script: For bash. Both its outputs come as one.
        """
        # As `ray up` does it: paths and settings stand in ~/.bashrc, which on many systems goes on to its end only in
        # interactive shells; such a shell complains that it has no terminal.
        inner = shlex.quote(f"source ~/.bashrc; ( {script}\n) 2>&1")
        return [*ssh_command(self.cluster), self.login, f"bash --login -i -c {inner} 2>/dev/null"]

    def run(self, script: str, *, doing: str, given: str = "") -> str:
        """Runs a script to its end; returns all that it said.

        Args:
            script: For bash.
            doing: What it is for, for the message.
            given: What it reads.

        Raises:
            ClusterError: If the head can't be reached, or the script fails.
        """
        done = subprocess.run(self.command(script), capture_output=True, text=True, input=given)
        if done.returncode == SSH_FAILED:
            raise self._unreachable(done.stderr)
        if done.returncode != 0:
            raise ClusterError(f"{self.login}: {doing} has failed ({_last_line(done.stdout)})")
        return done.stdout

    def send(self, sources: Sequence[str], target: str) -> None:
        """Makes a folder that is on the head equal to what is here, without Python's and tools' caches.

        Args:
            sources: As rsync takes them; a folder that ends with a slash means what is in it.
            target: A folder below the home folder there.

        Raises:
            ClusterError: If that can't be done.
        """
        where = f"{self.login}:{target}/"
        self._rsync(["--delete", "--exclude=__pycache__", "--exclude=.*", *sources, where])

    def fetch(self, source: str, patterns: Sequence[str], target: Path) -> None:
        """Brings files home.

        Args:
            source: A folder on the head.
            patterns: What to take of it: names, or folders that end with a slash, with all that is in them.
            target: A folder here.

        Raises:
            ClusterError: If that can't be done.
        """
        includes = [
            f"--include=/{word}{end}" for word in patterns for end in (["", "**"] if word.endswith("/") else [""])
        ]
        self._rsync([*includes, "--exclude=*", f"{self.login}:{source}/", f"{target}/"])

    def _rsync(self, words: Sequence[str]) -> None:
        command = [
            "rsync",
            "--archive",
            "--compress",
            "--partial",
            "--rsh",
            shlex.join(ssh_command(self.cluster)),
            *words,
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        except FileNotFoundError as error:
            raise ClusterError("rsync isn't installed here; files can't be taken to the cluster without it") from error
        if done.returncode == SSH_FAILED:
            raise self._unreachable(done.stderr)
        if done.returncode != 0:
            raise ClusterError(f"{self.login}: files can't be copied ({_last_line(done.stderr)})")

    def _unreachable(self, said: str) -> ClusterError:
        return ClusterError(f"{self.login} can't be reached by ssh ({_last_line(said)}); try: {self.typed()}")


def head_of(file: Path) -> Head:
    """The head of the cluster that a file describes.

    Raises:
        InputError: If the file isn't one.
        ClusterError: If no head runs.
    """
    cluster = read_cluster_file(file)
    return Head(cluster=cluster, address=address_of_head(cluster))


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "without a word")
