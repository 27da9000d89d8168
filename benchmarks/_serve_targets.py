"""The servers under load: Practicum itself and its peers, each a process of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks._serve_scripts import FLIGHT, Script

ROOT = Path(__file__).resolve().parents[1]
BENCH_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
START_S = 60.0


@dataclass(frozen=True)
class Target:
    """A server that loads are sent to."""

    name: str
    command: Sequence[str]
    constants: Mapping[str, Any] | None = None
    """What a peer answers, by tool; None for Practicum, which plays."""
    port: int | None = None
    """None for stdio, where each load starts a server of its own."""
    pid: int = 0

    def load(self, scripts: Sequence[Script], clients: int) -> dict[str, Any]:
        """Play scripts against it from a process of its own; returns that process's tally."""
        place = {"command": self.command} if self.port is None else {"port": self.port, "pid": self.pid}
        played = [script.as_json() for script in scripts]
        order = {**place, "clients": clients, "constants": self.constants, "scripts": played}
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(order, file)
            file.flush()
            command = [sys.executable, "-m", "benchmarks._serve_load", file.name]
            ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise RuntimeError(f"the load on {self.name} failed: {ran.stderr}")
        tally: dict[str, Any] = json.loads(ran.stdout)
        return tally


def targets(folder: Path, constants: Mapping[str, Any]) -> dict[str, Target]:
    """Every server by name, none of them started; their files lie in `folder`."""
    file = folder / "constants.json"
    file.write_text(json.dumps({tool: _constant(tool, entry) for tool, entry in constants.items()}))
    ours = [sys.executable, "-m", "practicum", "serve", "--db", str(folder / "flight.db")]
    peers = [sys.executable, "-m", "benchmarks._serve_peers"]
    fastmcp = [str(BENCH_PYTHON), *peers[1:], "fastmcp", str(file)]
    http = [
        Target("flight", [*ours, "--http", "--json-response", "--port"], None, 0),
        Target("sdk", [*peers, "sdk", str(file)], constants, 0),
        Target("fastmcp", fastmcp, constants, 0),
        Target("raw", [*peers, "raw", str(file)], constants, 0),
    ]
    stdio = [Target("flight_stdio", ours), Target("sdk_stdio", [*peers, "sdk", str(file)], constants)]
    return {target.name: target for target in [*http, *stdio]}


def _constant(tool: str, structured: Mapping[str, Any]) -> dict[str, Any]:
    text = json.dumps(structured, separators=(",", ":"), ensure_ascii=False)
    return {"schema": FLIGHT.actions[tool].schema, "text": text, "structured": structured}


@contextmanager
def served(target: Target) -> Iterator[Target]:
    """The target with its server running, ended afterwards; one on stdio as it is."""
    if target.port is None:
        yield target
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    child = subprocess.Popen([*target.command, str(port)], cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        _await_port(child, port)
        yield replace(target, port=port, pid=child.pid)
    finally:
        child.terminate()
        child.wait(timeout=START_S)


def _await_port(child: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and child.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{child.args!r} does not serve")
