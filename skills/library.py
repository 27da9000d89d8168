"""Library: the skills that there are, how each stands, who sees which, and what came of their uses."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from practicum.memory import skill_rows, skill_witnesses
from practicum.memory.batches import Write
from practicum.memory.log import Log
from practicum.memory.skill_rows import NewVersion, SkillEvent, SkillRow, SkillUse, Status
from practicum.memory.store import Store
from practicum.skills.evidence import Watch
from practicum.skills.language import Skill

if TYPE_CHECKING:
    from practicum.skills.interpreter import Finish

logger = logging.getLogger(__name__)

MOST_SHOWN = 3
"""Skills of an environment that a principal is shown as tools."""
HALF_LIFE = 200
"""Sessions without a use after which a skill's rank is half of what its evidence says."""
PUBLISHED: tuple[Status, ...] = ("published",)
EVERY: tuple[Status, ...] = ("candidate", "verified", "published", "quarantined", "retired")
BLAMELESS = ("precondition", "interrupted", "over")
"""Stops that say nothing about a skill: it was not called for, or cut off from outside."""


@dataclass(frozen=True)
class Entry:
    """A skill and how it stands."""

    skill: Skill
    status: Status
    principal: str
    """Whose sessions it was mined from."""
    shared: bool
    """Whether it was promoted: others see it too."""
    number: int
    """Place in the order in which skills were mined."""
    hits: int
    misses: int
    """Of its last verification, on tasks never seen."""
    uses: int
    successes: int
    stops: int
    last_used: float | None
    """Seconds since 1970."""


