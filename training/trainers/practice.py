"""Practice: our environments as TRL's GRPO plays them, each tool a method, each rollout an Episode.

TRL calls the public methods of an environment as tools, and `reset` and `get_reward` around a rollout; its
interface is experimental, and whatever of ours depends on it stands in this module and in `grpo.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from practicum.envs import Episode, Step, Task, ToolEnv
from practicum.envs.errors import UsageError
from practicum.memory import Log, SessionRecorder, SessionStart, new_session_id
from practicum.training.action_matching import gold_calls, match
from practicum.training.rollouts import CUT_OFF
from practicum.training.rubrics.live import EpisodeRules, make_reward
from practicum.training.trainers.settings import Reward
from practicum.training.transcripts import opening_messages

EnvClass = type[ToolEnv[Any]]


@dataclass(frozen=True)
class Ground:
    """Where rollouts are played, and what they are worth."""

    env: EnvClass
    reward: Reward = "environment"
    min_try: int = 1
    place: str = ""
    """The name by which any process finds the environment again, for the log."""
    ending: str = ""
    """What a call is answered that ends the episode: too long to be appended, so that TRL stops there."""
    log: Log | None = None
    """Where rollouts are kept as sessions of practice; None keeps none."""

    def prompt(self, task: Task, system: str) -> list[dict[str, Any]]:
        """The messages of a task as TRL is given them, the opening text left out, which `reset` returns."""
        opening = Episode(self.env(), task, min_try=self.min_try).opening
        messages = opening_messages(task.instruction, opening.text, system=system)
        return [*messages[:-1], {"role": "user", "content": ""}]


def environment_class(ground: Ground) -> type:
    """The class of environments that TRL makes its rollouts in: the actions, `reset` and `get_reward`."""
    members = {name: _method(name) for name in ground.env.actions}
    clash = sorted(set(members) & {"reset", "get_reward"})
    if clash:
        raise UsageError(f"{ground.env.env_id()} has a tool called {clash[0]!r}, a name that TRL uses itself")
    return type("PracticeEnvironment", (_Rollout,), members | {"_ground": ground})


def _method(name: str) -> Callable[..., str]:
    def call(self: _Rollout, **arguments: Any) -> str:
        return self._act(name, arguments)

    call.__name__ = name
    return call


SCALE = 0.1
"""What the rules take for the worst call."""
CLIENT = "practicum train grpo"
"""Who the log says has played."""


class _Rollout:
    """One rollout after the other; begun anew by `reset`."""

    _ground: Ground
    _episode: Episode
    _steps: list[Step]
    _ruled: list[float]
    _rules: EpisodeRules
    _session: str

    def reset(self, task: str, **_: Any) -> str:
        """Begin a task, given as JSON; returns what the world shows first."""
        self._episode = self._begun(Task.from_json(json.loads(task)))
        opening = self._episode.opening
        self._rules = make_reward(self._ground.env.domain, scale=SCALE).begin(
            self._episode.env, opening.observation
        )
        self._steps, self._ruled = [], []
        return opening.text

    def _begun(self, task: Task) -> Episode:
        ground, session = self._ground, new_session_id()
        recorder = None if ground.log is None else SessionRecorder(ground.log, session)
        episode = Episode(ground.env(), task, recorder=recorder, min_try=ground.min_try)
        if ground.log is not None:
            start = SessionStart(
                id=session,
                env=ground.place or task.env_id,
                task=task,
                client_name=CLIENT,
                min_try=ground.min_try,
                outside=episode.opening.outside,
                opening=episode.opening.text,
            )
            ground.log.start(start)
        self._session = session
        return episode

    def get_reward(self) -> float:
        """What the rollout, which is over now, is worth."""
        if self._ground.log is not None and not self._episode.over:
            self._ground.log.close(self._session, CUT_OFF)
        if self._ground.reward == "rules":
            return self._episode.total_reward + sum(self._ruled)
        if self._ground.reward == "matching":
            return self._matching()
        return self._episode.total_reward

    def _act(self, name: str, arguments: Mapping[str, Any]) -> str:
        step = self._episode.act(name, arguments)
        self._steps.append(step)
        self._ruled.append(self._rules(self._steps))
        return self._ground.ending if self._episode.over and self._ground.ending else step.text

    def _process_rewards(self) -> list[float]:
        """What the rules make of each call, from 0 to 1."""
        return [1.0 + ruled / SCALE for ruled in self._ruled]

    def _matching(self) -> float:
        env, task = self._episode.env, self._episode.task
        profile = env.profile()
        uncounted = [name for name in env.actions if profile.category(name) in ("talk", "think")]
        schemas = {name: action.schema for name, action in env.actions.items()}
        calls = [(step.tool, step.arguments) for step in self._steps]
        return match(calls, gold_calls(task) or [], schemas, uncounted=uncounted).reward
