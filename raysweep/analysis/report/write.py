"""From sweeps to `report.html` and `figures/` in one call. Must not know: who asks for it, MLflow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from raysweep.analysis import numerals
from raysweep.analysis.files import replace_file
from raysweep.analysis.report.answers import answers
from raysweep.analysis.report.helpers import Helpers
from raysweep.analysis.report.helpers import helpers as new_helpers
from raysweep.analysis.report.material import Material, no_series, silent
from raysweep.analysis.report.page import Page, limited, with_files_of_their_own
from raysweep.analysis.report.render import to_html
from raysweep.analysis.report.sections import SECTIONS, WAITING
from raysweep.analysis.tables import load_tables
from raysweep.disks import cannot_write
from raysweep.forecasting.series import Series
from raysweep.paths import SweepPaths
from raysweep.plain_files import NotPlainError, open_plain

MAX_ROWS = 1500  # on the whole page: more take a browser too long


def write_report(
    sweeps: Sequence[SweepPaths],
    report: Path,
    figures: Path,
    *,
    units: Mapping[str, str] | None = None,
    series_named: Callable[[str], Series | None] = no_series,
    note: Callable[[str], None] = silent,
    helpers: Helpers | None = None,
) -> Page:
    """Writes the page of these sweeps together, and its pictures beside it.

    Args:
        sweeps: At least one.
        report: The file to write.
        figures: The folder of the pictures; those of an older report go.
        units: The unit of each series, where it is known.
        series_named: The whole series of a name, where it is at hand.
        note: Is told what takes long.
        helpers: Do what takes long; None for some that come and go with this report.

    Raises:
        LedgerError: If a ledger can't be read, or there is neither ledger nor tables.
        InputError: If a table isn't one that this raysweep can read.
        StorageError: If something can't be written.
    """
    with nullcontext(helpers) if helpers is not None else new_helpers() as started:
        material = Material(
            sweeps=sweeps,
            tables=load_tables(sweeps),
            units=units or {},
            series_named=series_named,
            note=note,
            helpers=started,
        )
        page = build_page(material)
        html = to_html(page)
    svgs = {drawing.file: drawing.drawn.svg for drawing in page.drawings()}
    assert len(svgs) == len(page.drawings()), "every picture has a file of its own"
    _write_figures(svgs, figures)
    with _told(report.parent):
        report.parent.mkdir(parents=True, exist_ok=True)
    replace_file(report, lambda temporary: temporary.write_text(html, encoding="utf-8"))
    return page


def build_page(material: Material) -> Page:
    """The page before it becomes HTML."""
    material.begin_importances()
    made = {make: make(material) for make in sorted(SECTIONS, key=WAITING.__contains__)}
    material.helpers.share()
    sections = with_files_of_their_own([section for make in SECTIONS if (section := made[make]) is not None])
    return Page(
        title=", ".join(paths.name for paths in material.sweeps),
        subtitle=_subtitle(material),
        answers=answers(material.verdicts, material.divergence),
        sections=limited(sections, MAX_ROWS),
    )


def _subtitle(material: Material) -> str:
    trials = material.tables.trials
    trials = trials[trials["is_current"].astype("bool")].drop_duplicates("trial_id")
    counts = [f"{count:,} {status}" for status, count in trials["status"].value_counts().items()]
    parts = [
        f"{numerals.times(len(trials), 'trial')} of {numerals.times(trials['config_id'].nunique(), 'config')}",
        *counts,
        f"written {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    ]
    return " · ".join(parts)


def _write_figures(svgs: Mapping[str, str], figures: Path) -> None:
    """Each as SVG; what an older report left and this one doesn't have, goes."""
    wanted = {f"{name}.svg": svg for name, svg in svgs.items()}
    with _told(figures):
        (figures / "trials").mkdir(parents=True, exist_ok=True)
        for file in figures.rglob("*.svg"):
            if file.relative_to(figures).as_posix() not in wanted and _is_ours(file):
                file.unlink()
    for name, svg in wanted.items():
        text = f'<?xml version="1.0" encoding="utf-8"?>\n{svg}'
        replace_file(figures / name, partial(Path.write_text, data=text, encoding="utf-8"))


def _is_ours(file: Path) -> bool:
    """Whether `to_svg` made it: somebody may keep pictures of their own in the same folder."""
    try:
        descriptor = open_plain(file, os.O_RDONLY)
    except NotPlainError:
        return False
    with os.fdopen(descriptor, "rb") as opened:
        return b'<svg role="img" aria-label="' in opened.read(200)


@contextmanager
def _told(where: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise cannot_write(where, error) from error
