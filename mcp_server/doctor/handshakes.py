"""Starts the installed command as a client would, and shakes hands with it in every way that clients do."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from practicum import __version__
from practicum.mcp_server.doctor.finding import Finding, judged
from practicum.mcp_server.install import Machine

HANDSHAKE_S = 30.0
VERSION_S = 20.0
MODERN, LEGACY = "2026-07-28", "2025-11-25"
ABOUT_US = {"name": "practicum-doctor", "version": __version__}
OPENING = {"env": "flight", "seed": 1}

Shake = Callable[[list[str]], Awaitable[tuple[str, float]]]
"""Opens a session on the server that a command starts; tells what it saw, and when hands were shaken."""


def command(machine: Machine) -> Finding:
    """The installed command: whether it runs, is this version, and is found by a shell."""
    shown = " ".join(machine.command)
    began = time.perf_counter()
    version = version_of(machine.command)
    if version != __version__:
        return Finding("command", "bad", f"{shown} says {version}, expected {__version__}; install again")
    note = ""
    if "-m" in machine.command:
        note = "there is no `practicum` in the scripts folder; install again"
    elif machine.which("practicum") is None:
        note = "not on the PATH: type the whole path, and give clients the whole path"
    return judged("command", f"{shown}, {version}", note=note, seconds=time.perf_counter() - began)


def version_of(words: tuple[str, ...] | list[str]) -> str:
    """What a command answers to --version, or why it does not."""
    try:
        ran = subprocess.run(  # noqa: S603  # a command that a person's own settings name
            [*words, "--version"],
            capture_output=True,
            text=True,
            timeout=VERSION_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except OSError as error:
        return f"nothing ({error.strerror})"
    except subprocess.TimeoutExpired:
        return f"nothing within {VERSION_S:.0f} s"
    said = ran.stdout.strip() or ran.stderr.strip()
    return said.splitlines()[-1] if said else f"nothing (exit code {ran.returncode})"


def handshakes(machine: Machine) -> Iterator[Finding]:
    """Each era's, and a probe followed by the older era's, as Claude Code does it."""
    yield _tried(f"handshake {MODERN}", machine, _with_sdk("auto"))
    yield _tried(f"handshake {LEGACY}", machine, _with_sdk("legacy"))
    yield _tried("probe, then handshake", machine, _probe_first)


def _tried(what: str, machine: Machine, shake: Shake) -> Finding:
    import anyio

    async def tried() -> tuple[str, float]:
        with anyio.fail_after(HANDSHAKE_S):
            return await shake(
                [*machine.command, "serve", "--env", "flight", "--db", str(Path(folder) / "doctor.db")]
            )

    began = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory() as folder:
            says, shaken = anyio.run(tried)
    except Exception as error:  # noqa: BLE001  # whatever goes wrong is what this command is there to say
        return Finding(what, "bad", f"{_reason(error)}; `practicum serve` says more on stderr")
    opened = time.perf_counter() - began
    return judged(
        what, f"stdio, {says}, answered after {shaken - began:.2f} s, a session opened", seconds=opened
    )


def _reason(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


def _with_sdk(mode: str) -> Shake:
    async def shake(words: list[str]) -> tuple[str, float]:
        from mcp.client import Client
        from mcp.client.stdio import StdioServerParameters

        async with Client(StdioServerParameters(command=words[0], args=words[1:]), mode=mode) as client:
            tools = (await client.list_tools()).tools
            shaken = time.perf_counter()
            opened = await client.call_tool("open_session", OPENING)
            version = client.protocol_version
        if opened.is_error:
            raise RuntimeError(str(opened.structured_content))
        return f"{version}, {len(tools)} tools", shaken

    return shake


async def _probe_first(words: list[str]) -> tuple[str, float]:
    """A `server/discover` of the newer era, then `initialize` of the older one on the same pipe."""
    about = {"protocolVersion": MODERN, "clientInfo": ABOUT_US, "clientCapabilities": {}}
    meta = {f"io.modelcontextprotocol/{name}": value for name, value in about.items()}
    async with _lines(words) as ask:
        await ask("server/discover", {"_meta": meta})
        greeting = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": ABOUT_US}
        version = (await ask("initialize", greeting))["protocolVersion"]
        shaken = time.perf_counter()
        await ask("notifications/initialized", None)
        tools = (await ask("tools/list", {}))["tools"]
        opened = await ask("tools/call", {"name": "open_session", "arguments": OPENING})
    if opened.get("isError"):
        raise RuntimeError(str(opened["structuredContent"]))
    return f"{version}, {len(tools)} tools", shaken


@asynccontextmanager
async def _lines(words: list[str]) -> AsyncIterator[Callable[[str, Any], Awaitable[dict[str, Any]]]]:
    """Talk to a server by lines: what is yielded sends a request and returns its result, or a notice."""
    import anyio
    from anyio.streams.text import TextReceiveStream

    async with await anyio.open_process(words, stderr=subprocess.DEVNULL) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        chunks, stdin = TextReceiveStream(child.stdout), child.stdin
        number, kept = 0, ""

        async def line() -> dict[str, Any]:
            nonlocal kept
            while "\n" not in kept:
                kept += await chunks.receive()
            first, _, kept = kept.partition("\n")
            message: dict[str, Any] = json.loads(first)
            return message

        async def ask(method: str, params: Any) -> dict[str, Any]:
            nonlocal number
            message = {"jsonrpc": "2.0", "method": method}
            if params is None:
                await stdin.send(f"{json.dumps(message)}\n".encode())
                return {}
            number += 1
            await stdin.send(f"{json.dumps({**message, 'id': number, 'params': params})}\n".encode())
            while (answer := await line()).get("id") != number:
                pass
            return _result(answer)

        try:
            yield ask
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            raise RuntimeError("the server ended without an answer") from None
        await stdin.aclose()


def _result(answer: dict[str, Any]) -> dict[str, Any]:
    if "error" in answer:
        raise RuntimeError(str(answer["error"].get("message")))
    result: dict[str, Any] = answer["result"]
    return result
