"""Where MLflow is: its address made absolute, and its secrets kept out of all that people read.

Must not know MLflow: the driver imports this.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote

DEFAULT_URI = "sqlite:///mlflow.db"  # MLflow's own, so that a bare `mlflow ui` in the same folder shows the runs

_HIDDEN = "***"
_SQLITE = re.compile(r"(?P<scheme>sqlite(?:\+\w+)?):///(?P<file>[^?]*)(?P<query>.*)", re.DOTALL)
_USERINFO = re.compile(r"(?<=://)[^/\s]*@")
_QUERY_SECRET = re.compile(r"([?&][^=&\s]*(?:password|passwd|pwd|token|secret|key)[^=&\s]*=)[^&\s'\"]+", re.IGNORECASE)
_SECRET_VARIABLES = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
_MIN_LITERAL_SECRET = 4  # replacing anything shorter would hide half of every message


def absolute_uri(uri: str, folder: Path) -> str:
    """The same tracking URI for a process in any folder.

    Args:
        uri: What was typed, such as `sqlite:///mlflow.db` or `http://localhost:5000`.
        folder: Where it was typed.
    """
    file = sqlite_file(uri)
    match = _SQLITE.fullmatch(uri)
    if file is None or match is None:
        return uri
    return f"{match['scheme']}:///{folder.resolve() / file}{match['query']}"


def sqlite_file(uri: str) -> Path | None:
    """The database file that a tracking URI names; None for servers and for databases in memory."""
    match = _SQLITE.fullmatch(uri)
    if match is None or match["file"] in ("", ":memory:") or match["file"].startswith("file:"):
        return None
    return Path(match["file"])


def redact(text: str, uri: str) -> str:
    """`text` without the credentials in `uri`, in any other address, or in MLflow's own environment variables."""
    text = _QUERY_SECRET.sub(rf"\1{_HIDDEN}", _USERINFO.sub(f"{_HIDDEN}@", text))
    for secret in _secrets(uri):
        text = text.replace(secret, _HIDDEN)
    return text


def _secrets(uri: str) -> list[str]:
    found = [os.environ.get(name, "") for name in _SECRET_VARIABLES]
    userinfo = _USERINFO.search(uri)
    if userinfo:
        _, _, password = userinfo[0][:-1].partition(":")
        found += [password, unquote(password)]
    return [secret for secret in found if len(secret) >= _MIN_LITERAL_SECRET]
