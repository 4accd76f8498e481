"""`python -m raysweep SWEEP.yaml` is `raysweep SWEEP.yaml`.

Ctrl-C and SIGTERM are looked after before anything else is imported, which takes a second.
"""

import sys

from raysweep.errors import Interrupted
from raysweep.signals import ignore_signals, interruptible, raise_if_interrupted


def main() -> None:
    """The command `raysweep`."""
    try:
        with interruptible():
            from raysweep.cli import main as run

            raise_if_interrupted()
            run()
    except Interrupted:
        import shlex

        again = shlex.join(["python", "-m", "raysweep", *sys.argv[1:]])
        print(f"Interrupted; everything so far is kept. To go on: {again}", file=sys.stderr)
        sys.exit(130)
    finally:
        ignore_signals()


if __name__ == "__main__":
    main()
