"""The `practicum` command: runs what is asked for, and turns a usage error into one line and exit code 2."""

from __future__ import annotations

import io
import os
import sys
import threading
from typing import Any

import typer
from typer.exceptions import TyperException

from practicum.envs.errors import UsageError
from practicum.mcp_server.cli.commands import PLACES, Commands, loaded_command
from practicum.mcp_server.cli.everywhere import Everywhere


class Practicum(Everywhere):
    """The whole command line, its commands made as they are asked for."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes | {"commands": Commands(PLACES, loaded_command)})


app = typer.Typer(
    name="practicum",
    cls=Practicum,
    help="A practice ground for tool-using agents, served over MCP.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def version(
    ctx: typer.Context,
    show: bool = typer.Option(False, "--version", help="Show the version."),  # a switch
) -> None:
    """Show the version, or go on to the command."""
    if show:
        from practicum import __version__

        typer.echo(__version__)
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        raise UsageError("no command is given; `practicum --help` lists them")


def main() -> None:
    """Run the command line; threads that an environment leaves behind do not keep it from its end."""
    try:
        _run()
    except SystemExit as end:
        if all(thread.daemon or thread is threading.main_thread() for thread in threading.enumerate()):
            raise
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
        os._exit(end.code if isinstance(end.code, int) else bool(end.code))


def _run() -> None:
    _write_anything()
    try:
        sys.exit(app(prog_name="practicum", standalone_mode=False))
    except UsageError as error:
        typer.echo("practicum: " + "\\n".join(str(error).splitlines()), err=True)
        sys.exit(2)
    except TyperException as error:
        _tell(error)
        sys.exit(error.exit_code)
    except typer.Abort:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)


def _write_anything() -> None:
    """Let both streams take what is no text in their encoding, such as a file's name, as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _tell(error: TyperException) -> None:
    """A mistake in the command line, in one line; where there was no command at all, the help."""
    words = " ".join(error.format_message().split()).replace("Value error, ", "")
    if len(sys.argv) > 1:
        command = getattr(getattr(error, "ctx", None), "command_path", "practicum")
        typer.echo(f"practicum: {words.rstrip('.')}; `{command} --help` says more", err=True)
    else:
        typer.echo(error.format_message(), err=True)
