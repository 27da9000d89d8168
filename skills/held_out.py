"""Held out: a skill that does a part of a job is judged on logged sessions that it was not mined from.

Each session that came to the right end is rebuilt up to the skill's first call, and the skill goes on from
there. It has done its part where the world then is as the session had it later, or else where the rest of the
session, played as it was logged, comes to the right end. Between two turns with somebody more is asked: the
world must be as the session's own part left it, all that the session saw there must have been shown, for what
it said next hung on that, and what follows must come to the right end as well, unless that hangs on answers
from outside of the world.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from practicum.skills.segments import Occurrence
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
    parts: Mapping[str, Occurrence] | None = None,
    between_turns: bool = False,
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
        parts: where its part stands in a session; where not told, from the first call of a tool it calls on.
        between_turns: a skill must show all that was seen in its part, and leave the world as that did.
        limits: what it may cost; `attacks` does not apply, for nobody knows how an attacked session goes on.
        log: where what is played is kept, as forks of purpose `verification`.
        principal: whose sessions they are.
        clock: seconds.
    """
    trials = Trials(skill, env_class, limits or Limits(), log, principal=principal, clock=clock)
    if env_class.blocking:
        why = "waits for what is outside of it, so nothing can be tried there"
        return trials.report(f"{env_class.env_id()} {why}")
    fit = _fit(skill, sessions, session_ids, frozenset(mined_from), principal)
    held = _Held(sessions, parts or {}, between_turns, Roles(env_class))
    try:
        return _judged(trials, held, fit)
    except Exhausted as spent:
        return trials.report(f"not decided: {spent}")


@dataclass(frozen=True)
class _Held:
    """The sessions that judge, and where the part stands in them."""

    sessions: Sessions
    parts: Mapping[str, Occurrence]
    between_turns: bool
    roles: Roles

    def place(self, skill: Skill, session: Session, logged: Sequence[Step]) -> tuple[int, int] | None:
        """How many steps stand before a skill's part, and how many before what follows it; None without."""
        part = self.parts.get(session.id)
        begin = _beginning(skill, logged) if part is None else part.first_turn - 1
        if self.between_turns:
            return None if part is None else self._own_part(skill, logged, part)
        return None if begin is None else (begin, len(logged))

    def _own_part(self, skill: Skill, logged: Sequence[Step], part: Occurrence) -> tuple[int, int] | None:
        """As much of a part as a skill with these tools could do."""
        begin = part.first_turn - 1
        steps = enumerate(logged[begin : part.last_turn], begin)
        beyond = (n for n, step in steps if step.tool not in skill.tools and not _is_idle(step, self.roles))
        end = next(beyond, part.last_turn)
        return (begin, end) if end > begin else None

    def is_fit(self, session: Session, logged: Sequence[Step], own: Sequence[Step]) -> bool:
        """Whether an agent did the part by itself, in a world that can be had again."""
        told = own if self.between_turns else logged
        if any(step.via_skill is not None or step.outside for step in told):
            return False
        return _is_borne_out(self.sessions, session) if self.between_turns else not session.outside


def _judged(trials: Trials, held: _Held, fit: Iterator[Session]) -> Verification:
    played = 0
    for session in fit:
        if played >= trials.limits.tasks:
            break
        verdict = _try(trials, held, session)
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
        public = session.purpose in ("practice", "import") and session.task.split != "test"
        if own and public and session.replayable and session.success:
            seen.add(session.task.hash)
            yield session


def _try(trials: Trials, held: _Held, session: Session) -> str | None:
    """The verdict on one session; None where the skill has no part in it."""
    trials.check()
    logged = list(held.sessions.steps(session.id))
    begin, end = held.place(trials.skill, session, logged) or (0, 0)
    before, part, rest = logged[:begin], logged[begin:end], logged[end:]
    arguments = _arguments(trials.skill, session, part)
    if not part or arguments is None or not held.is_fit(session, logged, part):
        return None
    try:
        episode = rebuild(held.sessions, session, last=begin)
    except (Divergence, UsageError):
        return None
    try:
        finish, played = _played(trials, episode, arguments, before)
        _keep(trials, held.sessions, session, begin, played)
        tried = _Tried(held.sessions, session, held.roles, episode, played, part, rest)
        right = finish.finished and _verdict(trials.skill, held, tried)
        return trials.add("held out", session.task, finish, right=right).verdict
    finally:
        episode.env.close()


