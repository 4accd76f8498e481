"""`python -m raysweep SWEEP.yaml` is `raysweep SWEEP.yaml`.

Ctrl-C and SIGTERM are looked after before anything else is imported, which takes a second.
"""

import sys

from raysweep.errors import Interrupted
from raysweep.signals import interruptible


def main() -> None:
    """The command `raysweep`."""
    try:
        with interruptible():
            from raysweep.cli import main as run

            run()
    except Interrupted:
        print("Interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
