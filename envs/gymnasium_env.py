"""Any Gymnasium environment as a ToolEnv: `gym:CartPole-v1` has one tool, `act(action)`."""

from __future__ import annotations

import importlib
import inspect
import math
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar

import gymnasium
from gymnasium.envs.registration import EnvSpec

from practicum.envs.actions import action
from practicum.envs.core import ToolEnv
from practicum.envs.errors import UsageError, in_one_line, nearest
from practicum.envs.flat_actions import Argument, FlatForm, NotFlat, as_parameter, flat_form
from practicum.envs.observations import observation_as_json, without_escape_codes
from practicum.envs.records import Record
from practicum.envs.rewards import Outcome, RewardTable
from practicum.envs.slowness import importing
from practicum.envs.tasks import Task

LONGEST_INSTRUCTION = 4000
LONGEST_ARGUMENT_TEXT = 500
DEFAULT_STEP_LIMIT = 1000
"""Where Gymnasium knows of none."""
_SECTIONS = ("Description", "Action Space", "Observation Space", "Rewards")
_NOT_DETERMINISTIC = "Gymnasium marks it as not deterministic: a session of it may not replay."


@dataclass
class Play(Record):
    """How a wrapped episode stands, as far as it can be seen from outside."""

    observation: Any
    text: str | None
    """The environment's own drawing, where it makes one in text."""
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
    form: ClassVar[FlatForm]
    """How its actions are written."""
    draws_text: ClassVar[bool] = False
    """Whether it has the render mode `ansi`."""

    _inner: gymnasium.Env[Any, Any] | None = None
    _inner_settings: dict[str, Any] | None = None

    def begin(self, **settings: Any) -> Play:
        """Reset the wrapped environment; `settings` are its keyword arguments."""
        if self._inner is None or self._inner_settings != settings:
            self.close()
            self._inner = _make(self.wrapped, self._with_drawing(settings))
            self._inner_settings = dict(settings)
        observation, _ = self._inner.reset(seed=self.task.seed)
        return Play(observation_as_json(observation), self._drawing())

    def _with_drawing(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        return ({"render_mode": "ansi"} if self.draws_text else {}) | dict(settings)

    def _drawing(self) -> str | None:
        assert self._inner is not None
        if self._inner.render_mode != "ansi":
            return None
        return without_escape_codes(str(self._inner.render()))

    @classmethod
    def make_task(cls, seed: int, **settings: Any) -> Task:
        """The task of a seed: play as long as the environment lets you, for the highest return."""
        limit = settings.get("max_episode_steps") or cls.wrapped.max_episode_steps or DEFAULT_STEP_LIMIT
        has_limit = isinstance(limit, int) and limit > 0
        task = super().make_task(seed, **settings)
        return replace(task, step_limit=limit if has_limit else DEFAULT_STEP_LIMIT)

    def opening(self) -> Any:
        """The first observation."""
        return self.observe()

    def play(self, values: Mapping[str, Any]) -> Any:
        """Step the wrapped environment with the action that the arguments mean.

        Raises:
            ActionError: it lies outside the action space; nothing was played.
            ValueError: the reward is no finite number.
        """
        assert self._inner is not None
        step = self.form.read(values)
        observation, given, terminated, truncated, _ = self._inner.step(step)
        state, reward = self.state, float(given)
        state.steps += 1
        if not math.isfinite(reward):
            raise ValueError(f"{self.wrapped.id} gave the reward {reward} for step {state.steps}")
        state.observation, state.text = observation_as_json(observation), self._drawing()
        state.total_reward += reward
        state.terminated, state.truncated = bool(terminated), bool(truncated)
        self.earn("reward", reward)
        return {"observation": state.observation} | ({} if state.text is None else {"text": state.text})

    def observe(self) -> Any:
        """The wrapped environment's observation; with the drawing, where it makes one."""
        state = self.state
        if state.text is None:
            return state.observation
        return {"observation": state.observation, "text": state.text}

    @classmethod
    def render_text(cls, result: Any) -> str:
        """The drawing, where there is one, and the observation."""
        if isinstance(result, dict) and isinstance(result.get("text"), str):
            return f"{result['text']}\nobservation: {super().render_text(result['observation'])}"
        return super().render_text(result)

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
    """The ToolEnv class of a Gymnasium id; without a version, of the newest one.

    Its name is `gym:` and the id without the version, so that `practicum.envs.find` takes its `env_id()`.

    Raises:
        UsageError: there is no such id, it cannot be made, or its action space has no flat JSON form.
    """
    spec = _find_spec(env_id)
    place = f"{env_id.rpartition(':')[0]}:{spec.id}".removeprefix(":")
    inner = _make(spec, {})
    try:
        form = flat_form(inner.action_space)
        members = {
            "__doc__": _goal(spec, inner),
            "__module__": __name__,
            "name": "gym:" + re.sub(r"-v\d+$", "", place),
            "version": spec.version or 0,
            "wrapped": spec,
            "form": form,
            "draws_text": "ansi" in (inner.metadata.get("render_modes") or ()),
            "act": _act(form),
        }
    except NotFlat as why:
        found = type(inner.action_space).__name__
        raise UsageError(
            f"gym:{env_id} takes actions of {found}, which has no flat JSON form: {why}"
        ) from None
    finally:
        inner.close()
    return type(re.sub(r"\W", "_", spec.id), (GymnasiumEnv,), members)


def _goal(spec: EnvSpec, inner: gymnasium.Env[Any, Any]) -> str:
    goal = f"Play {spec.id}: choose actions so that the sum of rewards becomes as high as possible."
    remarks = [_NOT_DETERMINISTIC] if spec.nondeterministic else []
    return "\n\n".join([goal, *remarks, *_sections(type(inner.unwrapped).__doc__ or "")])[
        :LONGEST_INSTRUCTION
    ]


def _act(form: FlatForm) -> Callable[..., Any]:
    """The tool, its arguments typed by the action space."""

    def act(_env: GymnasiumEnv, /, **values: Any) -> Any:
        return _env.play({name.rstrip("_"): value for name, value in values.items()})

    parameters = [_parameter(argument) for argument in form.arguments]
    first = inspect.Parameter("_env", inspect.Parameter.POSITIONAL_ONLY)  # no argument's name begins with _
    act.__signature__ = inspect.Signature([first, *parameters])  # type: ignore[attr-defined]  # known to inspect
    act.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": Any}
    act.__doc__ = "\n".join(["Play one step; gives the observation.", "", "Args:", *_texts(form)])
    return action(act)


def _parameter(argument: Argument) -> inspect.Parameter:
    default = None if argument.is_optional else inspect.Parameter.empty
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(as_parameter(argument.name), kind, default=default, annotation=argument.hint)


def _texts(form: FlatForm) -> Iterator[str]:
    for argument in form.arguments:
        text = " ".join(argument.text.split())[:LONGEST_ARGUMENT_TEXT]
        yield f"    {as_parameter(argument.name)}: {text[:1].upper()}{text[1:]}."


def _find_spec(env_id: str) -> EnvSpec:
    module, _, name = env_id.rpartition(":")
    if module:
        _import(module, env_id)
    for candidate in (name, name.removesuffix("-v0"), _newest(name)):
        if candidate in gymnasium.registry:
            return gymnasium.registry[candidate]
    raise UsageError(f"Gymnasium has no environment {name!r}{nearest(name, gymnasium.registry)}")


def _import(module: str, env_id: str) -> None:
    """Import the module that registers an environment."""
    try:
        with importing(module):
            importlib.import_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a foreign module may fail in any way, exit included
        raise UsageError(f"gym:{env_id}: cannot import {module!r}: {in_one_line(error)}") from error


def _newest(name: str) -> str:
    """The id with the highest version of an environment that is named without one."""
    versions = [spec for spec in gymnasium.registry.values() if re.sub(r"-v\d+$", "", spec.id) == name]
    return max(versions, key=lambda spec: spec.version or 0).id if versions else ""


def _make(spec: EnvSpec, settings: Mapping[str, Any]) -> gymnasium.Env[Any, Any]:
    try:
        with warnings.catch_warnings(action="ignore"):
            return gymnasium.make(spec, disable_env_checker=True, **settings)
    except KeyboardInterrupt:
        raise
    except (
        BaseException
    ) as error:  # a foreign environment may fail in any way; a missing package is the usual
        raise UsageError(f"gym:{spec.id} cannot be made: {in_one_line(error)}") from error


def _sections(text: str) -> Iterator[str]:
    """The sections of a Gymnasium docstring that a player needs."""
    _, *parts = re.split(r"^ *## (.+)$", inspect.cleandoc(text), flags=re.MULTILINE)
    for title, body in zip(parts[::2], parts[1::2], strict=True):
        if title.strip() in _SECTIONS:
            yield f"{title.strip()}: {inspect.cleandoc(body).strip()}"
