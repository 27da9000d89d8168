"""Reading: rows from the log, one session after the other, as the agent saw it and without its secrets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

from practicum.envs import ToolEnv
from practicum.envs.episodes import Step
from practicum.envs.tasks import Task
from practicum.memory.ended import Called, Ended, EndedSession
from practicum.memory.redact import values_under
from practicum.memory.rows import load
from practicum.memory.skill_rows import SkillUse
from practicum.memory.stand_ins import StandIns, kept_in
from practicum.memory.starts import marked_arguments
from practicum.memory.store import Store
from practicum.skills.roles import environment
from practicum.training.datasets.openings import Openings
from practicum.training.datasets.row import Row
from practicum.training.datasets.shelf import ToolShelf
from practicum.training.transcripts import (
    INSTRUCTION,
    Message,
    answer_message,
    call_message,
    opening_messages,
    run_text,
)


class Logged(Protocol):
    """A session in the log, by whatever is known of it."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def found_by(self) -> str:
        """The name to `find()` its environment by."""


FindScores = Callable[[Logged], Mapping[int, float]]
"""Gives the process rewards of a session's steps, from 0 to 1, by turn; steps without one are left out."""
Render = Callable[[Any], str]
INTERRUPTED = {"stop": {"reason": "interrupted", "detail": "the run was cut off", "remaining": ()}}
"""How a run of a skill ended of which nothing but the steps is known."""


@dataclass(frozen=True, slots=True)
class _Decision:
    """A call that the agent chose: one of the world's, or a run of a skill with the calls in it."""

    tool: str
    arguments: Mapping[str, Any]
    calls: Sequence[Called]
    run: Mapping[str, Any] | None = None
    """How the run of a skill ended."""

    def text(self, render: Render) -> str:
        """What the agent was answered."""
        if self.run is None:
            return _text(self.calls[0], render)
        return run_text(self.tool, self.run, [_step(call, render) for call in self.calls])


class RowReader:
    """Makes rows of sessions.

    Args:
        store: the file.
        system: system message, as in `opening_messages`.
        scores: gives the process rewards; None for rows without.
    """

    def __init__(self, store: Store, *, system: str = INSTRUCTION, scores: FindScores | None = None) -> None:
        self.shelf = ToolShelf(store)
        self.openings = Openings()
        self._system = system
        self._scores = scores
        self._renders: dict[str, Render] = {}

    def row(self, ended: Ended) -> Row:
        """The row of a session."""
        session = ended.session
        task = _task(session)
        decisions = list(_decisions(ended))
        hidden = _stand_ins(ended, task, decisions)
        opening = self._opening(session, task, hidden)
        scores = self._scored(session, decisions)
        return Row(
            messages=tuple(chain(opening, _messages(decisions, hidden, self._render(session.found_by)))),
            toolset=self.shelf.of(ended),
            weights=tuple(1.0 if score is None else score for score in scores) or (1.0,) * len(decisions),
            session=session.id,
            env=task.env_id,
            turns=tuple(decision.calls[0].turn for decision in decisions),
            task_hash=session.task,
            split=session.split,
            success=None if session.success is None else bool(session.success),
            total_reward=session.total_reward,
            terms=tuple(_terms(decision.calls) for decision in decisions),
            scores=scores,
            opening=len(opening),
        )

    def _render(self, found_by: str) -> Render:
        if found_by not in self._renders:
            self._renders[found_by] = (environment(found_by) or ToolEnv).render_text
        return self._renders[found_by]

    def _opening(self, session: EndedSession, task: Task, hidden: StandIns) -> list[Message]:
        text = hidden.text(self.openings.of(session, task))
        return opening_messages(hidden.text(task.instruction), text, system=self._system)

    def _scored(self, session: EndedSession, decisions: Sequence[_Decision]) -> tuple[float | None, ...]:
        """The mean of what is known of the steps of each decision."""
        if self._scores is None:
            return ()
        by_turn = self._scores(session)
        known = [[by_turn[c.turn] for c in decision.calls if c.turn in by_turn] for decision in decisions]
        return tuple(sum(scores) / len(scores) if scores else None for scores in known)


def _messages(decisions: Sequence[_Decision], hidden: StandIns, render: Render) -> Iterator[Message]:
    for number, decision in enumerate(decisions, 1):
        thought = hidden.text(decision.calls[0].thought or "")
        yield call_message(number, decision.tool, hidden.value(decision.arguments), thought)
        yield answer_message(number, decision.tool, hidden.text(decision.text(render)))


def _decisions(ended: Ended) -> Iterator[_Decision]:
    calls, place = ended.calls, 0
    while place < len(calls):
        use = ended.uses.get(calls[place].turn)
        size = 1 if use is None else max(use.calls, 1)
        if use is None and calls[place].via_skill is not None:
            size = _unkept(ended, place)
        yield _decision(calls[place : place + size], use)
        place += size


def _unkept(ended: Ended, place: int) -> int:
    """How many calls belong to a run of a skill that was cut off before it was kept."""
    skill = ended.calls[place].via_skill
    size = 1
    for call in ended.calls[place + 1 :]:
        if call.via_skill != skill or call.turn in ended.uses:
            break
        size += 1
    return size


def _decision(calls: Sequence[Called], use: SkillUse | None) -> _Decision:
    first = calls[0]
    if use is not None:
        return _Decision(use.name, use.arguments, calls, use.finish)
    if first.via_skill is not None:
        return _Decision(first.via_skill, {}, calls, INTERRUPTED)
    return _Decision(first.tool, load(first.arguments), calls)


def _text(call: Called, render: Render) -> str:
    return f"Error: {call.error}" if call.error is not None else render(load(call.result))


def _step(call: Called, render: Render) -> Step:
    return Step(
        turn=call.turn,
        tool=call.tool,
        arguments=load(call.arguments),
        result=load(call.result),
        error=call.error,
        reward=call.reward,
        terms=load(call.terms),
        terminated=False,
        truncated=False,
        read_only=bool(call.read_only),
        via_skill=call.via_skill,
        render=render,
    )


def _terms(calls: Sequence[Called]) -> Mapping[str, float]:
    if len(calls) == 1:
        terms: Mapping[str, float] = load(calls[0].terms)
        return terms
    summed: Counter[str] = Counter()
    for call in calls:
        summed.update(load(call.terms))
    return dict(summed)


def _task(session: EndedSession) -> Task:
    """The task, as the log has it: it was checked when it was written."""
    known = Task.__dataclass_fields__
    return Task(**{name: value for name, value in load(session.task_body).items() if name in known})


def _stand_ins(ended: Ended, task: Task, decisions: Sequence[_Decision]) -> StandIns:
    """What hides the secrets of a session: those of its parameters and of its calls, and credentials.

    The task is the seed, so that sessions of one task that went alike are alike.
    """
    session = ended.session
    marks = load(session.marks) if session.marks else marked_arguments(session.found_by) or {}
    names = {name for marked in marks.values() for name in marked}
    texts = chain.from_iterable((call.arguments, call.result or "") for call in ended.calls)
    given = [
        *values_under(names, task.params),
        *chain.from_iterable(values_under(names, load(c.arguments)) for c in ended.calls if c.tool in marks),
        *chain.from_iterable(values_under(names, d.arguments) for d in decisions if d.run is not None),
        *kept_in("\n".join(texts)),
    ]
    return StandIns(names, given, seed=session.task)
