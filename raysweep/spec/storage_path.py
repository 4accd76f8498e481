"""Reads `storage_path`: where checkpoints and forecasts go. Must not know: whether it can be reached."""

from __future__ import annotations

from urllib.parse import urlsplit

from raysweep.spec.findings import Findings
from raysweep.spec.rules import Rule, read_value
from raysweep.spec.tree import Field, quote
from raysweep.storage import OBJECT_STORES

_KEY = "storage_path"
_FORMS = "an absolute path of a folder that all nodes share, s3://BUCKET/FOLDER or gs://BUCKET/FOLDER"


def read_storage_path(field: Field | None, findings: Findings) -> str | None:
    """The location without a slash at its end; None if none is given, or none that can be used."""
    if field is None:
        return None
    value = read_value(field.node, [Rule(kind=str, text=_FORMS)], key=_KEY, findings=findings)
    if value is None:
        return None
    objection = objection_to(str(value))
    if objection is None:
        return without_slash(str(value))
    findings.add(field.node.place, _KEY, found=objection[0], valid=objection[1])
    return None


def without_slash(location: str) -> str:
    """The same location without a slash at its end."""
    return location.rstrip("/") or "/"


def objection_to(location: str) -> tuple[str, str] | None:
    """What was found, and what would be valid; None if nothing is wrong with it."""
    if not location.isprintable():
        return quote(location), "printable text on one line"
    if "://" not in location:
        if location.startswith("/"):
            return None
        return f"{quote(location)}, which is another folder for every process and node", _FORMS
    try:
        address = urlsplit(location)
    except ValueError:
        return quote(location), _FORMS
    if address.username is not None:
        # Not shown: it would stand in logs, as the sweep file's text stands in the ledger.
        return "a user or password in the address", "credentials stay with the nodes: their role, or their environment"
    if "#" in location:  # what follows would be no part of the path
        return f"{quote(location)} with a #", "a name without #"
    if address.scheme == "file":
        is_path = not address.netloc and not address.query and address.path.startswith("/")
        return None if is_path else (quote(location), _FORMS)
    if address.scheme not in OBJECT_STORES:
        return f"{quote(location)} with {address.scheme}://", _FORMS
    return None if address.netloc else (f"{quote(location)} without a bucket", _FORMS)
