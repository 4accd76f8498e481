"""The tables of one or many sweeps as pandas frames: from Parquet, from the ledger, or from somebody's copy.

Must not know: what the numbers are used for.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from raysweep.analysis.bounded import TooLargeTableError, read_table
from raysweep.analysis.columns import ADDED_COLUMNS, EPOCHS, READABLE_VERSIONS, TABLES_VERSION
from raysweep.analysis.export import trials_and_evaluations
from raysweep.errors import InputError, LedgerError, Problem
from raysweep.ledger.check import checked_beside, has_ledger
from raysweep.ledger.reader import LedgerReader
from raysweep.ledger.rows import TRIAL_ID
from raysweep.ledger.schema import EPOCHS as LEDGER_EPOCHS
from raysweep.ledger.schema import META, WITHOUT_EPOCHS
from raysweep.paths import SweepPaths
from raysweep.plain_files import check_regular

# Whole numbers and flags stay what they are beside a null.
_PANDAS_TYPES = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}


@dataclass(frozen=True, kw_only=True)
class SweepTables:
    """The ended trials of one or many sweeps, and their scores.

    Null and NaN are both missing here. They are told apart by `status` and `num_targets`: what has been measured
    and is missing, is NaN.

    Attributes:
        trials: As in `trials.parquet`; `sweep` is the name of the folder.
        evaluations: As in `evaluations.parquet`, and `sweep` in the same way.
    """

    trials: pd.DataFrame
    evaluations: pd.DataFrame


def load_tables(sweeps: Sequence[SweepPaths], *, check: bool = True) -> SweepTables:
    """The tables of these sweeps, one below the other: from Parquet, or from the ledger where it knows more.

    Nothing is written. A folder without a ledger is read as it is.

    Args:
        sweeps: At least one.
        check: Look for damage in the ledgers first; see `LedgerReader`.

    Raises:
        LedgerError: If a ledger can't be read, or there is neither ledger nor tables.
        InputError: If a table isn't one that this raysweep can read.
    """
    read = [_load(paths, check) for paths in dict.fromkeys(sweeps)]
    return SweepTables(
        trials=pd.concat([tables.trials for tables in read], ignore_index=True),
        evaluations=pd.concat([tables.evaluations for tables in read], ignore_index=True),
    )


def read_tables(paths: SweepPaths) -> SweepTables:
    """The tables of one sweep as they lie there. Raises `InputError`."""
    return _tables_of(paths.name, *_read_both(paths))


def read_epochs(paths: SweepPaths) -> pd.DataFrame:
    """`epochs.parquet` of one sweep as it lies there. Raises `InputError`."""
    return _to_pandas(_read(paths.epochs))


def load_epochs(paths: SweepPaths, trial_ids: Collection[str]) -> pd.DataFrame:
    """The epochs of these trials: from Parquet, or from the ledger where it knows more. Empty where neither is there.

    Args:
        paths: Of one sweep, whose ledger has been looked at for damage, but for its epochs.
        trial_ids: Some of its trials.

    Raises:
        LedgerError: If the ledger can't be read.
        InputError: If a table isn't one that this raysweep can read.
    """
    if paths.ledger.is_file():
        with LedgerReader(paths.ledger, check=False) as reader:
            is_exported = _is_from(paths.epochs, reader.revision())
        if not is_exported:
            with LedgerReader(paths.ledger, tables=[LEDGER_EPOCHS]) as reader:
                rows = [row for trial_id in trial_ids for row in reader.epochs(trial_id)]
            return pd.DataFrame(rows, columns=list(EPOCHS))
    if not paths.epochs.is_file():
        return pd.DataFrame(columns=list(EPOCHS))
    epochs = _read(paths.epochs)
    own = epochs.column("trial_id")
    return _to_pandas(epochs.filter(pc.is_in(own, value_set=pa.array(list(trial_ids), own.type))))


def _load(paths: SweepPaths, check: bool) -> SweepTables:
    if not paths.ledger.is_file() and all(table.is_file() for table in (paths.trials, paths.evaluations)):
        return read_tables(paths)
    if _may_be_exported(paths) and (exported := _read_exported(paths, check)) is not None:
        return exported
    with (
        # How many epochs a trial has is asked for, not what is in them.
        checked_beside(paths.ledger, WITHOUT_EPOCHS) if check and has_ledger(paths.ledger) else nullcontext(),
        LedgerReader(paths.ledger, check=False) as reader,
    ):
        trials, evaluations = trials_and_evaluations(reader, paths.name)
    return _tables_of(paths.name, trials, evaluations)


def _read_exported(paths: SweepPaths, check: bool) -> SweepTables | None:
    """The tables, every row of which was looked at when they were written; None if the ledger is newer."""
    with ThreadPoolExecutor(1) as beside:
        # Both at once: Arrow reads tables by itself, and SQLite looks at a ledger's structure.
        tables = beside.submit(_read_both, paths)
        with LedgerReader(paths.ledger, check=check, tables=[META]) as reader:
            revision = reader.revision()
        if not _are_from(paths, revision):
            return None
        trials, evaluations = tables.result()
    is_same = all(_says(table.schema, revision) for table in (trials, evaluations))
    return _tables_of(paths.name, trials, evaluations) if is_same else None


def _may_be_exported(paths: SweepPaths) -> bool:
    """Whether the tables hold what the ledger does, if that is whole: nothing has been looked at yet."""
    try:
        with LedgerReader(paths.ledger, check=False) as reader:
            return _are_from(paths, reader.revision())
    except (LedgerError, ValueError):
        return False  # who looks for damage will say what it is


def _read_both(paths: SweepPaths) -> tuple[pa.Table, pa.Table]:
    return _read(paths.trials), _read(paths.evaluations)


def _tables_of(sweep: str, trials: pa.Table, evaluations: pa.Table) -> SweepTables:
    frames = [_to_pandas(trials), _to_pandas(evaluations)]
    for frame in frames:
        _check_ids(sweep, frame["trial_id"])
    for frame in frames:
        frame["sweep"] = pd.Series(sweep, index=frame.index, dtype="str")
    return SweepTables(trials=frames[0], evaluations=frames[1])


def _check_ids(sweep: str, ids: pd.Series) -> None:
    """A trial's forecasts are looked for under its id."""
    for found in ids.dropna().unique():
        if found != "" and not re.fullmatch(TRIAL_ID, str(found)):  # that of a baseline is empty
            valid = "a trial's id is letters, digits, - and _; export the tables again from the ledger"
            raise InputError([Problem(where=sweep, key="trial_id", found=repr(str(found)[:64]), valid=valid)])


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas(types_mapper=_PANDAS_TYPES.get)
    return frame


