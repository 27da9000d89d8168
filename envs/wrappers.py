"""Wrappers that Gymnasium lacks: time budget, reward function, recording, noise.

They go around a `ToolEnv` in any order, with Gymnasium's own between them, and `Episode` plays the outermost.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import gymnasium
import numpy as np

from practicum.envs.core import ToolEnv
from practicum.envs.episodes import Step, as_step
from practicum.envs.errors import UsageError
from practicum.envs.outside import seconds_now
from practicum.envs.tasks import Task

Played = tuple[Any, float, bool, bool, dict[str, Any]]
RewardOfSteps = Callable[[Sequence[Step]], float]


@runtime_checkable
class EpisodeReward(Protocol):
    """A reward function that wants to know how an episode begins, and is made anew for each."""

    def begin(self, world: ToolEnv[Any], observation: Any) -> RewardOfSteps:
        """The function for the episode that has begun in `world` with its first observation."""


FAILED = "The call failed on its way and changed nothing; try it again."
LOST = "The answer was lost on its way; the call may have taken effect."


class WorldWrapper(gymnasium.Wrapper[Any, Any, Any, Any]):
    """A Gymnasium wrapper that knows the world underneath."""

    @property
    def world(self) -> ToolEnv[Any]:
        """The world below all wrappers.

        Raises:
            UsageError: it is no ToolEnv.
        """
        world = self.unwrapped
        if not isinstance(world, ToolEnv):
            raise UsageError(
                f"{type(self).__name__} goes around a ToolEnv, not {type(world).__name__}; "
                "make('gym:ID') makes one of a Gymnasium environment"
            )
        return world


class TimeBudget(WorldWrapper):
    """Truncates an episode with the step in which its time runs out.

    The clock is read through `Outside`, and what is kept there is the time since the episode began: a session
    that goes on in another process goes on with the time it had left, and a replay ends where the episode
    did. Time in which no process holds the episode does not count.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], budget_s: float) -> None:
        super().__init__(env)
        if not (math.isfinite(budget_s) and budget_s > 0):
            raise UsageError(f"a time budget is {budget_s!r}; expected seconds, more than 0")
        self.budget_s = budget_s
        self._spent_s = 0.0
        self._read_at = seconds_now()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode, and its time."""
        begun = super().reset(seed=seed, options=options)
        self._spent_s, self._read_at = 0.0, seconds_now()
        return begun

    def step(self, action: Any) -> Played:
        """Play a call; a call that ends the episode ends it, however late it came."""
        observation, reward, terminated, truncated, info = super().step(action)
        self._spent_s = self.world.outside.ask("clock", self._elapsed)
        self._read_at = seconds_now()
        is_late = self._spent_s >= self.budget_s and not terminated
        return observation, float(reward), terminated, truncated or is_late, info

    def _elapsed(self) -> float:
        return self._spent_s + seconds_now() - self._read_at


class RewardFunction(WorldWrapper):
    """Adds what a function of the steps so far gives, as a reward term of its own."""

    def __init__(
        self, env: gymnasium.Env[Any, Any], fn: RewardOfSteps | EpisodeReward, term: str = "shaped"
    ) -> None:
        """Wrap an environment.

        Args:
            env: a ToolEnv, wrapped or not.
            fn: gets the episode's steps, newest last, and gives a finite number; it draws on nothing else, so
                that a replay earns the same. Or what makes such a function when an episode begins.
            term: what the reward is called among the step's terms.
        """
        super().__init__(env)
        self.fn = fn
        self.term = term
        self._steps: list[Step] = []
        self._of_steps: RewardOfSteps | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode without steps."""
        self._steps = []
        observation, info = super().reset(seed=seed, options=options)
        fn = self.fn
        self._of_steps = fn.begin(self.world, observation) if isinstance(fn, EpisodeReward) else fn
        return observation, info

    def step(self, action: Any) -> Played:
        """Play a call, and add the term."""
        played = _played(super().step(action))
        step = as_step(len(self._steps) + 1, self.world, played)
        self._steps.append(step)
        assert self._of_steps is not None, "reset() begins an episode"
        extra = float(self._of_steps(self._steps))
        if not math.isfinite(extra):
            raise ValueError(f"the reward function gave {extra} for turn {len(self._steps)}")
        observation, _, terminated, truncated, info = played
        terms = {**step.terms, self.term: step.terms.get(self.term, 0.0) + extra}
        return observation, sum(terms.values()), terminated, truncated, info | {"terms": terms}


