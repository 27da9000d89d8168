"""`practicum tasks test`: let an agent serve the customers of tasks, and report how it did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from practicum.mcp_server.cli.models import ModelOptions, takes_models
from practicum.mcp_server.cli.options import AsJson, print_json
from practicum.mcp_server.cli.rollout import AgentSeed, Noise
from practicum.mcp_server.cli.task_options import Data, File, Resume
from practicum.mcp_server.cli.tasks_validate import show_validation, validated
from practicum.mcp_server.cli.trials import Trial, chosen, run_trial

if TYPE_CHECKING:
    from practicum.training.tasks.played_task import PlayedTask
    from practicum.training.tasks.summary import Thresholds

MOST_THREADS = 256
REPORTS = "What is written and asked for"

AgentName = Annotated[
    str, typer.Option("--agent", help="Who serves the customers: oracle, random, explorer or chat:MODEL.")
]
Model = Annotated[str | None, typer.Option("--model", metavar="MODEL", help="Short for --agent chat:MODEL.")]
DualModel = Annotated[
    bool, typer.Option("--dual-model", help="Insist on two models: --model and --user-model.")
]
EnhanceQuery = Annotated[
    bool,
    typer.Option(
        "--enhance-query", help="Let --user-model put what each customer wants into its words first."
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Ask no model: the oracle serves scripted customers.")
]
Threads = Annotated[int, typer.Option(min=1, max=MOST_THREADS, help="Tasks played at the same time.")]
ValidateOnly = Annotated[
    bool, typer.Option("--validate-only", help="Only check the tasks, as `practicum tasks validate`.")
]
Verbose = Annotated[bool, typer.Option("--verbose", help="A line for each task that is done.")]
Share = typer.Option(min=0, max=1, rich_help_panel=REPORTS, help="Fail below this share.")
OutputDir = Annotated[
    Path, typer.Option(metavar="DIR", rich_help_panel=REPORTS, help="Where the reports go.")
]
SaveResults = Annotated[
    bool,
    typer.Option(
        "--save-results", rich_help_panel=REPORTS, help="Write every call and conversation there too."
    ),
]
Visualize = Annotated[
    bool, typer.Option("--visualize", rich_help_panel=REPORTS, help="Draw the figures there too.")
]


@takes_models
def try_out(
    models: ModelOptions,
    file: File,
    agent: AgentName = "oracle",
    model: Model = None,
    dual_model: DualModel = False,
    enhance_query: EnhanceQuery = False,
    dry_run: DryRun = False,
    agent_seed: AgentSeed = 0,
    noise: Noise = 0.0,
    data: Data = "",
    threads: Threads = 1,
    resume: Resume = False,
    validate_only: ValidateOnly = False,
    verbose: Verbose = False,
    output_dir: OutputDir = Path("results"),
    save_results: SaveResults = False,
    visualize: Visualize = False,
    min_success: Annotated[float, Share] = 0.7,
    min_recall: Annotated[float, Share] = 0.6,
    min_precision: Annotated[float, Share] = 0.6,
    as_json: AsJson = False,
) -> None:
    """Let an agent serve the customers of tasks; exit code 1 where a threshold is missed."""
    from practicum.training.tasks.configs import folder_of
    from practicum.training.tasks.summary import Thresholds

    if validate_only:
        show_validation(validated(file, data, user_ids=True, as_json=as_json), as_json=as_json)
        return
    players = chosen(agent, model, models, dual=dual_model, enhances=enhance_query, dry=dry_run)
    trial = Trial(file, players, folder_of(data), agent_seed, noise, output_dir, save_results, visualize)
    tested, written = run_trial(trial, threads=threads, resume=resume, verbose=verbose, as_json=as_json)
    models.tell_usage()
    _show(tested, written, Thresholds(min_success, min_recall, min_precision), as_json=as_json)


def _show(tested: list[PlayedTask], written: list[Path], least: Thresholds, *, as_json: bool) -> None:
    """Say how it went.

    Raises:
        typer.Exit: a threshold is missed.
    """
    from practicum.training.tasks.summary import summary_of

    summary = summary_of(tested)
    missed = list(least.missed(summary))
    if as_json:
        print_json({**summary, "missed": missed, "files": list(map(str, written))})
    else:
        for name, figure in summary.items():
            typer.echo(f"{name}: {_shown(figure)}")
        for path in written:
            typer.echo(f"written: {path}")
    for each in tested:
        if each.failure:
            typer.echo(f"practicum: task {each.task_id} failed: {each.failure}", err=True)
    for line in missed:
        typer.echo(f"practicum: {line}", err=True)
    if missed:
        raise typer.Exit(1)


def _shown(figure: float | None) -> str:
    if figure is None:
        return "-"
    return f"{figure:.4f}" if isinstance(figure, float) else str(figure)
