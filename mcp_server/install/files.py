"""Settings files of other programs: read as they are, backed up, and replaced in one step."""

from __future__ import annotations

import itertools
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from practicum.envs.errors import UsageError
from practicum.mcp_server.replacing import replace_text


def read(path: Path) -> str | None:
    """The text of a file, line ends as they stand; None where there is no file.

    Raises:
        UsageError: it cannot be read.
    """
    with _told(path):
        try:
            return path.read_bytes().decode("utf-8")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            raise UsageError(f"{path} is not UTF-8 text; nothing was changed") from None


def write(path: Path, before: str | None, after: str) -> Path | None:
    """Put `after` in place of `before`, through links, with the mode it had; returns the backup.

    Raises:
        UsageError: it cannot be written, or holds something else than `before` by now.
    """
    with _told(path):
        real = path.resolve()
        real.parent.mkdir(parents=True, exist_ok=True)
        if read(real) != before:
            raise UsageError(f"{path} has changed in the meantime; try again")
        backup = None if before is None else _backed_up(real)
        replace_text(real, after, mode=stat.S_IMODE(real.stat().st_mode) if real.exists() else 0o600)
    return backup


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}; nothing was changed") from None


def _backed_up(path: Path) -> Path:
    """A copy beside the file, under a name that no older copy has."""
    for number in itertools.count():
        backup = path.with_name(f"{path.name}{f'.{number}' if number else ''}.bak")
        with suppress(FileExistsError):
            backup.touch(exist_ok=False, mode=0o600)
            shutil.copy2(path, backup)
            return backup
    raise AssertionError
