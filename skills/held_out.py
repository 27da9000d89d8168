"""Held out: a skill that does a part of a job is judged on logged sessions that it was not mined from.

Each session that came to the right end is rebuilt up to the skill's first call, and the skill goes on from
there. It has done its part where the world then is as the session had it later, or else where the rest of the
session, played as it was logged, comes to the right end.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from practicum.envs.episodes import Episode, Step
from practicum.envs.errors import EpisodeOver, UnknownTool, UsageError
from practicum.memory.fork import fork
from practicum.memory.log import Log
from practicum.memory.replay import Divergence, rebuild, world_sha256
from practicum.memory.sessions import Session, Sessions
from practicum.skills.evidence import ENOUGH, e_value
from practicum.skills.interpreter import Finish, Situation, run
from practicum.skills.language import Skill
from practicum.skills.roles import Roles
from practicum.skills.trials import (
    EnvClass,
    Exhausted,
    Limits,
    Trials,
    Verification,
    free_arguments,
    is_right,
)


def verify_held_out(
    skill: Skill,
    env_class: EnvClass,
    *,
    sessions: Sessions,
    session_ids: Iterable[str],
    mined_from: Collection[str],
    first_turns: Mapping[str, int] | None = None,
    limits: Limits | None = None,
    log: Log | None = None,
    principal: str = "local",
    clock: Callable[[], float] = time.monotonic,
) -> Verification:
    """Judge a skill that does a part of a job, or that needs an argument which no task tells.

    Args:
        skill: the program.
        env_class: its world.
        sessions: where sessions are read.
        session_ids: those to try, in this order; what cannot be replayed, did not succeed, is a test or an
            evaluation, or shares its task with one that the skill was mined from, is left aside.
        mined_from: ids of the sessions that the skill was mined from.
        first_turns: by session, the turn in which its part begins; where it is not told, the first call of a
            tool that the skill calls too.
        limits: what it may cost; `attacks` does not apply, for nobody knows how an attacked session goes on.
        log: where what is played is kept, as forks of purpose `verification`.
        principal: whose sessions they are.
        clock: seconds.
    """
    trials = Trials(skill, env_class, limits or Limits(), log, principal=principal, clock=clock)
    if env_class().blocking:
        why = "waits for what is outside of it, so nothing can be tried there"
        return trials.report(f"{env_class.env_id()} {why}")
    fit = _fit(skill, sessions, session_ids, frozenset(mined_from), principal)
    try:
        return _judged(trials, sessions, fit, first_turns or {})
    except Exhausted as spent:
        return trials.report(f"not decided: {spent}")


def _judged(
    trials: Trials, sessions: Sessions, fit: Iterator[Session], first_turns: Mapping[str, int]
) -> Verification:
    played = 0
    for session in fit:
        if played >= trials.limits.tasks:
            break
        verdict = _try(trials, sessions, session, first_turns.get(session.id))
        if verdict == "wrong":
            return trials.report(f"done but wrong in session {session.id}")
        played += verdict in ("hit", "stop")
        report = trials.report("")
        if report.e_value >= ENOUGH:
            words = f"an e-value of {report.e_value:.1f} after {played} sessions, none done but wrong"
            return trials.report(words, passed=True)
        if e_value(report.hits + trials.limits.tasks - played, report.misses) < ENOUGH:
            return trials.report(f"{report.misses} of {played} sessions were not done, too many to pass")
    return trials.report(f"too few sessions that it is for: {played}")


def _fit(
    skill: Skill, sessions: Sessions, ids: Iterable[str], mined_from: frozenset[str], principal: str
) -> Iterator[Session]:
    """The sessions that can judge, each task once."""
    known = (sessions.get(session_id, principal) for session_id in sorted(mined_from))
    seen = {session.task.hash for session in known if session is not None}
    for session_id in ids:
        session = sessions.get(session_id, principal)
        if session is None or session.id in mined_from or session.task.hash in seen:
            continue
        own = (session.task.env, session.task.version) == (skill.env, skill.env_version)
        public = session.purpose == "practice" and session.task.split != "test"
        if own and public and session.replayable and session.success:
            seen.add(session.task.hash)
            yield session


def _try(trials: Trials, sessions: Sessions, session: Session, first_turn: int | None) -> str | None:
    """The verdict on one session; None where the skill has no part in it."""
    trials.check()
    logged = list(sessions.steps(session.id))
    if any(step.via_skill is not None or step.outside for step in logged):
        return None
    begin = _beginning(trials.skill, logged) if first_turn is None else first_turn - 1
    arguments = None if begin is None else _arguments(trials.skill, session, logged[begin:])
    if begin is None or begin >= len(logged) or arguments is None:
        return None
    try:
        episode = rebuild(sessions, session, last=begin)
    except (Divergence, UsageError):
        return None
    try:
        finish, played = _played(trials, episode, arguments, logged[:begin])
        _keep(trials, sessions, session, begin, played)
        right = finish.finished and _is_right(trials, sessions, session, episode, played, logged)
        return trials.add("held out", session.task, finish, right=right).verdict
    finally:
        episode.env.close()


def _beginning(skill: Skill, logged: Sequence[Step]) -> int | None:
    """How many steps of a session stand before the first call of a tool that the skill calls too."""
    return next((n for n, step in enumerate(logged) if step.tool in skill.tools and not step.refused), None)


def _arguments(skill: Skill, session: Session, rest: Sequence[Step]) -> dict[str, Any] | None:
    """What to give the skill where the task tells nothing: what the session's own calls were given."""
    found: dict[str, Any] = {}
    for name, uses in free_arguments(skill, session.task.params).items():
        values = (s.arguments[at] for s in rest for tool, at in uses if s.tool == tool and at in s.arguments)
        found[name] = next(values, None)
    return None if None in found.values() else found


