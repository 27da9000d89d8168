"""Proving: from a mined program to a published skill, or the reason why not; and back from quarantine."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from practicum.envs.episodes import Episode, ListRecorder
from practicum.envs.errors import UsageError, in_one_line
from practicum.envs.registry import EnvClass, find
from practicum.envs.tasks import Task
from practicum.memory import Sessions
from practicum.skills.contest import more_done
from practicum.skills.digests import fill_in
from practicum.skills.duplicates import duplicate_of, effects
from practicum.skills.held_out import verify_held_out
from practicum.skills.ingest import Trace, trace_of
from practicum.skills.interpreter import play
from practicum.skills.jobs import Job, Mined, part_id
from practicum.skills.jobs import mined as mine_job
from practicum.skills.language import BadSkill, Skill
from practicum.skills.library import EVERY, Entry, Library
from practicum.skills.naming import Evidence, free_name, goal_of, published_form
from practicum.skills.parts import shared_parts
from practicum.skills.practised import settings_of
from practicum.skills.segments import Occurrence
from practicum.skills.trials import Limits, Verification, is_right
from practicum.skills.verify import fresh_tasks, verify
from practicum.skills.workers import HERE, Workers

logger = logging.getLogger(__name__)

FRESH_SEEDS = 100_000
"""Seeds that each further verification of a skill begins after those of the one before."""
HELD_OUT = 300
"""Of the newest sessions, those on which a skill is tried again that fresh tasks cannot judge."""
MOST_MENDED = 4
"""How often a program that is done but wrong is mined again."""
MORE_SUPPORT = 2
"""How many times as many sessions must stand behind a rejected program before it is tried again."""

What = Literal["published", "rejected", "known", "verified again", "quarantined", "retired", "left alone"]


@dataclass(frozen=True)
class Learnt:
    """What came of one program."""

    what: What
    skill: str
    """Its name; of what has none, its environment and what it was to achieve."""
    why: str


def prove(library: Library, mined: Mined, limits: Limits, workers: Workers = HERE) -> Learnt:
    """Verify a mined program and publish it where it passes and is new.

    Args:
        library: of skills.
        mined: the program.
        limits: what a verification may cost.
        workers: where tasks are played.

    Raises:
        LogUnavailable: the database could not be written.
    """
    job = mined.job
    if known := _known(library, mined):
        return Learnt("known", job.title, known)
    mined, verification = _mended(library, mined, limits, workers)
    before = _before(library, job)
    why = _not_wanted(library, mined, verification, before) if verification.passed else verification.reason
    if why:
        about = {**verification.as_json(), "reason": why}
        library.reject(mined.skill, job.principal, support=job.size, about=about)
        return Learnt("rejected", job.title, why)
    return _published(library, mined, verification, before)


def _mended(library: Library, mined: Mined, limits: Limits, workers: Workers) -> tuple[Mined, Verification]:
    """What is left of a program, and how it was judged.

    One that was done but wrong is mined again with the guard that would have stopped it, some times at most,
    and judged on tasks among which those that it was wrong on no longer are. It is rejected where the guard
    does not keep it from doing one of those wrong again.
    """
    wrong: list[Task] = []
    traces: list[Trace] = []
    for _ in range(MOST_MENDED):
        verification = _judged(library, mined, limits, wrong, workers)
        wrong += verification.wrong
        traces += [_played(mined.skill, mined.job.env_class, task) for task in verification.wrong]
        again = _mined_again(library, mined, traces) if verification.wrong else None
        if again is None or any(_is_wrong(again.skill, mined.job.env_class, task) for task in wrong):
            return mined, verification
        library.reject(mined.skill, mined.job.principal, support=mined.job.size, about=verification.as_json())
        mined = again
    return mined, _judged(library, mined, limits, wrong, workers)


def _mined_again(library: Library, before: Mined, wrong: Sequence[Trace]) -> Mined | None:
    """The program of a job that does not do what one before it did; None where there is no other."""
    try:
        again = mine_job(library.store, before.job, [trace for trace in wrong if trace.played])
    except BadSkill:
        return None
    return None if again is None or again.skill.hash == before.skill.hash else again


def _is_wrong(skill: Skill, env_class: EnvClass, task: Task) -> bool:
    episode = Episode(env_class(), task)
    try:
        return play(skill, episode).finished and not is_right(episode)
    finally:
        episode.env.close()


def _played(skill: Skill, env_class: EnvClass, task: Task) -> Trace:
    kept = ListRecorder()
    episode = Episode(env_class(), task, recorder=kept)
    try:
        play(skill, episode)
        return trace_of(episode, kept.steps)
    finally:
        episode.env.close()


def _known(library: Library, mined: Mined) -> str:
    """Why a program is not tried at all; empty where it is."""
    skill, principal = mined.skill, mined.job.principal
    for entry in library.entries(principal, skill.env, statuses=EVERY):
        if entry.skill.hash == skill.hash:
            return f"it is {entry.skill.name} version {entry.skill.version}, {entry.status}"
    support = library.rejected(principal).get(skill.hash)
    if support is not None and mined.job.size < MORE_SUPPORT * support:
        return "it was rejected, and too little has come since"
    return ""


def _judged(
    library: Library, mined: Mined, limits: Limits, seen: Sequence[Task], workers: Workers
) -> Verification:
    """Verify on fresh tasks, or where these cannot judge on the sessions held out."""
    job = mined.job
    if not mined.held_out:
        return verify(
            mined.skill,
            job.env_class,
            settings=_settings(library, mined),
            tasks_already_seen={task.hash for task in seen},
            limits=limits,
            env=job.found_by,
            workers=workers,
        )
    return verify_held_out(
        mined.skill,
        job.env_class,
        sessions=Sessions(library.store),
        session_ids=mined.held_out,
        mined_from=mined.mined_from,
        parts=job.parts,
        between_turns=job.is_between_turns,
        limits=limits,
        principal=job.principal,
    )


def _settings(library: Library, mined: Mined) -> dict[str, Any]:
    """The settings of the sessions that a program was mined from."""
    known = (Sessions(library.store).get(each, mined.job.principal) for each in mined.mined_from)
    return settings_of([each.task for each in known if each is not None], mined.job.env_class)


def _before(library: Library, job: Job) -> Entry | None:
    """The newest skill of the principal's own for the same job."""
    own = [
        entry
        for entry in library.entries(job.principal, job.env_class.name, statuses=EVERY)
        if entry.principal == job.principal and entry.skill.evidence.get("job") == job.id
    ]
    return max(own, key=lambda entry: (entry.number, entry.skill.version), default=None)


