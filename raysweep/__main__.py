"""`python -m raysweep SWEEP.yaml` is `raysweep SWEEP.yaml`."""

from raysweep.cli import main

if __name__ == "__main__":
    main()
