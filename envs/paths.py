"""Paths as a person writes them: `~` means a home."""

from __future__ import annotations

from pathlib import Path

from practicum.envs.errors import UsageError


def at_home(path: Path) -> Path:
    """The path with a `~` in front replaced by the home that it means.

    Raises:
        UsageError: nobody has that home.
    """
    try:
        return path.expanduser()
    except RuntimeError:
        raise UsageError(f"cannot find {path}: there is no such user") from None


def is_folder(path: Path) -> bool:
    """Whether there is a folder of that name; none has a name that no file can have."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
