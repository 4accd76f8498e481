"""What `raysweep compare` and `raysweep report` take for 10,000 trials, against reading their tables with pandas alone.

    python benchmarks/reports.py

Five models, ten windows, twenty learning rates, two folds and five seeds, made up, with epochs, scores and errors by
block as trials of the original `4single` have them. Each command is a process of its own, as people start it. Seconds
of a processor say more than those of a clock where something else runs; only ratios carry over to other machines, so
that pandas reads the tables by turns with each command.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from raysweep.paths import PROJECT_ROOT, SweepPaths

sys.path.insert(0, str(PROJECT_ROOT))  # for the tests' ledgers

from tests.analysis.large_sweeps import Seconds, make_sweep, seconds_of_both, tables_alone


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=10_000, help="a multiple of 500")
    parser.add_argument("--repeats", type=int, default=3, help="of which the fastest counts")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="raysweep-bench-") as folder:
        ledger = make_sweep(SweepPaths(Path(folder) / "ledger", "made"), num_rates=arguments.trials // 500)
        tables = tables_alone(ledger, SweepPaths(Path(folder) / "tables", "made"))
        print(f"{'':32s}{'clock':>9s}{'processor':>11s}{'of reading':>21s}")
        for command in ("compare", "report"):
            for name, paths in (("Parquet", tables), ("ledger", ledger)):
                _print_row(f"{command} from {name}", *seconds_of_both(command, paths, tables, arguments.repeats))


def _print_row(name: str, own: Seconds, reading: Seconds) -> None:
    print(
        f"{name:32s}{own.clock:7.1f} s{own.processor:9.1f} s"
        f"{own.clock / reading.clock:7.1f} clock {own.processor / reading.processor:4.1f} processor"
        f"   (reading: {reading.clock:.2f} s, {reading.processor:.2f} s)",
        flush=True,
    )


if __name__ == "__main__":
    main()
