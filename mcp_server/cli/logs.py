"""What the server tells of itself: lines on stderr, or in a private file of bounded size."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Literal

from practicum.envs.errors import UsageError
from practicum.envs.paths import at_home

Level = Literal["debug", "info", "warning", "error"]
OURS = ("practicum", "uvicorn")
"""The loggers that take the level; every other one speaks from `warning` on."""
LARGEST_FILE = 10 * 2**20
"""Bytes of a log file before it is set aside as FILE.1."""
KEPT = 3
"""Files set aside that are kept, so that a log never takes more than four times `LARGEST_FILE`."""
FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@contextmanager
def logging_to(file: Path | None, level: Level = "warning") -> Iterator[None]:
    """Meanwhile log from `level` on: to a file where one is named, else to stderr.

    Raises:
        UsageError: the file cannot be written.
    """
    handler = logging.StreamHandler(sys.stderr) if file is None else _opened(at_home(file))
    handler.setFormatter(logging.Formatter(FORM, "%Y-%m-%dT%H:%M:%S%z"))
    number = logging.getLevelNamesMapping()[level.upper()]
    levels = {logging.getLogger(): max(number, logging.WARNING)}
    levels |= {logging.getLogger(name): number for name in OURS}
    before = {logger: logger.level for logger in levels}
    _set(levels)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        _set(before)
        handler.close()


def _set(levels: dict[logging.Logger, int]) -> None:
    for logger, level in levels.items():
        logger.setLevel(level)


class PrivateFile(RotatingFileHandler):
    """A log file with mode 0600, appended to, and set aside when it is full."""

    def _open(self) -> io.TextIOWrapper:
        path = Path(self.baseFilename)
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        if path.is_file():
            with suppress(PermissionError):
                path.chmod(0o600)
        return os.fdopen(opened, "a", encoding=self.encoding)


def _opened(file: Path) -> PrivateFile:
    try:
        return PrivateFile(file, maxBytes=LARGEST_FILE, backupCount=KEPT, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write the log file {file}: {error.strerror}; choose another with --log-file"
        ) from None
