"""Skill runs: a skill played in a session like an agent's calls, at most once, and what is kept of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile
from typing import Any

import anyio

from practicum.envs import ActionError, Step, ToolCall
from practicum.envs.errors import EpisodeOver, UnknownTool
from practicum.mcp_server.calls import Call, Ran, SkillCall
from practicum.mcp_server.live import Live, SessionOver
from practicum.mcp_server.skill_tools import secrets_of
from practicum.mcp_server.turns import Turns
from practicum.memory import LogUnavailable, Session, Sessions, TurnTaken
from practicum.memory.skill_rows import SkillUse
from practicum.skills.interpreter import Finish, Situation, Stop, run
from practicum.skills.language import Skill
from practicum.skills.library import Library, use_of

logger = logging.getLogger(__name__)

CUT_OFF = "the process that played this has ended, or plays it still; a little later you may ask again"
OVERTAKEN = "another process played in this session"

Charge = Callable[[Call], None]
"""Counts an inner call against its principal's limits; raises where it may not be made."""
Program = Generator[ToolCall, Step, Finish]


class SkillRuns:
    """Plays skills in the sessions of one process.

    Args:
        turns: plays the inner calls.
        sessions: where they are read again.
        library: keeps what came of each run.
    """

    def __init__(self, turns: Turns, sessions: Sessions, library: Library) -> None:
        self._turns = turns
        self._sessions = sessions
        self._library = library

    async def play(self, live: Live, call: SkillCall, charge: Charge) -> Ran:
        """Run a skill to its end or its stop, or find what came of it; nobody else plays in between.

        In a world that only computes, a run that has begun comes to its end whatever becomes of its client.

        Raises:
            ActionError: nothing was played and no turn is taken.
        """
        await self._turns.take(live)
        try:
            episode = await self._turns.episode(live, call.turn)
            with anyio.CancelScope(shield=not episode.env.blocking):
                ran = await self._turns.racing(live, lambda: self._played(live, call, charge))
            return ran  # noqa: RET504  # for mypy a scope may swallow what happens in it
        finally:
            live.lock.release()

    async def _played(self, live: Live, call: SkillCall, charge: Charge) -> Ran:
        episode = await self._turns.episode(live, call.turn)
        if call.turn is not None and call.turn != episode.turn + 1:
            return self.told(live.session, call)
        if episode.over:
            raise SessionOver(live.session)
        self._turns.may_go_on(live.session, episode)
        before = [step for step in self._sessions.steps(live.session.id) if not step.noted]
        situation = Situation(episode.task.params, episode.opening.observation, before)
        running = _Run(live, call, self._turns, self._library, charge, episode.turn + 1)
        finish = await running.to_its_end(run(call.skill, call.arguments, situation))
        return Ran(live.session, call.tool, running.steps, replace(finish, result=None))

    # Delivered again --------------------------------------------------------------------------------------

    def is_played(self, session: Session, call: SkillCall) -> bool:
        """Whether the log has the turn of a call, so that `told` knows what came of it."""
        return call.turn is not None and self._sessions.step(session.id, call.turn) is not None

    def told(self, session: Session, call: SkillCall) -> Ran:
        """What came of an equal run that took the turn.

        Raises:
            ActionError: the turn is another call's, or nobody's yet.
        """
        assert call.turn is not None
        use = self._library.use_at(session.id, call.turn)
        if use is not None:
            if not call.equals(use.name, use.arguments):
                is_same = use.name == call.tool
                shown = _shown(use.arguments, call.skill) if is_same else dict.fromkeys(use.arguments, "…")
                raise self._turns.taken_by(session, call.turn, use.name, shown)
            return self._kept(session, use)
        return self._interrupted(session, call, self._sessions.step(session.id, call.turn))

    def ending_at(self, session: Session, turn: int) -> Ran | None:
        """The run whose last turn it is; None where there is none, or it was not kept."""
        step = self._sessions.step(session.id, turn)
        if step is None or step.via_skill is None:
            return None
        use = self._library.use_at(session.id, self._first_turn(session, step))
        return self._kept(session, use) if use is not None and _last_turn(use) == turn else None

    def _first_turn(self, session: Session, step: Step) -> int:
        """The first turn of the run that a step belongs to."""
        for turn in range(step.turn, 0, -1):
            use = self._library.use_at(session.id, turn)
            if use is not None:
                return turn if _last_turn(use) >= step.turn else _last_turn(use) + 1
            before = self._sessions.step(session.id, turn - 1)
            if before is None or before.via_skill != step.via_skill:
                return turn
        return 1

    def _kept(self, session: Session, use: SkillUse) -> Ran:
        steps = list(self._sessions.steps(session.id, use.turn, _last_turn(use)))
        return Ran(session, use.name, steps, _finish(use.finish))

    def _interrupted(self, session: Session, call: SkillCall, stored: Step | None) -> Ran:
        """What is known of a run of which only the steps were kept."""
        assert call.turn is not None
        if stored is None:
            raise self._turns.ahead(session, call.turn)
        if stored.via_skill != call.tool or self._first_turn(session, stored) != call.turn:
            raise self._turns.taken_by(session, call.turn, stored.tool, stored.arguments)
        following = self._sessions.steps(session.id, call.turn)
        steps = list(takewhile(lambda step: self._goes_on(session, step, call), following))
        return Ran(session, call.tool, steps, Finish(Stop("interrupted", "", CUT_OFF), len(steps)))

    def _goes_on(self, session: Session, step: Step, call: SkillCall) -> bool:
        """Whether a step belongs to a run that was not kept, and to none that was begun after it."""
        return step.via_skill == call.tool and self._library.use_at(session.id, step.turn) is None


