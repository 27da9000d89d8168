"""Whole files: what is written is there with all of its content, or as it was before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO

from practicum.envs.errors import UsageError, whole


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file, text as UTF-8, so that nobody ever reads half of it.

    Raises:
        UsageError: as `whole_file`.
    """
    with whole_file(path) as out:
        out.write(whole(content).encode() if isinstance(content, str) else content)


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its name when all of it is written; its folder is made.

    A link stays one, and what it leads to is replaced. What is no file, such as a pipe or a device, is
    written into as it is.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        with _opened(path) as out:
            yield out
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None


def _opened(path: Path) -> AbstractContextManager[IO[bytes]]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb") if path.exists() and not path.is_file() else _replacing(path.resolve())
    except (ValueError, RuntimeError) as error:  # a name that no file can have, a link that leads to itself
        raise UsageError(f"cannot write {path}: {error}") from None


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with draft.open("wb") as out:
            yield out
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
