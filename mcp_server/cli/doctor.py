"""`practicum doctor`: says what works here, and what to do about what does not."""

from __future__ import annotations

import os
import platform
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path

import typer

from practicum.envs.errors import UsageError
from practicum.mcp_server.cli.options import AsJson, Db, print_json, stdout_kept_clean

HANDSHAKE_S = 30.0


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    what: str
    ok: bool
    says: str


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(as_json: AsJson = False, db: Db = None) -> None:
    """Check this installation: packages, log, environments, port, and a handshake in both protocol eras."""
    findings: list[Finding] = []
    for look in (_python, lambda: _log(db), _environments, _port, _handshakes):
        for finding in look():
            findings.append(finding)
            if not as_json:
                mark = "ok " if finding.ok else "BAD"
                typer.echo(f"{mark} {finding.what}: {finding.says}")
    if as_json:
        print_json([{"what": f.what, "ok": f.ok, "says": f.says} for f in findings])
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _python() -> Iterator[Finding]:
    names = ("practicum", "mcp", "gymnasium", "pydantic")
    packages = ", ".join(f"{name} {installed(name)}" for name in names)
    yield Finding("packages", True, f"Python {platform.python_version()}, {packages}")


def _log(db: Path | None) -> Iterator[Finding]:
    from practicum.memory import Sessions, Store, default_path

    path = (db or default_path()).expanduser()
    if not path.exists():
        folder = next(parent for parent in path.parents if parent.exists())
        writable = os.access(folder, os.W_OK)
        says = (
            f"none yet; the first session makes {path}"
            if writable
            else f"{folder} cannot be written to; give --db"
        )
        yield Finding("log", writable, says)
        return
    try:
        store = Store.open_existing(path)
        count = Sessions(store).count()
        store.close()
    except UsageError as error:
        yield Finding("log", False, str(error))
        return
    yield Finding("log", True, f"{path}, {count} sessions, {path.stat().st_size / 1e6:.1f} MB")


def _environments() -> Iterator[Finding]:
    from practicum.envs.registry import environments

    with stdout_kept_clean():
        loaded, broken = environments()
    yield Finding("environments", True, ", ".join(env.env_id() for env in loaded))
    for plugin in broken:
        yield Finding("plugin", False, plugin.reason)


def _port() -> Iterator[Finding]:
    with socket.socket() as probe:
        taken = probe.connect_ex(("127.0.0.1", 8848)) == 0
    says = (
        "taken; `practicum serve --http --port N` uses another"
        if taken
        else "free for `practicum serve --http`"
    )
    yield Finding("port 8848", True, says)


def _handshakes() -> Iterator[Finding]:
    import anyio

    for era, mode in (("2026-07-28", "auto"), ("2025-11-25", "legacy")):
        yield _tried(f"handshake {era}", lambda mode=mode: anyio.run(_handshake, mode))  # type: ignore[misc]


def _tried(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, look())
    except Exception as error:  # noqa: BLE001  # whatever goes wrong is what this command is there to say
        return Finding(what, False, f"{type(error).__name__}: {error}; `practicum serve` says more on stderr")


async def _handshake(mode: str) -> str:
    import anyio
    from mcp.client import Client
    from mcp.client.stdio import StdioServerParameters

    with tempfile.TemporaryDirectory() as folder:
        command = StdioServerParameters(
            command=sys.executable, args=["-m", "practicum", "serve", "--db", str(Path(folder) / "doctor.db")]
        )
        with anyio.fail_after(HANDSHAKE_S):
            async with Client(command, mode=mode) as client:
                tools = (await client.list_tools()).tools
                opened = await client.call_tool("open_session", {"env": "flight", "seed": 1})
                version = client.protocol_version
    if opened.is_error:
        raise RuntimeError(str(opened.structured_content))
    return f"stdio, {version}, {len(tools)} tools, a session opened"
