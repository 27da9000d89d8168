"""Interpreter: plays a skill's program in a session, call by call, and stops where it does not know on.

It is total: no program makes it raise or go on for ever. What a program may cost is bounded by its own calls
and by the statements below; a stop is an answer, with which an agent goes on by hand.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from practicum.envs import Episode, Step, ToolCall
from practicum.envs.errors import EpisodeOver, UnknownTool
from practicum.skills.check import DEEPEST
from practicum.skills.expressions import evaluate
from practicum.skills.known import Known, Notice, Seen, TooMuch
from practicum.skills.language import Skill, calls_in
from practicum.skills.predicates import holds
from practicum.skills.rows import candidates, chosen, untold
from practicum.skills.values import MISSING, same

MOST_STATEMENTS = 20_000
"""Statements that one run executes at most."""
MOST_LOOKS = 1_000_000
"""Expressions that one run evaluates, and rows and calls that it goes through for them."""
MOST_ALIKE = 4
"""Equal calls with equal results, one after the other, at which a program is stopped."""
MOST_ROUNDS = 1_000
"""Rounds of one loop at most, whatever it says of itself."""

Reason = Literal[
    "precondition",  # what must hold before the first call does not
    "guard",  # a guard has a value that the program knows nothing of
    "expectation",  # what must hold after a call, or at the end, does not
    "missing",  # a value that a call needs is not there
    "refused",  # the world, or the door, refused a call
    "budget",  # the calls, rounds or statements are used up
    "over",  # the session had ended, or was cut off
    "malformed",  # the program is none
    "interrupted",  # the run was cut off from outside
]
REASONS: tuple[str, ...] = get_args(Reason)
_FLAWS = (TypeError, ValueError, KeyError, AttributeError, IndexError, RecursionError, OverflowError)
"""What a malformed program runs into."""


@dataclass(frozen=True)
class Situation:
    """The session as a skill finds it."""

    params: Mapping[str, Any]
    """The task's parameters, as the agent sees them."""
    opening: Any = None
    """The first observation."""
    steps: Sequence[Step] = ()
    """What was played so far."""


@dataclass(frozen=True)
class Stop:
    """Why a skill did not finish."""

    reason: str
    """One of `REASONS`."""
    where: str
    """The statement, by its id."""
    detail: str
    remaining: tuple[str, ...] = ()
    """Tools that were still to be called, in the program's order."""


@dataclass(frozen=True)
class Finish:
    """What came of running a skill."""

    stop: Stop | None
    """None where it ran to its end."""
    calls: int
    """Inner calls that were made."""
    bindings: Mapping[str, Any] = field(default_factory=dict)
    """The rows that were selected, by statement."""
    result: Any = None
    """The last result."""

    @property
    def finished(self) -> bool:
        """Whether it ran to its end."""
        return self.stop is None

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object."""
        stop = self.stop and {name: getattr(self.stop, name) for name in Stop.__dataclass_fields__}
        return {"finished": self.finished, "calls": self.calls, "stop": stop, "bindings": dict(self.bindings)}


Run = Generator[ToolCall, Step, Finish]
_Body = Generator[ToolCall, Step, None]


class _Stopped(Exception):  # noqa: N818  # carries a stop to the end of the run
    def __init__(self, reason: Reason, where: Any, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.where = reason, where


class _Done(Exception):  # noqa: N818  # the program says that it is done, or the episode is over
    pass


def known_in(skill: Skill, arguments: Mapping[str, Any] | None, situation: Situation) -> Known:
    """What a skill knows when it begins: its arguments over the task's parameters, and the session so far."""
    given = {name: value for name, value in (arguments or {}).items() if value is not None}
    known = Known({**situation.params, **given}, situation.opening)
    for step in situation.steps:
        known.learn(Seen("", step.tool, step.arguments, step.result, step.error))
    return known


def applies(skill: Skill, params: Mapping[str, Any], opening: Any = None) -> bool:
    """Whether a skill's preconditions hold for a task."""
    known = Known(params, opening)
    known.left = MOST_LOOKS
    try:
        return all(holds(pred, known) is True for pred in skill.pre)
    except (TooMuch, *_FLAWS):
        return False


def run(
    skill: Skill,
    arguments: Mapping[str, Any] | None,
    situation: Situation,
    *,
    notice: Notice | None = None,
) -> Run:
    """Run a skill: yields each inner call, and is sent the step that came of it.

    Args:
        skill: the program.
        arguments: of the skill; those left out are the task's.
        situation: the session as it stands.
        notice: told of every predicate, guard and case that is met.

    Returns:
        What came of it, also where the program is malformed.
    """
    known = known_in(skill, arguments, situation)
    known.notice, known.left = notice, MOST_LOOKS
    return (yield from _Running(skill, known).run())


