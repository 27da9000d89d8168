"""Practice: open sessions and turns; all that a client may do to a session, before any protocol words it."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from traceback import format_exception

import anyio

from practicum.envs import ActionError, Step
from practicum.envs.errors import EpisodeOver, UnknownTool
from practicum.mcp_server.calls import Call, Caller, Opened, Pending, Played
from practicum.mcp_server.choosing import OpenRequest
from practicum.mcp_server.finding import Finder
from practicum.mcp_server.limits import UNLIMITED, Limits, Usage
from practicum.mcp_server.live import Live, LiveSessions, SessionOver, WorldFailed, off_loop
from practicum.mcp_server.opening import Opener, told
from practicum.mcp_server.served import Served
from practicum.mcp_server.waiting import PENDING_AFTER_S, LongCalls
from practicum.memory import (
    EPISODE_OVER,
    Log,
    LogUnavailable,
    Purpose,
    Session,
    Sessions,
    Store,
    TurnTaken,
    redactor_of,
)

logger = logging.getLogger(__name__)

CLOSE_WAIT_S = 5.0
"""How long a session's end waits for the call that is being played in it."""
LOCK_WAIT_S = 60.0
"""How long a call waits for its turn in a session that is busy."""
RACES = 8
"""How often a call is played again when another process took its turn."""


