"""On the head: submits a sweep as a Ray job, once, and shows what it says: `python -m raysweep.clusters.job`.

A laptop calls this over ssh; what it prints is read there. Must not know: what the job does.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from typing import Any

SHOWN_LINES = 20  # of what a job said before somebody looks
STOPPED = 130
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
    asyncio.run(_tail(client, name, len(said)))
    job = client.get_job_info(name)
    if job.driver_exit_code is not None:
        return int(job.driver_exit_code)
    if job.status == "STOPPED":
        return STOPPED
    print(job.message or f"the job has ended: {job.status}")
    return 0 if job.status == "SUCCEEDED" else 1


async def _tail(client: Any, name: str, num_shown: int) -> None:
    async for lines in client.tail_job_logs(name):
        if len(lines) > num_shown:
            print(lines[num_shown:], end="", flush=True)
        num_shown = max(0, num_shown - len(lines))


def _client() -> Any:
    from ray.job_submission import JobSubmissionClient

    logging.getLogger("ray").setLevel(logging.ERROR)  # it tells of every connection that it closes
    return JobSubmissionClient()  # at the address that Ray has written down on this machine


def main() -> int:
    """`submit` prints id and state; `follow` prints the job's output and ends with its exit code."""
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
    return follow(arguments.name)


if __name__ == "__main__":
    sys.exit(main())
