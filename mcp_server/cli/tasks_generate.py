"""`practicum tasks generate`: make tasks of the retail world."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from practicum.envs.errors import UsageError
from practicum.envs.tasks import LARGEST_INTEGER
from practicum.mcp_server.cli.bars import progress_bar
from practicum.mcp_server.cli.logs import kept_in
from practicum.mcp_server.cli.models import ModelOptions, takes_writer
from practicum.mcp_server.cli.options import AsJson, print_json
from practicum.mcp_server.cli.task_options import (
    CommitteeSize,
    Data,
    Env,
    MaxIterations,
    NoUserIds,
    Resume,
    Seed,
    Turns,
    check_env,
)
from practicum.training.llm import ModelShelf

if TYPE_CHECKING:
    from practicum.training.tasks.pipeline import Recipe, Statistics

MOST_TOLD = 10
"""Numbers without a task that are told one by one."""

NumTasks = Annotated[int, typer.Option(min=1, max=LARGEST_INTEGER, help="How many tasks to make.")]
Mode = Annotated[
    str, typer.Option(metavar="MODE", help="How each is proposed: direct, or agentflow over turns.")
]
Scenarios = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Of this kind only; may be repeated.")
]
Output = Annotated[
    Path,
    typer.Option(
        metavar="FILE", dir_okay=False, help="Where the tasks go: JSONL by its name, else a JSON array."
    ),
]


@takes_writer
def generate(
    writer: ModelShelf | None,
    env: Env = "retail",
    num_tasks: NumTasks = 3,
    mode: Mode = "direct",
    agentflow: Annotated[bool, typer.Option("--agentflow", help="Short for --mode agentflow.")] = False,
    turns: Turns = 5,
    max_iterations: MaxIterations = 3,
    committee_size: CommitteeSize = 3,
    no_user_ids: NoUserIds = False,
    seed: Seed = 0,
    data: Data = "",
    scenario: Scenarios = None,
    output: Output = Path("generated_tasks/Sampled_Tasks.json"),
    resume: Resume = False,
    as_json: AsJson = False,
) -> None:
    """Make tasks over eight scenarios; each passes validation in the world and a committee."""
    from practicum.envs.retail.scenarios import SCENARIOS
    from practicum.training.tasks.configs import folder_of
    from practicum.training.tasks.pipeline import Recipe

    check_env(env)
    recipe = Recipe(
        mode=_mode(mode, agentflow=agentflow),
        turns=turns,
        max_iterations=max_iterations,
        committee_size=committee_size,
        user_ids=not no_user_ids,
        seed=seed,
        data=folder_of(data),
        scenarios=scenario or SCENARIOS,
    )
    found = _generated(recipe, num_tasks, output, writer, resume=resume, as_json=as_json)
    _show_statistics(found, output, as_json=as_json)
    if found.made < found.asked:
        raise typer.Exit(1)


def _mode(mode: str, *, agentflow: bool) -> Any:
    from practicum.training.tasks.pipeline import MODES

    if mode not in MODES:
        raise UsageError(f"--mode {mode!r}: expected {' or '.join(MODES)}")
    return "agentflow" if agentflow else mode


def _generated(
    recipe: Recipe, count: int, output: Path, writer: ModelShelf | None, *, resume: bool, as_json: bool
) -> Statistics:
    from practicum.training.tasks.files import make_file
    from practicum.training.tasks.pipeline import Statistics

    if resume:
        _check_unfinished(output)
    model = None if writer is None else writer.model()
    with (
        kept_in(output.parent / "task_generator.log"),
        progress_bar("making tasks", as_json=as_json) as progress,
    ):
        run = make_file(output, count, recipe, model=model, resume=resume, progress=progress)
    if writer is not None:
        ModelOptions(writer).tell_usage()
    return Statistics.of(run)


def _check_unfinished(output: Path) -> None:
    """Refuse to go on with a run that has ended, which would make all of it again.

    Raises:
        UsageError: it has.
    """
    from practicum.training.tasks.journal import journal_of

    if output.is_file() and not journal_of(output).exists():
        raise UsageError(
            f"{output} is finished, nothing is left to go on with; without --resume it is made anew"
        )


def _show_statistics(found: Statistics, output: Path, *, as_json: bool) -> None:
    if as_json:
        print_json({"output": str(output), **found.as_json()})
        return
    typer.echo(f"{found.made} of {found.asked} tasks made in {found.proposals} proposals, in {output}")
    for scenario, count in found.scenarios.items():
        typer.echo(f"  {scenario}: {count}")
    for reason, count in found.reasons.items():
        typer.echo(f"turned down for {reason}: {count}")
    for number, why in islice(found.failed.items(), MOST_TOLD):
        typer.echo(f"practicum: no task {number}: {'; '.join(why)}", err=True)
    if len(found.failed) > MOST_TOLD:
        typer.echo(f"practicum: and {len(found.failed) - MOST_TOLD} more; --json tells them all", err=True)
