"""Ended: sessions that may be learned from, with all their calls, many at a time, in one order for ever.

Left out are sessions of evaluation and of verification, and what was forked from one, however far back.
Everything is in the order in which sessions ended, so that those up to a number stay the same while others
are played; only `forget` takes some away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from practicum.memory.rows import dump_text, load
from practicum.memory.skill_rows import SkillUse
from practicum.memory.store import Store

PAGE = 64
"""Sessions whose calls are read at a time."""
MANY = 4096
"""Lines that are read at a time where a line is short."""
Purposes = tuple[str, ...]
BY_SKILL = "@"
LEARNABLE: Purposes = ("practice", "import")
"""The purposes of sessions that may be learned from."""


@dataclass(frozen=True, kw_only=True)
class Which:
    """Which of the sessions are meant; whatever is None or empty leaves out none."""

    env: str | None = None
    """Short name of the environment, or with its version."""
    purposes: Purposes = LEARNABLE
    principal: str | None = None
    client: str | None = None
    """What the name of who played it holds, in any case."""
    splits: tuple[str, ...] = ()
    """Of the task, by its content hash."""
    success: bool | None = None
    min_return: float | None = None
    since: float | None = None
    """Begun at that time or later, in seconds since 1970."""
    sessions: tuple[str, ...] = ()
    """Only these, by their ids."""
    up_to: int | None = None
    """Only what had ended by that number, see `played.last_end`."""


class Called(NamedTuple):
    """A call as it stands in the log."""

    turn: int
    tool: str
    arguments: str
    """JSON."""
    result: str | None
    """JSON."""
    error: str | None
    reward: float
    terms: str
    """JSON."""
    via_skill: str | None
    read_only: int
    thought: str | None


class EndedSession(NamedTuple):
    """A session as it stands in the log, without its calls."""

    number: int
    """Of its end."""
    id: str
    found_by: str
    """The name to `find()` its environment by."""
    env: str
    env_version: int
    task: str
    """Content hash."""
    split: str
    task_body: str
    """JSON."""
    outside: str | None
    marks: str | None
    principal: str
    tools_fingerprint: str | None
    min_try: int
    started_at: float
    success: int | None
    total_reward: float
    opening: str | None
    """What the agent was shown first; None where that is not known."""
    start: int
    """Its place in the log."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A session that has ended, with its calls and the runs of skills among them."""

    session: EndedSession
    calls: tuple[Called, ...]
    uses: Mapping[int, SkillUse]
    """By their first turns."""


class Path(NamedTuple):
    """What a session was worth, and the way that it took."""

    number: int
    """Of its end."""
    id: str
    found_by: str
    """The name to `find()` its environment by."""
    env: str
    task: str
    success: int | None
    total_reward: float
    tools: str
    """The tools of its calls in their order, parted by spaces: a refused one with a `!` behind it, for a
    skill's own calls each time `BY_SKILL` and the skill's name."""


class EndedSessions:
    """Reads the sessions that are meant.

    Args:
        store: the file.
        which: those that are meant.
    """

    def __init__(self, store: Store, which: Which) -> None:
        self._store = store
        self._values = _values(which)
        self._condition = _condition(which)

    def count(self) -> dict[str, int]:
        """How many there are, by split."""
        sql = f"SELECT tasks.split, count(*) AS n {_FROM} WHERE {self._condition} GROUP BY tasks.split"
        return {row["split"]: int(row["n"]) for row in self._store.read(sql, self._values)}

    def read(self) -> Iterator[Ended]:
        """All of them, in the order in which they ended."""
        after = 0
        while found := self._page("ends.number > :after", "ends.number", after=after):
            after = found[-1].number
            yield from self._with_calls(found)

    def at(self, numbers: Sequence[int]) -> Iterator[Ended]:
        """Those with some numbers, in the order given."""
        for first in range(0, len(numbers), PAGE):
            wanted = [int(number) for number in numbers[first : first + PAGE]]
            found = {each.number: each for each in self._page(f"ends.number IN ({_listed(wanted)})", "1")}
            yield from self._with_calls([found[number] for number in wanted if number in found])

    def by_task(self, *, at_least: int = 2, at_most: int = 64) -> Iterator[list[Ended]]:
        """The sessions of each task that has several, task by task.

        Args:
            at_least: sessions that a task must have.
            at_most: sessions that are read of one, the first to end.
        """
        after = ""
        while tasks := self._tasks(after, at_least):
            after = tasks[-1]
            for task in tasks:
                found = self._page("starts.task = :task", "ends.number", task=task, page=at_most)
                yield list(self._with_calls(found))

    def paths(self) -> Iterator[Path]:
        """What each was worth and the way that it took, in the order in which they ended."""
        after = 0
        sql = _PATHS.format(condition=self._condition)
        while rows := self._rows(sql, after=after, page=MANY):
            after = rows[-1][0]
            yield from map(Path._make, rows)

    def _tasks(self, after: str, at_least: int) -> list[str]:
        sql = _TASKS.format(condition=self._condition)
        return [task for (task,) in self._rows(sql, after=after, at_least=at_least, page=MANY)]

    def _page(self, where: str, order: str, *, page: int = PAGE, **values: Any) -> list[EndedSession]:
        sql = _SESSIONS.format(where=where, condition=self._condition, order=order)
        return [EndedSession._make(row) for row in self._rows(sql, page=page, **values)]

    def _rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        return self._store.reader().execute(sql, {**self._values, **values}).fetchall()

    def _with_calls(self, found: Sequence[EndedSession]) -> Iterator[Ended]:
        calls: dict[int, list[Called]] = {}
        numbers = _listed(session.start for session in found)
        for number, *parts in self._store.reader().execute(_CALLS.format(numbers=numbers)):
            calls.setdefault(number, []).append(Called._make(parts))
        uses = self._uses(numbers)
        for session in found:
            yield Ended(session, tuple(calls.get(session.start, ())), uses.get(session.id, {}))

    def _uses(self, numbers: str) -> dict[str, dict[int, SkillUse]]:
        uses: dict[str, dict[int, SkillUse]] = {}
        for row in self._store.read(_USES.format(numbers=numbers)):
            uses.setdefault(row["session"], {})[row["turn"]] = _use(row)
        return uses