def play(
    skill: Skill,
    episode: Episode,
    arguments: Mapping[str, Any] | None = None,
    *,
    steps: Sequence[Step] = (),
    notice: Notice | None = None,
) -> Finish:
    """Run a skill in an episode, its calls marked as the skill's.

    Args:
        skill: the program.
        episode: where its calls are played.
        arguments: of the skill; those left out are the task's.
        steps: what was played in the episode so far.
        notice: told of every predicate, guard and case that is met.
    """
    situation = Situation(episode.task.params, episode.opening.observation, steps)
    running = run(skill, arguments, situation, notice=notice)
    try:
        call = next(running)
        while True:
            try:
                step = episode.act(call.tool, call.arguments, via_skill=skill.name)
            except (UnknownTool, EpisodeOver) as error:
                call = running.throw(error)
            else:
                call = running.send(step)
    except StopIteration as end:
        finish: Finish = end.value
        return finish


class _Running:
    """One run of a program."""

    def __init__(self, skill: Skill, known: Known) -> None:
        self.skill = skill
        self.known = known
        self.calls = 0
        self._made: set[str] = set()
        self._pending: list[Sequence[Any]] = []
        self._statements = 0

    def run(self) -> Run:
        stop: Stop | None = None
        try:
            yield from self._program()
        except _Stopped as stopped:
            stop = self._stop(stopped.reason, stopped.where, str(stopped))
        except TooMuch:
            stop = self._stop("budget", "", f"{MOST_LOOKS} expressions and rows were looked at")
        except _FLAWS as flaw:
            stop = self._stop("malformed", "", f"{type(flaw).__name__}: {flaw}"[:200])
        bindings = {name: row for name, row in self.known.rows.items() if row is not None}
        return Finish(stop, self.calls, bindings, self.known.last)

    def _program(self) -> _Body:
        self._require(self.skill.pre, "precondition", "pre")
        with suppress(_Done):
            yield from self._body(self.skill.body, 0)
        self._require(self.skill.post, "expectation", "post")

    def _stop(self, reason: Reason, where: Any, detail: str) -> Stop:
        return Stop(reason, str(where)[:200], detail, self._remaining())

    def _remaining(self) -> tuple[str, ...]:
        """Tools of the statements that were still to come, and of those in open loops that never ran."""
        pending = self._pending or [self.skill.body]
        try:
            calls = [call for body in reversed(pending) for call in calls_in(body)]
            return tuple(dict.fromkeys(call["tool"] for call in calls if call["id"] not in self._made))
        except _FLAWS:
            return ()

    def _require(self, preds: Sequence[Any], reason: Reason, where: str) -> None:
        for pred in preds:
            if holds(pred, self.known) is not True:
                raise _Stopped(reason, where, f"{_shown(pred)} does not hold")

    # Statements ---------------------------------------------------------------------------------------

    def _body(self, body: Any, depth: int) -> _Body:
        if depth > DEEPEST:
            raise _Stopped("budget", "", f"more than {DEEPEST} statements in each other")
        for place, stmt in enumerate(body):
            self._statements += 1
            if self._statements > MOST_STATEMENTS:
                raise _Stopped("budget", "", f"{MOST_STATEMENTS} statements were executed")
            self._pending.append(body[place:])
            yield from self._statement(stmt, depth + 1)
            self._pending.pop()

    def _statement(self, stmt: Any, depth: int) -> _Body:
        what = stmt["do"]
        if what == "call":
            yield from self._call(stmt)
        elif what == "select":
            self._select(stmt)
        elif what == "if":
            yield from self._body(self._branch(stmt), depth)
        elif what == "switch":
            yield from self._switch(stmt, depth)
        elif what == "foreach":
            yield from self._foreach(stmt, depth)
        elif what == "retry":
            yield from self._retry(stmt, depth)
        elif what == "done":
            raise _Done
        else:
            raise _Stopped("malformed", "", f"there is no statement {what!r}"[:200])

    def _select(self, stmt: Any) -> None:
        """Bind a row; none is bound where none fits, but what cannot be told of any row stops the program."""
        rows = candidates(stmt, self.known)
        unknown = None if rows else untold(stmt, self.known)
        row = chosen(stmt, self.known, rows)
        if unknown is None and rows and row is None:
            unknown = stmt.get("by", stmt["from"])
        if unknown is not None:
            raise _Stopped("missing", stmt["id"], f"{_shown(unknown)} cannot be told of any row")
        self.known.rows[stmt["id"]] = row

    def _branch(self, stmt: Any) -> Any:
        return stmt["then"] if self._guard(stmt["cond"], "if") else stmt.get("else", ())

    def _guard(self, guard: Any, where: str) -> bool:
        """The side that a guard takes; any value that it does not know stops the program."""
        value = _meaning(guard["on"], self.known)
        for side, answer in (("yes", True), ("no", False)):
            if any(same(value, each) for each in guard[side]):
                if self.known.notice is not None:
                    self.known.notice(guard, answer)
                return answer
        found = "nothing" if value is MISSING else _shown(value)
        raise _Stopped("guard", where, f"{_shown(guard['on'])} is {found}, which was never seen here")

    def _switch(self, stmt: Any, depth: int) -> _Body:
        value = _meaning(stmt["on"], self.known)
        for case in stmt["cases"]:
            if any(same(value, each) for each in case["is"]):
                if self.known.notice is not None:
                    self.known.notice(case, True)
                yield from self._body(case["body"], depth)
                return
        found = "nothing" if value is MISSING else _shown(value)
        raise _Stopped("guard", "switch", f"{_shown(stmt['on'])} is {found}, which was never seen here")

    def _foreach(self, stmt: Any, depth: int) -> _Body:
        rows = evaluate(stmt["over"], self.known)
        if not isinstance(rows, list | tuple):
            raise _Stopped("missing", stmt["id"], f"there is no list {_shown(stmt['over'])}")
        most = min(stmt.get("max", MOST_ROUNDS), MOST_ROUNDS)
        for row in rows[:most]:
            self.known.rows[stmt["id"]] = row
            yield from self._body(stmt["body"], depth)
        if len(rows) > most:
            raise _Stopped("budget", stmt["id"], f"there are {len(rows)} rounds to make, {most} is the most")

    def _retry(self, stmt: Any, depth: int) -> _Body:
        most = min(stmt.get("max", MOST_ROUNDS), MOST_ROUNDS)
        for _ in range(most):
            yield from self._body(stmt["body"], depth)
            if not self._guard(stmt["again"], stmt["id"]):
                return
        raise _Stopped("budget", stmt["id"], f"{most} rounds were made")

    def _call(self, stmt: Any) -> _Body:
        name, tool, arguments = stmt["id"], stmt["tool"], self._arguments(stmt)
        if not all(isinstance(each, str) for each in (name, tool, *arguments)):
            raise _Stopped("malformed", name, "a call, its tool and its arguments have names")
        if self.calls >= self.skill.max_calls:
            raise _Stopped("budget", name, f"{self.skill.max_calls} calls were made")
        self.calls += 1
        try:
            step = yield ToolCall(tool, arguments)
        except UnknownTool as error:
            self.calls -= 1
            raise _Stopped("refused", name, str(error)) from None
        except EpisodeOver as error:
            self.calls -= 1
            raise _Stopped("over", name, str(error)) from None
        self._made.add(name)
        self._see_progress(Seen(name, tool, arguments, step.result, step.error))
        self._check(stmt, step)

    def _see_progress(self, seen: Seen) -> None:
        """Take in a call; one that was made over and over, and always came to the same, leads nowhere."""
        self.known.learn(seen)
        last = self.known.seen[-MOST_ALIKE:]
        if self.calls >= MOST_ALIKE and all(each == seen for each in last):
            raise _Stopped("budget", seen.made_by, f"{seen.tool} came to the same {MOST_ALIKE} times")

    def _arguments(self, stmt: Any) -> dict[str, Any]:
        """The arguments of a call; one that is null is left out, for null and absent mean the same."""
        given: dict[str, Any] = {}
        for name, expr in stmt["args"].items():
            value = evaluate(expr, self.known)
            if value is MISSING:
                raise _Stopped(
                    "missing", stmt["id"], f"{stmt['tool']} needs {name}: {_shown(expr)} has no value"
                )
            if value is not None:
                given[name] = value
        return given

    def _check(self, stmt: Any, step: Step) -> None:
        if step.truncated:
            raise _Stopped("over", stmt["id"], "the session was cut off at its limit")
        if step.error is not None and not stmt.get("may_refuse"):
            raise _Stopped("refused", stmt["id"], f"{stmt['tool']} was refused: {step.error}")
        self._require(stmt.get("expect", ()), "expectation", stmt["id"])
        if step.terminated:
            raise _Done


def _meaning(on: Any, known: Known) -> Any:
    """The value of what a guard looks at, be it an expression or a predicate."""
    value = evaluate(on, known)
    if value is not MISSING:
        return value
    held = holds(on, known)
    return MISSING if held is None else held


def _shown(value: Any) -> str:
    """A part of a program, or a value, for a person; short."""
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:197]}..."
