"""Checks what keys only show together: sizes, windows, a model's own rules, and what scheduler and search need.

Each check looks at the keys that matter to it alone, so that a large grid is judged without walking through all of it.
Must not know: YAML.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence

from raysweep.spec.catalog import ModelInfo
from raysweep.spec.config import ProtocolName, Scalar, TrainSettings
from raysweep.spec.entries import Entry
from raysweep.spec.findings import Findings
from raysweep.spec.keys import DEFAULT_ORIGIN, MODEL_PREFIX, coerce
from raysweep.spec.lookup import MIN_TRAIN_WINDOWS, SHORTEST_WINDOW, Lookup, Split
from raysweep.spec.settings import Settings
from raysweep.spec.space import GridSearch, IntRange, is_listed
from raysweep.spec.sweep import Asha, Grid, HyperOpt
from raysweep.spec.tree import MappingNode, place_at

MAX_TRIALS = 200_000
MAX_DRAWN_COMBINATIONS = 20_000
MAX_BROKEN_RULES = 10
DEFAULT_TRAIN = TrainSettings()

_WINDOW = "train.time_steps"


def check_sweep(
    root: MappingNode, settings: Settings, entries: Sequence[Entry], lookup: Lookup, findings: Findings
) -> None:
    """All checks over several keys."""
    if isinstance(settings.search, HyperOpt):
        _check_hyperopt(root, settings, entries, findings)
    _check_confirm(root, settings, entries, findings)
    is_small_enough = _check_size(root, settings, entries, findings)
    # What is drawn may have far more combinations; those beyond the limit are left to the trials.
    limit = MAX_TRIALS if isinstance(settings.search, Grid) else MAX_DRAWN_COMBINATIONS
    for entry in entries if is_small_enough else ():
        for model in filter(None, map(lookup.model, entry.names("model"))):
            _check_requirements(entry, model, limit, lookup, findings)
        if settings.protocol is not None:
            _check_training_parts(entry, settings.protocol, limit, lookup, findings)
            _check_windows(entry, settings.protocol, limit, lookup, findings)
    _check_channels(root, settings, entries, lookup, findings)
    _check_grace_period(root, settings, entries, findings)


def _check_hyperopt(root: MappingNode, settings: Settings, entries: Sequence[Entry], findings: Findings) -> None:
    under = "under search: hyperopt"
    num_seeds = len(settings.seeds.explore)
    if num_seeds > 1:
        place, form = place_at(root, "seeds", "explore"), "{explore: [0]}" if settings.seeds.confirm else "[0]"
        findings.add(place, "seeds", found=f"{num_seeds} seeds {under}", valid=f"one seed, such as {form}")
    if len(entries) > 1:
        found = f"{len(entries)} mappings {under}"
        findings.add(place_at(root, "param_space"), "param_space", found=found, valid="one mapping")
    for entry in entries:
        is_constant = all(isinstance(domain, Scalar) for domain in entry.space().values())
        if is_constant and not entry.refused:
            valid = "at least one key with a verb, such as {choice: [...]} or {loguniform: [1e-4, 1e-2]}"
            findings.add(entry.place, "param_space", found=f"nothing to draw {under}", valid=valid)


def _check_size(root: MappingNode, settings: Settings, entries: Sequence[Entry], findings: Findings) -> bool:
    """Whether the grid has a size that can be run, and be walked through here."""
    num_configs = 0
    for entry in entries:
        grids = [domain for domain in entry.space().values() if isinstance(domain, GridSearch)]
        num_configs += math.prod(len(grid.values) for grid in grids)
    num_seeds = len(settings.seeds.explore)
    num_trials = num_configs * num_seeds
    if num_configs > MAX_TRIALS:
        found, valid = f"a grid of {num_configs:,} configs", f"at most {MAX_TRIALS:,}"
        findings.add(place_at(root, "param_space"), "param_space", found=found, valid=valid)
    elif num_trials > MAX_TRIALS:
        found = f"{num_seeds:,} seeds for each of {num_configs:,} configs, which are {num_trials:,} trials"
        findings.add(place_at(root, "seeds"), "seeds", found=found, valid=f"at most {MAX_TRIALS:,} trials")
    else:
        _check_num_to_confirm(root, settings, entries, num_trials, findings)
    return num_configs <= MAX_TRIALS


def _check_num_to_confirm(
    root: MappingNode, settings: Settings, entries: Sequence[Entry], num_trials: int, findings: Findings
) -> None:
    """Whether what confirms the best configs, at most, can be run after the search."""
    confirm = settings.seeds.confirm
    if confirm is None:
        return
    if isinstance(settings.search, HyperOpt):
        num_trials = settings.search.num_samples
    folds = {
        fold
        for entry in entries
        for fold in itertools.product(entry.names("dataset"), entry.values("split.origin", DEFAULT_ORIGIN))
    }
    num_more = confirm.seeds * min(num_trials // len(settings.seeds.explore), confirm.top * len(folds))
    if num_trials + num_more > MAX_TRIALS:
        found = f"up to {num_more:,} trials to confirm, after {num_trials:,}"
        place, valid = place_at(root, "seeds", "confirm"), f"at most {MAX_TRIALS:,} trials in all"
        findings.add(place, "seeds.confirm", found=found, valid=valid)


def _check_confirm(root: MappingNode, settings: Settings, entries: Sequence[Entry], findings: Findings) -> None:
    """Checks that there are scores to choose by, and that they compare."""
    if settings.seeds.confirm is None:
        return
    if settings.protocol == "replication":
        found = "given under protocol replication, whose scores are in-sample: they choose nothing"
        valid = "protocol: holdout, or a list of seeds, such as [0, 1, 2]"
        findings.add(place_at(root, "seeds", "confirm"), "seeds.confirm", found=found, valid=valid)
    for entry in entries:
        axis = entry.axes.get("split.origin")
        if axis is not None and not is_listed(axis.domain):
            found = "a range, with seeds.confirm: nearly every config would be the best of a fold of its own"
            valid = "a few folds, such as {choice: [0.6, 0.85]}"
            findings.add(axis.place, "split.origin", found=found, valid=valid)


def _check_requirements(entry: Entry, model: ModelInfo, limit: int, lookup: Lookup, findings: Findings) -> None:
    """Checks each of a model's rules on every combination of the arguments that it speaks of, up to a limit."""
    defaults = {name: argument.default for name, argument in model.arguments.items()}
    broken: set[str] = set()
    for rule in model.requirements:
        names = [name for name in dict.fromkeys(re.findall(r"[A-Za-z_]\w*", rule)) if name in defaults]
        values = [entry.values(f"{MODEL_PREFIX}{name}", defaults[name]) for name in names]
        for combination in itertools.islice(itertools.product(*values), limit):
            pairs = zip(names, combination, strict=True)
            chosen = {name: coerce(value, model.arguments[name].kind) for name, value in pairs}
            for unmet in lookup.unmet_requirements(model.name, {**defaults, **chosen}):
                if rule not in unmet or unmet in broken:
                    continue
                if len(broken) == MAX_BROKEN_RULES:
                    found = f"more values break rules of {model.name}"
                    findings.add(entry.axes["model"].place, "model", found=found, valid="values that keep them")
                    return
                broken.add(unmet)
                _report_broken_rule(entry, model, chosen, unmet, findings)


