"""A cluster's head as a laptop reaches it: commands over ssh, files by rsync.

Must not know: sweeps, jobs, Ray.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from raysweep.errors import ClusterError

CONNECT_SECONDS = 15
LOST = 255  # ssh's own exit code: the connection, not the command, has failed
# A laptop that slept finds its connection dead within a minute, and connects anew.
_SSH_OPTIONS = (
    "BatchMode=yes",
    "StrictHostKeyChecking=accept-new",
    f"ConnectTimeout={CONNECT_SECONDS}",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=3",
    "LogLevel=ERROR",
)


@dataclass(frozen=True, kw_only=True)
class Head:
    """The machine that `ray up` made the head.

    Attributes:
        address: Host name or address.
        user: Who logs in there; empty for what ssh's own settings say.
        key: File of the private key; None for what ssh's own settings say.
    """

    address: str
    user: str
    key: Path | None

    @property
    def login(self) -> str:
        """As ssh and rsync take it."""
        return f"{self.user}@{self.address}" if self.user else self.address

    def ssh(self) -> list[str]:
        """The words of ssh, without host and command."""
        identity = [] if self.key is None else ["-i", str(self.key)]
        return ["ssh", *(word for option in _SSH_OPTIONS for word in ("-o", option)), *identity]

    def typed(self, *words: str) -> str:
        """What a person types to do that there."""
        identity = [] if self.key is None else ["-i", str(self.key)]
        return shlex.join(["ssh", *identity, self.login, *words])

    def command(self, script: str) -> list[str]:
        """What runs a script on the head in the environment that `ray up` made there.

        Args:
            script: For bash. Both its outputs come as one.
        """
        # `ray up` puts paths and settings into ~/.bashrc, which only interactive shells read to its end; such a shell
        # complains that it has no terminal.
        inner = shlex.quote(f"( {script}\n) 2>&1")
        return [*self.ssh(), self.login, f"bash --login -i -c {inner} 2>/dev/null"]

    def run(self, script: str, *, doing: str) -> str:
        """Runs a script to its end; returns all that it said.

        Args:
            script: For bash.
            doing: What it is for, for the message.

        Raises:
            ClusterError: If the head can't be reached, or the script fails.
        """
        done = subprocess.run(self.command(script), capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode == LOST:
            raise self._unreachable(done.stderr)
        if done.returncode != 0:
            raise ClusterError(f"{self.login}: {doing} has failed ({_last_line(done.stdout)})")
        return done.stdout

    def send(self, sources: Sequence[str], target: str) -> None:
        """Makes a folder on the head equal to what is here, without Python's and tools' caches.

        Args:
            sources: As rsync takes them; a folder that ends with a slash means what is in it.
            target: Below the home folder there; made if it isn't there.

        Raises:
            ClusterError: If that can't be done.
        """
        where = f"{self.login}:{target}/"
        self._rsync(["--delete", "--mkpath", "--exclude=__pycache__", "--exclude=.*", *sources, where])

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
        command = ["rsync", "--archive", "--compress", "--partial", "--rsh", shlex.join(self.ssh()), *words]
        try:
            done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        except FileNotFoundError as error:
            raise ClusterError("rsync isn't installed here; files can't be taken to the cluster without it") from error
        if done.returncode == LOST:
            raise self._unreachable(done.stderr)
        if done.returncode != 0:
            raise ClusterError(f"{self.login}: files can't be copied ({_last_line(done.stderr)})")

    def _unreachable(self, said: str) -> ClusterError:
        return ClusterError(f"{self.login} can't be reached by ssh ({_last_line(said)}); try: {self.typed()}")


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "without a word")
