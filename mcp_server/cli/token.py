"""`practicum token`: who may use a server that runs with `--auth`."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from practicum.envs.errors import UsageError
from practicum.envs.paths import at_home
from practicum.mcp_server.cli.consoles import console
from practicum.mcp_server.cli.options import AsJson, print_json

if TYPE_CHECKING:
    from practicum.mcp_server.auth import Entry

SHOWN = 12
"""Digits of a hash that a table shows."""


def token(
    auth: Annotated[Path, typer.Option("--auth", help="The file of tokens; made where there is none.")],
    principal: Annotated[
        str | None, typer.Argument(help="Whose token; with --remove also the beginning of a hash.")
    ] = None,
    expires: Annotated[
        datetime.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="From this day on (UTC) it is refused."),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove all tokens of the principal.")] = False,
    listing: Annotated[
        bool, typer.Option("--list", help="List the tokens; they are kept as hashes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a token for somebody, and print it this once."""
    if listing == (principal is not None) or (listing and remove):
        raise UsageError("name whose token to make or, with --remove, to remove; --list stands alone")
    if expires is not None and (listing or remove):
        raise UsageError("--expires goes with a new token")
    if expires is not None and expires.date() <= datetime.datetime.now(datetime.UTC).date():
        raise UsageError(
            f"--expires {expires.date()} has come: the token would never be good; name a later day"
        )
    auth = at_home(auth)
    if listing:
        _show(auth, as_json=as_json)
    elif remove:
        _remove(auth, principal or "", as_json=as_json)
    else:
        _make(auth, principal or "", expires.date() if expires else None, as_json=as_json)


def _make(auth: Path, principal: str, expires: datetime.date | None, *, as_json: bool) -> None:
    from practicum.mcp_server.token_file import add_token

    made = add_token(auth, principal, expires=expires)
    if as_json:
        print_json({"principal": principal, "token": made, "expires": expires and str(expires)})
        return
    typer.echo(made)
    typer.echo(
        f"The token of {principal}, shown this once; clients send it as `Authorization: Bearer TOKEN`. "
        f"{auth} keeps its hash.",
        err=True,
    )


def _remove(auth: Path, whose: str, *, as_json: bool) -> None:
    from practicum.mcp_server.token_file import remove_tokens

    gone = remove_tokens(auth, whose)
    if as_json:
        print_json([_brief(entry) for entry in gone])
    else:
        typer.echo(f"removed from {auth}: {len(gone)}; running servers refuse them from now on", err=True)


def _show(auth: Path, *, as_json: bool) -> None:
    from practicum.mcp_server.auth import read_tokens

    entries = read_tokens(auth)
    if as_json:
        print_json([_brief(entry) for entry in entries])
        return
    table = Table("principal", "hash", "expires", "limits", box=None)
    for entry in entries:
        table.add_row(entry.principal, entry.sha256[:SHOWN], str(entry.expires or "-"), _limits(entry))
    console.print(table)


def _limits(entry: Entry) -> str:
    stated = entry.limits.model_dump(exclude_none=True) if entry.limits else {}
    return ", ".join(f"{name} {value}" for name, value in stated.items()) or "-"


def _brief(entry: Entry) -> dict[str, object]:
    return entry.model_dump(mode="json", exclude_none=True)
