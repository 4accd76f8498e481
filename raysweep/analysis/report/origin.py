"""What a report rests on: the sweep file, the command that makes it again, digests and versions.

Must not know: scores, HTML.
"""

from __future__ import annotations

import json
import platform
import shlex
from importlib import metadata

import pandas as pd

from raysweep.analysis import numerals
from raysweep.analysis.report.material import Material
from raysweep.analysis.report.page import Block, Code, Section, Table, Text
from raysweep.analysis.result_table import Column, TableRow
from raysweep.ledger.reader import LedgerReader, Row
from raysweep.paths import SweepPaths

_PACKAGES = ("raysweep", "torch", "ray", "numpy", "pandas", "scipy", "arch", "matplotlib")


def origin_section(material: Material) -> Section:
    """How to make it all again, and how to tell whether that is the same."""
    blocks: list[Block] = []
    for paths in material.sweeps:
        blocks += _sweep_blocks(paths, has_name=material.has_many_sweeps)
    trials = material.tables.trials[material.tables.trials["is_current"].astype("bool")]
    if len(trials):
        blocks.append(_digest_table(trials))
    versions = ", ".join(f"{name} {version}" for name in _PACKAGES if (version := _version(name)))
    blocks.append(Text(paragraphs=(f"This page was made with Python {platform.python_version()}, {versions}.",)))
    return Section(
        title="How it was made",
        lead="The same file, series and code give the same trials; their digests tell whether they are the same.",
        blocks=tuple(blocks),
    )


def _sweep_blocks(paths: SweepPaths, *, has_name: bool) -> list[Block]:
    of = f" of {paths.name}" if has_name else ""
    if not paths.ledger.is_file():
        return [Text(paragraphs=(f"{paths.name} was read from Parquet files; its sweep file is in the ledger alone.",))]
    with LedgerReader(paths.ledger, check=False) as reader:
        command = reader.last_command()
    if command is None:
        return [Text(paragraphs=(f"No command is in the ledger of {paths.name}.",))]
    return [
        Code(title=f"The command that makes it again{of}", text=_command(command, paths)),
        Code(title=f"Sweep file{of}: {command['sweep_file']}", text=str(command["sweep_text"])),
    ]


def _command(command: Row, paths: SweepPaths) -> str:
    folder = [] if str(paths.results_dir) == "results" else ["--results-dir", str(paths.results_dir)]
    run = ["python", "-m", "raysweep", str(command["sweep_file"]), *_overrides(str(command["overrides"])), *folder]
    report = ["raysweep", "report", paths.name, *folder]
    return f"{shlex.join(run)}\n{shlex.join(report)}"


def _overrides(text: str) -> list[str]:
    return [str(word) for word in json.loads(text)]


def _digest_table(trials: pd.DataFrame) -> Table:
    kinds = {
        "series": ("dataset", "data_digest", "data_source"),
        "model": ("model", "model_digest", None),
        "raysweep, for training": ("code_version", None, None),
    }
    rows = []
    for kind, (name, digest, remark) in kinds.items():
        columns = [column for column in (name, digest, remark) if column]
        for values, group in trials.groupby(columns, dropna=False):
            cells = dict(zip(columns, values, strict=True))
            texts = (numerals.setting(cells.get(column)) if column else "-" for column in (name, digest, remark))
            rows.append(TableRow(cells=(kind, *texts, f"{len(group):,}"), style="ranked"))
    left = (Column(title=title, align="left") for title in ("what", "name or version", "digest", "source"))
    return Table(title="Digests and versions", columns=(*left, Column(title="trials")), rows=tuple(rows))


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:  # run from a folder, without installation
        return ""
