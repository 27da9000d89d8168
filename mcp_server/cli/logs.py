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
from typing import Literal, get_args

from practicum.envs.errors import UsageError
from practicum.envs.paths import at_home

Level = Literal["debug", "info", "warning", "error"]
LEVELS: tuple[Level, ...] = get_args(Level)
VARIABLE = "LOG_LEVEL"
"""Environment variable of the level; other programs read it too, and what says nothing here is for them."""
OURS = ("practicum", "uvicorn")
"""The loggers that take the level; every other one speaks from `warning` on."""
LARGEST_FILE = 10 * 2**20
"""Bytes of a log file before it is set aside as FILE.1."""
KEPT = 3
"""Files set aside that are kept, so that a log never takes more than four times `LARGEST_FILE`."""
_FORMATTER = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S%z")


def level_of_environment() -> Level | None:
    """The level that the environment asks for, in upper or lower case; None where it asks for none."""
    wanted = os.environ.get(VARIABLE, "").lower()
    return next((level for level in LEVELS if level == wanted), None)


@contextmanager
def logging_to(file: Path | None, level: Level = "warning") -> Iterator[None]:
    """Meanwhile log from `level` on: to a file where one is named, else to stderr.

    Raises:
        UsageError: the file cannot be written.
    """
    handler = logging.StreamHandler(sys.stderr) if file is None else _opened(at_home(file))
    handler.setFormatter(_FORMATTER)
    number = logging.getLevelNamesMapping()[level.upper()]
    handler.setLevel(number)
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


@contextmanager
def kept_in(file: Path) -> Iterator[None]:
    """Meanwhile log to a file too, from `info` on, or from the level of the run where that is lower.

    Where the run logs to a file already, it is that one.

    Args:
        file: its folder is made.

    Raises:
        UsageError: it cannot be written.
    """
    ours = logging.getLogger(OURS[0])
    files = (handler for handler in logging.getLogger().handlers if isinstance(handler, PrivateFile))
    named = next(files, None)
    handler = _beside(file) if named is None else named
    before = ours.level, handler.level
    ours.setLevel(min(ours.getEffectiveLevel(), logging.INFO))
    handler.setLevel(min(handler.level, logging.INFO))
    if named is None:
        ours.addHandler(handler)
    try:
        yield
    finally:
        ours.setLevel(before[0])
        handler.setLevel(before[1])
        if named is None:
            ours.removeHandler(handler)
            handler.close()


def _beside(file: Path) -> PrivateFile:
    """A log file in a folder that is made."""
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
    handler = _opened(file)
    handler.setFormatter(_FORMATTER)
    return handler


def _set(levels: dict[logging.Logger, int]) -> None:
    for logger, level in levels.items():
        logger.setLevel(level)


class PrivateFile(RotatingFileHandler):
    """A log file with mode 0600, appended to, and set aside when it is full.

    A line for which the disk has no room is lost; the work that it tells of goes on.
    """

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # as logging calls it
        """Leave it at that; logging's own way is a traceback for each line."""

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
