"""Learning: one round from new sessions to published skills; any process may run it, one at a time."""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from practicum.envs.errors import UsageError, in_one_line
from practicum.envs.registry import find
from practicum.memory import Log, LogUnavailable, Store
from practicum.memory.leases import Unread, give_lease_back, jobs_read, put_read, take_lease, unread
from practicum.skills.candidates import Candidate, candidates
from practicum.skills.digests import fill_in
from practicum.skills.jobs import Job, mined, part_jobs, whole_job
from practicum.skills.language import BadSkill
from practicum.skills.library import Entry, Library
from practicum.skills.parts import shared_parts
from practicum.skills.proving import Learnt, prove, verify_again
from practicum.skills.roles import environment, turns_of
from practicum.skills.trials import Limits
from practicum.skills.workers import HERE, Workers

logger = logging.getLogger(__name__)

LEASE = "learn"
LEASE_S = 600.0
"""Seconds after which a round that died is taken to be over; longer than mining and verifying one job."""
GROWN = 1.1
"""How many times as many tasks a job must have before it is mined again."""
MOST_PARTS = 4
"""Parts that are mined where no whole job can be learned."""
MOST_BETWEEN_TURNS = 8
"""Parts that are mined where somebody is talked to."""
Progress = Callable[[int, int], None]
"""Told how many of how many jobs are done."""


@dataclass(frozen=True)
class Round:
    """What came of one round."""

    skipped: bool = False
    """Another process is at it; nothing was done."""
    sessions: int = 0
    """That were read: those that had ended since the last round, or all."""
    learnt: tuple[Learnt, ...] = ()

    @property
    def published(self) -> tuple[str, ...]:
        """The names of the skills that came, or came back."""
        return tuple(each.skill for each in self.learnt if each.what in ("published", "verified again"))

    def lines(self) -> Iterator[str]:
        """For people."""
        if self.skipped:
            yield "another process is learning from this database already"
            return
        yield f"read {self.sessions} session{'' if self.sessions == 1 else 's'}"
        yield from (f"{each.skill}: {each.what}: {each.why}" for each in self.learnt)


def learn(
    store: Store,
    *,
    envs: Collection[str] | None = None,
    anew: bool = False,
    limits: Limits | None = None,
    clock: Callable[[], float] = time.time,
    progress: Progress = lambda done, total: None,
    workers: Workers = HERE,
) -> Round:
    """Read the sessions that are new, mine the jobs in them, verify what is mined and publish what passes.

    Skills in quarantine are verified again first: they come back, or retire. A job is mined again when it has
    grown, and at once where an agent brought to its end by hand what a skill had begun.

    Args:
        store: the database.
        envs: short names of the environments to learn in; None for all.
        anew: mine every job, grown or not.
        limits: what each verification may cost.
        clock: seconds since 1970.
        progress: of the jobs.
        workers: where verification plays.

    Raises:
        LogUnavailable: the database could not be written; what was published by then stays.
    """
    learner = _Learner(store, envs, anew, limits or Limits(), clock, workers)
    if not learner.holds_lease():
        return Round(skipped=True)
    try:
        return learner.round(progress)
    finally:
        learner.give_lease_back()


def _is_conversation(candidate: Candidate) -> bool:
    """Whether somebody was talked to, so that what they say decides, and no program does all of it."""
    env_class = environment(candidate.found_by)
    turns = turns_of(env_class) if env_class is not None else frozenset()
    return any(not turns.isdisjoint(variant.calls) for variant in candidate.variants)


class _LeaseLost(Exception):  # noqa: N818  # ends a round
    """The round took so long that another process has begun one."""


