"""Entries in a client's settings: listed, added, changed and removed, with nothing else touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from practicum.envs.errors import UsageError
from practicum.mcp_server.install import files, jsonc, toml
from practicum.mcp_server.install.clients import Client, starts_practicum

Entry = dict[str, Any]
KINDS = {list: "an array", str: "a text", type(None): "null"}
"""What stands where an object should, as a person would say it."""


@dataclass(frozen=True)
class Change:
    """What was done to a settings file."""

    did: str
    """`added`, `changed`, `removed`, `already` or `absent`; the last two touched nothing."""
    path: Path
    backup: Path | None = None
    """The file as it was."""


def entries(client: Client, path: Path) -> Entry:
    """The servers in a client's settings, by name.

    Raises:
        UsageError: the file is broken.
    """
    return _entries(client, path, files.read(path))


def add(client: Client, path: Path, name: str, *, entry: Mapping[str, Any], force: bool = False) -> Change:
    """Have the client start what `entry` says; what else a person wrote into an entry of ours stays.

    Raises:
        UsageError: the file is broken, or holds an entry of that name that is not ours.
    """
    before = files.read(path)
    there = _entries(client, path, before).get(name)
    text = before or ""
    if there is not None and not starts_practicum(there):
        if not force:
            raise UsageError(
                f"{path} has a server {name!r} that is not Practicum's; give another --name, or --force"
            )
        text = _without(client, path, text, name)
    elif there is not None and all(there.get(key) == value for key, value in entry.items()):
        return Change("already", path)
    after = _with(client, path, text, name, entry)
    return Change("added" if there is None else "changed", path, files.write(path, before, after))


def remove(client: Client, path: Path, name: str, *, force: bool = False) -> Change:
    """Take the entry of that name away.

    Raises:
        UsageError: the file is broken, or the entry is not ours.
    """
    text = files.read(path)
    there = _entries(client, path, text).get(name)
    if there is None:
        return Change("absent", path)
    if not (force or starts_practicum(there)):
        raise UsageError(f"the server {name!r} in {path} is not Practicum's; --force removes it all the same")
    return Change("removed", path, files.write(path, text, _without(client, path, text or "", name)))


def block(client: Client, name: str, entry: Mapping[str, Any]) -> str:
    """What one would write by hand into empty settings."""
    if client.toml:
        return toml.table_text((client.container, name), entry)
    return jsonc.entry_text(client.container, name, entry) + "\n"


def _entries(client: Client, path: Path, text: str | None) -> Entry:
    try:
        whole = (toml if client.toml else jsonc).parse(text or "")
    except jsonc.BrokenTextError as error:
        raise _refusal(path, error) from None
    found = whole.get(client.container, {}) if isinstance(whole, dict) else whole
    if not isinstance(found, dict):
        is_whole = not isinstance(whole, dict)
        where = "the whole" if is_whole else repr(client.container)
        kind = KINDS.get(type(whole if is_whole else found), "a value")
        raise _refusal(path, f"{where} is {kind}, expected an object")
    return found


def _with(client: Client, path: Path, text: str, name: str, entry: Mapping[str, Any]) -> str:
    try:
        if client.toml:
            return toml.with_table(text, (client.container, name), entry)
        there = (jsonc.parse(text).get(client.container) or {}).get(name)
        if there is None:
            return jsonc.with_member(text, (client.container, name), dict(entry))
        for key, value in entry.items():
            if there.get(key) != value:
                text = jsonc.with_member(text, (client.container, name, key), value)
    except jsonc.BrokenTextError as error:
        raise _refusal(path, error) from None
    return text


def _without(client: Client, path: Path, text: str, name: str) -> str:
    try:
        edit = toml.without_table if client.toml else jsonc.without_member
        return edit(text, (client.container, name))
    except jsonc.BrokenTextError as error:
        raise _refusal(path, error) from None


def _refusal(path: Path, reason: object) -> UsageError:
    return UsageError(f"{path}: {reason}; nothing was changed")
