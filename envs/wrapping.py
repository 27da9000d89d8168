"""Worlds with wrappers around them, by name: `flight+time_budget=60+failing=0.1`.

The name of a session's world says how it was wrapped, so that any process can build it again. Its task is the
bare world's: a wrapper changes neither a task's hash nor its split.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, reduce
from typing import Annotated, Any, ClassVar

import gymnasium
from gymnasium.wrappers import TimeLimit
from pydantic import Field, TypeAdapter, ValidationError

from practicum.envs.core import ToolEnv
from practicum.envs.errors import UsageError, nearest
from practicum.envs.rewards import RewardTable
from practicum.envs.tasks import Task
from practicum.envs.wrappers import Noise, RewardFunction, RewardOfSteps, TimeBudget

Env = gymnasium.Env[Any, Any]
EnvClass = type[ToolEnv[Any]]
Wrap = Callable[[Env], Env]
SHAPED = "shaped"
"""The reward term of `reward=`."""
STEP_LIMIT = "step_limit="
"""How a wrapper begins that allows fewer steps than the task."""

_SECONDS: Any = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_COUNT: Any = Annotated[int, Field(ge=1)]
_SHARE: Any = Annotated[float, Field(ge=0, le=1)]
_MAKERS: dict[str, tuple[TypeAdapter[Any], Callable[[Any], Wrap]]] = {
    "time_budget": (TypeAdapter(_SECONDS), lambda value: lambda env: TimeBudget(env, value)),
    "step_limit": (TypeAdapter(_COUNT), lambda value: lambda env: TimeLimit(env, value)),
    "failing": (TypeAdapter(_SHARE), lambda value: lambda env: Noise(env, failing=value)),
    "lost": (TypeAdapter(_SHARE), lambda value: lambda env: Noise(env, lost=value)),
    "jitter": (TypeAdapter(_SHARE), lambda value: lambda env: Noise(env, jitter=value)),
}


@cache
def wrap(world: Any, wrappers: tuple[str, ...], functions: tuple[RewardOfSteps, ...] = ()) -> EnvClass:
    """A class whose instances are a world inside wrappers.

    Args:
        world: the bare class.
        wrappers: `name=value`, the innermost first.
        functions: what each `reward=` among them names, in their order.

    Raises:
        UsageError: there is no such wrapper, or its value is none.
    """
    waiting = list(functions)
    made = [
        _reward_wrapper(waiting.pop(0)) if text.startswith("reward=") else _wrapper(text) for text in wrappers
    ]
    members = {
        "__doc__": world.__doc__,
        "__module__": __name__,
        "wrappers": tuple(made),
        "step_limits": tuple(_read(text)[1] for text in wrappers if text.startswith(STEP_LIMIT)),
        "rewards": RewardTable(**{**world.rewards, SHAPED: 1.0}) if functions else world.rewards,
    }
    return type(world.__name__, (_Wrapped, world), members)


def steps_allowed(world: EnvClass, task: Task) -> int:
    """How many steps an episode of a task may have in a world, its wrappers included."""
    limits = world.step_limits if issubclass(world, _Wrapped) else ()
    return min([task.step_limit, *limits])


def _wrapper(text: str) -> Wrap:
    name, value = _read(text)
    return _MAKERS[name][1](value)


def _read(text: str) -> tuple[str, Any]:
    """The name of a wrapper and its value."""
    name, _, value = text.partition("=")
    if name not in _MAKERS:
        known = [*_MAKERS, "reward"]
        raise UsageError(f"no wrapper {name!r}{nearest(name, known)}; there are {', '.join(known)}")
    try:
        return name, _MAKERS[name][0].validate_strings(value)
    except ValidationError as error:
        found = error.errors(include_url=False)[0]["msg"].removeprefix("Input ")
        raise UsageError(f"+{text}: what stands after {name}= {found}") from None


def _reward_wrapper(function: RewardOfSteps) -> Wrap:
    return lambda env: RewardFunction(env, function, SHAPED)


class _Below(gymnasium.Env[Any, Any]):
    """The bare world, as the innermost wrapper sees it."""

    def __init__(self, world: _Wrapped) -> None:
        self._world = world
        self.action_space = world.action_space
        self.observation_space = world.observation_space
        self.render_mode = world.render_mode
        self.reset = world.reset_bare  # type: ignore[method-assign]  # this is all that it is for
        self.step = world.step_bare  # type: ignore[method-assign]  # as above

    @property
    def unwrapped(self) -> _Wrapped:
        """The world itself."""
        return self._world


class _Wrapped(ToolEnv[Any]):
    """What comes before the bare class: every step goes through the wrappers."""

    wrappers: ClassVar[Sequence[Wrap]]
    step_limits: ClassVar[Sequence[int]]
    """Of the wrappers that have one."""

    def __init__(self, seed: int | None = None, **settings: Any) -> None:
        super().__init__(seed, **settings)
        below: Env = _Below(self)
        self._top = reduce(lambda env, wrap: wrap(env), self.wrappers, below)

    def reset_bare(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Begin an episode of the bare world."""
        return super().reset(seed=seed, options=options)

    def step_bare(self, action: Any) -> Any:
        """Play a call in the bare world."""
        return super().step(action)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode, in the wrappers too."""
        return self._top.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Play a call through the wrappers; they may cut the episode off."""
        observation, reward, terminated, truncated, info = self._top.step(action)
        self._over = terminated or truncated
        if truncated and info["outcome"] is None:
            info["outcome"] = self.outcome()
        return observation, float(reward), terminated, truncated and not terminated, info