@dataclass
class _Learner:
    """One round."""

    store: Store
    envs: Collection[str] | None
    anew: bool
    limits: Limits
    clock: Callable[[], float]
    workers: Workers
    holder: str = field(default_factory=lambda: f"{os.getpid()}-{secrets.token_hex(4)}")

    def __post_init__(self) -> None:
        self.library = Library(self.store, self.clock)
        self.log = Log(self.store, clock=self.clock)

    # The lease ----------------------------------------------------------------------------------------

    def holds_lease(self) -> bool:
        """Take or prolong the lease; False where it is another's."""
        now = self.clock()
        with self.log.writing() as connection:
            return take_lease(connection, LEASE, self.holder, now=now, until=now + LEASE_S)

    def give_lease_back(self) -> None:
        """Let others learn."""
        with self.log.writing() as connection:
            give_lease_back(connection, LEASE, self.holder)

    # A round ------------------------------------------------------------------------------------------

    def round(self, progress: Progress) -> Round:
        """All of it; ends early where another process has taken the lease meanwhile."""
        learnt: list[Learnt] = []
        again = [
            entry
            for entry in self.library.entries(None, statuses=("quarantined", "candidate", "verified"))
            if self._is_asked(entry.skill.env)
        ]
        new = [each for each in unread(self.store, everything=self.anew) if self._is_asked(each.env)]
        done, total = 0, len(again) + len(new)
        for entry in again:
            progress(done, total)
            done += 1
            if self.holds_lease():
                learnt += self._contained(entry.skill.name, self._tried_again(entry))
        for each in new:
            progress(done, total)
            done += 1
            learnt += self._contained(each.env, self._mined(each))
        progress(done, total)
        return Round(sessions=sum(each.sessions for each in new), learnt=tuple(learnt))

    def _contained(self, title: str, learning: Iterator[Learnt]) -> Iterator[Learnt]:
        """What comes of a part of the round; where its world fails it ends, and the next round repeats it."""
        try:
            yield from learning
        except LogUnavailable:
            raise
        except (Exception, SystemExit) as error:  # a world may fail in any way, the others are well
            logger.debug("learning %s failed", title, exc_info=True)
            yield Learnt("left alone", title, f"it failed: {in_one_line(error)}")

    def _tried_again(self, entry: Entry) -> Iterator[Learnt]:
        yield verify_again(self.library, entry, self.limits, self.workers)

    def _is_asked(self, env: str) -> bool:
        return self.envs is None or env in self.envs

    def _mined(self, new: Unread) -> Iterator[Learnt]:
        """What comes of the jobs of a principal in an environment, where it has new sessions.

        Where no whole job can be learned, or somebody is talked to, the parts that many sessions share are.
        """
        fill_in(self.store, principal=new.principal)
        known = jobs_read(self.store, new.principal, new.env)
        found = candidates(self.store, principal=new.principal, env=new.env)
        yield from self._not_found(found)
        try:
            whole = [candidate for candidate in found if not _is_conversation(candidate)]
            yield from self._learnt(self._whole_jobs(whole, new.principal), known)
            if len(whole) < len(found) or (found and not self._skills_of(new.principal, new.env)):
                yield from self._learnt(self._parts(found[0], new.principal), known)
        except _LeaseLost:
            return
        with self.log.writing() as connection:
            put_read(connection, new.principal, new.env, ended=new.last, jobs=known)

    def _not_found(self, found: Sequence[Candidate]) -> Iterator[Learnt]:
        """A line for each environment that sessions name and that is not there."""
        for name in dict.fromkeys(candidate.found_by for candidate in found):
            try:
                find(name)
            except UsageError as error:
                way_out = "once it is there, `practicum skills mine --anew` reads its sessions again"
                yield Learnt("left alone", name, f"{error}; {way_out}")

    def _whole_jobs(self, found: Sequence[Candidate], principal: str) -> Iterator[Job]:
        for candidate in found:
            if env_class := environment(candidate.found_by):
                yield whole_job(candidate, principal, env_class)

    def _parts(self, candidate: Candidate, principal: str) -> Iterator[Job]:
        if env_class := environment(candidate.found_by):
            most = MOST_BETWEEN_TURNS if turns_of(env_class) else MOST_PARTS
            for family in shared_parts(self.store, env_class, principal)[:most]:
                yield from part_jobs(self.store, family, principal, env_class, candidate.found_by)

    def _learnt(self, jobs: Iterator[Job], known: dict[str, list[int]]) -> Iterator[Learnt]:
        """What comes of those jobs that are due; `known` is brought up to date.

        Raises:
            _LeaseLost: another process has begun a round.
        """
        for job in jobs:
            if self._is_due(job, known.get(job.id)):
                if not self.holds_lease():
                    raise _LeaseLost
                yield self._tried(job)
                known[job.id] = [job.size, len(job.finished)]

    def _is_due(self, job: Job, known: list[int] | None) -> bool:
        """Whether a job has grown enough to be mined again."""
        if self.anew or known is None:
            return True
        size, finished = known
        return job.size >= GROWN * size or len(job.finished) > finished

    def _skills_of(self, principal: str, env: str) -> list[Entry]:
        """The published skills that were mined from a principal's own sessions."""
        return [entry for entry in self.library.entries(principal, env) if entry.principal == principal]

    def _tried(self, job: Job) -> Learnt:
        """What comes of one job."""
        try:
            found = mined(self.store, job)
        except BadSkill as error:
            return Learnt("left alone", job.title, str(error))
        if found is None:
            return Learnt("left alone", job.title, f"its {job.size} tasks have too little in common")
        return prove(self.library, found, self.limits, self.workers)