def _report_broken_rule(
    entry: Entry, model: ModelInfo, chosen: Mapping[str, Scalar], unmet: str, findings: Findings
) -> None:
    given = [name for name in chosen if f"{MODEL_PREFIX}{name}" in entry.axes]
    key, value = (f"{MODEL_PREFIX}{given[0]}", chosen[given[0]]) if given else ("model", model.name)
    place = entry.place_of(key, value, fallback="model")
    findings.add(place, key, found=f"in {model.name}, {unmet}", valid="values that keep it")


def _check_training_parts(entry: Entry, protocol: ProtocolName, limit: int, lookup: Lookup, findings: Findings) -> None:
    """Checks that every series can be trained on with every split, up to a limit.

    Of a range of origins the lowest says it: a training part that varies still does when it is longer. A part that
    is too short for any window is left to the check of windows.
    """
    for dataset, origin in itertools.islice(
        itertools.product(_datasets(entry, lookup), _origins(entry, protocol)), limit
    ):
        split = Split(dataset, protocol, origin)
        reason = lookup.why_untrainable(split) if lookup.longest_window(split, SHORTEST_WINDOW) else None
        if reason is not None:
            place = entry.place_of("dataset", dataset, fallback="dataset")
            valid = "a series that varies there" + (", or a later split.origin" if protocol == "holdout" else "")
            findings.add(place, "dataset", found=reason, valid=valid)


