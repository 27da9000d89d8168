"""Options that the commands of `practicum tasks` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from practicum.envs.errors import UsageError
from practicum.envs.tasks import LARGEST_INTEGER

Env = Annotated[str, typer.Option("--env", help="The environment: retail, of which such tasks are made.")]
Data = Annotated[
    str,
    typer.Option(
        "--data", "--envs-path", metavar="DIR", help="Folder of the records; the shipped world by default."
    ),
]
NoUserIds = Annotated[
    bool, typer.Option("--no-user-id-validation", help="Do not check users and what belongs to them.")
]
File = Annotated[Path, typer.Argument(metavar="FILE", help="Task records, as JSON or JSONL.")]
CaseFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="Task records, or the results of a test (test_results_….json).")
]
Turns = Annotated[
    int, typer.Option("--turns", "--agentflow-turns", min=1, max=100, help="Of agentflow, at most.")
]
MaxIterations = Annotated[
    int, typer.Option(min=1, max=1000, help="Proposals for one task before it is given up.")
]
CommitteeSize = Annotated[int, typer.Option(min=1, max=100, help="Reviewers; the majority decides.")]
Seed = Annotated[int, typer.Option(min=0, max=LARGEST_INTEGER, help="Of everything that is drawn.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a run that did not end.")]


def check_apart(**outputs: Path) -> None:
    """Refuse two outputs in one file, of which the second would take the place of the first.

    Raises:
        UsageError: they are.
    """
    (one, first), (other, second) = outputs.items()
    if first.resolve() == second.resolve():
        options = " and ".join(f"--{name.replace('_', '-')}" for name in (one, other))
        raise UsageError(f"{options} both name {first}; name two files")


def check_env(env: str) -> None:
    """Refuse any environment but retail.

    Raises:
        UsageError: it is another.
    """
    from practicum.envs.registry import short_name

    if short_name(env) != "retail":
        raise UsageError(f"--env {env!r}: such tasks are made of the retail world only")