def _read(file: Path) -> pa.Table:
    try:
        check_regular(file)
        table = read_table(file)
    except (OSError, TooLargeTableError, pa.ArrowException) as error:
        raise _unreadable(file, f"can't be read ({error})") from error
    version = (table.schema.metadata or {}).get(b"raysweep.tables_version", b"none").decode()
    if version not in map(str, READABLE_VERSIONS):
        raise _unreadable(file, f"tables of version {version}")
    for name, kind in ADDED_COLUMNS.get(file.name, {}).items():
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(table.num_rows, kind))
    return table


def _unreadable(file: Path, found: str) -> InputError:
    versions = " and ".join(map(str, READABLE_VERSIONS))
    valid = f"this raysweep reads tables of version {versions}; export them again from the ledger"
    return InputError([Problem(where=str(file), found=found, valid=valid)])


def _are_from(paths: SweepPaths, revision: int) -> bool:
    return _is_from(paths.trials, revision) and _is_from(paths.evaluations, revision)


def _is_from(file: Path, revision: int) -> bool:
    try:
        check_regular(file)
        return _says(pq.read_schema(file), revision)
    except (OSError, pa.ArrowInvalid):
        return False


def _says(schema: pa.Schema, revision: int) -> bool:
    about = schema.metadata or {}
    return (
        about.get(b"raysweep.ledger_revision") == str(revision).encode()
        and about.get(b"raysweep.tables_version") == str(TABLES_VERSION).encode()
    )