class Library:
    """The skills of one database, read anew with every question, so that every process sees the same.

    Args:
        store: the database.
        clock: seconds since 1970.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self._clock = clock
        self._log = Log(store, clock=clock)
        self._programs: dict[tuple[str, int, str | None], Skill] = {}
        self._unreadable: set[tuple[str, int]] = set()
        self._watches: dict[tuple[str, int, int], tuple[int, Watch]] = {}

    # Reading ------------------------------------------------------------------------------------------

    def entries(
        self,
        principal: str | None,
        env: str | None = None,
        *,
        statuses: Collection[Status] = PUBLISHED,
    ) -> list[Entry]:
        """What a principal may use, its own and what was promoted, in the order in which it was mined.

        A program that cannot be read, as one that a newer Practicum wrote, is left out and logged once.

        Args:
            principal: whose; None for anybody's.
            env: only this environment's, by its short name or with its version.
            statuses: only those that stand so.
        """
        rows = self._visible(principal, env)
        return self._readable(row for row in rows if row.status in statuses and row.hash is not None)

    def get(self, name: str, principal: str | None) -> Entry | None:
        """The skill of that name that a principal may use: the newest published version.

        Without a published one, the newest at all; None where there is none, it is another's or cannot be
        read.
        """
        rows = [row for row in self._visible(principal) if row.name == name and row.hash is not None]
        published = [row for row in rows if row.status == "published"]
        newest = max(published or rows, key=lambda row: row.version, default=None)
        return next(iter(self._readable([newest] if newest else [])), None)

    def versions(self) -> dict[str, int]:
        """The newest version of every name that was ever given, whoever's; no name is given twice."""
        rows = sorted(self._visible(None), key=lambda row: row.version)
        return {row.name: row.version for row in rows}

    def last_change(self) -> int:
        """A number that grows whenever, in any process, a skill changes how it stands."""
        return skill_rows.last_change(self.store)

    def shown(self, principal: str, env: str) -> list[Entry]:
        """The skills of an environment that a principal is shown as tools, at most 3, in a lasting order.

        Chosen by rank when a skill is published, promoted, quarantined or retired, and only then; those that
        stay keep their places, those that are new follow.

        Args:
            principal: whose list.
            env: short name of the environment.

        Raises:
            LogUnavailable: the list had to be made anew and could not be written.
        """
        visible = self._visible(principal, env)
        rows = {row.name: row for row in visible if row.status == "published"}
        change = max((row.changed for row in visible), default=0)
        as_of, names = skill_rows.listed(self.store, principal, env) or (0, [])
        if as_of < change:
            names = self._chosen(principal, rows, names)
            with self._log.writing() as connection:
                skill_rows.put_list(connection, principal, env, as_of=change, names=names)
        return self._readable(rows[name] for name in names if name in rows)

    def history(self, name: str) -> list[SkillEvent]:
        """What happened to a skill, oldest first."""
        return skill_rows.events_of(self.store, name)

    def uses(self, skill: Skill, limit: int = 20) -> list[tuple[float, SkillUse]]:
        """The newest uses of a version, newest first, each with its time."""
        return skill_rows.uses_of(self.store, skill.name, skill.version, limit=limit)

    def use_at(self, session: str, turn: int) -> SkillUse | None:
        """The use that began with a turn of a session: what a repeated call is answered with."""
        return skill_rows.use_at(self.store, session, turn)

    def _visible(self, principal: str | None, env: str | None = None) -> list[SkillRow]:
        """How those stand that a principal may know of, forgotten ones included."""
        return [
            row
            for row in skill_rows.read_skills(self.store)
            if (principal is None or row.shared or row.principal == principal)
            and env in (None, row.env, f"{row.env}-v{row.env_version}")
        ]

    def _readable(self, rows: Iterable[SkillRow]) -> list[Entry]:
        found = []
        for row in rows:
            try:
                found.append(self._entry(row))
            except ValueError as error:
                if (row.name, row.version) not in self._unreadable:
                    self._unreadable.add((row.name, row.version))
                    logger.warning("%s version %d is left out: %s", row.name, row.version, error)
        return found

    def _entry(self, row: SkillRow) -> Entry:
        counted = (row.hits, row.misses, row.uses, row.successes, row.stops, row.last_used)
        return Entry(self._skill(row), row.status, row.principal, row.shared, row.number, *counted)

    def _skill(self, row: SkillRow) -> Skill:
        key = (row.name, row.version, row.hash)
        if key not in self._programs:
            self._programs[key] = Skill.from_json(skill_rows.read_program(self.store, row.name, row.version))
        return self._programs[key]

    def _chosen(self, principal: str, rows: Mapping[str, SkillRow], kept: list[str]) -> list[str]:
        best = sorted(rows, key=lambda name: (-self._rank(principal, rows[name]), rows[name].number))
        chosen = best[:MOST_SHOWN]
        stay = [name for name in kept if name in chosen]
        return [*stay, *(name for name in chosen if name not in stay)]

    def _rank(self, principal: str, row: SkillRow) -> float:
        """The mean of its success rate, less with every session that did without it."""
        idle = skill_rows.sessions_since(self.store, principal, row.last_session, most=10 * HALF_LIFE)
        mean = (row.hits + row.successes + 1) / (row.hits + row.misses + row.uses + 2)
        return float(mean * 0.5 ** (idle / HALF_LIFE))

    # Writing ------------------------------------------------------------------------------------------

    def add(
        self,
        skill: Skill,
        principal: str,
        *,
        support: int = 0,
        witnesses: Mapping[str, Collection[str]] | None = None,
    ) -> bool:
        """Write a new version as a candidate; False where a session behind it has been forgotten meanwhile.

        Args:
            skill: under the name and version that it will always have.
            principal: whose sessions it was mined from.
            support: how many.
            witnesses: sessions in which each of its constants was seen, by the constant's place.

        Raises:
            sqlite3.IntegrityError: the name has such a version already.
            LogUnavailable: nothing was written.
        """
        new = NewVersion(
            name=skill.name, version=skill.version, env=skill.env, env_version=skill.env_version,
            principal=principal, hash=skill.hash, support=support, body=skill.as_json(),
            schema=skill.params, evidence=skill.evidence,
        )  # fmt: skip
        seen = witnesses or {}
        with self._log.writing() as connection:
            if not skill_witnesses.are_there(connection, {each for found in seen.values() for each in found}):
                return False
            skill_rows.insert_version(connection, new, self._clock())
            skill_witnesses.insert_witnesses(connection, skill.name, skill.version, seen)
        return True

    def verified(self, skill: Skill, *, hits: int, misses: int, about: Mapping[str, Any]) -> bool:
        """Write that a candidate, or one in quarantine, has passed; its uses are judged anew from here.

        Args:
            skill: which.
            hits: tasks done, of those never seen.
            misses: tasks not done.
            about: what else the event tells: the e-value, the stops.
        """
        return self._change("verified", skill, {"hits": hits, "misses": misses, **about})

    def publish(self, skill: Skill) -> bool:
        """Publish what is verified, and retire the versions before it; False where it is not verified."""
        name, version, now = skill.name, skill.version, self._clock()
        with self._log.writing() as connection:
            if not skill_rows.change(connection, "published", (name, version), {}, now):
                return False
            reason = {"reason": f"version {version} follows it"}
            for earlier in range(1, version):
                skill_rows.change(connection, "retired", (name, earlier), reason, now)
        return True

    def promote(self, skill: Skill, about: Mapping[str, Any] | None = None) -> bool:
        """Let others see what is published, on what evidence; see `practicum.skills.promotion`."""
        return self._change("promoted", skill, about or {})

    def quarantine(self, skill: Skill, reason: str) -> bool:
        """Take a published skill away until it is verified again."""
        return self._change("quarantined", skill, {"reason": reason})

    def retire(self, skill: Skill, reason: str) -> bool:
        """Take a skill away for good; its program stays for the record."""
        return self._change("retired", skill, {"reason": reason})

    def reject(self, skill: Skill, principal: str, *, support: int, about: Mapping[str, Any]) -> None:
        """Write that a candidate did not pass, so that it is not tried again at once; it gets no name.

        Args:
            skill: which; it is known again by its hash.
            principal: whose sessions it was mined from.
            support: how many.
            about: what else the event tells: hits, misses, why.
        """
        known = {"hash": skill.hash, "env": skill.env_id, "principal": principal, "support": support}
        self._log.event("rejected", {**about, **known})

    def rejected(self, principal: str) -> dict[str, int]:
        """The hashes of the candidates that did not pass, each with its support at the last try."""
        return skill_rows.rejected_hashes(self.store, principal)

    def _change(self, kind: str, skill: Skill, body: Mapping[str, Any]) -> bool:
        with self._log.writing() as connection:
            return skill_rows.change(connection, kind, (skill.name, skill.version), body, self._clock())

    # Uses ---------------------------------------------------------------------------------------------

    def used(self, use: SkillUse) -> bool:
        """Write a use; returns whether it was the one too many, so that the skill is in quarantine now.

        Raises:
            LogUnavailable: the use was not written, or the quarantine was not.
        """
        with self._log.writing() as connection:
            skill_rows.insert_use(connection, use, self._clock())
        return self.judged(use.name, use.version)

    def writing(self, use: SkillUse) -> Write:
        """What writes a use, for `Log.append_shared` beside the step that it ended with; then `judged`."""
        now = self._clock()
        return lambda connection: skill_rows.insert_use(connection, use, now)

    async def used_shared(self, use: SkillUse) -> bool:
        """As `used`, written together with what other tasks write now; the event loop goes on meanwhile.

        Nothing is written where the session has been forgotten.

        Raises:
            LogUnavailable: as `used`.
        """
        write = self.writing(use)
        await self._log.write_shared(
            lambda connection: skill_witnesses.are_there(connection, [use.session]) and write(connection)
        )
        return self.judged(use.name, use.version)

    def judged(self, name: str, version: int) -> bool:
        """Put a version into quarantine where its uses show that it fails; returns whether it did.

        `used` does it by itself; for a use that was written with the step that it ended with.

        Raises:
            LogUnavailable: the quarantine was not written.
        """
        rows = [
            row for row in skill_rows.read_skills(self.store) if (row.name, row.version) == (name, version)
        ]
        if not rows or rows[0].status != "published":
            return False
        watch = self._watched(rows[0])
        if not watch.broken:
            return False
        counted = watch.process.hits + watch.process.misses
        reason = f"it succeeded in {watch.process.hits} of {counted} uses since it was verified"
        return self._change("quarantined", self._skill(rows[0]), {"reason": reason, "e_value": watch.value})

    def _watched(self, row: SkillRow) -> Watch:
        """The evidence of a version's uses, the new ones read from the log."""
        key = (row.name, row.version, row.judged_from)
        last, watch = self._watches.get(key, (row.judged_from, Watch()))
        for number, hit in skill_rows.hits_after(self.store, row.name, row.version, last):
            last, watch = number, watch.after(hit)
        self._watches[key] = (last, watch)
        return watch

    def rebuild(self) -> None:
        """Make how every skill stands anew from the events and the uses.

        Raises:
            LogUnavailable: nothing was written.
        """
        with self._log.writing() as connection:
            skill_rows.rebuild_skills(connection)


def use_of(
    skill: Skill,
    finish: Finish,
    *,
    session: str,
    turn: int,
    arguments: Mapping[str, Any],
    success: bool | None,
    told: Mapping[str, Any],
) -> SkillUse:
    """One run of a skill, as the library keeps it.

    Args:
        skill: which.
        finish: how it ended.
        session: where.
        turn: of its first call.
        arguments: what it was given.
        success: how the episode ended with it; None where it goes on.
        told: what the agent was answered; a repeated call is answered the same.
    """
    stop = finish.stop.reason if finish.stop else None
    return SkillUse(
        session=session, turn=turn, name=skill.name, version=skill.version, hash=skill.hash,
        calls=finish.calls, success=success, stop=stop, hit=verdict(stop, success=success),
        arguments=arguments, finish=told,
    )  # fmt: skip


def verdict(stop: str | None, *, success: bool | None) -> bool | None:
    """What a run says about a skill: a hit, a miss, or nothing.

    One that finished while the episode goes on has done its part; a stop is a miss, unless it came from
    outside and the episode did not end with it.
    """
    if success is False:
        return False
    return True if stop is None else None if stop in BLAMELESS else False
