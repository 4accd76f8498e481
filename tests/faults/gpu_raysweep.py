"""`raysweep` with the patience of a test, whose own Ray is told of a GPU that isn't there and counts it."""

from __future__ import annotations

import sys

from raysweep.__main__ import main, say_how_to_go_on
from raysweep.errors import Interrupted
from raysweep.signals import INTERRUPTED, interruptible
from tests.faults.patient_raysweep import shorten_pauses


def tell_of_a_gpu() -> None:
    from raysweep.tuning import cluster

    options = cluster._local_options
    cluster._local_options = lambda num_jobs: {**options(num_jobs), "num_gpus": 1}


if __name__ == "__main__":
    try:
        with interruptible(last_words=say_how_to_go_on):
            shorten_pauses()
            tell_of_a_gpu()
    except Interrupted:
        sys.exit(INTERRUPTED)
    main()
