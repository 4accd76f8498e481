"""Reads the top level of a sweep file, all but `param_space`: what the sweep is called and what it is judged by.

Must not know: models and their arguments.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from raysweep.spec.config import PROTOCOLS, ProtocolName
from raysweep.spec.findings import Findings
from raysweep.spec.keys import CONFIG_KEYS, SETTING_KEYS, nearest_key
from raysweep.spec.lookup import Lookup
from raysweep.spec.rules import Rule, read_value, read_values
from raysweep.spec.running import read_resources, read_scheduler, read_search
from raysweep.spec.seeds import Seeds, read_seeds
from raysweep.spec.storage_path import read_storage_path
from raysweep.spec.sweep import Asha, Fifo, Grid, HyperOpt, MetricName, Resources
from raysweep.spec.tree import Field, MappingNode, quote

MAX_NAME_LENGTH = 100
METRICS: dict[ProtocolName, tuple[MetricName, ...]] = {
    "holdout": ("val_mse_batch", "val_loss", "val_mse_regressive"),  # the first is the default
    "replication": ("val_loss",),
}

_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_NAME_LENGTH}}}")
_NAME_TEXT = f"up to {MAX_NAME_LENGTH} letters, digits, - and _"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The top level of a sweep file.

    A setting that can't be read has been reported, and stands here as its default; but as None where other checks would
    then speak of a default that nobody wants.
    """

    name: str
    protocol: ProtocolName | None
    seeds: Seeds
    evaluate_on: tuple[str, ...] | None
    metric: MetricName
    scheduler: Fifo | Asha
    search: Grid | HyperOpt | None
    resources: Literal["auto"] | Resources
    storage_path: str | None


def read_settings(root: MappingNode, lookup: Lookup, findings: Findings) -> Settings:
    """All settings, with their defaults."""
    _check_keys(root, findings)
    protocol = _read_protocol(root, findings)
    scheduler = read_scheduler(root.fields.get("scheduler"), findings)
    _check_mode(root, findings)
    return Settings(
        name=_read_name(root, findings),
        protocol=protocol,
        seeds=read_seeds(root.fields.get("seeds"), findings),
        evaluate_on=_read_evaluate_on(root.fields.get("evaluate_on"), lookup, findings),
        metric=_read_metric(root.fields.get("metric"), protocol, scheduler, findings),
        scheduler=scheduler,
        search=read_search(root.fields.get("search"), findings),
        resources=read_resources(root.fields.get("resources_per_trial"), findings),
        storage_path=read_storage_path(root.fields.get("storage_path"), findings),
    )


def _check_keys(root: MappingNode, findings: Findings) -> None:
    for key, field in root.fields.items():
        if key in SETTING_KEYS:
            continue
        if key in CONFIG_KEYS or key.startswith("model."):
            valid = "it belongs under param_space"
        else:
            valid = nearest_key(key, SETTING_KEYS)
        findings.add(field.place, key, found="unknown key", valid=valid)


def _read_name(root: MappingNode, findings: Findings) -> str:
    field = root.fields.get("name")
    if field is None:
        findings.add(root.place, "name", found="missing", valid=_NAME_TEXT)
        return ""
    name = read_value(field.node, [Rule(kind=str, text=_NAME_TEXT)], key="name", findings=findings)
    if isinstance(name, str) and not _NAME.fullmatch(name):
        findings.add(field.node.place, "name", found=quote(name), valid=_NAME_TEXT)
    return str(name)


def _read_protocol(root: MappingNode, findings: Findings) -> ProtocolName | None:
    field = root.fields.get("protocol")
    if field is None:
        return "holdout"
    rule = Rule(kind=str, text="holdout or replication", choices=PROTOCOLS)
    value = read_value(field.node, [rule], key="protocol", findings=findings)
    return next((protocol for protocol in PROTOCOLS if protocol == value), None)


def _read_evaluate_on(field: Field | None, lookup: Lookup, findings: Findings) -> tuple[str, ...] | None:
    if field is None:
        return None
    rule = Rule(kind=str, text="the name of a series", choices=lookup.dataset_names)
    form = "a list of series, such as [4single, y_w]"
    names = read_values(field.node, [rule], key="evaluate_on", form=form, findings=findings)
    return tuple(str(name) for name in names) or None


def _read_metric(
    field: Field | None, protocol: ProtocolName | None, scheduler: Fifo | Asha, findings: Findings
) -> MetricName:
    valid = METRICS[protocol or "holdout"]
    if field is None:
        return valid[0]
    text = "the name of a metric"
    rule = Rule(kind=str, text=text, choices=valid, scope=f" under protocol {protocol}" if protocol else "")
    name = read_value(field.node, [rule], key="metric", findings=findings)
    if name == "val_mse_regressive" and isinstance(scheduler, Asha):
        found = "'val_mse_regressive', which is known only when a trial has ended, with scheduler asha"
        findings.add(field.node.place, "metric", found=found, valid="val_mse_batch or val_loss, or scheduler: fifo")
    return next((metric for metric in valid if metric == name), valid[0])


def _check_mode(root: MappingNode, findings: Findings) -> None:
    field = root.fields.get("mode")
    if field is None:
        return
    mode = read_value(field.node, [Rule(kind=str, text="min")], key="mode", findings=findings)
    if mode not in (None, "min"):
        valid = "min: every metric is an error, lower is better"
        findings.add(field.node.place, "mode", found=quote(str(mode)), valid=valid)
