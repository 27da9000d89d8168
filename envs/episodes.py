"""Episode: a task being played, and the only caller of `env.step`. Step: one call and what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Protocol

from pydantic_core import PydanticSerializationError, to_json

from practicum.envs.actions import ToolCall
from practicum.envs.core import ToolEnv
from practicum.envs.errors import EpisodeOver, UnknownTool, nearest, whole
from practicum.envs.outside import Answer
from practicum.envs.rewards import Terms
from practicum.envs.tasks import Task

if TYPE_CHECKING:
    import gymnasium


def compact_json(value: Any) -> bytes:
    """Compact JSON; equal values give equal bytes."""
    try:
        return to_json(value)
    except PydanticSerializationError:  # a lone surrogate has no UTF-8 form, only an escape
        return json.dumps(value, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Step:
    """One call and what came of it."""

    turn: int
    """Number of the call in its session, from 1."""
    tool: str
    arguments: Mapping[str, Any]
    result: Any
    """What the action returned, plain JSON; None when it was refused."""
    error: str | None
    """Why the call was refused, in the world's words."""
    reward: float
    terms: Terms
    terminated: bool
    truncated: bool
    read_only: bool
    via_skill: str | None = None
    """Name of the skill whose inner call this was; where it is the tool's name too, nothing was played."""
    outcome: Mapping[str, Any] | None = None
    """Success, violations and regret, in the last step."""
    outside: tuple[Answer, ...] = ()
    """What the world was told from outside during the call."""
    thought: str | None = None
    """The agent's own words beside the call."""
    latency_us: int = field(default=0, compare=False)
    render: Callable[[Any], str] = field(default=str, repr=False, compare=False)
    """Belongs to the world, so a step that comes from another process has a plain one instead."""

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "render": str}

    @cached_property
    def result_json(self) -> bytes:
        """The result as compact JSON: the log keeps it and the client gets it, so it is made once."""
        return compact_json(self.result)

    @property
    def refused(self) -> bool:
        """Whether the world refused the call and stayed as it was."""
        return self.error is not None

    @property
    def noted(self) -> bool:
        """Whether the world was not asked: a skill ended before its first call."""
        return self.via_skill is not None and self.tool == self.via_skill

    @property
    def done(self) -> bool:
        """Whether the episode ended with this step."""
        return self.terminated or self.truncated

    @property
    def text(self) -> str:
        """The result, or the refusal, in the environment's compact rendering."""
        return f"Error: {self.error}" if self.error is not None else self.render(self.result)


@dataclass(frozen=True, slots=True)
class Opening:
    """How an episode begins."""

    task: Task
    observation: Any
    text: str
    min_try: int = 1
    outside: tuple[Answer, ...] = ()
    """What the world was told from outside while it began."""


class Recorder(Protocol):
    """Where an Episode puts its steps. When `record` returns, the step is kept."""

    def opened(self, opening: Opening) -> None:
        """The episode has begun."""

    def record(self, step: Step) -> None:
        """A step has been played. Raises when it could not be kept."""


class ListRecorder:
    """Keeps steps in a list."""

    def __init__(self) -> None:
        self.opening: Opening | None = None
        self.steps: list[Step] = []

    def opened(self, opening: Opening) -> None:
        """Remember the beginning."""
        self.opening = opening

    def record(self, step: Step) -> None:
        """Append the step."""
        self.steps.append(step)


