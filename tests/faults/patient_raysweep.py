"""`raysweep` with the patience of a test: shorter pauses, hangs noticed sooner; nothing else is changed.

Ray must not be imported before raysweep has prepared its environment; so what knows it is changed once Ray runs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from raysweep.__main__ import main, say_how_to_go_on
from raysweep.errors import Interrupted
from raysweep.signals import INTERRUPTED, interruptible


def shorten_pauses() -> None:
    """Loads for a moment what the command line loads later."""
    from raysweep.tuning import cluster, hang_watch

    hang_watch.MIN_EPOCH_SECONDS, hang_watch.MIN_OTHER_SECONDS, hang_watch.UNKNOWN_SECONDS = 4.0, 60.0, 90.0
    start = cluster.ray_cluster

    @contextmanager
    def ray_cluster(**options: Any) -> Iterator[cluster.RunningCluster]:
        with start(**options) as running:
            from raysweep.tuning import retries

            retries.PAUSES_SECONDS = (0.2, 0.4, 0.8)
            yield running

    cluster.ray_cluster = ray_cluster


if __name__ == "__main__":
    try:
        # As in the program itself: before anything is imported that takes long.
        with interruptible(last_words=say_how_to_go_on):
            shorten_pauses()
    except Interrupted:
        sys.exit(INTERRUPTED)
    main()
