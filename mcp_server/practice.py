"""Practice: open sessions and turns; all that a client may do to a session, before any protocol words it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

import anyio

from practicum.envs import ActionError, Step, Task
from practicum.mcp_server.calls import Call, Caller, Opened, Pending, Played, Ran, SkillCall
from practicum.mcp_server.choosing import OpenRequest
from practicum.mcp_server.finding import Finder
from practicum.mcp_server.limits import UNLIMITED, Limits, Usage
from practicum.mcp_server.live import Live, LiveSessions
from practicum.mcp_server.opening import Opener, told
from practicum.mcp_server.served import Served
from practicum.mcp_server.skill_runs import SkillRuns
from practicum.mcp_server.turns import Turns
from practicum.mcp_server.waiting import PENDING_AFTER_S, LongCalls
from practicum.memory import Log, Purpose, Session, Sessions, Store
from practicum.skills.library import Entry, Library
from practicum.skills.suggestions import Suggestions

logger = logging.getLogger(__name__)

CLOSE_WAIT_S = 5.0
"""How long a session's end waits for the call that is being played in it."""


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
        self.turns = Turns(self.log, self.sessions, self.live, usage=self.usage, limits=limits)
        self.library = Library(store)
        self._suggestions = Suggestions(store)
        self._runs = SkillRuns(self.turns, self.sessions, self.library)
        self._opener = Opener(self.log, self.sessions, self.live, served=served, usage=self.usage)
        self._finder = Finder(self.sessions, self.live)
        self._long_calls = LongCalls(pending_after_s)

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

    def show(self, tools_fingerprint: Callable[[str], str]) -> None:
        """Note what tells which tools a principal's clients see, for the log of each session."""
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

    def suggested(self, opened: Opened) -> Entry | None:
        """The skill that suits the task of a session which has just begun, by what came of earlier ones.

        None where it is better done by hand, or is a fork, or is to show how skills compare with that.
        """
        session, opening = opened.session, opened.episode.opening.observation
        if session.parent is not None:
            return None
        entries = self.library.entries(session.principal, session.task.env_id)
        drawn = self._suggestions.draw(
            session.id,
            entries,
            principal=session.principal,
            params=session.task.params,
            opening=opening,
            purpose=session.purpose,
        )
        return next((entry for entry in entries if entry.skill.name == drawn.skill), None)

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
        self.turns.over(live, "closed")
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
                return Played(live.session, self.turns.redelivered(live.session, call, stored))
            async with live.lock:
                await self.live.episode(live)
        if live.running is not None or (live.episode is not None and live.episode.env.blocking):
            step = await self._long_calls.act(live, call, lambda: self._play_locked(live, call))
        else:
            step = await self._play_locked(live, call)
        return step if isinstance(step, Pending) else Played(live.session, step)

    def answered(self, caller: Caller, size: int) -> None:
        """Count the characters of an answer to a call that was played."""
        self.usage.answered(caller.principal, self._limits(caller), size)

    async def _play_locked(self, live: Live, call: Call) -> Step:
        await self.turns.take(live)
        try:
            return await self.turns.racing(live, lambda: self.turns.play(live, call))
        finally:
            live.lock.release()

    async def run_skill(self, caller: Caller, session_id: str | None, call: SkillCall) -> Ran | Pending:
        """Run a skill, at most once; without a session id in the one session that the caller has open.

        A turn already taken by an equal run gives what came of it.

        Raises:
            ActionError: nothing was played and no turn is taken; says why and what to do.
            LimitReached: of these, the caller has used up its minute or the session its turns.
        """
        live = self._finder.live(caller, session_id)
        played = live.session.task.env_id
        if played != call.skill.env_id:
            raise ActionError(f"this session plays {played}; {call.tool} belongs to {call.skill.env_id}")
        limits = self._limits(caller)
        self.usage.playing(caller.principal, limits, call.arguments)

        if live.episode is None and not live.busy and self._runs.is_played(live.session, call):
            return self._runs.told(live.session, call)

        def charge(inner: Call) -> None:
            self.usage.playing(caller.principal, limits, inner.sent)

        if live.running is not None or self.live.waits(live.session):
            return await self._long_calls.act(live, call, lambda: self._runs.play(live, call, charge))
        return await self._runs.play(live, call, charge)

    def ran(self, caller: Caller, session_id: str | None, call: SkillCall) -> Ran | None:
        """What came of an equal run that took the turn of a call; None where the turn is nobody's yet.

        Raises:
            ActionError: the turn is another call's, or there is no such session.
        """
        session = self.session(caller, session_id)
        return self._runs.told(session, call) if self._runs.is_played(session, call) else None

    def ran_until(self, session: Session, turn: int) -> Ran | None:
        """The skill's run whose last turn it is."""
        return self._runs.ending_at(session, turn)

    # Finding ----------------------------------------------------------------------------------------------

    def session(self, caller: Caller, session_id: str | None) -> Session:
        """A session of the caller's, as the log has it; without an id the one that it has open.

        Raises:
            ActionError: it is unknown, or another principal's.
        """
        return self._finder.session(caller, session_id)

    def session_task(self, caller: Caller, session_id: str | None) -> Task:
        """What a session plays; like `session`, from memory if possible."""
        return self._finder.live(caller, session_id).session.task