def _not_wanted(library: Library, mined: Mined, verification: Verification, before: Entry | None) -> str:
    """Why a program that passed is not published; empty where it is."""
    if before is not None and before.status == "published" and before.skill.env_id == mined.skill.env_id:
        return _no_better(library, mined, verification, before)
    job = mined.job
    others = [entry.skill for entry in library.entries(job.principal, mined.skill.env_id)]
    duplicate = duplicate_of(mined.skill, others, job.env_class)
    return f"{duplicate.kind} to {duplicate.name}" if duplicate else ""


def _no_better(library: Library, mined: Mined, verification: Verification, before: Entry) -> str:
    """Why a program does not follow the one that is published; empty where it is better.

    It is better where it does more of the same fresh tasks, or as many and finishes more of those that were
    brought to their end by hand. Where fresh tasks cannot judge, the share that it did counts.
    """
    job, sessions = mined.job, Sessions(library.store)
    gain: float
    if mined.held_out:
        gain = _rate(verification.hits, verification.misses) - _rate(before.hits, before.misses)
    else:
        fresh = fresh_tasks(job.env_class, _settings(library, mined), (), FRESH_SEEDS)
        gain = more_done(mined.skill, before.skill, job.env_class, fresh)
    if gain == 0:
        known = (sessions.get(session_id, job.principal) for session_id in job.finished)
        tasks = [session.task for session in known if session is not None]
        new, old = (_finishes(skill, job.env_class, tasks) for skill in (mined.skill, before.skill))
        gain = new - old
    return "" if gain > 0 else f"it is no better than {before.skill.name} version {before.skill.version}"


def _finishes(skill: Skill, env_class: EnvClass, tasks: Sequence[Task]) -> int:
    return sum(effect is not None for effect in effects(skill, env_class, tasks))


def _rate(hits: int, misses: int) -> float:
    return hits / max(1, hits + misses)


def _published(library: Library, mined: Mined, verification: Verification, before: Entry | None) -> Learnt:
    job, versions = mined.job, library.versions()
    goal = goal_of(mined.skill, job.env_class, job.goal)
    name = before.skill.name if before else free_name(goal, versions, principal=job.principal)
    about = {"job": job.id, "goal": goal, "found_by": job.found_by, "between_turns": job.is_between_turns}
    skill = replace(mined.skill, evidence={**mined.skill.evidence, **about})
    version, evidence = versions.get(name, 0) + 1, told(verification, part=bool(job.parts))
    try:
        formed = published_form(
            skill, job.env_class, name=name, version=version, goal=goal, evidence=evidence
        )
    except BadSkill as error:
        return Learnt("left alone", name, str(error))
    if not library.add(formed, job.principal, support=job.size, witnesses=mined.sessions):
        return Learnt("left alone", name, "a session that it was mined from has been forgotten meanwhile")
    library.verified(formed, hits=verification.hits, misses=verification.misses, about=verification.as_json())
    library.publish(formed)
    return Learnt("published", name, verification.reason)