class Noise(WorldWrapper):
    """Lets calls fail, loses answers and blurs numbers, each by chance.

    The chance is the task's own, apart from the world's: a noisy world is the same world, and replays.
    """

    def __init__(
        self, env: gymnasium.Env[Any, Any], *, failing: float = 0.0, lost: float = 0.0, jitter: float = 0.0
    ) -> None:
        """Wrap an environment.

        Args:
            env: a ToolEnv, wrapped or not.
            failing: probability that a call fails before it reaches the world, and is refused.
            lost: probability that a call is played, but its answer is not told.
            jitter: standard deviation, relative to its size, of what is added to every decimal number shown.
        """
        super().__init__(env)
        for name, value in (("failing", failing), ("lost", lost), ("jitter", jitter)):
            if not 0 <= value <= 1:
                raise UsageError(f"noise {name!r} is {value!r}; expected a number from 0 to 1")
        self.failing, self.lost, self.jitter = float(failing), float(lost), float(jitter)
        self._depth = _noises(env)
        self._random = np.random.default_rng(0)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; the noise follows from its task's seed."""
        observation, info = super().reset(seed=seed, options=options)
        kind = zlib.crc32(repr((self.failing, self.lost, self.jitter)).encode())
        self._random = np.random.default_rng([self.world.task.seed, kind, self._depth])
        return self._blurred(observation), info

    def step(self, action: Any) -> Played:
        """Play a call, or let it fail."""
        fails, is_lost = (self._random.random(2) < (self.failing, self.lost)).tolist()
        if fails:
            self.world.refuse_next(FAILED)
        observation, reward, terminated, truncated, info = _played(super().step(action))
        if is_lost and info["error"] is None:
            return LOST, reward, terminated, truncated, info | {"result": LOST}
        is_result = observation is info["result"]
        result = self._blurred(info["result"])
        shown = result if is_result else self._blurred(observation)
        return shown, reward, terminated, truncated, info | {"result": result}

    def _blurred(self, value: Any) -> Any:
        if not self.jitter:
            return value
        if isinstance(value, float) and math.isfinite(value):
            return float(f"{value * (1 + self.jitter * self._random.standard_normal()):.6g}")
        if isinstance(value, Mapping):
            return {key: self._blurred(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self._blurred(part) for part in value]
        return value


def _noises(env: gymnasium.Env[Any, Any]) -> int:
    """How many noises an environment is wrapped in: each draws its own chance."""
    below = _noises(env.env) if isinstance(env, gymnasium.Wrapper) else 0
    return below + isinstance(env, Noise)


@dataclass(frozen=True)
class Trajectory:
    """What an agent did in one episode, and what came of it."""

    agent: str
    task: Task
    opening: Any
    """The first observation."""
    steps: tuple[Step, ...]
    outcome: Mapping[str, Any]
    """Success, violations and regret, as they stand after the last step."""

    @property
    def total_reward(self) -> float:
        """The return: the sum of the steps' rewards."""
        return sum(step.reward for step in self.steps)

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object, without the task's secret."""
        task = {name: value for name, value in self.task.as_json().items() if name != "secret"}
        return {
            "agent": self.agent,
            "task": task,
            "opening": self.opening,
            "steps": [{name: getattr(step, name) for name in _KEPT} for step in self.steps],
            "total_reward": self.total_reward,
            "outcome": dict(self.outcome),
        }


_KEPT = ("turn", "tool", "arguments", "result", "error", "reward", "terms", "terminated", "truncated")


class Recording(WorldWrapper):
    """Keeps what is played in the episode that is going on."""

    def __init__(self, env: gymnasium.Env[Any, Any], agent_name: str) -> None:
        super().__init__(env)
        self.agent_name = agent_name
        self._opening: Any = None
        self._steps: list[Step] = []

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode, and its record; the one before is dropped."""
        self._steps = []
        self._opening, info = super().reset(seed=seed, options=options)
        return self._opening, info

    def step(self, action: Any) -> Played:
        """Play a call and keep it."""
        played = _played(super().step(action))
        self._steps.append(as_step(len(self._steps) + 1, self.world, played))
        return played

    def get_trajectory(self) -> Trajectory:
        """The episode so far, as it is seen from this wrapper's place among the others."""
        outcome = self.world.outcome().as_json()
        return Trajectory(self.agent_name, self.world.task, self._opening, tuple(self._steps), outcome)


def _played(step: tuple[Any, Any, bool, bool, dict[str, Any]]) -> Played:
    """A step with its reward as a float, which Gymnasium leaves open."""
    observation, reward, terminated, truncated, info = step
    return observation, float(reward), terminated, truncated, info
