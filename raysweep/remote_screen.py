"""What the user sees of a sweep that runs on a cluster: what it says there, and what has come home."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from raysweep.clusters.submission import TRACKING_ADDRESS, pull
from raysweep.errors import Interrupted, RaysweepError
from raysweep.ledger.reader import LedgerReader
from raysweep.paths import SweepPaths
from raysweep.remote import RemoteSweep
from raysweep.signals import INTERRUPTED
from raysweep.storage import storage_of
from raysweep.terminal import complain


def run_there(console: Console, remote: RemoteSweep, how_to_go_on: str) -> int:
    """Submits it, or finds it at work, shows what it says until it ends, and brings the results home.

    Args:
        console: Where to.
        remote: What to submit.
        how_to_go_on: What to type to follow it again.

    Returns:
        Its exit code.

    Raises:
        ClusterError: If the cluster can't be reached, or takes no job.
        RaysweepError: Of many kinds, if the sweep has ended well and its results can't be brought home.
    """
    submission = remote.submission
    for line in remote.notes:
        console.print(line)
    job = submission.submit(console.print)
    try:
        code = submission.follow(job, console.print, lambda line: console.print(Text(line), soft_wrap=True))
    except Interrupted:
        console.print(f"Not followed any more; the sweep goes on there. {how_to_go_on}")
        console.print(f"To end it: {submission.stop_command(job)}")
        return INTERRUPTED
    try:
        pull(submission.head, remote.paths)
    except RaysweepError as error:
        if code == 0:
            raise
        complain(error)
        return code  # how the sweep ended counts for more
    for line in _what_came(remote.paths):
        console.print(line)
    console.print(f"MLflow       {TRACKING_ADDRESS}, once this runs: {submission.tunnel_command()}")
    return code


def _what_came(paths: SweepPaths) -> list[str]:
    """What is here, and where the rest is."""
    with LedgerReader(paths.ledger, check=False) as reader:
        storage_path = reader.storage_path()
    if storage_path is None:
        return [f"\nhere now: ledger, tables, leaderboard, report and forecasts, in {paths.root}"]
    return [
        f"\nhere now: ledger, tables, leaderboard and report, in {paths.root}",
        f"forecasts    {storage_of(paths, storage_path).predictions}/, as the cluster's machines see it",
    ]
