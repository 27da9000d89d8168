"""`practicum play`: a person plays in the terminal."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from practicum.envs.errors import ActionError, UnknownTool, UsageError
from practicum.envs.tasks import LARGEST_INTEGER
from practicum.mcp_server.cli.options import Db, Settings, console, open_store, read_settings

HELP = "tool name=value …  plays a call;  tools  lists them;  undo  takes the last turn back;  quit  leaves"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(play)


def play(
    env: Annotated[str, typer.Argument(help="Environment to play.")] = "flight",
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=LARGEST_INTEGER, help="Seed of the task; the next unplayed one by default."),
    ] = None,
    settings: Settings = None,
    db: Db = None,
) -> None:
    """Play an environment yourself; the session is logged like any other."""
    import anyio

    from practicum.mcp_server.practice import Practice
    from practicum.mcp_server.served import serve_environments

    served = serve_environments([env], settings=read_settings(settings))
    with open_store(db) as store:
        anyio.run(_play, Practice(store, served), next(iter(served)), seed)


async def _play(practice: Any, env: str, seed: int | None) -> None:
    from practicum.mcp_server.calls import Caller
    from practicum.mcp_server.choosing import OpenRequest

    caller = Caller(client_name="practicum play", alone=True)
    async with practice:
        opened = await practice.open(caller, OpenRequest(env, seed=seed))
        typer.echo(opened.session.task.instruction)
        if opened.episode.opening.text != opened.session.task.instruction:
            typer.echo(opened.episode.opening.text)
        typer.echo(HELP, err=True)
        session_id = opened.session.id
        while session_id:
            session_id = await _one_line(practice, caller, session_id)


async def _one_line(practice: Any, caller: Any, session_id: str) -> str:
    """Read a line and do what it says; returns the session to go on with, or nothing at the end."""
    try:
        line = console.input("> ").strip()
    except (EOFError, KeyboardInterrupt):
        line = "quit"
    try:
        return await _obey(practice, caller, session_id, line)
    except (ActionError, UnknownTool, UsageError) as error:
        typer.echo(str(error))
        return session_id


async def _obey(practice: Any, caller: Any, session_id: str, line: str) -> str:
    if line in ("", "help", "?"):
        typer.echo(HELP, err=True)
        return session_id
    if line in ("quit", "exit"):
        typer.echo(f"session {session_id}; practicum sessions {session_id[:8]} shows it", err=True)
        return ""
    if line == "tools":
        env = practice.served[practice.session(caller, session_id).task.env].env_class
        for action in env.actions.values():
            typer.echo(f"{action.name}({', '.join(action.parameters)}): {action.description}")
        return session_id
    if line == "undo":
        return await _undo(practice, caller, session_id)
    return await _call(practice, caller, session_id, line)


async def _undo(practice: Any, caller: Any, session_id: str) -> str:
    turns = practice.session(caller, session_id).steps
    if not turns:
        raise UsageError("nothing has been played yet")
    opened = await practice.open_fork(caller, session_id, turns - 1)
    last = opened.episode.last
    typer.echo(last.text if last else opened.episode.opening.text)
    return str(opened.session.id)


async def _call(practice: Any, caller: Any, session_id: str, line: str) -> str:
    from practicum.mcp_server.calls import Call, Pending

    session = practice.session(caller, session_id)
    tool, arguments = read_line(line, practice.served[session.task.env].env_class.actions)
    began = time.monotonic()
    played = await practice.act(caller, session_id, Call(tool, arguments))
    while isinstance(played, Pending):
        typer.echo(f"turn {played.turn} is still being played …", err=True)
        played = await practice.act(caller, session_id, Call(tool, arguments, played.turn))
    step = played.step
    typer.echo(step.text)
    typer.echo(f"turn {step.turn}, reward {step.reward:+.2f}, {time.monotonic() - began:.2f} s", err=True)
    if not step.done:
        return session_id
    typer.echo(f"The episode is over: {json.dumps(step.outcome)}")
    return ""


def read_line(line: str, actions: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Read `tool name=value …`, or `tool {"name": value}`; bare values go to the arguments in their order.

    Raises:
        UsageError: quotes are open, a value has no name before its `=`, or there are more than arguments.
    """
    tool, _, rest = line.partition(" ")
    if rest.strip().startswith("{"):
        try:
            return tool, json.loads(rest)
        except ValueError as error:
            raise UsageError(f"not JSON: {error}") from None
    try:
        words = shlex.split(rest)
    except ValueError as error:
        raise UsageError(f"cannot read that: {error}") from None
    action = actions.get(tool)
    schema = action.schema["properties"] if action else {}
    names = iter(action.parameters if action else ())
    arguments: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if equals and not name:
            raise UsageError(f"{word!r} has no name before its =; write name=value")
        if not equals:
            name, value = next(names, ""), word
            if not name:
                raise UsageError(f"{tool} takes no such argument: {word!r}")
        arguments[name] = _value(value, schema.get(name, {}))
    return tool, arguments


def _value(text: str, schema: Mapping[str, Any]) -> Any:
    if schema.get("type") == "string":
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
