"""Every file that a sweep reads or writes, in one place. Nothing else builds such a path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent
DEFAULT_RESULTS_DIR = Path("results")  # in the current folder


@dataclass(frozen=True)
class SweepPaths:
    """The files of one sweep, all below `results_dir/name`.

    Args:
        results_dir: The folder of all results.
        name: The sweep's name; checked by `spec`, so that it can't leave the folder.
    """

    results_dir: Path
    name: str

    @property
    def root(self) -> Path:
        """The sweep's own folder."""
        return self.results_dir / self.name

    @property
    def ledger(self) -> Path:
        """The truth about every trial; SQLite."""
        return self.root / "ledger.sqlite"

    @property
    def trials(self) -> Path:
        """One row a trial; Parquet."""
        return self.root / "trials.parquet"

    @property
    def epochs(self) -> Path:
        """One row an epoch of a trial; Parquet."""
        return self.root / "epochs.parquet"

    @property
    def evaluations(self) -> Path:
        """One row a score of a trial or baseline; Parquet."""
        return self.root / "evaluations.parquet"

    @property
    def leaderboard(self) -> Path:
        """The ranking, for people."""
        return self.root / "leaderboard.md"

    @property
    def leaderboard_tex(self) -> Path:
        """The same for a paper; LaTeX."""
        return self.root / "leaderboard.tex"

    @property
    def report(self) -> Path:
        """All that can be said of the sweep, for people; HTML."""
        return self.root / "report.html"

    @property
    def figures(self) -> Path:
        """Folder of the report's pictures; those of single trials in a folder `trials` of their own."""
        return self.root / "figures"

    @property
    def predictions(self) -> Path:
        """Folder of the forecasts, a Parquet file a trial."""
        return self.root / "predictions"

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints, a folder a trial."""
        return self.root / "checkpoints"

    @property
    def ledger_copies(self) -> Path:
        """Folder of the ledger's copies, in a sweep's `storage_path`."""
        return self.root / "ledger_copies"

    @property
    def driver_lock(self) -> Path:
        """Held by the one process that runs this sweep."""
        return self.root / ".driver.lock"

    @property
    def tracking_lock(self) -> Path:
        """Held by the one process that projects this ledger to MLflow."""
        return self.root / ".tracking.lock"

    @property
    def tracking_log(self) -> Path:
        """What the process that projects to MLflow has to say."""
        return self.root / "tracking.log"


def default_folder(name: str) -> Path:
    """The folder `name` (`data`, `models`) here, or else the one beside the raysweep package."""
    here = Path(name)
    return here if here.is_dir() else PROJECT_ROOT / name
