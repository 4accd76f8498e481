"""The driver's side of the process that brings a sweep to MLflow while it runs.

That process reads the ledger alone. The driver holds the other end of its input: when that closes, the driver is done
or dead, and the process projects once more and ends. It says how it is, a line of JSON each time that changes.

Must not know MLflow: nothing here imports it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from raysweep.paths import PROJECT_ROOT, SweepPaths
from raysweep.plain_files import open_plain
from raysweep.tracking.address import absolute_uri
from raysweep.tracking.errors import TrackingError
from raysweep.tracking.processes import start_mark

URI_VARIABLE = "RAYSWEEP_TRACKING_URI"  # not an argument: everybody on the machine can read those
_KILL_GRACE_SECONDS = 5.0


class Follower:
    """A running process that follows a ledger. Not thread-safe; it is never in the driver's way.

    Args:
        process: The process, with pipes for input and output.
        log: Where it writes what it has to say.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        assert process.stdin is not None and process.stdout is not None, "pipes are the way to talk to it"
        self._process = process
        self._input = process.stdin
        self._output = process.stdout
        self._log = log
        self._unread = b""
        self._problem: str | None = None
        self._is_out_of_time = False
        os.set_blocking(self._output.fileno(), False)

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def problem(self) -> str | None:
        """Why MLflow isn't up to date, in one line; None if all is well. Takes no time, so ask as often as you like."""
        self._listen()
        if self._is_out_of_time and self._problem is None:
            return "there was no time for it to catch up"
        if self._process.poll() not in (None, 0) and self._problem is None:
            return f"the process that follows this sweep for MLflow has ended ({self._process.returncode}); {self._log}"
        return self._problem

    def finish(self, timeout_seconds: float) -> bool:
        """Asks for a last, complete look at the ledger, and waits for it. No process is left after that.

        Record the end of the command in the ledger first: the sweep's run says how it ended.

        Returns:
            Whether MLflow equals the ledger. If not, `raysweep sync` brings it there later.
        """
        with suppress(OSError, ValueError):  # it has ended, or was asked before
            self._input.write(f"{timeout_seconds}\n".encode())
            self._input.close()
        try:
            self._process.wait(timeout_seconds)
        except BaseException as error:  # also when the user doesn't want to wait
            self._is_out_of_time = self._process.poll() is None
            self._process.kill()
            self._process.wait(_KILL_GRACE_SECONDS)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
        self._listen()
        self._output.close()
        return self._process.returncode == 0

    def _listen(self) -> None:
        with suppress(OSError, ValueError):
            while chunk := self._output.read(65536):
                self._unread += chunk
        *lines, self._unread = self._unread.split(b"\n")
        for line in lines:
            with suppress(ValueError):
                self._problem = json.loads(line)["problem"]


def start_follower(paths: SweepPaths, tracking_uri: str) -> Follower:
    """Starts a process that follows a ledger and brings it to MLflow, at low priority, until this process ends.

    It has a session of its own, so that Ctrl-C in the terminal doesn't reach it.

    Args:
        paths: Whose ledger; its folder must be there.
        tracking_uri: Where to; a relative SQLite file lies in the current folder.

    Raises:
        TrackingError: If the process can't be started.
    """
    uri = absolute_uri(tracking_uri, Path.cwd())
    pid = os.getpid()
    # Together with `-P`: it finds this raysweep, and nothing that happens to lie in the current folder.
    import_path = os.pathsep.join(filter(None, [str(PROJECT_ROOT), os.environ.get("PYTHONPATH")]))
    command = [
        *(sys.executable, "-P", "-m", "raysweep.tracking.following", str(paths.results_dir.resolve()), paths.name),
        *("--driver-pid", str(pid), "--driver-mark", start_mark(pid) or ""),
    ]
    try:
        with os.fdopen(open_plain(paths.tracking_log, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, URI_VARIABLE: uri, "PYTHONPATH": import_path},
                start_new_session=True,
            )
    except OSError as error:
        raise TrackingError(f"{paths.tracking_log}: can't follow this sweep for MLflow ({error.strerror})") from error
    return Follower(process, paths.tracking_log)
