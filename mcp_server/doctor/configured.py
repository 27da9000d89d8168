"""Which clients are connected to Practicum, and whether what they would start is this version."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from practicum import __version__
from practicum.envs.errors import UsageError
from practicum.mcp_server.doctor.finding import Finding, judged
from practicum.mcp_server.doctor.handshakes import version_of
from practicum.mcp_server.install import CLIENTS, Client, Machine, entries, serving

FETCHING = ("uv", "uvx")
"""Programs that fetch Practicum before they start it."""


def clients(machine: Machine) -> Iterator[Finding]:
    """A finding for each entry of ours, or one that says there is none."""
    found = [finding for client in CLIENTS.values() for finding in _client(client, machine)]
    if not found:
        yield judged("clients", "", note="none is connected; `practicum install` lists them")
    yield from found


def _client(client: Client, machine: Machine) -> Iterator[Finding]:
    path = client.settings(machine)
    what = f"client {client.name}"
    try:
        servers = entries(client, path)
    except UsageError as error:
        yield Finding(what, "note", str(error))
        return
    for name, entry in servers.items():
        started = serving(entry)
        if started:
            yield _entry(
                what, f"{name} in {path}", started[0], machine, again=f"practicum install {client.name}"
            )


def _entry(what: str, where: str, words: list[str], machine: Machine, *, again: str) -> Finding:
    program = Path(words[0])
    if program.stem.lower() in FETCHING:
        return judged(what, f"{where} starts {' '.join(words)}, which fetches the version it runs")
    found = machine.which(words[0]) if not program.is_absolute() else words[0] if program.is_file() else None
    if found is None:
        return Finding(what, "bad", f"{where} starts {words[0]}, which is not there; `{again}` repairs it")
    version = version_of([found, *words[1:]])
    if version != __version__:
        return Finding(what, "bad", f"{where} starts {version}, this is {__version__}; `{again}` repairs it")
    bare = f"{words[0]} has no path, and programs with windows do not know your shell's PATH"
    note = "" if program.is_absolute() else f"{bare}; `{again}` writes it"
    return judged(what, f"{where}, {version}", note=note)
