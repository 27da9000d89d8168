"""`practicum eval`: hold agents against each other on test tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from practicum.envs.errors import UsageError
from practicum.envs.tasks import LARGEST_INTEGER
from practicum.mcp_server.cli.bars import progress_bar
from practicum.mcp_server.cli.models import ModelOptions, takes_models
from practicum.mcp_server.cli.options import AsJson, Db, Settings, open_store, print_json
from practicum.mcp_server.cli.rollout import (
    AgentSeed,
    Env,
    Episodes,
    MaxSteps,
    Noise,
    served_alone,
    stage_of,
    tell_failures,
)
from practicum.mcp_server.cli.workers import LOCAL, Parallel, WorkersName, open_workers

if TYPE_CHECKING:
    from practicum.training.compare import Comparison
    from practicum.training.evaluate import Report

MOST_TRIALS = 1000
TaskSeed = Annotated[
    int, typer.Option("--seed", min=0, max=LARGEST_INTEGER, help="Seed from which on test tasks are taken.")
]
Trials = Annotated[
    int, typer.Option(min=1, max=MOST_TRIALS, help="How often each agent plays each task, for pass^k.")
]
GoldAgent = Annotated[
    str | None,
    typer.Option("--gold", metavar="AGENT", help="Whose calls are the gold calls of tasks that have none."),
]
RankBy = Annotated[
    str, typer.Option("--rank-by", metavar="FIGURE", help="The figure that the leaderboard goes by.")
]
Output = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Write report.json and the leaderboard as .md, .json and .png there."),
]


@dataclass(frozen=True, kw_only=True)
class Match:
    """What is played, and how."""

    env: str
    settings: list[str] | None
    episodes: int
    trials: int
    seed: int
    """Of the tasks."""
    agent_seed: int
    noise: float
    max_steps: int | None
    gold: str | None
    workers: str
    parallel: int | None


def _gate(what: str) -> Any:
    return typer.Option(min=0, max=1, help=f"Fail where an agent has less {what}.")


@takes_models
def evaluate_agents(
    models: ModelOptions,
    env: Env = "flight",
    agents: Annotated[
        str,
        typer.Option(
            metavar="A,B",
            help="Who plays: random, scripted, skilled, explorer, oracle, chat:MODEL or local:MODEL.",
        ),
    ] = "scripted,skilled",
    episodes: Episodes = 50,
    trials: Trials = 1,
    seed: TaskSeed = 0,
    agent_seed: AgentSeed = 0,
    noise: Noise = 0.0,
    max_steps: MaxSteps = None,
    gold: GoldAgent = None,
    min_success: Annotated[float | None, _gate("success")] = None,
    min_recall: Annotated[float | None, _gate("action_recall")] = None,
    min_precision: Annotated[float | None, _gate("action_precision")] = None,
    rank_by: RankBy = "return",
    output: Output = None,
    settings: Settings = None,
    workers: WorkersName = LOCAL,
    parallel: Parallel = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Hold agents against each other on the same tasks of the test split."""
    from practicum.mcp_server.cli.reports import print_differences, print_figures
    from practicum.training.compare import compare
    from practicum.training.gates import Gates
    from practicum.training.leaderboard import figure_called
    from practicum.training.report_files import make_folder

    names = list(dict.fromkeys(name.strip() for name in agents.split(",") if name.strip()))
    if not names:
        raise UsageError("--agents names nobody; expected names with commas, such as scripted,skilled")
    figure_called(rank_by)
    if output is not None:
        make_folder(output)
    match = Match(
        env=env, settings=settings, episodes=episodes, trials=trials, seed=seed, agent_seed=agent_seed,
        noise=noise, max_steps=max_steps, gold=gold, workers=workers, parallel=parallel,
    )  # fmt: skip
    report = play(names, models, match, client="practicum eval", db=db, as_json=as_json)
    compared = compare(report)
    if as_json:
        print_json(compared.as_json())
    else:
        print_figures(report.agents)
        print_differences(compared)
    write(output, compared, rank_by)
    models.tell_usage()
    missed = list(Gates(min_success, min_recall, min_precision).missed(report))
    for line in missed:
        typer.echo(f"practicum: {line}", err=True)
    tell_failures(rollout for agent in report.agents.values() for rollout in agent.rollouts)
    if missed:
        raise typer.Exit(1)


def play(
    names: Sequence[str],
    models: ModelOptions,
    match: Match,
    *,
    client: str,
    db: Path | None,
    as_json: bool,
) -> Report:
    """Let agents play test tasks, logged as evaluation.

    Raises:
        UsageError: an agent or the environment is not known, before a log is made for nothing.
    """
    from practicum.training.agents.players import Casting
    from practicum.training.evaluate import perform

    served = served_alone(match.env, models.hired(match.settings))
    casting = Casting(served.env_class.env_id(), match.agent_seed, match.noise, models.playing)
    casts = [casting.cast(name, name, match.trials) for name in names]
    teacher = None if match.gold is None else casting.cast(match.gold, match.gold).by_trial[0]
    with (
        open_workers(match.workers, match.parallel, customer=models.customer) as elsewhere,
        open_store(db) as store,
        progress_bar("evaluating", as_json=as_json) as progress,
    ):
        stage = stage_of(
            store, served, *names, max_steps=match.max_steps, purpose="evaluation", client=client
        )
        made = served.env_class.tasks(match.seed, **served.settings)
        tasks = made.split("test").take(match.episodes)
        return perform(stage, casts, tasks, teacher=teacher, progress=progress, workers=elsewhere)


def write(output: Path | None, compared: Comparison, rank_by: str) -> None:
    """Write the files of an evaluation, and say on stderr where they are."""
    from practicum.training.report_files import can_draw, write_reports

    if output is None:
        return
    for path in write_reports(output, compared, rank_by):
        typer.echo(f"wrote {path}", err=True)
    if not can_draw():
        typer.echo("no picture: pictures need matplotlib; pip install 'practicum[eval]'", err=True)