def _use(row: Mapping[str, Any]) -> SkillUse:
    read = {"arguments": load(row["arguments"]), "finish": load(row["finish"])}
    return SkillUse(**{name: row[name] for name in SkillUse.__dataclass_fields__} | read)


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))


def _values(which: Which) -> dict[str, Any]:
    values = {name: _as_parameter(value) for name, value in asdict(which).items()}
    purposes = [purpose for purpose in which.purposes if purpose in LEARNABLE]
    return {**values, "purposes": dump_text(purposes)}


def _as_parameter(value: Any) -> Any:
    return dump_text(value) if isinstance(value, tuple) else value


def _condition(which: Which) -> str:
    """The condition in SQL, in which whatever was given stands by its name."""
    given = [text for name, text in _CONDITIONS.items() if getattr(which, name) not in (None, ())]
    return " AND ".join([_PURPOSE, _NOT_FORKED, *given])


_CONDITIONS = {
    "env": ":env IN (tasks.env, tasks.env || '-v' || tasks.version, starts.env)",
    "principal": "starts.principal = :principal",
    "client": "instr(lower(starts.client_name), lower(:client)) > 0",
    "splits": "tasks.split IN (SELECT value FROM json_each(:splits))",
    "success": "ends.success IS :success",
    "min_return": "ends.return >= :min_return",
    "since": "starts.started_at >= :since",
    "sessions": "starts.id IN (SELECT value FROM json_each(:sessions))",
    "up_to": "ends.number <= :up_to",
}
_PURPOSE = "starts.purpose IN (SELECT value FROM json_each(:purposes))"
_NOT_FORKED = """(starts.parent IS NULL OR NOT EXISTS (
    WITH RECURSIVE above (id, parent, purpose) AS (
        SELECT id, parent, purpose FROM session_starts WHERE id = starts.parent
        UNION
        SELECT higher.id, higher.parent, higher.purpose
        FROM session_starts AS higher JOIN above ON higher.id = above.parent
    ) SELECT 1 FROM above WHERE purpose IN ('evaluation', 'verification')
))"""
_FROM = """
FROM session_ends AS ends CROSS JOIN session_starts AS starts ON starts.id = ends.session
CROSS JOIN tasks ON tasks.hash = starts.task
"""
_SESSIONS = f"""
SELECT ends.number, starts.id, starts.env, tasks.env, tasks.version, starts.task, tasks.split, tasks.body,
    starts.outside, starts.marks, starts.principal, starts.tools_fingerprint, starts.min_try,
    starts.started_at, ends.success, ends.return, starts.opening, starts.number
{_FROM} WHERE {{where}} AND {{condition}} ORDER BY {{order}} LIMIT :page
"""
_CALLS = """
SELECT starts.number, turn, tool, arguments, coalesce(result, blobs.body), error, reward, terms, via_skill,
    read_only, thought
FROM session_starts AS starts CROSS JOIN steps ON steps.session = starts.id
LEFT JOIN blobs ON blobs.hash = steps.blob
WHERE starts.number IN ({numbers}) ORDER BY starts.number, turn
"""
_USES = """
SELECT uses.* FROM session_starts AS starts CROSS JOIN skill_uses AS uses ON uses.session = starts.id
WHERE starts.number IN ({numbers})
"""
_TASKS = """
SELECT starts.task
FROM session_starts AS starts CROSS JOIN session_ends AS ends ON ends.session = starts.id
CROSS JOIN tasks ON tasks.hash = starts.task
WHERE starts.task > :after AND {condition}
GROUP BY starts.task HAVING count(*) >= :at_least ORDER BY starts.task LIMIT :page
"""
_PATHS = f"""
SELECT ends.number, starts.id, starts.env, tasks.env, starts.task, ends.success, ends.return, coalesce((
    SELECT group_concat(name, ' ') FROM (
        SELECT coalesce(
            '{BY_SKILL}' || via_skill, tool || CASE WHEN error IS NULL THEN '' ELSE '!' END
        ) AS name FROM steps WHERE session = starts.id ORDER BY turn
    )), '')
{_FROM} WHERE ends.number > :after AND {{condition}} ORDER BY ends.number LIMIT :page
"""  # noqa: S608  # text of ours
