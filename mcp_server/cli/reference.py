"""The page that lists every command and option, written from the command line itself: docs/commands.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from practicum.mcp_server.cli.config import leaves

EVERYWHERE = ("config", "log_level", "log_file")
KINDS = {"str": "text", "int": "whole number", "float": "number", "path": "file"}
HEAD = """\
# Commands

Every command and option, as `--help` has them. A mistake at the keyboard is one line with
the way out, and exit code 2; a finding (a session that does not replay, a world that breaks the contract)
is exit code 1. `--json` prints JSON on stdout and nothing else.
"""
SETTINGS = """\
## For every command

These stand before or after the command's name.

{table}
A settings file holds options by their names without the dashes, for all commands or in a section for one;
`-` and `_` mean the same. An option that several commands share may stand at the top.

```yaml
db: ~/practice.db
log-file: /tmp/practicum.log
serve:
  env: [flight]
  port: 9000
  set: {p_3ds: 0.5}
play:
  seed: 7
```

The command line wins over the environment, that over the file's section for the command, that over the top
of the file, that over the default. A repeating option on the command line replaces the file's list. Files
are named as on the command line, from the working directory on. A file that is not named is looked for as
`config.yaml` in your config folder; `--log-level debug` says which one was read.
`PRACTICUM_CONFIG=/dev/null` reads none. Secrets do not belong in it: a key that looks like one is
refused.

The log is made of lines on stderr, or in the file of `--log-file`: readable by its owner alone, appended
to, set aside as `FILE.1` to `FILE.3` at 10 MiB each. At `info` it tells when a server starts and stops,
when a session is opened, ended or closed, and when another process took over; at `debug` refused calls too,
with their reasons. The crash of a world is told with its traceback. At `info` neither arguments nor
results are in it.
"""


def reference(root: TyperGroup) -> str:
    """The page, as Markdown."""
    ctx = root.make_context("practicum", [], resilient_parsing=True)
    parts = [HEAD]
    parts += [_section(" ".join(words), command, ctx) for words, command in leaves(root)]
    shared = [option for option in root.params if option.name in EVERYWHERE]
    parts.append(SETTINGS.replace("{table}", _table(shared, ctx)))
    return "\n".join(parts)


def _section(name: str, command: TyperCommand, ctx: Any) -> str:
    own = [param for param in command.params if param.name not in EVERYWHERE]
    help_ = " ".join((command.help or "").split())
    return "\n".join(
        [f"## practicum {name}", "", help_, "", _table(own, ctx) if own else "No options of its own.\n"]
    )


def _table(params: list[Any], ctx: Any) -> str:
    return "\n".join(["| | | |", "|---|---|---|", *_rows(params, ctx), ""])


def _rows(params: list[Any], ctx: Any) -> Iterator[str]:
    for param in params:
        if isinstance(param, TyperArgument):
            name = f"`{param.name.upper()}`" + (" …" if param.nargs == -1 else "")
        else:
            name = ", ".join(f"`{option}`" for option in (*param.opts, *param.secondary_opts))
        cells = (name, _takes(param, ctx), f"{param.help}{_default(param)}")
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _takes(param: Any, ctx: Any) -> str:
    if isinstance(param, TyperOption) and param.is_flag:
        return ""
    kind = param.display_type(ctx).strip("<>").removeprefix("list[").removesuffix("]").removesuffix(" range")
    shown = param.metavar if isinstance(param, TyperOption) and param.metavar else KINDS.get(kind, kind)
    return f"{shown}, needed" if param.required else shown


def _default(param: Any) -> str:
    is_shown = param.default not in (None, False, [], ()) and str(param.default) != "."
    return f" Default: {param.default}." if is_shown else ""


if __name__ == "__main__":
    from practicum.mcp_server.cli.app import app

    command = typer.main.get_command(app)
    assert isinstance(command, TyperGroup)
    typer.echo(reference(command), nl=False)