class Practice:
    """The sessions of one server process, over one store that other processes may share."""

    def __init__(
        self,
        store: Store,
        served: Mapping[str, Served],
        *,
        limits: Limits = UNLIMITED,
        clock: Callable[[], float] = time.monotonic,
        pending_after_s: float = PENDING_AFTER_S,
    ) -> None:
        self.store = store
        self.served = served
        self.limits = limits
        """For callers without limits of their own, and for every session."""
        self.usage = Usage(clock)
        self.log = Log(store)
        self.sessions = Sessions(store)
        self.live = LiveSessions(self.sessions, served, idle_s=limits.idle_s, clock=clock)
        self.ended: Counter[str] = Counter()
        """Sessions ended by this process, by reason."""
        self._opener = Opener(self.log, self.sessions, self.live, served=served, usage=self.usage)
        self._finder = Finder(self.sessions, self.live)
        self._long_calls = LongCalls(self._play_locked, pending_after_s)

    async def __aenter__(self) -> Practice:
        await self._long_calls.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._long_calls.__aexit__(*error)
        self.live.clear()

    @property
    def opened(self) -> int:
        """Sessions opened by this process."""
        return self._opener.opened

    def show(self, tools_fingerprint: str) -> None:
        """Note which tools clients see from now on, for the log of each session."""
        self._opener.tools_fingerprint = tools_fingerprint

    # Opening and closing ----------------------------------------------------------------------------------

    async def open(self, caller: Caller, asked: OpenRequest) -> Opened:
        """Begin a session on the task that was asked for.

        Raises:
            ActionError: there is no such environment or task, or the log cannot be written.
            LimitReached: the caller has too many open sessions.
        """
        return await self._opener.open(caller, asked, self._limits(caller))

    async def open_fork(
        self,
        caller: Caller,
        session_id: str,
        at_turn: int | None = None,
        *,
        purpose: Purpose | None = None,
        scoped: bool = False,
    ) -> Opened:
        """Begin a session whose log starts with the first `at_turn` steps of another one, all by default.

        It has the other one's purpose, unless it is declared an evaluation.

        Raises:
            ActionError: no such session or turn, or it does not replay.
        """
        parent = self.session(caller, session_id)
        last = parent.steps if at_turn is None else at_turn
        return await self._opener.fork(
            caller, parent, last, self._limits(caller), purpose=purpose, scoped=scoped
        )

    def _limits(self, caller: Caller) -> Limits:
        return caller.limits or self.limits

    async def close(self, caller: Caller, session_id: str | None) -> Session:
        """End a session before its episode has ended; closing an ended one changes nothing.

        A call that is still being played is waited for a little while, then its step finds the log closed.
        """
        live = self._finder.live(caller, session_id)
        with anyio.move_on_after(CLOSE_WAIT_S):
            async with live.lock:
                return await self._closed(caller, live)
        live.episode = None  # its world is in use, and is not closed under the call
        return await self._closed(caller, live)

    async def _closed(self, caller: Caller, live: Live) -> Session:
        with told():
            await self.log.close_shared(live.session.id, "closed")
        self._over(live, "closed")
        logger.info("session %s closed by %s", live.session.id, caller.principal)
        return self.session(caller, live.session.id)

    # Playing ----------------------------------------------------------------------------------------------

    async def act(self, caller: Caller, session_id: str | None, call: Call) -> Played | Pending:
        """Play one call, at most once; without a session id in the one session that the caller has open.

        A turn already taken by an equal call gives its stored step.

        Raises:
            ActionError: the call was not played and takes no turn; says why and what to do.
            LimitReached: of these, the caller has used up its minute or the session its turns.
            UnknownTool: the session's environment has no such action.
        """
        live = self._finder.live(caller, session_id)
        self.usage.playing(caller.principal, self._limits(caller), call.sent)
        if live.episode is None and live.running is None:
            stored = self.sessions.step(live.session.id, call.turn) if call.turn is not None else None
            if stored is not None:
                return Played(live.session, self._redelivered(live.session, call, stored))
            async with live.lock:
                await self.live.episode(live)
        if live.running is not None or (live.episode is not None and live.episode.env.blocking):
            return await self._long_calls.act(live, call)
        return Played(live.session, await self._play_locked(live, call))

    def answered(self, caller: Caller, size: int) -> None:
        """Count the characters of an answer to a call that was played."""
        self.usage.answered(caller.principal, self._limits(caller), size)

    async def _play_locked(self, live: Live, call: Call) -> Step:
        await self._wait_turn(live)
        try:
            return await self._play_racing(live, call)
        finally:
            live.lock.release()

    async def _wait_turn(self, live: Live) -> None:
        try:
            live.lock.acquire_nowait()  # the usual case: free, and a third of the price
        except anyio.WouldBlock:
            with anyio.move_on_after(LOCK_WAIT_S) as waiting:
                await live.lock.acquire()
            if waiting.cancelled_caught:
                raise ActionError(
                    f"session {live.session.id} is busy with another call; try again when that has ended"
                ) from None

    async def _play_racing(self, live: Live, call: Call) -> Step:
        for _ in range(RACES):
            try:
                return await self._play(live, call)
            except TurnTaken:
                logger.info(
                    "session %s: another process took the turn; going on from the log", live.session.id
                )
                live.let_go()
        raise ActionError(
            f"session {live.session.id} is being played by several processes at once; try again"
        )

    async def _play(self, live: Live, call: Call) -> Step:
        episode = await self.live.episode(live)
        if call.turn is not None and call.turn > episode.turn + 1:
            live.let_go()
            episode = await self.live.episode(live)
        if call.turn is not None and call.turn != episode.turn + 1:
            return self._redelivered(live.session, call, self.sessions.step(live.session.id, call.turn))
        self.usage.stepping(self.limits, live.session.id, episode.turn)
        try:
            step = await off_loop(
                episode.env,
                lambda: episode.play(
                    call.tool, call.arguments, thought=call.thought, via_skill=call.via_skill
                ),
            )
        except EpisodeOver:
            raise SessionOver(live.session) from None
        except (ActionError, UnknownTool):
            raise
        except Exception as error:  # a bug of the world closes its session, the log stays whole
            try:
                await self._crashed(live)
            finally:
                self._report_crash(live.session, call, error)
            what = str(error) if isinstance(error, WorldFailed) else type(error).__name__
            why = f"is closed, for its environment failed ({what}); its log is kept"
            raise SessionOver(live.session, why) from error
        await self._keep(live, step)
        return step

    async def _keep(self, live: Live, step: Step) -> None:
        """Commit a step; where that fails, the live episode goes, for the log is what the session is."""
        try:
            await self.log.append_shared(live.session.id, step)
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
            self.ended[EPISODE_OVER] += 1
            live.session = replace(live.session, ended_at=time.time(), reason=EPISODE_OVER)

    def _redelivered(self, session: Session, call: Call, stored: Step | None) -> Step:
        """The stored step of an equal call; a turn that is another call's, or nobody's yet, is refused."""
        if stored is not None and call.equals(stored.tool, stored.arguments):
            return replace(stored, render=self.live.env_class(session).render_text)
        following = (self.sessions.get(session.id, None) or session).steps + 1
        if stored is None:
            raise ActionError(f"turn {call.turn} is ahead of the session; its next turn is {following}")
        shown = redactor_of(self.sessions, session).value(stored.arguments)
        was = f"{stored.tool}({shown})"
        raise ActionError(f"turn {call.turn} was {was}, another call; the next turn is {following}")

    # Finding ----------------------------------------------------------------------------------------------

    def session(self, caller: Caller, session_id: str | None) -> Session:
        """A session of the caller's, as the log has it; without an id the one that it has open.

        Raises:
            ActionError: it is unknown, or another principal's.
        """
        return self._finder.session(caller, session_id)

    def session_env(self, caller: Caller, session_id: str | None) -> str:
        """Short name of the environment that a session plays; like `session`, from memory if possible."""
        return self._finder.live(caller, session_id).session.task.env

    def _over(self, live: Live, reason: str) -> None:
        self.live.drop(live.session.id)
        self.ended[reason] += live.session.ended_at is None

    def _report_crash(self, session: Session, call: Call, error: Exception) -> None:
        """Log where a world failed, without what it was given in confidence."""
        redactor = redactor_of(self.sessions, session, (call.tool, call.arguments))
        trace = redactor.text("".join(format_exception(error)))
        logger.error("session %s crashed\n%s", session.id, trace)

    async def _crashed(self, live: Live) -> None:
        self._over(live, "crashed")
        with told():
            await self.log.close_shared(live.session.id, "crashed")
