"""`practicum play`: a person plays in the terminal, or a program by lines."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from practicum.envs.errors import ActionError, UsageError
from practicum.envs.tasks import LARGEST_INTEGER
from practicum.mcp_server.cli.consoles import console
from practicum.mcp_server.cli.options import (
    Db,
    Settings,
    is_typed,
    open_existing_store,
    open_store,
    read_settings,
)

if TYPE_CHECKING:
    from practicum.mcp_server.cli.game import Game


def play(
    ctx: typer.Context,
    env: Annotated[str | None, typer.Argument(help="Environment to play; flight by default.")] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=LARGEST_INTEGER, help="Seed of the task; the next unplayed one by default."),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume", metavar="SESSION", help="Go on with this session; a unique beginning will do."
        ),
    ] = None,
    settings: Settings = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON line for every step.")] = False,
    db: Db = None,
) -> None:
    """Play an environment yourself; the session is logged like any other."""
    from practicum.mcp_server.cli.player import Player
    from practicum.mcp_server.cli.screen import Screen
    from practicum.mcp_server.cli.script import Script

    if resume is not None and any(is_typed(ctx, name) for name in ("env", "seed", "settings")):
        raise UsageError("--resume goes on with a session as it was begun; leave ENV, --seed and --set out")
    with _begun(env or "flight", seed, resume, read_settings(settings), db) as game:
        screen = Script() if as_json else Screen(console)
        screen.opened(game)
        player = Player(game, screen, plain=as_json)
        player.play()
        player.save()


@contextlib.contextmanager
def _begun(
    env: str, seed: int | None, resume: str | None, settings: dict[str, object], db: Path | None
) -> Iterator[Game]:
    from anyio.from_thread import start_blocking_portal

    from practicum.mcp_server.cli.game import PLAYER, Game
    from practicum.mcp_server.practice import Practice
    from practicum.mcp_server.served import serve_environments
    from practicum.memory import Sessions

    served = serve_environments([env], settings=settings) if resume is None else {}
    with (open_store if resume is None else open_existing_store)(db) as store:
        session = Sessions(store).resolve(resume, PLAYER.principal) if resume is not None else None
        practice = Practice(store, serve_environments([session.env]) if session else served)
        with start_blocking_portal() as portal, portal.wrap_async_context_manager(practice):
            try:
                if session is not None:
                    yield Game.resume(portal, practice, session)
                else:
                    yield Game.begin(portal, practice, next(iter(practice.served)), seed)
            except ActionError as error:
                raise UsageError(str(error)) from None
