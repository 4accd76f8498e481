"""Where MLflow is, and what nobody is told about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from raysweep.tracking.address import absolute_uri, redact, sqlite_file


@pytest.mark.parametrize(
    ("uri", "absolute"),
    [
        ("sqlite:///mlflow.db", "sqlite:////some where/mlflow.db"),
        ("sqlite:///a/b.db?timeout=5", "sqlite:////some where/a/b.db?timeout=5"),
        ("sqlite+pysqlite:///mlflow.db", "sqlite+pysqlite:////some where/mlflow.db"),
        ("sqlite:////tmp/mlflow.db", "sqlite:////tmp/mlflow.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("sqlite://", "sqlite://"),
        ("http://localhost:5000", "http://localhost:5000"),
        ("postgresql://u:p@host/db", "postgresql://u:p@host/db"),
    ],
)
def test_absolute_uri(uri: str, absolute: str) -> None:
    assert absolute_uri(uri, Path("/some where")) == absolute


def test_sqlite_file() -> None:
    assert sqlite_file("sqlite:////tmp/a b.db?timeout=5") == Path("/tmp/a b.db")
    assert sqlite_file("http://localhost/mlflow.db") is None


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("no answer from http://me:s3cr%65t@host:1/path", "no answer from http://***@host:1/path"),
        ("login failed for me with s3cr%65t or s3cret", "login failed for me with *** or ***"),
        ("another address: postgresql+psycopg2://a:b@c/d", "another address: postgresql+psycopg2://***@c/d"),
        ("http://host/x?user=a&password=b&c=d", "http://host/x?user=a&password=***&c=d"),
        ("https://host/?api_key=abc", "https://host/?api_key=***"),
        ("mail to a@b.org about sqlite:////a/b.db", "mail to a@b.org about sqlite:////a/b.db"),
    ],
)
def test_redact(text: str, redacted: str) -> None:
    assert redact(text, "http://me:s3cr%65t@host:1") == redacted


def test_redact_what_mlflow_takes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    assert redact("Bearer t0ken", "http://host") == "Bearer ***"
