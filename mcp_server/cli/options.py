"""Options that several commands share, and what they mean."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, redirect_stdout
from pathlib import Path
from typing import Annotated, Any

import typer

from practicum.envs.errors import UsageError
from practicum.memory import Store, default_path

Db = Annotated[
    Path | None,
    typer.Option(
        "--db",
        envvar="PRACTICUM_DB",
        show_envvar=False,
        help="The log; $PRACTICUM_DB or a file in your data folder by default.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the environment; repeats."),
]
EnvName = Annotated[
    str, typer.Option("--env", help="Environment: flight, flight-v1, module:Class, file.py:Class or gym:ID.")
]


def read_settings(given: Iterable[str] | None) -> dict[str, Any]:
    """`name=value` pairs as a dict; a value that is JSON is read as JSON, any other is text.

    Raises:
        UsageError: a pair has no `=`.
    """
    settings: dict[str, Any] = {}
    for pair in given or ():
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--set {pair!r}: expected NAME=VALUE, such as --set p_3ds=0.5")
        try:
            settings[name] = json.loads(value)
        except ValueError:
            settings[name] = value
    return settings


def is_typed(ctx: typer.Context, parameter: str) -> bool:
    """Whether a parameter was given on the command line, not by a file, a variable or its default."""
    source = ctx.get_parameter_source(parameter)
    return source is not None and source.name == "COMMANDLINE"


@contextmanager
def stdout_kept_clean() -> Iterator[None]:
    """Meanwhile whatever is printed, written to descriptor 1 or said by a child process goes to stderr."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


@contextmanager
def open_store(db: Path | None, *, durable: bool = False) -> Iterator[Store]:
    """The store at `--db` or the default place, made where there is none, and closed at the end.

    Raises:
        UsageError: it cannot be opened.
    """
    with closing(Store.open(db or default_path(), durable=durable)) as store:
        yield store


@contextmanager
def open_existing_store(db: Path | None) -> Iterator[Store]:
    """As `open_store`, for commands that look at what is there.

    Raises:
        UsageError: there is none, or it cannot be opened.
    """
    with closing(Store.open_existing(db or default_path())) as store:
        yield store


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """One JSON document on stdout."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    typer.echo(text.encode("utf-8", "backslashreplace").decode())  # a lone surrogate becomes its JSON escape
