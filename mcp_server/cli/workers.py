"""The options that say where episodes are played, which several commands share, and what they mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from practicum.envs.errors import UsageError, nearest
from practicum.mcp_server.cli.options import stdout_kept_clean

if TYPE_CHECKING:
    from practicum.training.llm import ModelShelf
    from practicum.training.ray_workers import RayWorkers

LOCAL, RAY = "local", "ray"
PANEL = "Workers"

WorkersName = Annotated[
    str,
    typer.Option(
        "--workers",
        metavar="local|ray",
        rich_help_panel=PANEL,
        help="Where episodes are played: one after the other in this process, or in those of Ray.",
    ),
]
Parallel = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=10_000,
        rich_help_panel=PANEL,
        help="How many episodes Ray plays at the same time; as many as there are cores by default.",
    ),
]


@contextmanager
def open_workers(
    name: str, parallel: int | None, *, customer: ModelShelf | None = None
) -> Iterator[RayWorkers | None]:
    """What `--workers` and `--parallel` ask for; None for this process.

    What Ray itself has to say goes to stderr.

    Raises:
        UsageError: there are no such workers, or Ray is not installed or cannot be started.
    """
    if name == LOCAL:
        if parallel is not None:
            raise UsageError(f"--parallel is for --workers {RAY}; {LOCAL} plays one after the other")
        yield None
        return
    if name != RAY:
        raise UsageError(f"--workers {name!r}{nearest(name, (LOCAL, RAY))}; expected {LOCAL} or {RAY}")
    from practicum.training.ray_workers import ray_workers

    with stdout_kept_clean(), ray_workers(parallel, customer=customer) as workers:
        yield workers
