"""Any Gymnasium environment as a ToolEnv: `gym:CartPole-v1` has one tool, `act(action)`."""

from __future__ import annotations

import inspect
import math
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated, Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from pydantic import Field

from practicum.envs.actions import action
from practicum.envs.core import ToolEnv, plain
from practicum.envs.errors import ActionError, UsageError, nearest
from practicum.envs.records import Record
from practicum.envs.rewards import Outcome, RewardTable
from practicum.envs.tasks import Task

LONGEST_INSTRUCTION = 4000
_SECTIONS = ("Description", "Action Space", "Observation Space", "Rewards")


@dataclass
class Play(Record):
    """How a wrapped episode stands, as far as it can be seen from outside."""

    observation: Any
    steps: int = 0
    total_reward: float = 0.0
    terminated: bool = False
    truncated: bool = False


class GymnasiumEnv(ToolEnv[Play]):
    """A Gymnasium environment behind one tool; `wrap_gymnasium` makes a class of it for each id.

    Its state cannot be rolled back, so an action is checked against the action space before it is played.
    """

    rewards: ClassVar[RewardTable] = RewardTable(reward=1.0)
    wrapped: ClassVar[EnvSpec]
    """What Gymnasium knows of the environment."""

    _inner: gymnasium.Env[Any, Any] | None = None
    _inner_settings: dict[str, Any] | None = None

    def begin(self, **settings: Any) -> Play:
        """Reset the wrapped environment; `settings` are its keyword arguments."""
        if self._inner is None or self._inner_settings != settings:
            self.close()
            self._inner = _make(self.wrapped, settings)
            self._inner_settings = dict(settings)
        observation, _ = self._inner.reset(seed=self.task.seed)
        return Play(plain(observation))

    @classmethod
    def make_task(cls, seed: int, **settings: Any) -> Task:
        """The task of a seed: play as long as the environment lets you, for the highest return."""
        limit = cls.wrapped.max_episode_steps or 1000
        return replace(super().make_task(seed, **settings), step_limit=limit)

    def opening(self) -> Any:
        """The first observation."""
        return self.state.observation

    def play(self, value: Any) -> Any:
        """Step the wrapped environment.

        Raises:
            ActionError: the value lies outside the action space; nothing was played.
        """
        assert self._inner is not None
        space = self._inner.action_space
        step = _from_json(space, value)
        if not space.contains(step) or not np.all(np.isfinite(step)):
            raise ActionError(f"{value!r} lies outside the action space; it takes {describe(space)}")
        observation, reward, terminated, truncated, _ = self._inner.step(step)
        state = self.state
        state.observation = plain(observation)
        state.steps += 1
        state.total_reward += float(reward)
        state.terminated, state.truncated = bool(terminated), bool(truncated)
        self.earn("reward", float(reward))
        return {"observation": state.observation, "reward": float(reward)}

    def observe(self) -> Any:
        """The wrapped environment's observation."""
        return self.state.observation

    def is_done(self) -> bool:
        """Whether the wrapped environment has terminated."""
        return self.state.terminated

    def is_cut_off(self) -> bool:
        """Whether the wrapped environment has truncated."""
        return self.state.truncated

    def outcome(self) -> Outcome:
        """Success when the return reaches the reward threshold, or is positive where there is none."""
        threshold, total = self.wrapped.reward_threshold, self.state.total_reward
        success = total > 0 if threshold is None else total >= threshold
        return Outcome(success, details={"return": total})

    def close(self) -> None:
        """Close the wrapped environment."""
        if self._inner is not None:
            self._inner.close()
            self._inner = None


@cache
def wrap_gymnasium(env_id: str) -> type[ToolEnv[Any]]:
    """The ToolEnv class of a Gymnasium id.

    Its name is `gym:` and the id without the version, so that `practicum.envs.find` takes its `env_id()`.

    Raises:
        UsageError: there is no such id, it cannot be made, or its action space has no flat JSON form.
    """
    spec = _find_spec(env_id)
    inner = _make(spec, {})
    try:
        act = _act(inner.action_space, env_id)
        goal = f"Play {spec.id}: choose actions so that the sum of rewards becomes as high as possible."
        text = "\n\n".join([goal, *_sections(type(inner.unwrapped).__doc__ or "")])
    finally:
        inner.close()
    members = {
        "__doc__": text[:LONGEST_INSTRUCTION],
        "__module__": __name__,
        "name": "gym:" + re.sub(r"-v\d+$", "", env_id),
        "version": spec.version or 0,
        "wrapped": spec,
        "act": act,
    }
    return type(re.sub(r"\W", "_", spec.id), (GymnasiumEnv,), members)


