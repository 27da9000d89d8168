"""`practicum install`: connects Practicum to the clients on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from practicum.envs.errors import UsageError
from practicum.envs.paths import at_home
from practicum.envs.registry import anchored, find
from practicum.mcp_server.cli.consoles import console, remarks
from practicum.mcp_server.cli.options import AsJson, Db, print_json, stdout_kept_clean
from practicum.mcp_server.cli.serve import check_stdio

if TYPE_CHECKING:
    from practicum.mcp_server.install import Change, Client, Machine

DID = {
    "added": "added {name} to {path}",
    "changed": "changed {name} in {path}",
    "removed": "removed {name} from {path}",
    "already": "{name} already stands in {path}; nothing to do",
    "absent": "{path} has no {name}; nothing to do",
}
PATHS = ("--task", "--db", "--auth", "--config", "--log-file")
"""Options of `serve` whose value is a file or a folder."""


ClientName = Annotated[
    str | None,
    typer.Argument(help="claude-desktop, claude-code, cursor, vscode or codex; without one: a list."),
]
ServeOptions = Annotated[
    list[str] | None, typer.Argument(help="After --: options of `practicum serve`.", metavar="OPTIONS")
]
Name = Annotated[str, typer.Option("--name", help="What the server is called there.")]
Project = Annotated[bool, typer.Option("--project", help="Into the settings of the project in this folder.")]
Removing = Annotated[bool, typer.Option("--remove", help="Take the entry away again.")]
Printing = Annotated[bool, typer.Option("--print", help="Show what would be written; write nothing.")]
Linking = Annotated[
    bool, typer.Option("--link", help="Show a link that adds it when opened (vscode, cursor).")
]
Force = Annotated[bool, typer.Option("--force", help="Even over an entry of that name that is not ours.")]


def install(
    ctx: typer.Context,
    client: ClientName = None,
    options: ServeOptions = None,
    name: Name = "practicum",
    project: Project = False,
    removing: Removing = False,
    printing: Printing = False,
    linking: Linking = False,
    force: Force = False,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Connect Practicum to a client: merge it into the client's own settings, with a backup."""
    from practicum.mcp_server.install import Machine, client_named

    machine = Machine.here()
    if client is None:
        _list(machine, name, as_json=as_json)
        return
    chosen = client_named(client)
    path = chosen.settings(machine, project=project)
    if sum((removing, printing, linking)) > 1:
        raise UsageError("--remove, --print and --link exclude each other")
    if removing:
        _remove(chosen, path, name, force=force, as_json=as_json)
        return
    words = _serve_options(ctx, machine.folder, options or [], db=db)
    entry = chosen.entry((*machine.command, "serve", *words))
    wish = _Wish(chosen, path, name, entry)
    if printing or linking:
        (_link if linking else _print)(wish, as_json=as_json)
    else:
        _add(wish, force=force, as_json=as_json)


@dataclass(frozen=True)
class _Wish:
    """An entry that a client is to have, and where."""

    client: Client
    path: Path
    name: str
    entry: dict[str, Any]

    def body(self) -> dict[str, Any]:
        """What is said of it in JSON."""
        return {
            "client": self.client.name,
            "name": self.name,
            "path": str(self.path),
            "entry": self.entry,
        }


def _list(machine: Machine, name: str, *, as_json: bool) -> None:
    from rich.table import Table

    from practicum.mcp_server.install import CLIENTS

    rows = [_row(client, machine, name) for client in CLIENTS.values()]
    if as_json:
        print_json({"clients": rows})
        return
    table = Table("client", "found here", "connected", box=None)
    table.add_column("settings", overflow="fold")
    for row in rows:
        table.add_row(row["client"], _yes(row["found"]), _yes(row["connected"]), row["path"])
    console.print(table)
    console.print("\n`practicum install CLIENT` connects one; --print shows what it would write.")


def _yes(answer: bool | None) -> str:
    return "settings are broken" if answer is None else "yes" if answer else "no"


