"""Messages that clients and requests over HTTP provoke."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
from pathlib import Path
from typing import Any

import anyio
import httpx2
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

from practicum.envs import find
from practicum.mcp_server.auth import Tokens
from practicum.mcp_server.guard import Access
from practicum.mcp_server.limits import Limits
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.served import serve_environments
from practicum.mcp_server.server import PracticumServer, bind_handle
from tests import node
from tests.mcp_server.cli.scenes import Scene, provokes
from tests.mcp_server.clients import (
    PARCELS,
    PATIENCE_S,
    ROOT,
    ask,
    call,
    command,
    over_http,
    refusal,
    serving,
    world,
)

# Connecting a client ----------------------------------------------------------------------------------


@provokes("The client cannot start the command")
def _(scene: Scene) -> str:
    code = "require('child_process').spawn('practicum').on('error', error => console.log(error.message))"
    run = [node.node(), "-e", code]
    return subprocess.run(run, env={"PATH": "/nowhere"}, capture_output=True, text=True, check=True).stdout


@provokes("The client says that a line is no JSON-RPC message")
def _(scene: Scene) -> str:
    async def connect() -> None:
        words = " ".join(command("serve", "--env", PARCELS, "--db", str(scene.db)))
        shell = StdioServerParameters(
            command="/bin/sh", args=["-c", f"echo Welcome; exec {words}"], cwd=str(ROOT)
        )
        with anyio.fail_after(PATIENCE_S):
            async with Client(shell) as client:
                await client.list_tools()

    with scene.caplog.at_level(logging.ERROR):
        anyio.run(connect)
    return scene.caplog.text


@provokes("The server does not understand a line")
def _(scene: Scene) -> str:
    with serving(scene.db, "--env", PARCELS) as lines:
        lines.write("hello")
        return json.dumps(lines.receive(None))


@provokes("There are too many tools for some clients")
def _(scene: Scene) -> str:
    actions = (
        f'    @action\n    def act_{n}(self) -> str:\n        """Act."""\n        return ""\n'
        for n in range(40)
    )
    source = Path(world("Talk").rpartition(":")[0]).read_text(encoding="utf-8")
    head = '\n\nclass Many(Talk):\n    """Do much."""\n\n    name = "many"\n\n'
    file = scene.written("many.py", source + head + "\n".join(actions))
    serve = command("serve", "--env", f"{file}:Many", "--db", str(scene.db))
    return subprocess.run(
        serve, input="", capture_output=True, text=True, check=True, timeout=PATIENCE_S
    ).stderr


@provokes("The client's settings file is broken")
def _(scene: Scene) -> str:
    folder = scene.folder / ".cursor"
    folder.mkdir()
    (folder / "mcp.json").write_text("{broken")
    scene.monkeypatch.chdir(scene.folder)
    scene.monkeypatch.setenv("HOME", str(scene.folder))
    return scene.practicum("install", "cursor", "--project").refusal


# Over HTTP --------------------------------------------------------------------------------------------


@provokes("The port is taken")
def _(scene: Scene) -> str:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        return scene.practicum("serve", "--http", "--port", str(other.getsockname()[1])).refusal


@provokes("Another address is refused")
def _(scene: Scene) -> str:
    return scene.practicum("serve", "--http", "--host", "0.0.0.0").refusal


def answer(scene: Scene, access: Access | None = None, path: str = "/mcp", **request: Any) -> str:
    """What a server over HTTP answers to one request."""

    async def ask_it() -> str:
        store = scene.store()
        options = {} if access is None else {"access": access}
        practice = Practice(store, serve_environments([PARCELS]))
        async with over_http(practice, **options) as (url, _), httpx2.AsyncClient() as http:
            answered = await http.post(f"{url}{path}", **request)
        store.close()
        return str(answered.text)

    return anyio.run(ask_it)


def guarded(scene: Scene) -> Access:
    file = scene.folder / "tokens.yaml"
    scene.practicum("token", "ann", "--auth", file)
    return Access(Tokens(file, limits=Limits()))


@provokes("401: the token is missing")
def _(scene: Scene) -> str:
    return answer(scene, guarded(scene), json={})


@provokes("401: the token is not known")
def _(scene: Scene) -> str:
    return answer(scene, guarded(scene), json={}, headers={"Authorization": "Bearer guessed"})


@provokes("401: the endpoint of one session")
def _(scene: Scene) -> str:
    return answer(scene, path="/env/parcels/s/nobody/mcp", json={})


@provokes("421: another Host")
def _(scene: Scene) -> str:
    return answer(scene, json={}, headers={"Host": "evil.example"})


@provokes("413: the request is too large")
def _(scene: Scene) -> str:
    return answer(scene, Access(max_body=1024), json={"much": "x" * 2000})


@provokes("The file of tokens is open to others")
def _(scene: Scene) -> str:
    file = scene.written("tokens.yaml", "[]")
    file.chmod(0o644)
    return scene.practicum("serve", "--http", "--auth", file).refusal


# Sessions and turns -----------------------------------------------------------------------------------


def refused(scene: Scene, *calls: tuple[str, dict[str, Any]], env: str = "Talk", **options: Any) -> str:
    """Why the last of some calls is refused."""

    async def play() -> str:
        store = scene.store()
        server = PracticumServer(
            Practice(store, serve_environments([world(env)]), **options), bind_handle(alone=True)
        )
        async with Client(server) as client:
            for tool, arguments in calls[:-1]:
                await ask(client, tool, **arguments)
            tool, arguments = calls[-1]
            said = await refusal(client, tool, **arguments)
            found: Any = find(world("Patient"))
            found.gate.set()
        store.close()
        return said

    return anyio.run(play)


OPEN: tuple[str, dict[str, Any]] = ("open_session", {})
SAY: tuple[str, dict[str, Any]] = ("say", {"json_text": "1"})


@provokes("session_id is missing")
def _(scene: Scene) -> str:
    return refused(scene, OPEN, OPEN, SAY)


@provokes("No such session")
def _(scene: Scene) -> str:
    return refused(scene, ("say", {"json_text": "1", "session_id": "nobody"}))


@provokes("The session has ended")
def _(scene: Scene) -> str:
    async def play() -> str:
        store = scene.store()
        server = PracticumServer(
            Practice(store, serve_environments([world("Talk")])), bind_handle(alone=True)
        )
        async with Client(server) as client:
            session = (await call(client, "open_session"))["session_id"]
            await call(client, "close_session", session_id=session)
            said = await refusal(client, "say", json_text="1", session_id=session)
        store.close()
        return said

    return anyio.run(play)


@provokes("A turn was another call")
def _(scene: Scene) -> str:
    return refused(scene, OPEN, SAY, ("say", {"json_text": "2", "turn": 1}))


@provokes("A turn is ahead")
def _(scene: Scene) -> str:
    return refused(scene, OPEN, ("say", {"json_text": "2", "turn": 7}))


@provokes("A call is pending")
def _(scene: Scene) -> str:
    patient: Any = find(world("Patient"))
    patient.gate.clear()
    waiting = ("wait", {"label": "a", "turn": 1})
    return refused(scene, OPEN, waiting, ("wait", {"label": "b"}), env="Patient", pending_after_s=0.05)


@provokes("The world crashed")
def _(scene: Scene) -> str:
    return refused(scene, OPEN, ("crash", {}))


@provokes("Too many open sessions")
def _(scene: Scene) -> str:
    return refused(scene, OPEN, OPEN, limits=Limits(open_sessions=1))
