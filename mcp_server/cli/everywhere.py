"""What every command takes, before or after its name: `--config`, `--log-level` and `--log-file`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from practicum.mcp_server.cli.commands import Commands, command_of
from practicum.mcp_server.cli.config import chosen_file, default_file, defaults_for, read_config
from practicum.mcp_server.cli.logs import Level, level_of_environment, logging_to
from practicum.mcp_server.cli.options import is_typed

logger = logging.getLogger(__name__)

PANEL = "For every command"
GIVEN = "practicum.given"
"""Where a run keeps what it was given for all commands: values by parameter."""


class Everywhere(TyperGroup):
    """The whole command line; gives each of its commands, in groups too, the options that all take."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        _equip(self, command_of(_declare).params)


def _equip(command: Any, options: list[Any]) -> Any:
    command.params.extend(options)
    if isinstance(command, TyperGroup):
        bare = command.commands
        command.commands = Commands(bare, lambda name: _equip(bare[name], options))  # type: ignore[assignment]  # none is added
    else:
        command.invoke = _logged(command.invoke)
    return command


def _logged(invoke: Callable[[typer.Context], Any]) -> Callable[[typer.Context], Any]:
    def run(ctx: typer.Context) -> Any:
        given = ctx.meta.get(GIVEN, {})
        with logging_to(given.get("log_file"), given.get("log_level") or "warning"):
            logger.debug("settings read from %s", given.get("read") or f"no file; {default_file()} would be")
            return invoke(ctx)

    return run


def _keep(ctx: typer.Context, param: typer.CallbackParam, value: Any) -> Any:
    """Keep a value for the run; what was given on the command line, nearest to the command, wins."""
    given: dict[str, Any] = ctx.meta.setdefault(GIVEN, {})
    name = str(param.name)
    if value is not None and (is_typed(ctx, name) or name not in given):
        given[name] = value
    return value


def _keep_level(ctx: typer.Context, param: typer.CallbackParam, value: Any) -> Any:
    """Keep the level; the command line wins over the environment, and that over the settings file."""
    typed = value if is_typed(ctx, str(param.name)) else None
    return _keep(ctx, param, typed or level_of_environment() or value)


def _keep_config(ctx: typer.Context, param: typer.CallbackParam, value: Path | None) -> Path | None:
    """Read the settings file once the command is known, ahead of its other options."""
    _keep(ctx, param, value)
    root = ctx.find_root().command
    if isinstance(root, TyperGroup) and not isinstance(ctx.command, TyperGroup):
        given = ctx.meta[GIVEN]
        file = given["read"] = chosen_file(given.get("config"))
        if file is not None:
            ctx.default_map = defaults_for(ctx, _words(ctx), read_config(file, root), file)
    return value


def _words(ctx: typer.Context) -> tuple[str, ...]:
    names: list[str] = []
    here: Any = ctx
    while here.parent is not None:
        names.insert(0, str(here.info_name))
        here = here.parent
    return tuple(names)


def _declare(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            is_eager=True,
            expose_value=False,
            callback=_keep_config,
            rich_help_panel=PANEL,
            help="YAML file of options; $PRACTICUM_CONFIG or a file in your config folder by default.",
        ),
    ] = None,
    log_level: Annotated[
        Level | None,
        typer.Option(
            "--log-level",
            expose_value=False,
            callback=_keep_level,
            metavar="LEVEL",
            rich_help_panel=PANEL,
            help="What to log from: debug, info, warning (the default) or error; $LOG_LEVEL says it too.",
        ),
    ] = None,
    log_file: Annotated[
        Path | None,
        typer.Option(
            "--log-file",
            expose_value=False,
            callback=_keep,
            rich_help_panel=PANEL,
            help="Log to this file instead of stderr.",
        ),
    ] = None,
) -> None:
    """Declare the options; typer makes them from this signature."""
