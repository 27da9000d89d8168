"""`practicum compare`: hold agents, clients in the log or reports on disk against each other, with tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from practicum.envs.errors import UsageError
from practicum.mcp_server.cli.evaluate import (
    GoldAgent,
    Match,
    Output,
    RankBy,
    TaskSeed,
    Trials,
    play,
    write,
)
from practicum.mcp_server.cli.models import ModelOptions, takes_models
from practicum.mcp_server.cli.options import AsJson, Db, EnvName, Settings, open_existing_store, print_json
from practicum.mcp_server.cli.rollout import AgentSeed, Episodes, MaxSteps, Noise, tell_failures
from practicum.mcp_server.cli.workers import LOCAL, Parallel, WorkersName
from practicum.memory import Purpose

if TYPE_CHECKING:
    from practicum.training.evaluate import Report


@takes_models
def compare_command(
    models: ModelOptions,
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="A [B]...",
            help="Agents, which play now; with --logged clients or agents in the log; or .json files of "
            "`practicum eval --json`.",
        ),
    ],
    logged: Annotated[
        bool, typer.Option("--logged", help="Compare what they have played already, by the log.")
    ] = False,
    purpose: Annotated[
        Purpose, typer.Option(metavar="PURPOSE", help="With --logged: sessions that were opened for it.")
    ] = "evaluation",
    env: EnvName = "flight",
    episodes: Episodes = 50,
    trials: Trials = 1,
    seed: TaskSeed = 0,
    agent_seed: AgentSeed = 0,
    noise: Noise = 0.0,
    max_steps: MaxSteps = None,
    gold: GoldAgent = None,
    rank_by: RankBy = "return",
    output: Output = None,
    settings: Settings = None,
    workers: WorkersName = LOCAL,
    parallel: Parallel = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Compare agents, clients in the log or reports, task by task, and say what is more than chance."""
    from practicum.mcp_server.cli.reports import print_comparison
    from practicum.training.compare import compare
    from practicum.training.leaderboard import figure_called, leaderboard
    from practicum.training.report_files import make_folder

    figure_called(rank_by)
    if output is not None:
        make_folder(output)
    match = Match(
        env=env, settings=settings, episodes=episodes, trials=trials, seed=seed, agent_seed=agent_seed,
        noise=noise, max_steps=max_steps, gold=gold, workers=workers, parallel=parallel,
    )  # fmt: skip
    given = list(dict.fromkeys(names))
    if logged:
        report = _logged(given, env, purpose, db)
    elif any(_is_file(name) for name in given):
        report = _on_disk(given)
    else:
        _need_two(given)
        report = play(given, models, match, client="practicum compare", db=db, as_json=as_json)
    compared = compare(report)
    for versus in compared.pairs:
        if versus.remark:
            typer.echo(f"practicum: {versus.remark}", err=True)
    if as_json:
        print_json(compared.as_json())
    else:
        print_comparison(compared, leaderboard(compared, rank_by))
    write(output, compared, rank_by)
    models.tell_usage()
    tell_failures(rollout for agent in report.agents.values() for rollout in agent.rollouts)


def _logged(names: Sequence[str], env: str, purpose: Purpose, db: Path | None) -> Report:
    from practicum.training.logged import logged_report

    _need_two(names)
    with open_existing_store(db) as store:
        return logged_report(store, names, env, purpose=purpose)


def _on_disk(names: Sequence[str]) -> Report:
    from practicum.training.report_files import read_reports

    agents = [name for name in names if not _is_file(name)]
    if agents:
        raise UsageError(f"{agents[0]!r} is no report, as others are; expected files or agents, not both")
    report = read_reports([Path(name) for name in names])
    _need_two(list(report.agents))
    return report


def _is_file(name: str) -> bool:
    return name.endswith(".json")


def _need_two(names: Sequence[str]) -> None:
    if len(names) < 2:
        raise UsageError(f"{names[0]!r} alone cannot be compared; name another one after it")