def describe(space: spaces.Space[Any]) -> str:
    """What an action looks like, in words."""
    match space:
        case spaces.Discrete():
            return f"an integer from {space.start} to {space.start + space.n - 1}"
        case spaces.MultiDiscrete():
            low, high = space.start.ravel(), (space.start + space.nvec - 1).ravel()
            return f"a list of {low.size} integers from {low.tolist()} to {high.tolist()}"
        case spaces.MultiBinary():
            return f"a list of {math.prod(space.shape)} numbers, each 0 or 1"
        case spaces.Box():
            bounds = f"{space.low.ravel().tolist()} to {space.high.ravel().tolist()}"
            return f"a list of {space.low.size} numbers from {bounds}, of dtype {space.dtype}"
        case _:
            return str(space)


def _from_json(space: spaces.Space[Any], value: Any) -> Any:
    """The action that a JSON value means; the door has seen to its type and length."""
    if isinstance(space, spaces.Discrete):
        return np.int64(value)
    assert space.shape is not None
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        array = np.asarray(value).astype(space.dtype)
    return array.reshape(space.shape)


def _act(space: spaces.Space[Any], env_id: str) -> Callable[..., Any]:
    """The tool, its argument typed by the action space."""

    def act(self: GymnasiumEnv, action: Any) -> Any:
        return self.play(action)

    summary = "Play one step; gives the observation and the reward."
    act.__doc__ = f"{summary}\n\nArgs:\n    action: {describe(space)[:500]}."
    act.__annotations__ = {"action": _annotation(space, env_id), "return": Any}
    return action(act)


def _annotation(space: spaces.Space[Any], env_id: str) -> Any:
    match space:
        case spaces.Discrete():
            return Annotated[int, Field(ge=int(space.start), le=int(space.start + space.n - 1))]
        case spaces.MultiDiscrete() | spaces.MultiBinary():
            item: Any = int
        case spaces.Box():
            item = int if np.issubdtype(space.dtype, np.integer) else float
        case _:
            raise UsageError(
                f"gym:{env_id} takes actions of {type(space).__name__}, which has no flat JSON form; "
                "Discrete, MultiDiscrete, MultiBinary and Box have one"
            )
    size = math.prod(space.shape)
    low, high = _bounds(space)
    bounded = Annotated[item, Field(ge=low, le=high)]
    return Annotated[list.__class_getitem__(bounded), Field(min_length=size, max_length=size)]


def _bounds(space: spaces.Space[Any]) -> tuple[float | None, float | None]:
    """Lowest and highest number anywhere in an action; None where there is no bound."""
    match space:
        case spaces.MultiDiscrete():
            return int(space.start.min()), int((space.start + space.nvec - 1).max())
        case spaces.Box():
            low, high = space.low.min().item(), space.high.max().item()
            return low if math.isfinite(low) else None, high if math.isfinite(high) else None
        case _:
            return 0, 1


def _find_spec(env_id: str) -> EnvSpec:
    for candidate in (env_id, env_id.removesuffix("-v0")):
        if candidate in gymnasium.registry:
            return gymnasium.registry[candidate]
    try:
        return gymnasium.spec(env_id)  # imports the module of a `module:ID`
    except (gymnasium.error.Error, ImportError) as error:
        raise UsageError(
            f"Gymnasium has no environment {env_id!r}{nearest(env_id, gymnasium.registry)}"
        ) from error


def _make(spec: EnvSpec, settings: Mapping[str, Any]) -> gymnasium.Env[Any, Any]:
    try:
        with warnings.catch_warnings(action="ignore"):
            return gymnasium.make(spec, disable_env_checker=True, **settings)
    except (
        Exception
    ) as error:  # a foreign environment may fail in any way; missing packages are the usual one
        reason = " ".join(str(error).split())
        raise UsageError(f"gym:{spec.id} cannot be made: {type(error).__name__}: {reason}") from error


def _sections(text: str) -> Iterator[str]:
    """The sections of a Gymnasium docstring that a player needs."""
    _, *parts = re.split(r"^## (.+)$", inspect.cleandoc(text), flags=re.MULTILINE)
    for title, body in zip(parts[::2], parts[1::2], strict=True):
        if title.strip() in _SECTIONS:
            yield f"{title.strip()}: {body.strip()}"