def _played(
    trials: Trials, episode: Episode, arguments: Mapping[str, Any], before: Sequence[Step]
) -> tuple[Finish, list[Step]]:
    """Run the skill in an episode that is under way; what came of it, and its steps."""
    situation = Situation(episode.task.params, episode.opening.observation, before)
    running = run(trials.skill, arguments, situation, notice=trials.sides)
    played: list[Step] = []
    try:
        call = next(running)
        while True:
            try:
                played.append(episode.play(call.tool, call.arguments, via_skill=trials.skill.name))
            except (UnknownTool, EpisodeOver) as error:
                call = running.throw(error)
            else:
                call = running.send(played[-1])
    except StopIteration as end:
        return end.value, played


def _keep(trials: Trials, sessions: Sessions, session: Session, begin: int, played: Sequence[Step]) -> None:
    if trials.log is None or not played:
        return
    kept = fork(trials.log, sessions, session.id, begin, trials.principal, purpose="verification")
    for step in played:
        trials.log.append(kept, step)
    if not played[-1].done:
        trials.log.close(kept, "verification")


def _is_right(
    trials: Trials,
    sessions: Sessions,
    session: Session,
    episode: Episode,
    played: Sequence[Step],
    logged: Sequence[Step],
) -> bool | None:
    """Whether the skill did its part; None where nobody can tell, as the rest of the session does not fit."""
    begin = episode.turn - len(played)
    roles = Roles(trials.env_class)
    changes = _changes(roles, played)
    if not changes and not trials.skill.effects.read_only:
        return None
    if episode.over or _is_rejoined(sessions, session, episode, logged[begin:]):
        return is_right(episode) if episode.over else True
    end = _end(roles, logged[begin:], changes)
    return None if end is None else _rest_is_right(episode, logged[begin + end :])


def _changes(roles: Roles, steps: Sequence[Step]) -> Counter[str]:
    """How often each tool changed the world."""
    changing = (s.tool for s in steps if not s.read_only and not s.refused and not roles.of(s.tool).looks)
    return Counter(changing)


def _is_rejoined(sessions: Sessions, session: Session, episode: Episode, rest: Sequence[Step]) -> bool:
    """Whether the world is as the session had it after one of these steps."""
    wanted = world_sha256(episode.env)
    before = rebuild(sessions, session, last=rest[0].turn - 1)
    try:
        for step in rest:
            before.play(step.tool, step.arguments)
            if world_sha256(before.env) == wanted:
                return True
        return False
    finally:
        before.env.close()


def _end(roles: Roles, rest: Sequence[Step], changes: Counter[str]) -> int | None:
    """How many of the logged steps made the same changes as the skill; None where they never do."""
    ends = (n for n in range(len(rest) + 1) if changes <= _changes(roles, rest[:n]))
    return next(ends, None)


def _rest_is_right(episode: Episode, rest: Sequence[Step]) -> bool | None:
    for step in rest:
        if episode.over:
            break
        if episode.play(step.tool, step.arguments).refused and not step.refused:
            return None
    return is_right(episode)