def _verdict(skill: Skill, held: _Held, tried: _Tried) -> bool | None:
    if held.between_turns:
        return _is_as_it_was(tried)
    return _is_right(tried, reads=skill.effects.read_only)


def _is_borne_out(sessions: Sessions, session: Session) -> bool:
    """Whether the world answers to the end as the session has it, and finds it right; imports may err."""
    try:
        whole = rebuild(sessions, session)
    except (Divergence, UsageError):
        return False
    try:
        return is_right(whole)
    finally:
        whole.env.close()


def _beginning(skill: Skill, logged: Sequence[Step]) -> int | None:
    """How many steps of a session stand before the first call of a tool that the skill calls too."""
    return next((n for n, step in enumerate(logged) if step.tool in skill.tools and not step.refused), None)


def _arguments(skill: Skill, session: Session, rest: Sequence[Step]) -> dict[str, Any] | None:
    """What to give the skill where the task tells nothing: what the session's own calls were given."""
    found: dict[str, Any] = {}
    accepted = [step for step in rest if not step.refused]
    for name, uses in free_arguments(skill, session.task.params).items():
        values = (
            s.arguments[at] for s in accepted for tool, at in uses if s.tool == tool and at in s.arguments
        )
        found[name] = next(values, None)
    shapes, required = skill.params.get("properties", {}), skill.params.get("required", ())
    optional = {name for name in shapes if name not in required}
    lacking = {name for name, value in found.items() if value is None}
    return {name: found[name] for name in found.keys() - lacking} if lacking <= optional else None


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


@dataclass(frozen=True)
class _Tried:
    """A skill that finished in the place of a session's part."""

    sessions: Sessions
    session: Session
    roles: Roles
    episode: Episode
    """As the skill left it."""
    played: Sequence[Step]
    part: Sequence[Step]
    """What the session did there itself; all that it did from there on, where nobody is talked to."""
    rest: Sequence[Step]


def _is_right(tried: _Tried, *, reads: bool) -> bool | None:
    """Whether the skill did its part; None where nobody can tell, as the rest of the session does not fit."""
    changes = _changes(tried.roles, tried.played)
    if not changes and not reads:
        return None
    if tried.episode.over or _is_rejoined(tried):
        return is_right(tried.episode) if tried.episode.over else True
    made = _end(tried.roles, tried.part, changes)
    return None if made is None else _rest_is_right(tried.episode, tried.part[made:])


def _is_as_it_was(tried: _Tried) -> bool | None:
    """Whether a part was done as the session did it; None where less was shown, and nothing done wrong."""
    if not (_reads(tried.played) and _reads(tried.part)) and not _is_left_alike(tried):
        return False
    shown = {(step.tool, step.result_json) for step in tried.played}
    wanted = (step for step in tried.part if not _is_idle(step, tried.roles))
    if any((step.tool, step.result_json) not in shown for step in wanted):
        return None
    is_heard = any(step.outside or step.noted for step in tried.rest)
    return is_heard or _rest_is_right(tried.episode, tried.rest)


def _is_idle(step: Step, roles: Roles) -> bool:
    """Whether a step neither showed nor changed anything."""
    return step.refused or roles.of(step.tool).thinks


def _reads(steps: Sequence[Step]) -> bool:
    return all(step.read_only or step.refused for step in steps)


def _is_left_alike(tried: _Tried) -> bool:
    """Whether the world is as it was after the session's own part."""
    after = rebuild(tried.sessions, tried.session, last=tried.part[-1].turn)
    try:
        return world_sha256(after.env) == world_sha256(tried.episode.env)
    finally:
        after.env.close()


def _changes(roles: Roles, steps: Sequence[Step]) -> Counter[str]:
    """How often each tool changed the world."""
    changing = (s.tool for s in steps if not s.read_only and not s.refused and not roles.of(s.tool).looks)
    return Counter(changing)


def _is_rejoined(tried: _Tried) -> bool:
    """Whether the world is as the session had it after one of its own steps."""
    wanted = world_sha256(tried.episode.env)
    before = rebuild(tried.sessions, tried.session, last=tried.part[0].turn - 1)
    try:
        for step in tried.part:
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
