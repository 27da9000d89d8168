"""Ingest: what mining reads of a session, the calls that mattered with the task they were made for."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from practicum.envs.episodes import Episode, Step
from practicum.envs.outside import ReplayedOutside, ReplayMismatch
from practicum.envs.tasks import Task
from practicum.memory import Session, Sessions, Store
from practicum.memory.rows import dump_answers, dump_text
from practicum.skills.digests import call_of
from practicum.skills.relevance import relevant
from practicum.skills.roles import Roles, environment, roles_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """One call and what came of it."""

    tool: str
    arguments: Mapping[str, Any]
    result: Any
    """Plain JSON; None when the call was refused."""
    error: str | None
    read: bool
    """Whether it leaves the world as it is for mining, a search that turns a page included."""
    via_skill: str | None
    turn: int


@dataclass(frozen=True, slots=True)
class Trace:
    """What mining reads of one session."""

    session: str
    principal: str
    env: str
    """Short name, such as `flight`."""
    env_version: int
    task: str
    """Content hash of the task."""
    params: Mapping[str, Any]
    """The task's parameters, as the agent saw them."""
    opening: Any
    """The first observation; None where it cannot be known."""
    events: tuple[Event, ...]
    """The calls that mattered, see `relevance`, in their order."""
    success: bool
    regret: float | None
    outcome: Mapping[str, Any]
    """As the last step has it; empty where the world came to no end of its own."""
    played: tuple[Event, ...] = ()
    """Every call, also those that did not matter, in their order."""
    before: str = ""
    """What was said and shown before the first of its calls, as JSON; empty where the trace is no part."""


def trace_of(
    episode: Episode, steps: Iterable[Step], *, session: str = "", principal: str = "local"
) -> Trace:
    """The trace of an episode that was played here.

    Args:
        episode: what was played.
        steps: all its steps, in their order.
        session: what to call it.
        principal: whose it is.
    """
    roles = Roles(type(episode.env))
    opening = episode.opening.observation
    return _trace(session, principal, episode.task, tuple(steps), opening=opening, roles=roles)


def read_trace(store: Store, session_id: str) -> Trace | None:
    """The trace of a session in the log; None where there is no such session."""
    return next(read_traces(store, [session_id]), None)


def read_traces(store: Store, session_ids: Iterable[str]) -> Iterator[Trace]:
    """The traces of sessions in the log, in the order given; unknown ones are left out.

    First observations are not in the log: they are made anew from the tasks, each once.
    """
    sessions = Sessions(store)
    openings: dict[tuple[str, str, str | None], Any] = {}
    for session_id in session_ids:
        session = sessions.get(session_id, None)
        if session is None:
            continue
        beginning = (session.env, session.task.hash, dump_answers(session.outside))
        if beginning not in openings:
            openings[beginning] = _first_observation(session)
        yield _trace(
            session.id,
            session.principal,
            session.task,
            tuple(sessions.steps(session_id)),
            opening=openings[beginning],
            roles=roles_of(session.env),
        )


def _first_observation(session: Session) -> Any:
    """What the agent saw first; None where the world cannot be made again."""
    env_class, task = environment(session.env), session.task
    if env_class is None or (env_class.name, env_class.version) != (task.env, task.version):
        return None
    env = env_class()
    env.outside = ReplayedOutside(session.outside)
    try:
        return Episode(env, task).opening.observation
    except ReplayMismatch:
        return None
    except (Exception, SystemExit):  # a world may fail in any way: what it showed cannot be had again
        logger.debug("session %s does not begin again", session.id, exc_info=True)
        return None
    finally:
        env.close()


def _trace(
    session: str, principal: str, task: Task, steps: Sequence[Step], *, opening: Any, roles: Roles
) -> Trace:
    outcome = (steps[-1].outcome if steps else None) or {}
    calls = [call_of(step, roles) for step in steps]
    played = tuple(_event(step, reads=call.looks) for step, call in zip(steps, calls, strict=True))
    turns = {call.turn for call in relevant(calls, dump_text(task.params), dump_text(opening))}
    return Trace(
        session=session,
        principal=principal,
        env=task.env,
        env_version=task.version,
        task=task.hash,
        params=task.params,
        opening=opening,
        events=tuple(event for event in played if event.turn in turns),
        success=bool(outcome.get("success")),
        regret=outcome.get("regret"),
        outcome=outcome,
        played=played,
    )


def _event(step: Step, *, reads: bool) -> Event:
    return Event(step.tool, step.arguments, step.result, step.error, reads, step.via_skill, step.turn)
