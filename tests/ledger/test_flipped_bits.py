"""Wherever a ledger is damaged: it is refused, or what can be read from it is what was written."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from raysweep.errors import LedgerError
from tests.ledger.samples import ADVICE, contents, write_sample, write_steps

# A flip in the numbers that say which program and version a file belongs to can't be told from another program's file.
OTHER_FILE = r"not a ledger of raysweep; move it away$|ledger version \d+; this raysweep reads version 2\."
FLIPS = 400
SEED = 5


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


def flip(file: Path, position: int, mask: int) -> None:
    with file.open("r+b") as content:
        content.seek(position)
        (byte,) = content.read(1)
        content.seek(position)
        content.write(bytes([byte ^ mask]))


def read(file: Path, where: object) -> str | None:
    """What the ledger says; None if it is refused."""
    try:
        return contents(file)
    except LedgerError as error:
        assert re.search(f"{ADVICE}|{OTHER_FILE}", str(error)), f"{where}: {error}"
        return None


def count_refused(file: Path, positions: list[int], generator: random.Random) -> int:
    """Flips one bit at a time, and holds what is read then to what was read before."""
    before = contents(file)
    num_refused = 0
    for position in positions:
        mask = 1 << generator.randrange(8)
        flip(file, position, mask)
        after = read(file, (position, mask))
        flip(file, position, mask)
        assert after in (None, before), f"bit {mask} of byte {position} went unnoticed"
        num_refused += after is None
    assert contents(file) == before
    return num_refused


def test_a_flipped_bit_is_refused_or_changes_nothing(file: Path) -> None:
    write_sample(file, num_trials=20, num_epochs=60)
    generator = random.Random(SEED)
    size = file.stat().st_size
    assert size > 30 * 4096
    positions = [*range(100), *(generator.randrange(size) for _ in range(FLIPS))]
    num_refused = count_refused(file, positions, generator)
    assert 0.5 < num_refused / len(positions) < 1, "most bytes mean something, and some don't"


@pytest.mark.nightly
def test_a_flipped_bit_in_any_byte(file: Path) -> None:
    write_sample(file, num_trials=4, num_epochs=20)
    count_refused(file, list(range(file.stat().st_size)), random.Random(SEED))


def test_a_cut_ledger_is_refused(file: Path, tmp_path: Path) -> None:
    write_sample(file, num_trials=5, num_epochs=20)
    whole = file.read_bytes()
    generator = random.Random(SEED)
    lengths = [1, 15, 16, 99, 100, 511, 4095, 4096, len(whole) - 4096, len(whole) - 1]
    for length in [*lengths, *(generator.randrange(1, len(whole)) for _ in range(60))]:
        file.write_bytes(whole[:length])
        with pytest.raises(LedgerError, match=ADVICE):
            contents(file)


class Killed:
    """What a killed driver leaves: a ledger, and a log with the transactions since it was opened.

    Attributes:
        file: The ledger.
        states: What could be read after each transaction, from the opening on.
    """

    def __init__(self, folder: Path) -> None:
        live = folder / "live" / "ledger.sqlite"
        write_sample(live, num_trials=3, num_epochs=10)
        self.states = [contents(live)]
        self.file = folder / "ledger.sqlite"
        for _ in write_steps(live, trials=range(3, 8), num_epochs=30):
            self.states.append(contents(live))
            # Copied while it is open: at its end the driver folds the log into the ledger.
            for end in ("", "-wal", "-shm"):
                shutil.copyfile(f"{live}{end}", folder / f"ledger.sqlite{end}.kept")
        assert len(set(self.states)) == len(self.states)
        assert self.log.with_name("ledger.sqlite-wal.kept").stat().st_size > 20 * 4096

    @property
    def log(self) -> Path:
        return self.file.with_name("ledger.sqlite-wal")

    @property
    def index(self) -> Path:
        return self.file.with_name("ledger.sqlite-shm")

    def restore(self) -> None:
        for path in (self.file, self.log):
            shutil.copyfile(f"{path}.kept", path)
        self.index.unlink(missing_ok=True)


@pytest.fixture
def killed(tmp_path: Path) -> Killed:
    killed = Killed(tmp_path)
    killed.restore()
    assert contents(killed.file) == killed.states[-1]
    killed.restore()
    return killed


def damaged_logs(whole: bytes, count: int) -> Iterator[tuple[str, bytes]]:
    generator = random.Random(SEED)
    for _ in range(count):
        position, bit = generator.randrange(len(whole)), generator.randrange(8)
        flipped = bytearray(whole)
        flipped[position] ^= 1 << bit
        yield f"bit {bit} of byte {position}", bytes(flipped)
    for length in [0, 1, 31, 32, *(generator.randrange(len(whole)) for _ in range(count))]:
        yield f"cut to {length}", whole[:length]


def test_a_damaged_log_costs_its_last_transactions_at_most(killed: Killed) -> None:
    """SQLite's own checksums: from the damage on, the log isn't there. As after a crash a little earlier."""
    found = set()
    for where, log in damaged_logs(killed.log.read_bytes(), 60):
        killed.restore()
        killed.log.write_bytes(log)
        state = read(killed.file, where)
        assert state is None or state in killed.states, where
        found.add(state)
    assert len(found) > 5, "damage at different places leaves different transactions"


def test_a_lost_log_costs_its_transactions(killed: Killed) -> None:
    killed.log.unlink()
    assert contents(killed.file) == killed.states[0]


def test_a_flipped_bit_beside_a_log(killed: Killed) -> None:
    generator = random.Random(SEED)
    size = killed.file.stat().st_size
    for position in [*range(100), *(generator.randrange(size) for _ in range(60))]:
        killed.restore()
        flip(killed.file, position, 1 << generator.randrange(8))
        assert read(killed.file, position) in (None, killed.states[-1]), position


def test_a_flipped_bit_in_the_log_of_a_running_driver(file: Path) -> None:
    """SQLite looks at its checksums after a kill alone; here ours must do."""
    steps = write_steps(file, trials=range(8), num_epochs=30)
    for _ in range(20):
        next(steps)
    before, log = contents(file), file.with_name("ledger.sqlite-wal")
    generator = random.Random(SEED)
    found = []
    for _ in range(200):
        position, mask = generator.randrange(log.stat().st_size), 1 << generator.randrange(8)
        flip(log, position, mask)
        found.append(read(file, (position, mask)))
        flip(log, position, mask)
    assert set(found) == {None, before}
    steps.close()


def test_a_damaged_index_of_the_log_is_made_anew(killed: Killed) -> None:
    index = killed.index.with_name("ledger.sqlite-shm.kept").read_bytes()
    for damaged in (bytes(len(index)), index[: len(index) // 2], index.replace(b"\x00", b"\x01"), b""):
        killed.restore()
        killed.index.write_bytes(damaged)
        assert contents(killed.file) == killed.states[-1]
