"""The command line as a person meets it: arguments in, exit code and both streams out."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client import Client

from practicum.mcp_server.cli.app import main
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.served import serve_environments
from practicum.mcp_server.server import PracticumServer, bind_handle
from practicum.memory import Store
from tests.mcp_server.clients import PARCELS, ask


@dataclass(frozen=True)
class Said:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def refusal(self) -> str:
        """The one line of a usage error."""
        assert self.code == 2
        assert self.out == ""
        (line,) = self.err.splitlines()
        assert line.startswith("practicum: ")
        return line.removeprefix("practicum: ")


Practicum = Callable[..., Said]


@pytest.fixture
def practicum(db: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Practicum:
    """Run a command on the database of the test; `lines` come from the keyboard."""
    monkeypatch.setenv("PRACTICUM_DB", str(db))
    monkeypatch.setenv("COLUMNS", "200")

    def practicum(*arguments: str | Path, lines: str = "") -> Said:
        monkeypatch.setattr("sys.argv", ["practicum", *map(str, arguments)])
        monkeypatch.setattr("sys.stdin", io.StringIO(lines))
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        streams = capsys.readouterr()
        return Said(code if isinstance(code, int) else 0, streams.out, streams.err)

    return practicum


@pytest.fixture
def log_session(db: Path) -> Callable[..., str]:
    """Play calls in a session of the log; returns its id."""

    def log_session(*calls: tuple[str, dict[str, Any]], env: str = PARCELS, **opening: Any) -> str:
        async def play() -> str:
            server = PracticumServer(Practice(store, serve_environments([env])), bind_handle(alone=True))
            async with Client(server) as client:
                session_id = str((await ask(client, "open_session", **opening))["session_id"])
                for tool, arguments in calls:
                    await ask(client, tool, session_id=session_id, **arguments)
            return session_id

        store = Store.open(db)
        try:
            return anyio.run(play)
        finally:
            store.close()

    return log_session
