"""`practicum import`: sessions that other systems recorded, into the log."""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from practicum.envs.errors import UsageError
from practicum.mcp_server.cli.bars import Progress, progress_bar
from practicum.mcp_server.cli.options import AsJson, Db, open_store, print_json, stdout_kept_clean
from practicum.mcp_server.cli.session_tables import OWNER, counted
from practicum.memory import LogUnavailable, Store
from practicum.memory.imports import Destination, Tally, destination, import_file

STDIN = Path("-")


Form = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="tau (results of τ-bench) or sharegpt (APIGen-MT, xLAM); seen from the file by default.",
    ),
]
World = Annotated[
    str | None,
    typer.Option(
        "--env", help="Environment that the records are of, such as retail; one that is not here by default."
    ),
]
Records = Annotated[
    Path | None, typer.Option("--data", help="Folder of the shop's records, for --env retail.")
]
AllRight = Annotated[
    bool,
    typer.Option("--all-right", help="Records that do not say how they came out came to the right end."),
]


def import_command(
    file: Annotated[Path, typer.Argument(help="JSON or JSONL; - reads standard input.")],
    form: Form = None,
    env: World = None,
    data: Records = None,
    right: AllRight = False,
    principal: Annotated[str, typer.Option(help="Whose the sessions become.")] = OWNER,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Import sessions that another system recorded; what is in the log already stays as it is."""
    to = destination(env, str(data) if data else "", principal=principal, right=right)
    problems: list[dict[str, Any]] = []

    def complain(line: int, problem: str) -> None:
        problems.append({"line": line, "problem": problem})
        typer.echo(f"{file}:{line}: {problem}", err=True)

    bar = progress_bar("importing", as_json=as_json)
    with _opened(file) as lines, open_store(db) as store, stdout_kept_clean(), bar as progress:
        place = partial(_tell_place, lines, progress)
        tally = _imported(store, lines, to, form=form, complain=complain, progress=place)
    if as_json:
        print_json({**_row(tally), "problems": problems})
    else:
        _tell(tally)
    if not tally.complete:
        raise typer.Exit(1)


def _imported(store: Store, lines: TextIO, to: Destination, **options: Any) -> Tally:
    try:
        return import_file(store, lines, to, **options)
    except LogUnavailable as error:
        raise UsageError(f"{error}; what was imported before stays") from None


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """The file as text; what is no UTF-8 comes as lone surrogates.

    Raises:
        UsageError: it cannot be read.
    """
    if path == STDIN:
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
        yield sys.stdin
        return
    try:
        file = path.open(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    with file:
        yield file


def _tell_place(lines: TextIO, progress: Progress) -> None:
    """How many bytes of a file have been read."""
    if lines is not sys.stdin and isinstance(lines, io.TextIOWrapper):
        progress(lines.buffer.tell(), Path(lines.name).stat().st_size)


def _row(tally: Tally) -> dict[str, Any]:
    return {
        "imported": tally.imported,
        "already_here": +tally.here,
        "elsewhere": tally.elsewhere,
        "unreadable": tally.unreadable,
        "replay": tally.agreeing,
        "diverge": tally.diverging,
    }


def _tell(tally: Tally) -> None:
    typer.echo(f"imported {_listed(tally.imported)}")
    if played := tally.agreeing + tally.diverging:
        typer.echo(f"{tally.agreeing} of {played} replay exactly")
    if tally.here.total():
        typer.echo(f"already here: {_listed(tally.here)}")
    for reason, times in tally.elsewhere.most_common():
        typer.echo(f"left out {counted(times)} of another world: {reason}", err=True)
    if tally.unreadable:
        typer.echo(f"could not read {tally.unreadable} of the records", err=True)


def _listed(sessions: Counter[str]) -> str:
    """How many sessions, and of which environments."""
    envs = ", ".join(sorted(+sessions))
    return f"{counted(sessions.total())} of {envs}" if envs else counted(0)
