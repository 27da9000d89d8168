"""`practicum eval`: hold agents against each other on test tasks."""

from __future__ import annotations

from typing import Annotated

import typer

from practicum.envs.errors import UsageError
from practicum.envs.tasks import LARGEST_INTEGER
from practicum.mcp_server.cli.bars import progress_bar
from practicum.mcp_server.cli.options import AsJson, Db, Settings, open_store, print_json
from practicum.mcp_server.cli.rollout import AgentSeed, Env, Episodes, MaxSteps, Noise, served_alone, stage_of


def evaluate_agents(
    env: Env = "flight",
    agents: Annotated[
        str,
        typer.Option(
            metavar="A,B", help="Who plays, the same tasks each: random, scripted, skilled, explorer."
        ),
    ] = "scripted,skilled",
    episodes: Episodes = 50,
    seed: Annotated[
        int, typer.Option(min=0, max=LARGEST_INTEGER, help="Seed from which on test tasks are taken.")
    ] = 0,
    agent_seed: AgentSeed = 0,
    noise: Noise = 0.0,
    max_steps: MaxSteps = None,
    settings: Settings = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Hold agents against each other on the same tasks of the test split."""
    from practicum.mcp_server.cli.reports import print_differences, print_figures
    from practicum.training.evaluate import evaluate

    names = list(dict.fromkeys(name.strip() for name in agents.split(",") if name.strip()))
    if not names:
        raise UsageError("--agents names nobody; expected names with commas, such as scripted,skilled")
    served = served_alone(env, settings)
    with open_store(db) as store, progress_bar("evaluating", as_json=as_json) as progress:
        stage = stage_of(
            store, served, *names, max_steps=max_steps, purpose="evaluation", client="practicum eval"
        )
        tasks = served.env_class.tasks(seed, **served.settings).split("test").take(episodes)
        report = evaluate(stage, names, tasks, seed=agent_seed, noise=noise, progress=progress)
    if as_json:
        print_json(report.as_json())
        return
    print_figures(report.agents)
    print_differences(report)
