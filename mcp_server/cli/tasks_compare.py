"""`practicum tasks compare`: tasks made at once against tasks made over turns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from practicum.envs.tasks import LARGEST_INTEGER
from practicum.mcp_server.cli.bars import progress_bar
from practicum.mcp_server.cli.consoles import console
from practicum.mcp_server.cli.models import takes_writer
from practicum.mcp_server.cli.options import AsJson, print_json
from practicum.mcp_server.cli.task_options import CommitteeSize, Data, MaxIterations, Seed, Turns, check_apart
from practicum.training.llm import ModelShelf

if TYPE_CHECKING:
    from practicum.training.tasks.comparison import Made
    from practicum.training.tasks.pipeline import Mode

DirectOut = Annotated[
    Path,
    typer.Option(
        "--direct-out", metavar="FILE", dir_okay=False, help="Where the tasks go that were made at once."
    ),
]
AgentOut = Annotated[
    Path,
    typer.Option(
        "--agent-out", metavar="FILE", dir_okay=False, help="Where those go that were made over turns."
    ),
]


@takes_writer
def compare_modes(
    writer: ModelShelf | None,
    num_tasks: Annotated[
        int, typer.Option(min=1, max=LARGEST_INTEGER, help="How many tasks each mode makes.")
    ] = 10,
    turns: Turns = 5,
    max_iterations: MaxIterations = 3,
    committee_size: CommitteeSize = 3,
    seed: Seed = 0,
    data: Data = "",
    direct_out: DirectOut = Path("generated_tasks/test_direct.json"),
    agent_out: AgentOut = Path("generated_tasks/test_agentflow.json"),
    as_json: AsJson = False,
) -> None:
    """Make tasks in both modes with the same seed, and hold the modes against each other."""
    from practicum.training.tasks.comparison import compare
    from practicum.training.tasks.configs import folder_of
    from practicum.training.tasks.pipeline import Recipe

    check_apart(direct_out=direct_out, agent_out=agent_out)
    recipe = Recipe(
        turns=turns,
        max_iterations=max_iterations,
        committee_size=committee_size,
        seed=seed,
        data=folder_of(data),
    )
    model = None if writer is None else writer.model()
    with progress_bar("making tasks", as_json=as_json) as progress:
        made = compare(num_tasks, recipe, model=model, progress=progress)
    _tell(made, {"direct": direct_out, "agentflow": agent_out}, recipe.data, as_json=as_json)


def _tell(made: Mapping[Mode, Made], outputs: Mapping[str, Path], data: str, *, as_json: bool) -> None:
    """Write the tasks of both modes, and say how they compare."""
    from practicum.training.tasks.comparison import shared_plans
    from practicum.training.tasks.records import write_records

    for mode, each in made.items():
        write_records(outputs[mode], each.records)
    report = {mode: {**each.figures(data), "file": str(outputs[mode])} for mode, each in made.items()}
    if as_json:
        print_json({**report, "shared_plans": shared_plans(made)})
    else:
        _show(report, shared_plans(made))


def _show(report: Mapping[Mode, Mapping[str, Any]], shared: int) -> None:
    table = Table("", *report, box=None)
    for figure in (name for name in next(iter(report.values())) if name != "file"):
        table.add_row(figure, *(_shown(row[figure]) for row in report.values()))
    console.print(table)
    typer.echo(f"{shared} gold plans were made by both")
    for row in report.values():
        typer.echo(f"written: {row['file']}")


def _shown(figure: Any) -> str:
    return "-" if figure is None else f"{figure:.4g}" if isinstance(figure, float) else str(figure)