@dataclass
class _Run:
    """One run of a skill; its last step is written together with what came of the whole."""

    live: Live
    call: SkillCall
    turns: Turns
    library: Library
    charge: Charge
    first: int
    """The turn of its first call."""
    steps: list[Step] = field(default_factory=list)
    """Those that were played and kept."""

    async def to_its_end(self, program: Program) -> Finish:
        """Play the calls of a program; one that makes none takes a turn all the same.

        Raises:
            TurnTaken, ActionError: nothing was played.
        """
        made, finish = _next(partial(next, program))
        while finish is None:
            assert made is not None
            try:
                made, finish = await self._step(made, program)
            except (ActionError, TurnTaken) as error:
                if not self.steps:
                    raise
                finish = self._cut_off(program, error)
                await self._keep_alone(finish)
        if not self.steps:
            await self._note(finish)
        self._judge()
        return finish

    async def _step(self, made: ToolCall, program: Program) -> tuple[ToolCall | None, Finish | None]:
        """Play a call, and hear what the program does next before the step is kept."""
        inner = Call(made.tool, made.arguments, via_skill=self.call.tool)
        if self.steps:
            self.charge(inner)
        try:
            step = await self.turns.step(self.live, inner)
        except UnknownTool as error:
            return _next(partial(program.throw, error))
        following, finish = _next(partial(program.send, step))
        beside = self.library.writing(self._use(finish, step)) if finish else None
        await self.turns.keep(self.live, step, beside)
        self.steps.append(step)
        if self.call.hear is not None:
            self.call.hear(step)
        return following, finish

    async def _note(self, finish: Finish) -> None:
        """Take a turn for a run that made no call."""
        episode = self.live.episode
        assert episode is not None
        shown = _shown(self.call.arguments, self.call.skill)
        step = episode.note(self.call.tool, shown, finish.as_json())
        await self.turns.keep(self.live, step, self.library.writing(self._use(finish, step)))
        self.steps.append(step)

    def _cut_off(self, program: Program, error: Exception) -> Finish:
        """The end of a run that something outside of it has cut off."""
        if isinstance(error, TurnTaken):
            error = self.turns.gone(self.live.session) or error
        reason = "over" if isinstance(error, SessionOver) else "interrupted"
        why = OVERTAKEN if isinstance(error, TurnTaken) else str(error)
        try:
            _, finish = _next(partial(program.throw, EpisodeOver(why)))
        except EpisodeOver:  # it had come to its end when its last step could not be kept
            finish = None
        stop = replace(finish.stop, reason=reason) if finish and finish.stop else Stop(reason, "", why)
        return Finish(stop, len(self.steps), finish.bindings if finish else {})

    async def _keep_alone(self, finish: Finish) -> None:
        try:
            await self.library.used_shared(self._use(finish, self.steps[-1]))
        except LogUnavailable as error:  # its steps are in the log: a repeat hears of them
            logger.warning(
                "session %s: the run of %s was not kept: %s", self.live.session.id, self.call.tool, error
            )

    def _use(self, finish: Finish, last: Step) -> SkillUse:
        return use_of(
            self.call.skill,
            finish,
            session=self.live.session.id,
            turn=self.first,
            arguments=self.call.arguments,
            success=None if last.outcome is None else bool(last.outcome["success"]),
            told=finish.as_json(),
        )

    def _judge(self) -> None:
        skill = self.call.skill
        try:
            if self.library.judged(skill.name, skill.version):
                logger.info("%s is in quarantine: it failed too often", skill.name)
        except LogUnavailable as error:
            logger.warning("%s was not judged by its uses: %s", skill.name, error)


def _shown(arguments: Mapping[str, Any], skill: Skill) -> dict[str, Any]:
    """The arguments of a run without those that are never printed."""
    secret = secrets_of(skill)
    return {name: value for name, value in arguments.items() if name not in secret}


def _last_turn(use: SkillUse) -> int:
    return use.turn + max(use.calls, 1) - 1


def _next(go_on: Callable[[], ToolCall]) -> tuple[ToolCall | None, Finish | None]:
    """The next call of a program, or its end."""
    try:
        return go_on(), None
    except StopIteration as end:
        return None, end.value


def _finish(record: Mapping[str, Any]) -> Finish:
    """What `Finish.as_json` made."""
    stop = record["stop"] and Stop(**{**record["stop"], "remaining": tuple(record["stop"]["remaining"])})
    return Finish(stop, record["calls"], record["bindings"])
