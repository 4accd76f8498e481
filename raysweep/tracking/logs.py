"""What MLflow and its database have to say, kept off the screen and free of credentials. Must not know MLflow."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from raysweep.tracking.address import redact

_NOISY = ("mlflow", "alembic", "sqlalchemy", "sqlalchemy.engine", "urllib3")


class RedactingFormatter(logging.Formatter):
    """Hides the credentials of a tracking URI, also in tracebacks.

    Args:
        uri: The tracking URI.
    """

    def __init__(self, uri: str) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._uri = uri

    def format(self, record: logging.LogRecord) -> str:
        """The record as text, without credentials."""
        return redact(super().format(record), self._uri)


@contextmanager
def mlflow_logs_in(file: Path, uri: str) -> Iterator[None]:
    """Sends the log lines of MLflow and of what it uses to a file meanwhile. MLflow must have been imported."""
    handler = logging.FileHandler(file, delay=True, encoding="utf-8")
    handler.setFormatter(RedactingFormatter(uri))
    loggers = [logging.getLogger(name) for name in _NOISY]
    before = [(logger, logger.handlers, logger.propagate) for logger in loggers]
    try:
        for logger in loggers:
            logger.handlers, logger.propagate = [handler], False
        yield
    finally:
        for logger, handlers, propagate in before:
            logger.handlers, logger.propagate = handlers, propagate
        handler.close()
