"""Sessions in a log for the tests of rows: played by the agents that everybody has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from practicum.envs import Step, Task, find
from practicum.envs.registry import lasting_name
from practicum.memory import Log, Sessions, Store
from practicum.training.agents import Decision, agent_kind
from practicum.training.rollouts import SkillShelf, Stage, roll_out


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "practicum.db")
    yield opened
    opened.close()


class Says:
    """Makes the calls that it is given, one after the other, and the last one for ever."""

    def __init__(self, decisions: Sequence[Decision]) -> None:
        self._left = list(decisions)

    def begin(self, instruction: str, observation: Any, tools: Sequence[Any] = ()) -> None:
        pass

    def decide(self, result: Any, error: str | None = None) -> Decision:
        return self._left.pop(0) if len(self._left) > 1 else self._left[0]


def tasks_of(env: str, split: str = "train", count: int = 1, **settings: Any) -> list[Task]:
    return find(env).tasks(**settings).split(split).take(count)


def play(
    store: Store,
    env: str = "flight",
    *,
    tasks: Iterable[Task] | None = None,
    agent: str | Sequence[Decision] = "scripted",
    noise: float = 0.0,
    seed: int = 0,
    **stage: Any,
) -> list[str]:
    """Play tasks, by default the first of the train split; returns the ids of the sessions."""
    env_class = find(env)
    if stage.pop("with_skills", False):
        stage["skills"] = SkillShelf.of(store)
    at = Stage(env=env_class, place=lasting_name(env), log=Log(store), **stage)
    played = [
        roll_out(at, task, _agent(agent, env_class.name, task, seed + number, noise), _name(agent))
        for number, task in enumerate(tasks_of(env) if tasks is None else tasks)
    ]
    assert all(rollout.failure is None for rollout in played), played
    return [str(rollout.session) for rollout in played]


def _agent(agent: str | Sequence[Decision], env: str, task: Task, seed: int, noise: float) -> Any:
    if not isinstance(agent, str):
        return Says(agent)
    kind = agent_kind(agent)
    return kind.knowing(task, seed, noise) if kind.knowing else kind.make(env, seed, noise)


def _name(agent: str | Sequence[Decision]) -> str:
    return agent if isinstance(agent, str) else "says"


def steps_of(store: Store, session: str) -> list[Step]:
    return list(Sessions(store).steps(session))
