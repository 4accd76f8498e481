"""What MLflow and its database have to say, kept off the screen and free of credentials. Must not know MLflow."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import cast

from raysweep.plain_files import NotPlainError, check_plain, open_plain
from raysweep.tracking.address import redact
from raysweep.tracking.errors import TrackingError

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


class _PlainFileHandler(logging.FileHandler):
    """Writes through no link."""

    def _open(self) -> TextIOWrapper:
        descriptor = open_plain(Path(self.baseFilename), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        return cast(TextIOWrapper, os.fdopen(descriptor, self.mode, encoding=self.encoding))


@contextmanager
def mlflow_logs_in(file: Path, uri: str) -> Iterator[None]:
    """Sends the log lines of MLflow and of what it uses to a file meanwhile. MLflow must have been imported.

    Raises:
        TrackingError: If something else than a file is there.
    """
    try:
        check_plain(file)  # a logger is no place to raise
    except NotPlainError as error:
        raise TrackingError(str(error)) from error
    handler = _PlainFileHandler(file, delay=True, encoding="utf-8")
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
