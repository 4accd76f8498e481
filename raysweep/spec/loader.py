"""Loads a sweep file: the whole way from a path to a checked sweep, or to one report of all that is wrong.

Must not know: Ray, torch, files other than the sweep's own; models and series come from the catalog.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from raysweep.spec.catalog import Catalog
from raysweep.spec.checks import check_sweep
from raysweep.spec.entries import read_entries
from raysweep.spec.findings import Findings
from raysweep.spec.lookup import Lookup
from raysweep.spec.overrides import apply_overrides
from raysweep.spec.settings import read_settings
from raysweep.spec.source import file_place, read_text
from raysweep.spec.sweep import Sweep
from raysweep.spec.yaml_reader import parse_yaml


def load_sweep(path: Path, *, overrides: Sequence[str] = (), catalog: Catalog) -> Sweep:
    """The sweep that a file and the overrides of the command line ask for. Starts and creates nothing.

    Args:
        path: The sweep file.
        overrides: As typed, such as `train.learning_rate=1e-3,5e-4`.
        catalog: The models and series at hand.

    Raises:
        SweepFileError: With all problems that were found, sorted by line.
    """
    findings = Findings()
    text = read_text(path, findings)
    root = parse_yaml(text, file_place(path), findings)
    root = apply_overrides(root, overrides, findings)

    lookup = Lookup(catalog, findings)
    settings = read_settings(root, lookup, findings)
    entries = read_entries(root, settings, lookup, findings)
    check_sweep(root, settings, entries, lookup, findings)
    findings.raise_if_any()

    assert settings.protocol is not None and settings.search is not None, "what can't be read is reported"
    return Sweep(
        name=settings.name,
        protocol=settings.protocol,
        seeds=settings.seeds.explore,
        confirm=settings.seeds.confirm,
        evaluate_on=settings.evaluate_on,
        metric=settings.metric,
        mode="min",
        spaces=tuple(entry.space() for entry in entries),
        scheduler=settings.scheduler,
        search=settings.search,
        resources=settings.resources,
        storage_path=settings.storage_path,
        file=path,
        text=text,
        overrides=tuple(overrides),
        models=lookup.models_read(),
    )