def _row(client: Client, machine: Machine, name: str) -> dict[str, Any]:
    from practicum.mcp_server.install import entries, serving

    path = client.settings(machine)
    try:
        connected: bool | None = serving(entries(client, path).get(name)) is not None
    except UsageError:
        connected = None
    return {
        "client": client.name,
        "found": client.found(machine),
        "connected": connected,
        "path": str(path),
    }


def _serve_options(ctx: typer.Context, folder: Path, words: list[str], *, db: Path | None) -> list[str]:
    """Options of `practicum serve`, checked as `serve` checks them, with paths that hold from anywhere.

    A client does not know the shell's variables, so the log is written out where one is named.

    Raises:
        UsageError: `serve` would not take them, or they make no server over stdio.
    """
    asked = _serve_context(ctx, words)
    if asked.params["http"]:
        raise UsageError("clients start a server over stdio: leave --http out")
    check_stdio(asked)
    for env in asked.params["env"] or ():
        _warn_of_missing(env)
    named = any(word.partition("=")[0] == "--db" for word in words)
    every = words if named or db is None else [*words, "--db", str(db)]
    return [_from_anywhere(folder, before, word) for before, word in pairwise(["", *every])]


def _warn_of_missing(env: str) -> None:
    """Say that a server would not begin as things are; the environment may be on its way."""
    try:
        with stdout_kept_clean():  # an environment's module may print when it is imported
            find(env)
    except UsageError as error:
        remarks.print(f"practicum: as it is, the server cannot begin: {error}", markup=False)


def _serve_context(ctx: typer.Context, words: list[str]) -> typer.Context:
    group: Any = ctx.find_root().command
    asked: typer.Context = group.commands["serve"].make_context("practicum serve", list(words))
    return asked


def _from_anywhere(folder: Path, before: str, word: str) -> str:
    """A word of the command line with its path made absolute, where it holds one."""
    option, equals, value = word.partition("=")
    if equals and option.startswith("--"):
        return f"{option}={_from_anywhere(folder, option, value)}"
    if before == "--env":
        return anchored(word, folder)
    if before == "--set" and option == "data":
        return f"data={_absolute(folder, value)}"
    return str(_absolute(folder, word)) if before in PATHS else word


def _absolute(folder: Path, path: str) -> Path:
    return folder / at_home(Path(path))


def _remove(client: Client, path: Path, name: str, *, force: bool, as_json: bool) -> None:
    from practicum.mcp_server.install import remove

    _tell(client, name, remove(client, path, name, force=force), as_json=as_json)


def _add(wish: _Wish, *, force: bool, as_json: bool) -> None:
    from practicum.mcp_server.install import add

    change = add(wish.client, wish.path, wish.name, entry=wish.entry, force=force)
    _tell(wish.client, wish.name, change, as_json=as_json)


def _tell(client: Client, name: str, change: Change, *, as_json: bool) -> None:
    if as_json:
        backup = str(change.backup) if change.backup else None
        print_json(
            {
                "client": client.name,
                "name": name,
                "did": change.did,
                "path": str(change.path),
                "backup": backup,
            }
        )
        return
    typer.echo(f"{client.title}: {DID[change.did].format(name=name, path=change.path)}")
    if change.backup:
        typer.echo(f"the file as it was: {change.backup}")
    if change.did in ("added", "changed"):
        typer.echo(f"now: {client.next}")


def _print(wish: _Wish, *, as_json: bool) -> None:
    from practicum.mcp_server.install import block

    text = block(wish.client, wish.name, wish.entry)
    if as_json:
        print_json({**wish.body(), "block": text})
        return
    remarks.print(f"into {wish.path}:")
    typer.echo(text, nl=False)


def _link(wish: _Wish, *, as_json: bool) -> None:
    from practicum.mcp_server.install import links

    here, web = links(wish.client, wish.name, wish.entry)
    if as_json:
        print_json({**wish.body(), "link": here, "web": web})
        return
    typer.echo(here)
    typer.echo(web)
