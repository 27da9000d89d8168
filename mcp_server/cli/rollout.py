"""`practicum rollout`: let an agent play tasks, each logged as a session."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from practicum.envs.errors import UsageError
from practicum.envs.tasks import LARGEST_INTEGER, SPLITS, Split
from practicum.mcp_server.cli.bars import progress_bar
from practicum.mcp_server.cli.models import ModelOptions, takes_models
from practicum.mcp_server.cli.options import AsJson, Db, Settings, open_store, print_json, read_settings
from practicum.mcp_server.cli.workers import LOCAL, Parallel, WorkersName, open_workers

if TYPE_CHECKING:
    from practicum.envs import Task
    from practicum.mcp_server.served import Served
    from practicum.memory import Store
    from practicum.training.rollouts import Rollout, Stage

PRINCIPAL = "local"
LOOKED_AT = 100_000
"""Tasks among which unplayed ones are looked for."""

Env = Annotated[str, typer.Argument(help="Environment: flight, module:Class, file.py:Class or gym:ID.")]
Episodes = Annotated[int, typer.Option(min=1, max=LARGEST_INTEGER, help="How many tasks to play.")]
Noise = Annotated[
    float, typer.Option(min=0, max=1, help="Probability that a call of a scripted agent is a slip.")
]
MaxSteps = Annotated[
    int | None, typer.Option(min=1, max=LARGEST_INTEGER, help="Stop an episode after so many steps.")
]
AgentSeed = Annotated[
    int, typer.Option("--agent-seed", min=0, max=LARGEST_INTEGER, help="Seed of the agent's own draws.")
]


@takes_models
def rollout(
    models: ModelOptions,
    env: Env = "flight",
    agent: Annotated[
        str, typer.Option(help="Who plays: random, scripted, skilled, explorer, oracle or chat:MODEL.")
    ] = "scripted",
    episodes: Episodes = 10,
    split: Annotated[str, typer.Option(metavar="SPLIT", help=f"Which tasks: {', '.join(SPLITS)}.")] = "train",
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, max=LARGEST_INTEGER, help="First seed of the tasks; those not played yet by default."
        ),
    ] = None,
    agent_seed: AgentSeed = 0,
    noise: Noise = 0.0,
    max_steps: MaxSteps = None,
    settings: Settings = None,
    workers: WorkersName = LOCAL,
    parallel: Parallel = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Let an agent play tasks, each logged as a session; `skilled` uses what the library has learnt."""
    from practicum.training.agents.players import agents_for
    from practicum.training.rollouts import roll_out_all

    if split not in SPLITS:
        raise UsageError(f"--split {split!r}: expected {', '.join(SPLITS)}")
    served = served_alone(env, models.hired(settings))
    players = agents_for(
        agent, served.env_class.env_id(), seed=agent_seed, noise=noise, models=models.playing
    )
    with (
        open_workers(workers, parallel, customer=models.customer) as elsewhere,
        open_store(db) as store,
        progress_bar(f"{agent} plays", as_json=as_json) as progress,
    ):
        tasks = _tasks(store, served, split=split, seed=seed, count=episodes)
        stage = stage_of(store, served, agent, max_steps=max_steps)
        played = roll_out_all(stage, tasks, players, name=agent, progress=progress, workers=elsewhere)
    _show(agent, played, as_json=as_json)
    models.tell_usage()
    tell_failures(played)


def served_alone(env: str, settings: list[str] | None) -> Served:
    """The environment that was named, with its settings.

    Raises:
        UsageError: there is none, or it does not take a setting.
    """
    from practicum.mcp_server.served import serve_environments

    return next(iter(serve_environments([env], settings=read_settings(settings)).values()))


def stage_of(store: Store, served: Served, *agents: str, max_steps: int | None, **stage: Any) -> Stage:
    """Where rollouts are played and logged; agents that use skills are offered the library's."""
    from practicum.memory import Log
    from practicum.training.agents import agent_kind
    from practicum.training.offers import SkillShelf
    from practicum.training.rollouts import Stage

    uses_skills = any(agent_kind(name).uses_skills for name in agents)
    return Stage(
        env=served.env_class,
        place=served.place,
        log=Log(store),
        principal=PRINCIPAL,
        skills=SkillShelf.of(store) if uses_skills else None,
        max_steps=max_steps,
        **stage,
    )


def _tasks(store: Store, served: Served, *, split: Split, seed: int | None, count: int) -> list[Task]:
    """Tasks of a split, from a seed on, or those that were not played yet."""
    from practicum.memory import Sessions

    made = served.env_class.tasks(seed or 0, **served.settings)
    if seed is not None:
        return made.split(split).take(count)
    sessions = Sessions(store)

    def unplayed() -> Iterator[Task]:
        for task in islice(made, LOOKED_AT):
            if task.split == split and not sessions.played_task(PRINCIPAL, task.hash):
                yield task

    found = list(islice(unplayed(), count))
    if not found:
        raise UsageError(
            f"every task of the first {LOOKED_AT} seeds has been played; name another with --seed"
        )
    return found


def _show(agent: str, played: list[Rollout], *, as_json: bool) -> None:
    from practicum.mcp_server.cli.reports import print_figures, rollout_row
    from practicum.training.evaluate import measured

    if as_json:
        print_json([rollout_row(each) for each in played])
    else:
        print_figures({agent: measured(agent, played)})


def tell_failures(played: Iterable[Rollout]) -> None:
    """Say on stderr which rollouts failed and why.

    Raises:
        typer.Exit: some did.
    """
    failed = [each for each in played if each.failure]
    for each in failed:
        task = each.task.id or each.task.hash
        typer.echo(f"practicum: {each.agent}, task {task} failed: {each.failure}", err=True)
    if failed:
        raise typer.Exit(1)
