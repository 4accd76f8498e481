"""`python -m raysweep SWEEP.yaml` is `raysweep SWEEP.yaml`.

Ctrl-C and SIGTERM are looked after before anything else is imported, which takes a second.
"""

import sys

from raysweep.errors import Interrupted
from raysweep.signals import INTERRUPTED, ignore_signals, interruptible, raise_if_interrupted


def main() -> None:
    """The command `raysweep`."""
    try:
        with interruptible(last_words=say_how_to_go_on):
            from raysweep.cli import main as run

            raise_if_interrupted()
            run()
    except Interrupted:
        say_how_to_go_on()
        sys.exit(INTERRUPTED)
    finally:
        ignore_signals()


def say_how_to_go_on() -> None:
    """The last line of a command that was interrupted."""
    import shlex

    again = shlex.join(["python", "-m", "raysweep", *sys.argv[1:]])
    print(f"Interrupted; everything so far is kept. To go on: {again}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
