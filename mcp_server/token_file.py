"""Token file: adds and removes tokens so that comments stay and nothing is ever half written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from practicum.envs import UsageError
from practicum.mcp_server.auth import Entry, parse_tokens, read_private
from practicum.mcp_server.replacing import replace_text
from practicum.memory import hash_token, new_token

HEADING = "# Who may use this server; `practicum token` adds and removes, and a change counts at once.\n"
LEAST_DIGITS = 8
"""Digits of a hash that name a token."""


def add_token(path: Path, principal: str, *, expires: date | None = None) -> str:
    """Make a token for a principal, in a new file if there is none; returns it, the file keeps its hash.

    Raises:
        UsageError: the file cannot be read, written or understood, or the name is none.
    """
    token = new_token()
    entry = {"principal": principal, "sha256": hash_token(token)} | ({"expires": expires} if expires else {})
    block = yaml.safe_dump([entry], sort_keys=False)
    made = parse_tokens(path, block)  # refuses a name that is none before anything is touched

    def added(text: str, entries: list[Entry]) -> tuple[str, list[Entry]]:
        ended = text if text.endswith("\n") or not text else text + "\n"
        return ended + block, [*entries, *made]

    _edit(path, added, make=True)
    return token


def remove_tokens(path: Path, whose: str) -> list[Entry]:
    """Remove all tokens of a principal, or the one whose hash begins so; returns them.

    Raises:
        UsageError: there is none, or the file cannot be read, written or understood.
    """
    gone: list[Entry] = []

    def removed(text: str, entries: list[Entry]) -> tuple[str, list[Entry]]:
        places = {place for place, entry in enumerate(entries) if entry.principal == whose}
        if not places and len(whose) >= LEAST_DIGITS:
            places = {place for place, entry in enumerate(entries) if entry.sha256.startswith(whose)}
        if not places:
            raise UsageError(
                f"{path} has no token of {whose!r}; `practicum token --list --auth {path}` shows all"
            )
        gone.extend(entries[place] for place in places)
        kept = [entry for place, entry in enumerate(entries) if place not in places]
        return _without(text, places), kept

    _edit(path, removed)
    return gone


def _without(text: str, places: set[int]) -> str:
    """A list's text without some of its items; comments between items stay."""
    found = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(found, yaml.SequenceNode), "tokens have been read from it"
    items = found.value
    gone = {
        line for place in places for line in range(items[place].start_mark.line, _last_line(items[place]) + 1)
    }
    return "".join(line for number, line in enumerate(text.splitlines(keepends=True)) if number not in gone)


def _last_line(node: Any) -> int:
    """Where a node's text ends; the end that YAML gives a block is where the next one begins."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style:
        return int(node.end_mark.line)
    parts = (
        node.value if isinstance(node, yaml.SequenceNode) else [part for pair in node.value for part in pair]
    )
    return max(map(_last_line, parts))


def _edit(
    path: Path, change: Callable[[str, list[Entry]], tuple[str, list[Entry]]], *, make: bool = False
) -> None:
    """Replace a file's text as a whole, if what comes of it means what was meant."""
    path = _followed(path)
    with _alone_in(path.parent):
        text = HEADING if make and not path.exists() else read_private(path)
        new, meant = change(text, parse_tokens(path, text))
        if _parsed(path, new) != meant:
            raise UsageError(f"{path} is written in a way that cannot be edited here; change it by hand")
        _write(path, new)


def _followed(path: Path) -> Path:
    """The file that a link leads to: what is replaced is the file, not the link."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # the latter of a link that leads to itself
        raise UsageError(f"cannot write {path}: its links lead nowhere") from None


def _parsed(path: Path, text: str) -> list[Entry] | None:
    try:
        return parse_tokens(path, text)
    except UsageError:
        return None


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Meanwhile no other `practicum token` edits a file of the folder."""
    if os.name != "posix":
        yield
        return
    import fcntl

    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise UsageError(f"cannot write into {folder}: {error.strerror}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(path: Path, text: str) -> None:
    try:
        replace_text(path, text)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
