"""The MCP Inspector, a client that no one here wrote, against a real `practicum serve`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from practicum.mcp_server.install import CLIENTS, Machine, add
from tests import node
from tests.mcp_server.clients import PATIENCE_S, ROOT, command

PACKAGE, VERSION = "@modelcontextprotocol/inspector", "2.12.0"
ERAS = pytest.mark.parametrize("era", ["legacy", "modern"])
TRANSPORTS = pytest.mark.parametrize("transport", ["stdio", "http"])

pytestmark = pytest.mark.integration

Inspect = Callable[..., Any]


@contextmanager
def over_http(db: Path) -> Iterator[str]:
    """A server on a free port; yields where its endpoint is."""
    serve = command("serve", "--http", "--port", "0", "--db", str(db))
    with subprocess.Popen(serve, stderr=subprocess.PIPE, text=True, cwd=ROOT) as child:
        try:
            assert child.stderr is not None
            told = next(line for line in child.stderr if "/mcp" in line)
            yield next(word for word in told.replace(";", " ").split() if word.startswith("http"))
        finally:
            child.terminate()
            child.wait(timeout=PATIENCE_S)


@pytest.fixture
def inspect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inspect:
    """Run the Inspector's command line; its own settings stay in the folder of the test."""
    program = node.package(PACKAGE, VERSION) / "clients" / "launcher" / "build" / "index.js"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    def inspect(*arguments: str) -> Any:
        done = node.run(program, "--cli", *arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    return inspect


@pytest.fixture
def served(transport: str, tmp_path: Path) -> Iterator[list[str]]:
    """How the Inspector is told where the server is."""
    if transport == "stdio":
        yield command("serve", "--db", str(tmp_path / "log.db"))
        return
    with over_http(tmp_path / "log.db") as url:
        yield ["--server-url", url, "--transport", "http"]


@ERAS
@TRANSPORTS
def test_the_tools_are_listed_and_their_schemas_are_portable(
    era: str, served: list[str], inspect: Inspect
) -> None:
    listed = inspect(*served, "--protocol-era", era, "--method", "tools/list", "--strict")
    names = [tool["name"] for tool in listed["tools"]]
    assert {"open_session", "search_flights", "run_skill"} <= set(names)


@ERAS
@TRANSPORTS
def test_a_session_is_opened(era: str, served: list[str], inspect: Inspect) -> None:
    call = ["--method", "tools/call", "--tool-name", "open_session"]
    arguments = json.dumps({"env": "flight", "seed": 7})
    result = inspect(*served, "--protocol-era", era, *call, "--tool-args-json", arguments)
    assert not result.get("isError")
    body = result["structuredContent"]
    assert body["env"] == "flight-v1"
    assert json.loads(result["content"][0]["text"]) == body


def test_settings_that_install_wrote_are_read_and_the_server_in_them_started(
    inspect: Inspect, tmp_path: Path
) -> None:
    start = tuple(command("serve", "--db", str(tmp_path / "log.db")))
    machine = Machine("linux", tmp_path / "home", tmp_path, {}, start)
    cursor = CLIENTS["cursor"]
    path = cursor.settings(machine)
    add(cursor, path, "practice", entry=cursor.entry(machine.command))
    listed = inspect("--config", str(path), "--server", "practice", "--method", "tools/list")
    assert "open_session" in [tool["name"] for tool in listed["tools"]]
