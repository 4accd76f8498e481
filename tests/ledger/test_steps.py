from __future__ import annotations

import dataclasses
from pathlib import Path

from raysweep.ledger.reader import LedgerReader
from raysweep.ledger.rows import StepRow
from raysweep.ledger.writer import LedgerWriter

STEP = StepRow(
    gpu="H200",
    shape='{"model":"att","arguments":[["kind","a b"]]}',
    cpus_per_gpu=16.0,
    seconds=0.1 + 0.2,
    busy=None,
    memory_bytes=2**40 + 1,
    total_bytes=None,
)


def test_what_was_measured_comes_back_and_the_newest_counts(tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite"
    other = dataclasses.replace(STEP, gpu="T4")
    with LedgerWriter(file) as writer:
        for row in (STEP, other, dataclasses.replace(STEP, seconds=1.0)):
            writer.record_step(row)
        writer.record_step(STEP)
    with LedgerReader(file) as reader:
        assert sorted(reader.steps(), key=lambda row: row.gpu) == [STEP, other]
        assert reader.storage_path() is None