def told(verification: Verification, *, part: bool) -> Evidence:
    """What a description tells of a verification; `part` is whether the skill does a part of a job."""
    done = sorted(trial.calls for trial in verification.trials if trial.verdict == "hit")
    calls = done[len(done) // 2] if done else 0
    return Evidence(verification.hits, verification.hits + verification.misses, calls, part)


def verify_again(library: Library, entry: Entry, limits: Limits, workers: Workers = HERE) -> Learnt:
    """Verify a skill on tasks that it was not verified on before.

    One that waits, in quarantine or half way, is published or retired; one that is published goes into
    quarantine where it fails. It is left alone where nothing could be tried.

    Args:
        library: of skills.
        entry: the skill.
        limits: what it may cost.
        workers: where tasks are played.

    Raises:
        LogUnavailable: the database could not be written.
    """
    skill = entry.skill
    name = skill.name
    try:
        env_class = find(_found_by(skill))
        verification = judged_anew(library, skill, entry.principal, env_class, limits, workers)
    except UsageError as error:
        return Learnt("left alone", name, str(error))
    if verification.passed:
        library.verified(
            skill, hits=verification.hits, misses=verification.misses, about=verification.as_json()
        )
        library.publish(skill)
        return Learnt("verified again", name, verification.reason)
    if not verification.misses and not verification.done_but_wrong:
        return Learnt("left alone", name, verification.reason)
    if entry.status == "published":
        library.quarantine(skill, verification.reason)
        return Learnt("quarantined", name, verification.reason)
    library.retire(skill, verification.reason)
    return Learnt("retired", name, verification.reason)


def judged_anew(
    library: Library,
    skill: Skill,
    principal: str,
    env_class: EnvClass,
    limits: Limits,
    workers: Workers = HERE,
) -> Verification:
    """Verify a program on tasks that its name was not verified on before, or on its principal's sessions.

    Raises:
        UsageError: the world failed.
    """
    try:
        return _judged_anew(library, skill, principal, env_class, limits, workers)
    except (Exception, SystemExit) as error:  # a world may fail in any way: the person is told
        logger.debug("verifying %s failed", skill.name, exc_info=True)
        why = in_one_line(error)
        raise UsageError(f"{skill.name} was not judged, for {env_class.env_id()} failed: {why}") from error


def _judged_anew(
    library: Library,
    skill: Skill,
    principal: str,
    env_class: EnvClass,
    limits: Limits,
    workers: Workers,
) -> Verification:
    sessions = Sessions(library.store)
    listed = sessions.list(principal, skill.env_id, limit=HELD_OUT)
    known = [session for session in listed if session.purpose in ("practice", "import")]
    if skill.params.get("required") or skill.evidence.get("part"):
        ids = [session.id for session in known]
        return verify_held_out(
            skill, env_class, sessions=sessions, session_ids=ids, mined_from=(), limits=limits,
            parts=_parts_of(library, skill, principal, env_class), principal=principal,
            between_turns=bool(skill.evidence.get("between_turns")),
        )  # fmt: skip
    settings = settings_of([session.task for session in known], env_class)
    times = sum(event.kind == "verified" for event in library.history(skill.name))
    return verify(
        skill, env_class, settings=settings, limits=limits, first_seed=FRESH_SEEDS * times,
        env=_found_by(skill), workers=workers,
    )  # fmt: skip


def _found_by(skill: Skill) -> str:
    """The name by which the world of a skill is found."""
    return str(skill.evidence.get("found_by", skill.env_id))


def _parts_of(library: Library, skill: Skill, principal: str, env_class: EnvClass) -> dict[str, Occurrence]:
    """By session, where the part stands that a skill does; empty for a whole job."""
    if not skill.evidence.get("part"):
        return {}
    fill_in(library.store, principal=principal)
    own = (
        each
        for family in shared_parts(library.store, env_class, principal)
        for ways in (family, *([segment] for segment in family))
        if part_id(ways) == skill.evidence.get("job")
        for segment in ways
        for each in segment.occurrences
    )
    return {each.session: each for each in own}
