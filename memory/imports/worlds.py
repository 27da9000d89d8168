"""Worlds: a trace as a session, played in our environment where that is the world it came from.

The log then holds what the trace tells (results, refusals, how it ended) and of the rest, such as reward
terms, what the world says. Where both agree the session replays; elsewhere replay names the first divergence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from practicum.envs.episodes import Episode, Step
from practicum.envs.errors import EpisodeOver, UnknownTool, whole
from practicum.envs.outside import Answer, ReplayedOutside, ReplayMismatch
from practicum.envs.registry import EnvClass
from practicum.envs.retail.scenarios import scenario_of
from practicum.envs.retail.tasks import STEP_LIMIT
from practicum.envs.retail.world import World, absolute, open_world
from practicum.envs.tasks import Task
from practicum.memory.imports.traces import RESPOND, Trace, TracedCall

CUSTOMER = "chat"
"""The kind of customer of an imported visit: the log has their words, and whoever goes on needs a model."""


class Elsewhere(Exception):  # noqa: N818  # says what was found
    """A trace was not played in the world that was asked for; says why."""


@dataclass(frozen=True)
class Imported:
    """A trace as it is logged."""

    task: Task
    steps: tuple[Step, ...]
    outside: tuple[Answer, ...]
    agrees: bool | None
    """Whether its world answers to the end as the trace says; None where it cannot be played."""


def as_recorded(trace: Trace, form: str, env_class: EnvClass | None = None) -> Imported:
    """A trace as a session that cannot be played.

    Args:
        trace: what to log.
        form: its format, after which its world is named.
        env_class: its world, where that is here; it knows its tools.
    """
    env, version = ("imported-" + form, 1) if env_class is None else (env_class.name, env_class.version)
    params = {"tools": list(trace.tools)} if trace.tools and env_class is None else {}
    task = Task(
        env=env, version=version, seed=0, params=params, instruction=whole(trace.instruction),
        secret=trace.secret, step_limit=max(STEP_LIMIT, len(trace.calls)), id=whole(trace.task_id),
    )  # fmt: skip
    steps = [_recorded(turn, call, env_class) for turn, call in enumerate(trace.calls, 1)]
    if steps:
        steps[-1] = _with_verdict(steps[-1], trace)
    heard = (Answer("chat", trace.opening),) if trace.opening else ()
    return Imported(task, tuple(steps), heard, None)


def verdict(trace: Trace) -> dict[str, Any] | None:
    """How a trace says that it came out; None where it does not say."""
    if trace.success is None:
        return None
    return {"success": trace.success, "violations": [], "regret": None}


def _recorded(turn: int, call: TracedCall, env_class: EnvClass | None = None) -> Step:
    action = env_class.actions.get(call.tool) if env_class is not None else None
    return Step(
        turn=turn,
        tool=whole(call.tool),
        arguments=call.arguments,
        result=call.result,
        error=None if call.error is None else whole(call.error),
        reward=0.0,
        terms={},
        terminated=False,
        truncated=False,
        read_only=action is not None and action.read_only,
        thought=None if call.thought is None else whole(call.thought),
    )


def _with_verdict(last: Step, trace: Trace) -> Step:
    """The last step of a trace, with what the trace says of its end."""
    reward = trace.details.get("reward")
    terms = {"reward": float(reward)} if isinstance(reward, int | float) else {}
    outcome = verdict(trace) if trace.ended else None
    return replace(last, terms=terms, reward=sum(terms.values()), terminated=trace.ended, outcome=outcome)


# The service desk -------------------------------------------------------------------------------------


def in_retail(trace: Trace, retail: EnvClass, data: str) -> Imported:
    """A trace played at the service desk.

    Args:
        trace: a visit.
        retail: the environment.
        data: folder of the shop's records; empty for ours.

    Raises:
        Elsewhere: the trace is of another world.
        UsageError: the folder is no world.
    """
    world = open_world(data)
    if foreign := sorted(trace.named_tools - set(retail.actions)):
        raise Elsewhere(f"{retail.env_id()} has no tool {foreign[0]!r}")
    user = trace.secret.get("user_id")
    if user and user not in world.users:
        raise Elsewhere("the shop's records, whose folder --data names, lack the customer")
    return _played(trace, retail, _visit(trace, world, data))


def _visit(trace: Trace, world: World, data: str) -> Task:
    done = [
        {"name": call.tool, "arguments": dict(call.arguments)}
        for call in trace.calls
        if call.error is None and call.tool != RESPOND
    ]
    secret = dict(trace.secret)
    if trace.success and "actions" not in secret:
        secret["actions"] = done  # what was right is a plan
    folder = {"world": world.fingerprint} if data else {}
    return Task(
        env="retail",
        version=1,
        seed=0,
        params={"scenario": scenario_of(secret.get("actions", done)), **folder, "customer": CUSTOMER},
        instruction=whole(trace.instruction or world.policy),
        secret=secret,
        step_limit=max(STEP_LIMIT, len(trace.calls) + 1),
        id=whole(trace.task_id),
        places={"data": absolute(data)} if data else {},
    )


def _played(trace: Trace, env_class: EnvClass, task: Task) -> Imported:
    env = env_class()
    outside = env.outside = ReplayedOutside([Answer("chat", trace.opening)])
    episode = Episode(env, task)
    played = [_play(episode, outside, call, reply) for call, reply in _with_replies(trace)]
    env.close()
    both = zip(played, trace.calls, strict=True)
    told = [_as_told(step, call, turn) for turn, (step, call) in enumerate(both, 1)]
    told = [*map(_going_on, told[:-1]), *(_as_ended(step, trace) for step in told[-1:])]
    agrees = all(step is before for step, before in zip(told, played, strict=True))
    return Imported(task, tuple(told), episode.opening.outside, agrees)


def _with_replies(trace: Trace) -> Iterator[tuple[TracedCall, tuple[Answer, ...]]]:
    """Each call with what the customer answers; after the last words they may leave without one."""
    for turn, call in enumerate(trace.calls, 1):
        leaves = turn == len(trace.calls) and trace.ended
        reply = call.result if call.result is not None or leaves else ""
        yield call, (Answer("chat", reply),) if call.tool == RESPOND else ()


def _play(
    episode: Episode, outside: ReplayedOutside, call: TracedCall, answers: tuple[Answer, ...]
) -> Step | None:
    """What the world makes of a call; None where it cannot be played."""
    try:
        outside.expect(answers)
        return episode.play(call.tool, call.arguments, thought=call.thought)
    except (UnknownTool, EpisodeOver, ReplayMismatch):
        return None


def _as_told(step: Step | None, call: TracedCall, turn: int) -> Step:
    """The step as the trace tells it, and in what it does not tell as the world has it."""
    if step is None:
        return _recorded(turn, call)
    is_untold = call.result is None and call.error is None
    if is_untold or (step.result, step.error) == (call.result, call.error):
        return step if step.turn == turn else replace(step, turn=turn)
    return replace(step, turn=turn, result=call.result, error=call.error)


def _going_on(step: Step) -> Step:
    """A step that is not the last one, so it ended nothing."""
    return replace(step, terminated=False, truncated=False, outcome=None) if step.done else step


def _as_ended(last: Step, trace: Trace) -> Step:
    """The last step, with the trace's word on how it came out, where it has one."""
    if trace.success is None:
        return last
    if not trace.ended:
        return _going_on(last)
    if last.terminated and last.outcome is not None and last.outcome["success"] == trace.success:
        return last
    return replace(last, terminated=True, truncated=False, outcome=verdict(trace))
