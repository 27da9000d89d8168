"""`practicum export`: what was played, as examples that a model learns from."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from practicum.envs.errors import UsageError
from practicum.envs.tasks import LARGEST_INTEGER, SPLITS
from practicum.mcp_server.cli.bars import progress_bar
from practicum.mcp_server.cli.options import AsJson, Db, is_typed, open_existing_store, print_json
from practicum.memory import Store
from practicum.memory.ended import LEARNABLE

if TYPE_CHECKING:
    from practicum.training.datasets import Order

FORMATS = ("sft", "dpo", "kto", "grpo", "openai", "sharegpt")
INSTRUCTION = "{instruction}"
WITH_A_MANIFEST = ("again", "output", "as_json", "db", "config", "log_level", "log_file")
"""What can be said beside a manifest."""
TOLD_EVERY = 100
"""So many examples later the progress bar is told."""
Manifest = dict[str, Any]


def export_command(
    ctx: typer.Context,
    form: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help=f"One of {', '.join(FORMATS)}.")
    ] = "sft",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where the lines go; stdout without it."),
    ] = None,
    again: Annotated[
        Path | None,
        typer.Option("--from", "--manifest", metavar="FILE", help="Make the file of this manifest again."),
    ] = None,
    env: Annotated[str | None, typer.Option(help="Only this environment.")] = None,
    purpose: Annotated[
        str | None, typer.Option(metavar="PURPOSE", help="Only sessions of practice, or of import.")
    ] = None,
    split: Annotated[
        list[str] | None,
        typer.Option(metavar="SPLIT", help=f"Of the task: {', '.join(SPLITS)}; repeats. Train by default."),
    ] = None,
    success: Annotated[
        bool | None, typer.Option("--success/--failure", help="Only right ends, or only wrong ones.")
    ] = None,
    min_return: Annotated[float | None, typer.Option(help="Only returns of so much or more.")] = None,
    agent: Annotated[
        str | None, typer.Option("--agent", "--client", help="Only of players whose name holds this.")
    ] = None,
    principal: Annotated[str | None, typer.Option(help="Only this principal's.")] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Begun on that day or later, as 2026-11-21."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, max=LARGEST_INTEGER, help="At most so many examples.")
    ] = None,
    best: Annotated[
        int | None,
        typer.Option(min=1, max=LARGEST_INTEGER, help="Only so many sessions, those of the highest quality."),
    ] = None,
    repeats: Annotated[bool, typer.Option("--repeats", help="Keep examples that teach the same.")] = False,
    system: Annotated[
        str | None,
        typer.Option(help=f"System message; {INSTRUCTION} in it stands for the task's, @FILE reads a file."),
    ] = None,
    scores: Annotated[
        bool, typer.Option("--scores", help="With the process rewards that `practicum score` has kept.")
    ] = False,
    train_file: Annotated[
        Path | None,
        typer.Option(
            "--train-file",
            "-t",
            metavar="FILE",
            help="Make the examples of this JSONL, in any format, not of the log.",
        ),
    ] = None,
    preferences: Annotated[
        str | None,
        typer.Option(
            "--preferences",
            "-p",
            metavar="FILE",
            help="JSONL of better sessions; `log`: those kept.",
        ),
    ] = None,
    step_pairs: Annotated[
        bool, typer.Option("--step-pairs", help="For dpo: pairs of next calls after the same beginning.")
    ] = False,
    gap: Annotated[
        float, typer.Option(min=0, help="For dpo: how far two sessions of the same end lie apart.")
    ] = 0.1,
    pairs_per_task: Annotated[
        int, typer.Option(min=1, max=LARGEST_INTEGER, help="For dpo: pairs of one task at most.")
    ] = 8,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Write what was played as examples that a model learns from, with a manifest that makes them again."""
    from practicum.training.datasets import Order, Query

    if again is not None:
        _refuse_others(ctx)
        _again(again, output, db, as_json=as_json)
        return
    query = Query(
        env=env,
        principal=principal,
        agent=agent,
        splits=tuple(split or ("train",)),
        success=success,
        min_return=min_return,
        since=None if since is None else _moment(since),
        limit=limit,
        best=best,
        repeats=repeats,
        gap=gap,
        pairs_per_task=pairs_per_task,
        step_pairs=step_pairs,
        purposes=LEARNABLE if purpose is None else (purpose,),
        system=INSTRUCTION if system is None else _prompt(system),
    )
    order = Order(
        form=form,
        query=query,
        scores=scores,
        train_file=None if train_file is None else str(train_file),
        preferences=preferences,
    )
    _export(order, output, db, as_json=as_json)


def _refuse_others(ctx: typer.Context) -> None:
    """A manifest says all that there is to say."""
    for param in ctx.command.params:
        if str(param.name) not in WITH_A_MANIFEST and is_typed(ctx, str(param.name)):
            raise UsageError(f"{param.opts[0]} is the manifest's to say; leave it out with --from")


def _export(order: Order, output: Path | None, db: Path | None, *, as_json: bool) -> None:
    """Write what was ordered to a file, or to stdout."""
    from practicum.training.datasets.export import export, write_lines

    if output is None and as_json:
        raise UsageError("--json prints the manifest where the lines would go; name a file with --output")
    with _source(order, db) as store, _counting(as_json=as_json) as progress:
        if output is None:
            write_lines(store, order, sys.stdout.buffer, progress=progress)
            return
        manifest = export(store, order, output, progress=progress)
    _tell(manifest, output, as_json=as_json)


def _again(manifest: Path, output: Path | None, db: Path | None, *, as_json: bool) -> None:
    from practicum.training.datasets.export import export_again, read_order

    order, known = read_order(manifest)
    with _source(order, db) as store, _counting(as_json=as_json) as progress:
        made = export_again(store, manifest, output, progress=progress)
    _tell(made, output or manifest.with_name(known["file"]), as_json=as_json)


@contextmanager
def _source(order: Order, db: Path | None) -> Iterator[Store | None]:
    """The log, where the examples come from it."""
    if order.train_file is not None:
        yield None
        return
    with open_existing_store(db) as store:
        yield store


@contextmanager
def _counting(*, as_json: bool) -> Iterator[Callable[[int], object]]:
    with progress_bar("exporting", as_json=as_json) as progress:
        yield lambda count: progress(count, 0) if count % TOLD_EVERY == 0 else None


def _tell(manifest: Manifest, output: Path, *, as_json: bool) -> None:
    if as_json:
        print_json({"output": str(output), **manifest})
        return
    splits = ", ".join(f"{split} {count}" for split, count in manifest["by_split"].items())
    typer.echo(f"{_counted(manifest['examples'], 'example')} in {output}{f' ({splits})' if splits else ''}")
    if manifest["repeats"]:
        typer.echo(f"{_counted(manifest['repeats'], 'repeat')} left out")
    if not manifest["examples"]:
        typer.echo("practicum: nothing matches; `practicum sessions` lists what was played", err=True)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _moment(text: str) -> float:
    """A day or a time, here, in seconds since 1970."""
    try:
        return datetime.datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"--since {text!r}: expected a day such as 2026-11-21, or 2026-11-21T17:00"
        ) from None


def _prompt(text: str) -> str:
    """A system message, or what the file holds that is named behind an `@`."""
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise UsageError(f"--system {text}: cannot read the file: {' '.join(str(error).split())}") from None
