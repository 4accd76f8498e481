"""On the head: submits a sweep as a Ray job, once, and shows what it says: `python -m raysweep.clusters.job`.

A laptop calls this over ssh; what it prints is read there. Must not know: what the job does.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from dataclasses import dataclass
from typing import Any

SHOWN_LINES = 20  # of what a job said before somebody looks
HAD_TO_STOP, STOPPED = 3, 130  # as a sweep's own exit codes
PAUSE_SECONDS = 1.0
MAX_MISSES = 30  # in a row: so long Ray's dashboard, which has the jobs, may take to come back
MAX_EXIT_CODE = 254  # 255 is ssh's own, and what a signal ends has a negative one
_LIVE = ("PENDING", "RUNNING")


def submit(key: str, tree: str, script: str) -> tuple[str, str]:
    """Submits a command that runs in a copy of this folder, unless one with this key is at work.

    Args:
        key: Equal for equal commands; letters, digits, `-` and `_`.
        tree: Digest of the files that it runs with.
        script: The command, for a shell on the head.

    Returns:
        The job's id, and `new`, `running`, or `edited` where one runs that began with other files.
    """
    client = _client()
    jobs = [job for job in client.list_jobs() if str(job.submission_id or "").rpartition("-")[0] == key]
    for job in jobs:
        if job.status in _LIVE:
            return str(job.submission_id), "running" if (job.metadata or {}).get("tree") == tree else "edited"
    name = client.submit_job(
        entrypoint=script,
        submission_id=f"{key}-{1 + len(jobs)}",
        runtime_env={"working_dir": "."},
        metadata={"tree": tree},
    )
    return name, "new"


def follow(name: str) -> int:
    """Prints what a job says until it ends.

    Returns:
        Its exit code.
    """
    client = _client()
    said = client.get_job_logs(name)
    print(*said.splitlines(keepends=True)[-SHOWN_LINES:], sep="", end="", flush=True)
    shown, num_misses = _Shown(len(said)), 0
    while True:
        try:
            asyncio.run(_tail(client, name, shown))
            job = client.get_job_info(name)
            num_misses = 0
        except Exception:  # of many types
            num_misses += 1
            if num_misses > MAX_MISSES:
                raise
            job = None
        if job is not None and job.status not in _LIVE:
            break
        time.sleep(PAUSE_SECONDS)  # the connection has ended before the job
    if job.driver_exit_code is not None:
        code = int(job.driver_exit_code)
        return code if 0 <= code <= MAX_EXIT_CODE else HAD_TO_STOP
    if job.status == "STOPPED":
        return STOPPED
    print(job.message or f"the job has ended: {job.status}")
    return 0 if job.status == "SUCCEEDED" else HAD_TO_STOP


@dataclass
class _Shown:
    """How many characters of a job's output have been printed."""

    num: int


async def _tail(client: Any, name: str, shown: _Shown) -> None:
    """Prints what has come since, until the job or the connection ends."""
    num_seen = 0
    async for lines in client.tail_job_logs(name):  # from the beginning
        print(lines[max(0, shown.num - num_seen) :], end="", flush=True)
        num_seen += len(lines)
        shown.num = max(shown.num, num_seen)


def _client() -> Any:
    from ray.job_submission import JobSubmissionClient

    # They tell of every connection that they close; the second has a level of its own.
    for name in ("ray", JobSubmissionClient.__module__):
        logging.getLogger(name).setLevel(logging.ERROR)
    return JobSubmissionClient()  # at the address that Ray has written down on this machine


def main() -> int:
    """`submit` prints id and state; `follow` prints the job's output and ends with its exit code.

    Where the job can't be followed any more, that is 3: a traceback's 1 would mean that only some trials have failed.
    """
    parser = argparse.ArgumentParser(prog="raysweep.clusters.job")
    commands = parser.add_subparsers(dest="command", required=True)
    submitting = commands.add_parser("submit")
    submitting.add_argument("key")
    submitting.add_argument("tree")
    submitting.add_argument("script")
    commands.add_parser("follow").add_argument("name")
    arguments = parser.parse_args()
    if arguments.command == "submit":
        print(*submit(arguments.key, arguments.tree, arguments.script))
        return 0
    try:
        return follow(arguments.name)
    except Exception as error:  # of many types
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        print(f"job {arguments.name} can't be followed any more, Ray may have ended there: {reason}", flush=True)
        return HAD_TO_STOP


if __name__ == "__main__":
    sys.exit(main())
