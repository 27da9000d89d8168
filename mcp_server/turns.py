"""Turns: the calls of a session are played one after the other, each turn at most once."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from traceback import format_exception
from typing import Any, TypeVar

import anyio

from practicum.envs import ActionError, Episode, Step, UsageError
from practicum.envs.errors import EpisodeOver, UnknownTool
from practicum.envs.outside import OutsideFailed
from practicum.mcp_server.calls import Call
from practicum.mcp_server.limits import Limits, Usage
from practicum.mcp_server.live import Live, LiveSessions, SessionOver, WorldFailed, off_loop
from practicum.mcp_server.opening import NO_ANSWER, told
from practicum.memory import EPISODE_OVER, Log, LogUnavailable, Session, Sessions, TurnTaken, redactor_of
from practicum.memory.batches import Write

logger = logging.getLogger(__name__)

T = TypeVar("T")

LOCK_WAIT_S = 60.0
"""How long a call waits for its turn in a session that is busy."""
RACES = 8
"""How often a call is played again when another process took its turn."""


class Turns:
    """Plays the calls of one process's sessions, and writes each down before anybody sees what came of it.

    Args:
        log: where they are written.
        sessions: where they are read.
        live: the sessions in memory.
        usage: what principals and sessions have used.
        limits: how far a session may go.
    """

    def __init__(
        self, log: Log, sessions: Sessions, live: LiveSessions, *, usage: Usage, limits: Limits
    ) -> None:
        self.ended: Counter[str] = Counter()
        """Sessions ended by this process, by reason."""
        self.on_end: Callable[[], None] = lambda: None
        """Called when a session has ended."""
        self._log = log
        self._sessions = sessions
        self._live = live
        self._usage = usage
        self._limits = limits

    async def take(self, live: Live) -> None:
        """Hold a session, so that nobody else plays in it, until its lock is released.

        Raises:
            ActionError: somebody else has held it for too long.
        """
        try:
            live.lock.acquire_nowait()  # the usual case: free, and a third of the price
        except anyio.WouldBlock:
            with anyio.move_on_after(LOCK_WAIT_S) as waiting:
                await live.lock.acquire()
            if waiting.cancelled_caught:
                raise ActionError(
                    f"session {live.session.id} is busy with another call; try again when that has ended"
                ) from None

    async def racing(self, live: Live, work: Callable[[], Awaitable[T]]) -> T:
        """Do what takes a turn of a held session, again from the log where another process was faster.

        Raises:
            ActionError: others always were.
        """
        for _ in range(RACES):
            try:
                return await work()
            except TurnTaken:
                logger.info(
                    "session %s: another process took the turn; going on from the log", live.session.id
                )
                live.let_go()
        raise ActionError(
            f"session {live.session.id} is being played by several processes at once; try again"
        )

    async def episode(self, live: Live, turn: int | None) -> Episode:
        """The live episode of a held session, as far as the call that will have number `turn` can tell."""
        episode = await self._live.episode(live)
        if turn is not None and turn > episode.turn + 1:
            live.let_go()
            episode = await self._live.episode(live)
        return episode

    async def play(self, live: Live, call: Call) -> Step:
        """Play a call in a held session, or find what came of it.

        Raises:
            TurnTaken: another process took the turn.
            UnknownTool: the session's environment has no such action.
            ActionError: it was not played and takes no turn.
        """
        episode = await self.episode(live, call.turn)
        if call.turn is not None and call.turn != episode.turn + 1:
            return self.redelivered(live.session, call, self._sessions.step(live.session.id, call.turn))
        step = await self.step(live, call)
        await self.keep(live, step)
        return step

    async def step(self, live: Live, call: Call) -> Step:
        """Play the next call of a held session; whoever does that keeps the step before anybody sees it.

        Raises:
            UnknownTool, ActionError: as `play`.
        """
        episode = await self._live.episode(live)
        self.may_go_on(live.session, episode)
        try:
            return await off_loop(
                episode.env,
                lambda: episode.play(
                    call.tool, call.arguments, thought=call.thought, via_skill=call.via_skill
                ),
                waits=episode.env.blocking,
            )
        except EpisodeOver:
            raise SessionOver(live.session) from None
        except (ActionError, UnknownTool):
            raise
        except (OutsideFailed, UsageError) as error:  # nobody's bug, and the log knows nothing of it
            live.let_go()
            logger.warning("session %s waits for what its world asks outside: %s", live.session.id, error)
            raise ActionError(f"nothing was played: {NO_ANSWER}") from None
        except Exception as error:  # a bug of the world closes its session, the log stays whole
            try:
                await self._crashed(live)
            finally:
                self._report_crash(live.session, call, error)
            what = str(error) if isinstance(error, WorldFailed) else type(error).__name__
            why = f"is closed, for its environment failed ({what}); its log is kept"
            raise SessionOver(live.session, why) from error

    def may_go_on(self, session: Session, episode: Episode) -> None:
        """See that a session may take one more turn.

        Raises:
            LimitReached: it may not.
        """
        self._usage.stepping(self._limits, session.id, episode.turn)

    async def keep(self, live: Live, step: Step, beside: Write | None = None) -> None:
        """Commit a step; where that fails, the live episode goes, for the log is what the session is.

        Args:
            live: the session.
            step: what came of its last call.
            beside: what else is written with it.

        Raises:
            TurnTaken: another process took the turn.
            ActionError: it could not be written.
        """
        try:
            await self._log.append_shared(live.session.id, step, beside=beside)
        except LogUnavailable as error:
            live.let_go()
            raise ActionError(str(error)) from None
        except BaseException:
            live.let_go()
            raise
        if step.refused:
            logger.debug("session %s turn %d: %s was refused", live.session.id, step.turn, step.tool)
        if step.done:
            logger.info("session %s ended at turn %d", live.session.id, step.turn)
            live.session = replace(live.session, ended_at=time.time(), reason=EPISODE_OVER)
            self._note_end(EPISODE_OVER)

    def redelivered(self, session: Session, call: Call, stored: Step | None) -> Step:
        """The stored step of an equal call.

        Raises:
            ActionError: the turn is another call's, or nobody's yet.
        """
        if stored is None:
            raise self.ahead(session, call.turn)
        if not call.equals(stored.tool, stored.arguments):
            raise self.taken_by(session, stored.turn, stored.tool, stored.arguments)
        return replace(stored, render=self._live.env_class(session).render_text)

    def ahead(self, session: Session, turn: int | None) -> ActionError:
        """What a client is told whose turn is still to come, or is forgotten with its session."""
        if self._sessions.get(session.id, None) is None:
            return SessionOver(session, "has been forgotten")
        return ActionError(f"turn {turn} is ahead of the session; its next turn is {self._next(session)}")

    def taken_by(self, session: Session, turn: int, tool: str, arguments: Mapping[str, Any]) -> ActionError:
        """What a client is told whose turn was another call's."""
        was = f"{tool}({redactor_of(self._sessions, session).value(arguments)})"
        return ActionError(f"turn {turn} was {was}, another call; the next turn is {self._next(session)}")

    def gone(self, session: Session) -> SessionOver | None:
        """What a client is told whose session another process has ended or forgotten; None if it goes on."""
        known = self._sessions.get(session.id, None)
        if known is None:
            return SessionOver(session, "has been forgotten")
        return None if known.ended_at is None else SessionOver(session)

    def _next(self, session: Session) -> int:
        return (self._sessions.get(session.id, None) or session).steps + 1

    def over(self, live: Live, reason: str) -> None:
        """A session has been closed: it leaves memory, and counts."""
        self._live.drop(live.session.id)
        if live.session.ended_at is None:
            self._note_end(reason)

    def _note_end(self, reason: str) -> None:
        self.ended[reason] += 1
        self.on_end()

    def _report_crash(self, session: Session, call: Call, error: Exception) -> None:
        """Log where a world failed, without what it was given in confidence."""
        redactor = redactor_of(self._sessions, session, (call.tool, call.arguments))
        trace = redactor.text("".join(format_exception(error)))
        logger.error("session %s crashed\n%s", session.id, trace)

    async def _crashed(self, live: Live) -> None:
        self.over(live, "crashed")
        with told():
            await self._log.close_shared(live.session.id, "crashed")
