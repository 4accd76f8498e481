from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raysweep.analysis import export, tables
from raysweep.analysis.export import export_tables
from raysweep.analysis.tables import load_tables, read_epochs, read_tables
from raysweep.errors import InputError, LedgerError
from raysweep.ledger.reader import LedgerReader
from raysweep.paths import SweepPaths
from tests.analysis.ledgers import FakeTrial, sweep_paths, write_ledger


def test_parquet_and_ledger_give_the_same_frames(paths: SweepPaths) -> None:
    write_ledger(paths, [FakeTrial(), FakeTrial(model="lstm", arguments={"hidden_size": 64}, status="stopped")])
    from_ledger = load_tables([paths])
    assert not paths.trials.exists(), "reading must not write"
    export_tables(paths)
    from_parquet = read_tables(paths)
    pd.testing.assert_frame_equal(from_ledger.trials, from_parquet.trials)
    pd.testing.assert_frame_equal(from_ledger.evaluations, from_parquet.evaluations)


def test_fresh_parquet_is_read_instead_of_the_ledger(paths: SweepPaths) -> None:
    export_tables(write_ledger(paths, [FakeTrial()]))
    table = pq.read_table(paths.trials)
    pq.write_table(table.set_column(table.column_names.index("node"), "node", [["edited"]]), paths.trials)
    assert load_tables([paths]).trials["node"].tolist() == ["edited"]


def test_parquet_older_than_the_ledger_is_not_believed(paths: SweepPaths) -> None:
    export_tables(write_ledger(paths, [FakeTrial()]))
    write_ledger(paths, [FakeTrial(), FakeTrial(seed=1)])
    assert len(read_tables(paths).trials) == 1
    assert len(load_tables([paths]).trials) == 2


def test_damaged_parquet_is_no_harm_where_there_is_a_ledger(paths: SweepPaths) -> None:
    export_tables(write_ledger(paths, [FakeTrial()]))
    paths.trials.write_bytes(b"PAR1, or so")
    assert len(load_tables([paths]).trials) == 1


def test_a_copy_without_a_ledger_is_read_under_the_name_of_its_folder(paths: SweepPaths) -> None:
    export_tables(write_ledger(paths, [FakeTrial()]))
    copy = sweep_paths(paths.results_dir, "from_somebody")
    copy.root.mkdir()
    for file in (paths.trials, paths.evaluations):
        shutil.copy(file, copy.root)
    tables = load_tables([copy])
    assert tables.trials["sweep"].tolist() == ["from_somebody"]
    assert set(tables.evaluations["sweep"]) == {"from_somebody"}


def test_a_ledger_that_takes_the_place_of_another_while_that_is_read(
    paths: SweepPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `raysweep pull` puts one: what is looked at for damage would not be what is read."""
    write_ledger(paths, [FakeTrial()])
    shutil.copy(paths.ledger, other := paths.root / "other.sqlite")
    read = export.trials_and_evaluations

    def replace_and_read(reader: LedgerReader, sweep: str) -> tuple[pa.Table, pa.Table]:
        other.replace(paths.ledger)
        return read(reader, sweep)

    monkeypatch.setattr(tables, "trials_and_evaluations", replace_and_read)
    with pytest.raises(LedgerError, match="another ledger has taken its place while it was read"):
        load_tables([paths])


def test_neither_ledger_nor_tables(paths: SweepPaths) -> None:
    with pytest.raises(LedgerError, match="there is no ledger; has this sweep been run"):
        load_tables([paths])


def test_a_parquet_file_of_something_else_is_refused(paths: SweepPaths) -> None:
    paths.root.mkdir()
    for file in (paths.trials, paths.evaluations):
        pd.DataFrame({"a": [1]}).to_parquet(file)
    with pytest.raises(InputError, match=r"trials\.parquet: tables of version none; this raysweep reads"):
        load_tables([paths])
    paths.trials.write_bytes(b"text")
    with pytest.raises(InputError, match=r"trials\.parquet: can't be read .*; export them again from the ledger"):
        load_tables([paths])


def test_whole_numbers_and_flags_keep_their_type_over_several_sweeps(tmp_path: Path) -> None:
    one = write_ledger(sweep_paths(tmp_path, "one"), [FakeTrial(arguments={"d_model": 64, "is_causal": True})])
    two = write_ledger(sweep_paths(tmp_path, "two"), [FakeTrial(model="lstm", arguments={"hidden_size": 32})])
    none = write_ledger(sweep_paths(tmp_path, "none"), [])
    trials = load_tables([none, one, two, one]).trials
    assert trials["sweep"].tolist() == ["one", "two"]
    assert trials["model.d_model"].tolist() == [64, pd.NA]
    assert str(trials["model.d_model"].dtype) == "Int64"
    assert str(trials["model.is_causal"].dtype) == "boolean"


def test_epochs(paths: SweepPaths) -> None:
    export_tables(write_ledger(paths, [FakeTrial(epochs=3)]))
    assert read_epochs(paths)["epoch"].tolist() == [1, 2, 3]


def test_tables_of_the_first_version_are_read_as_if_nothing_were_known_of_what_came_later(paths: SweepPaths) -> None:
    export_tables(write_ledger(paths, [FakeTrial()]))
    paths.ledger.unlink()
    for file, column in ((paths.trials, "phase"), (paths.evaluations, "block_errors")):
        table = pq.read_table(file, partitioning=None).drop_columns(column)
        metadata = {**table.schema.metadata, b"raysweep.tables_version": b"1"}
        pq.write_table(table.replace_schema_metadata(metadata), file)
    tables = load_tables([paths])
    assert tables.trials["phase"].isna().all()
    assert tables.evaluations["block_errors"].isna().all()


@pytest.mark.parametrize("table", ["trials", "evaluations"])
def test_a_trial_id_that_leads_elsewhere_is_refused(paths: SweepPaths, table: str) -> None:
    """A trial's forecasts are looked for under its id."""
    export_tables(write_ledger(paths, [FakeTrial()]))
    file = getattr(paths, table)
    about = pq.read_table(file)
    ids = ["../../../../etc/secret"] * about.num_rows
    pq.write_table(about.set_column(about.column_names.index("trial_id"), "trial_id", [ids]), file)
    paths.ledger.unlink()
    with pytest.raises(
        InputError, match=r"trial_id: '\.\./\.\./\.\./\.\./etc/secret'; a trial's id is letters, digits"
    ):
        load_tables([paths])