class Episode:
    """A task being played.

    Args:
        env: the world, wrapped or not; the episode resets it and owns it from then on.
        task: what is to be done.
        recorder: where `act` puts the steps before it hands them out.
        min_try: the first `min_try - 1` final answers are sent back once with a request to check again.
    """

    def __init__(
        self,
        env: ToolEnv[Any] | gymnasium.Env[Any, Any],
        task: Task,
        *,
        recorder: Recorder | None = None,
        min_try: int = 1,
    ) -> None:
        self.env = _world(env)
        """The world; below the wrappers, where it has some."""
        self.task = task
        self.turn = 0
        """Number of the last step."""
        self.last: Step | None = None
        self.total_reward = 0.0
        self._recorder = recorder
        self._step = env.step
        observation, _ = env.reset(options={"task": task, "min_try": min_try})
        text = self.env.render_text(observation)
        self.opening = Opening(task, observation, text, min_try, self.env.outside.take())
        if recorder is not None:
            recorder.opened(self.opening)

    @property
    def over(self) -> bool:
        """Whether the episode has ended."""
        last = self.last
        return last is not None and (last.terminated or last.truncated)

    def check(self, tool: str) -> None:
        """See that a call of `tool` can be played at all.

        Raises:
            UnknownTool: the environment has no such action.
            EpisodeOver: the episode has ended.
        """
        if tool not in self.env.actions:
            known = ", ".join(self.env.actions)
            raise UnknownTool(
                f"{self.task.env_id} has no tool {tool!r}{nearest(tool, self.env.actions)}; it has {known}"
            )
        if self.over:
            raise EpisodeOver(f"the episode ended with turn {self.turn}")

    def play(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        via_skill: str | None = None,
        thought: str | None = None,
    ) -> Step:
        """Play one call without recording it; whoever calls this records the step before handing it out.

        Raises:
            UnknownTool, EpisodeOver: as `check`.
        """
        self.check(tool)
        arguments = dict(arguments)
        began = perf_counter_ns()
        call = ToolCall(tool, arguments)
        played = self._step(call)
        step = as_step(
            self.turn + 1,
            self.env,
            played,
            call=call,
            via_skill=via_skill,
            outside=self.env.outside.take(),
            thought=thought,
            latency_us=(perf_counter_ns() - began) // 1000,
        )
        self.turn = step.turn
        self.total_reward += step.reward
        self.last = step
        return step

    def note(self, skill: str, arguments: Mapping[str, Any], result: Any) -> Step:
        """Take a turn in which nothing is played: a skill that ended before its first call.

        Args:
            skill: its name, which the step has as its tool and as its `via_skill`.
            arguments: that it was run with.
            result: what came of it, plain JSON.

        Raises:
            EpisodeOver: as `check`.
        """
        if self.over:
            raise EpisodeOver(f"the episode ended with turn {self.turn}")
        step = Step(
            turn=self.turn + 1,
            tool=skill,
            arguments=dict(arguments),
            result=result,
            error=None,
            reward=0.0,
            terms={},
            terminated=False,
            truncated=False,
            read_only=True,
            via_skill=skill,
            render=self.env.render_text,
        )
        self.turn, self.last = step.turn, step
        return step

    def act(
        self,
        tool: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        via_skill: str | None = None,
        thought: str | None = None,
    ) -> Step:
        """Play one call and record it; the step is kept before this returns.

        Raises:
            UnknownTool, EpisodeOver: as `check`. Whatever the recorder raises: the step was not kept, and the
            episode must be dropped and rebuilt from what was.
        """
        step = self.play(tool, arguments or {}, via_skill=via_skill, thought=thought)
        if self._recorder is not None:
            self._recorder.record(step)
        return step


def as_step(
    turn: int,
    world: ToolEnv[Any],
    played: tuple[Any, Any, bool, bool, dict[str, Any]],
    *,
    call: ToolCall | None = None,
    via_skill: str | None = None,
    outside: tuple[Answer, ...] = (),
    thought: str | None = None,
    latency_us: int = 0,
) -> Step:
    """The step that what `step` returned amounts to, whatever wrappers it has come through.

    What a wrapper did to the reward stands under the term `wrappers`, and where one cut the episode off the
    outcome is the world's.

    Args:
        turn: its number.
        world: the world that was played.
        played: what `step` returned.
        call: as the agent made it; as the world read it where None.
        via_skill: a field of the step.
        outside: a field of the step.
        thought: a field of the step.
        latency_us: a field of the step.
    """
    _, reward, terminated, truncated, info = played
    terms, outcome = info["terms"], info["outcome"]
    total = sum(terms.values())
    if reward != total:
        terms = terms | {"wrappers": terms.get("wrappers", 0.0) + float(reward) - total}
        total = sum(terms.values())
    if outcome is None and truncated:
        outcome = world.outcome()
    return Step(
        turn=turn,
        tool=info["tool"] if call is None else call.tool,
        arguments=info["arguments"] if call is None else call.arguments,
        result=info["result"],
        error=None if info["error"] is None else whole(info["error"]),
        reward=total,
        terms=terms,
        terminated=terminated,
        truncated=truncated and not terminated,
        read_only=info["read_only"],
        via_skill=via_skill,
        outcome=outcome.as_json() if outcome is not None else None,
        outside=outside,
        thought=None if thought is None else whole(thought),
        latency_us=latency_us,
        render=world.render_text,
    )


def _world(env: Any) -> ToolEnv[Any]:
    world = env.unwrapped
    if not isinstance(world, ToolEnv):
        raise TypeError(f"an episode plays a ToolEnv, wrapped or not, and this is a {type(world).__name__}")
    return world