def _datasets(entry: Entry, lookup: Lookup) -> list[str]:
    """The series of an entry that can be read."""
    return [name for name in entry.names("dataset") if lookup.dataset(name)]


def _origins(entry: Entry, protocol: ProtocolName) -> list[float | None]:
    """The origins of an entry, or the ends of their range."""
    if protocol == "replication":
        return [None]
    return [float(origin) for origin in entry.values("split.origin", DEFAULT_ORIGIN)]


def _check_windows(entry: Entry, protocol: ProtocolName, limit: int, lookup: Lookup, findings: Findings) -> None:
    """Checks that every window leaves enough training windows, on every series and split, up to a limit."""
    windows = _windows(entry)
    datasets, origins = _datasets(entry, lookup), _origins(entry, protocol)
    longest_of: dict[Split, int | None] = {}
    for dataset, origin, window in itertools.islice(itertools.product(datasets, origins, windows), limit):
        split = Split(dataset, protocol, origin)
        if split not in longest_of:
            longest_of[split] = lookup.longest_window(split, max(windows))
        longest = longest_of[split]
        if longest is not None and window > longest:
            _report_long_window(entry, split, window, longest, lookup, findings)


def _windows(entry: Entry) -> list[int]:
    """The windows to check: all that are listed, or the longest of a range."""
    windows = [int(window) for window in entry.values(_WINDOW, DEFAULT_TRAIN.time_steps)]
    is_range = _WINDOW in entry.axes and isinstance(entry.axes[_WINDOW].domain, IntRange)
    return windows[-1:] if is_range else windows


def _report_long_window(
    entry: Entry, split: Split, window: int, longest: int, lookup: Lookup, findings: Findings
) -> None:
    num_windows = max(0, lookup.num_train_windows(split, window) or 0)
    origin = "" if split.origin is None else f" at split.origin {split.origin}"
    default = "" if _WINDOW in entry.axes else " (the default)"
    found = f"{window}{default} leaves {num_windows} training windows of {split.dataset}{origin}"
    advice = f"the longest window that fits is {longest}" if longest else "no window fits, the series is too short"
    place = entry.place_of(_WINDOW, window, fallback="dataset")
    findings.add(place, _WINDOW, found=found, valid=f"at least {MIN_TRAIN_WINDOWS}: {advice}")


def _check_channels(
    root: MappingNode, settings: Settings, entries: Sequence[Entry], lookup: Lookup, findings: Findings
) -> None:
    """Checks that a model can read the series that it is scored on."""
    names = dict.fromkeys(name for entry in entries for name in entry.names("dataset"))
    trained = [dataset for name in names if (dataset := lookup.dataset(name))]
    for name in settings.evaluate_on or ():
        scored = lookup.dataset(name)
        for dataset in trained:
            if scored and scored.num_channels != dataset.num_channels:
                found = f"channels of {name}: {scored.num_channels}, of {dataset.name}: {dataset.num_channels}"
                valid = "series with as many as the one that is trained on"
                findings.add(place_at(root, "evaluate_on"), "evaluate_on", found=found, valid=valid)


def _check_grace_period(root: MappingNode, settings: Settings, entries: Sequence[Entry], findings: Findings) -> None:
    """Checks that ASHA can stop anything at all. How many epochs a `train.num_steps` makes is not looked at."""
    if not isinstance(settings.scheduler, Asha):
        return
    longest = 0
    for entry in entries:
        epochs = entry.values("train.num_epochs", DEFAULT_TRAIN.num_epochs or 0)
        are_all_known = bool(epochs) and all(axis.is_complete for axis in entry.axes.values())
        if not are_all_known or "train.num_steps" in {*entry.axes, *entry.refused}:
            return
        longest = max(longest, *(int(epoch) for epoch in epochs))
    grace_period = settings.scheduler.grace_period
    if entries and grace_period > longest:
        found = f"{grace_period}, but no config trains for more than {longest} epochs, so none can be stopped"
        place = place_at(root, "scheduler", "asha", "grace_period")
        valid = f"at most {longest}, or scheduler: fifo"
        findings.add(place, "scheduler.asha.grace_period", found=found, valid=valid)
