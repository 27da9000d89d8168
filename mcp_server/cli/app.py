"""The `practicum` command: gathers the groups, and turns a usage error into one line and exit code 2."""

from __future__ import annotations

import sys

import typer
from typer.exceptions import TyperException

from practicum.envs.errors import UsageError
from practicum.mcp_server.cli import doctor, play, serve, sessions, worlds

app = typer.Typer(
    name="practicum",
    help="A practice ground for tool-using agents, served over MCP.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (serve, worlds, play, sessions, doctor):
    group.register(app)


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
    del ctx


def main() -> None:
    """Run the command line."""
    try:
        sys.exit(app(prog_name="practicum", standalone_mode=False))
    except UsageError as error:
        typer.echo(f"practicum: {error}", err=True)
        sys.exit(2)
    except TyperException as error:
        _tell(error)
        sys.exit(error.exit_code)
    except typer.Abort:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)


def _tell(error: TyperException) -> None:
    """A mistake in the command line, in one line; where there was no command at all, the help."""
    words = " ".join(error.format_message().split())
    if len(sys.argv) > 1:
        command = getattr(getattr(error, "ctx", None), "command_path", "practicum")
        typer.echo(f"practicum: {words.rstrip('.')}; `{command} --help` says more", err=True)
    else:
        typer.echo(error.format_message(), err=True)
