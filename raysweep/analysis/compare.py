"""From sweeps to leaderboards in one call, and to the files that show them. Must not know: how a terminal does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from raysweep.analysis.files import replace_file
from raysweep.analysis.fold_table import fold_table
from raysweep.analysis.folds import over_folds
from raysweep.analysis.latex import to_latex
from raysweep.analysis.leaderboard import MOST_ROWS, leaderboards_of
from raysweep.analysis.markdown import to_markdown
from raysweep.analysis.ranking import Ranking, rank
from raysweep.analysis.result_table import ResultTable
from raysweep.analysis.tables import SweepTables, load_tables
from raysweep.paths import SweepPaths

ROWS_ON_SCREEN = 20


def compare(
    sweeps: Sequence[SweepPaths],
    *,
    top: int = ROWS_ON_SCREEN,
    units: Mapping[str, str] | None = None,
    check: bool = True,
) -> list[ResultTable]:
    """The leaderboards of one or many sweeps, then a table over folds for each series that has several.

    They are as up to date as the ledgers. Nothing is written.

    Args:
        sweeps: At least one.
        top: How many configs a table shows at most.
        units: The unit of each series, where it is known.
        check: Look for damage in the ledgers first; see `LedgerReader`.

    Raises:
        LedgerError: If a ledger can't be read, or there is neither ledger nor tables.
        InputError: If a table isn't one that this raysweep can read.
    """
    tables = load_tables(sweeps, check=check)
    return leaderboards_and_folds(tables, rank(tables), top=top, units=units)


def leaderboards_and_folds(
    tables: SweepTables, rankings: Sequence[Ranking], *, top: int, units: Mapping[str, str] | None = None
) -> list[ResultTable]:
    """The same of what has been read and ranked."""
    has_many_sweeps = tables.trials["sweep"].nunique() > 1
    leaderboards = leaderboards_of(rankings, units=units, top=top, has_many_sweeps=has_many_sweeps)
    return [*leaderboards, *(fold_table(comparison, top) for comparison in over_folds(rankings))]


def write_leaderboard(
    paths: SweepPaths, *, units: Mapping[str, str] | None = None, check: bool = True
) -> list[ResultTable]:
    """Writes `leaderboard.md` and `.tex` of one sweep; returns what they hold. Arguments and errors as of `compare`."""
    leaderboards = compare([paths], top=MOST_ROWS, units=units, check=check)
    heading = f"Leaderboard of {paths.name}"
    page, document = to_markdown(leaderboards, heading=heading), to_latex(leaderboards, heading=heading)
    replace_file(paths.leaderboard, lambda temporary: temporary.write_text(page, encoding="utf-8"))
    replace_file(paths.leaderboard_tex, lambda temporary: temporary.write_text(document, encoding="utf-8"))
    return leaderboards
