"""Practice: open sessions and turns; all that a client may do to a session, before any protocol words it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import anyio
import anyio.abc

from practicum.envs import ActionError, Episode, Step, UsageError
from practicum.envs.errors import EpisodeOver, UnknownTool
from practicum.mcp_server.calls import Call, Caller, ClientFacts, Opened, Pending, Played
from practicum.mcp_server.choosing import Chooser, OpenRequest
from practicum.mcp_server.live import Live, LiveSessions, Running, SessionOver, off_loop
from practicum.mcp_server.served import Served, find_served
from practicum.memory import (
    EPISODE_OVER,
    Divergence,
    Log,
    LogUnavailable,
    Purpose,
    Session,
    Sessions,
    SessionStart,
    Store,
    TurnTaken,
    fork,
    hash_token,
    new_session_id,
    new_token,
)

logger = logging.getLogger(__name__)

LOCK_WAIT_S = 60.0
"""How long a call waits for its turn in a session that is busy."""
PENDING_AFTER_S = 25.0
"""A call longer than this answers `pending`; the same call with the same turn collects it."""
RACES = 8
"""How often a call is played again when another process took its turn."""


class Practice:
    """The sessions of one server process, over one store that other processes may share."""

    def __init__(
        self, store: Store, served: Mapping[str, Served], *, pending_after_s: float = PENDING_AFTER_S
    ) -> None:
        self.store = store
        self.served = served
        self.log = Log(store)
        self.sessions = Sessions(store)
        self.live = LiveSessions(self.sessions, served)
        self.tools_fingerprint = ""
        self._chooser = Chooser(self.sessions)
        self._pending_after_s = pending_after_s
        self._tasks: anyio.abc.TaskGroup | None = None

    async def __aenter__(self) -> Practice:
        self._tasks = await anyio.create_task_group().__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._tasks is not None
        self._tasks.cancel_scope.cancel()
        await self._tasks.__aexit__(None, None, None)

    # Opening and closing ----------------------------------------------------------------------------------

    async def open(self, caller: Caller, asked: OpenRequest) -> Opened:
        """Begin a session on the task that was asked for.

        Raises:
            ActionError: there is no such environment or task, or the log cannot be written.
        """
        served = find_served(self.served, asked.env)
        try:
            task = self._chooser.choose(caller.principal, served, asked)
            episode = await off_loop(
                served.env_class, lambda: Episode(served.make(), task, min_try=asked.min_try)
            )
        except UsageError as error:
            raise ActionError(str(error)) from None
        token = new_token() if asked.scoped else None
        start = SessionStart(
            id=new_session_id(),
            env=served.place,
            task=task,
            purpose=asked.purpose,
            principal=caller.principal,
            **self._client(caller),
            min_try=asked.min_try,
            token_hash=hash_token(token) if token else None,
            outside=episode.opening.outside,
        )
        _told(lambda: self.log.start(start))
        return self._opened(caller, start.id, episode, token)

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
        token = new_token() if scoped else None

        def copy() -> str:
            return fork(
                self.log,
                self.sessions,
                parent.id,
                parent.steps if at_turn is None else at_turn,
                caller.principal,
                purpose=purpose if purpose == "evaluation" else None,
                **self._client(caller),
                token_hash=hash_token(token) if token else None,
            )

        new_id = await self._copied(parent, copy)
        live = self.live.keep(Live(self.session(caller, new_id)))
        async with live.lock:
            episode = await self.live.episode(live)
        return Opened(live.session, episode, token)

    async def _copied(self, parent: Session, copy: Callable[[], str]) -> str:
        try:
            return await self.live.beside(parent, copy)
        except Divergence as error:
            raise ActionError(
                f"session {parent.id} does not replay, so it cannot be forked: {error}"
            ) from None
        except (LogUnavailable, UsageError) as error:
            raise ActionError(str(error)) from None

    def _client(self, caller: Caller) -> ClientFacts:
        return ClientFacts(
            client_name=caller.client_name,
            client_version=caller.client_version,
            protocol_version=caller.protocol_version,
            tools_fingerprint=self.tools_fingerprint,
        )

    def _opened(self, caller: Caller, session_id: str, episode: Episode, token: str | None) -> Opened:
        session = self.session(caller, session_id)
        self.live.keep(Live(session, episode))
        return Opened(session, episode, token)

    async def close(self, caller: Caller, session_id: str | None) -> Session:
        """End a session before its episode has ended; closing an ended one changes nothing."""
        live = self._find(caller, session_id)
        async with live.lock:
            _told(lambda: self.log.close(live.session.id, "closed"))
            self.live.drop(live.session.id)
        return self.session(caller, live.session.id)

    # Playing ----------------------------------------------------------------------------------------------

    async def act(self, caller: Caller, session_id: str | None, call: Call) -> Played | Pending:
        """Play one call, at most once; without a session id in the one session that the caller has open.

        A turn already taken by an equal call gives its stored step.

        Raises:
            ActionError: the call was not played and takes no turn; says why and what to do.
            UnknownTool: the session's environment has no such action.
        """
        live = self._find(caller, session_id)
        if live.episode is None and live.running is None:
            stored = self.sessions.step(live.session.id, call.turn) if call.turn is not None else None
            if stored is not None:
                return Played(live.session, self._redelivered(live.session, call, stored))
            async with live.lock:
                await self.live.episode(live)
        if live.running is not None or (live.episode is not None and live.episode.env.blocking):
            return await self._act_aside(live, call)
        return Played(live.session, await self._play_locked(live, call))

    async def _play_locked(self, live: Live, call: Call) -> Step:
        with anyio.move_on_after(LOCK_WAIT_S) as waiting:
            await live.lock.acquire()
        if waiting.cancelled_caught:
            raise ActionError(
                f"session {live.session.id} is busy with another call; try again when that has ended"
            )
        try:
            with anyio.CancelScope(shield=True):  # a cancelled call did not happen, or is in the log whole
                step = await self._play_racing(live, call)
        finally:
            live.lock.release()
        return step

    async def _play_racing(self, live: Live, call: Call) -> Step:
        for _ in range(RACES):
            try:
                return await self._play(live, call)
            except TurnTaken:
                live.episode = None
        raise ActionError(
            f"session {live.session.id} is being played by several processes at once; try again"
        )

    async def _play(self, live: Live, call: Call) -> Step:
        episode = await self.live.episode(live)
        if call.turn is not None and call.turn > episode.turn + 1:
            live.episode = None
            episode = await self.live.episode(live)
        if call.turn is not None and call.turn != episode.turn + 1:
            return self._redelivered(live.session, call, self.sessions.step(live.session.id, call.turn))
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
            logger.exception("session %s crashed", live.session.id)
            self._crashed(live)
            why = f"is closed, for its environment failed ({type(error).__name__}); its log is kept"
            raise SessionOver(live.session, why) from error
        await self._keep(live, step)
        return step

    async def _keep(self, live: Live, step: Step) -> None:
        """Commit a step; where that fails, the live episode goes, for the log is what the session is."""
        try:
            await self.log.append_shared(live.session.id, step)
        except LogUnavailable as error:
            live.episode = None
            raise ActionError(str(error)) from None
        except BaseException:
            live.episode = None
            raise
        if step.done:
            live.session = replace(live.session, ended_at=time.time(), reason=EPISODE_OVER)

    def _redelivered(self, session: Session, call: Call, stored: Step | None) -> Step:
        """The stored step of an equal call; a turn that is another call's, or nobody's yet, is refused."""
        if stored is not None and call.equals(stored.tool, stored.arguments):
            return replace(stored, render=self.live.env_class(session).render_text)
        following = (self.sessions.get(session.id, None) or session).steps + 1
        if stored is None:
            raise ActionError(f"turn {call.turn} is ahead of the session; its next turn is {following}")
        was = f"{stored.tool}({dict(stored.arguments)})"
        raise ActionError(f"turn {call.turn} was {was}, another call; the next turn is {following}")

    # Worlds that wait -------------------------------------------------------------------------------------

    async def _act_aside(self, live: Live, call: Call) -> Played | Pending:
        """Play a call in a task of its own, or collect the one that is being played."""
        running = live.running
        if running is not None and running.is_for(call):
            return await self._collect(live, running)
        if running is not None and not await self._done_in_time(running):
            raise ActionError(
                f"turn {running.turn} ({running.call.tool}) is still being played; "
                f"the same call with turn={running.turn} collects it"
            )
        if live.running is not None and live.running is not running:
            return await self._act_aside(live, call)
        live.running = self._play_aside(live, call)
        return await self._collect(live, live.running)

    def _play_aside(self, live: Live, call: Call) -> Running:
        following = live.episode.turn + 1 if live.episode is not None else live.session.steps + 1
        running = Running(call.turn or following, call)

        async def play() -> None:
            try:
                running.step = await self._play_locked(live, call)
            except Exception as error:  # noqa: BLE001  # carried to whoever collects the call
                running.error = error
            running.done.set()

        assert self._tasks is not None, "enter Practice before a waiting world is played"
        self._tasks.start_soon(play)
        return running

    async def _done_in_time(self, running: Running) -> bool:
        with anyio.move_on_after(self._pending_after_s):
            await running.done.wait()
        return running.done.is_set()

    async def _collect(self, live: Live, running: Running) -> Played | Pending:
        if not await self._done_in_time(running):
            running.told = True
            return Pending(live.session, running.turn)
        if live.running is running:
            live.running = None
        if running.error is not None:
            raise running.error
        assert running.step is not None
        return Played(live.session, running.step)

    # Finding ----------------------------------------------------------------------------------------------

    def session(self, caller: Caller, session_id: str | None) -> Session:
        """A session of the caller's, as the log has it; without an id the one that it has open.

        Raises:
            ActionError: it is unknown, or another principal's.
        """
        found = self.sessions.get(self._resolve(caller, session_id), caller.principal)
        if found is None:
            raise ActionError(
                f"no session {session_id!r}; open_session begins one, list_sessions shows yours"
            )
        return found

    def session_env(self, caller: Caller, session_id: str | None) -> str:
        """Short name of the environment that a session plays; like `session`, from memory if possible."""
        return self._find(caller, session_id).session.task.env

    def _resolve(self, caller: Caller, session_id: str | None) -> str:
        if session_id is not None:
            return session_id
        if not caller.alone:
            raise ActionError("session_id is missing; open_session returns one, list_sessions shows yours")
        mine = [session.id for session in self.live.of(caller.principal) if session.ended_at is None]
        if len(mine) > 1:  # another process may have ended some of them
            mine = [session_id for session_id in mine if self._is_open(session_id)]
        if len(mine) == 1:
            return mine[0]
        found = f"you have {len(mine)} open sessions here" if mine else "you have no open session here"
        raise ActionError(
            f"session_id is missing and {found}; open_session begins one, list_sessions shows yours"
        )

    def _is_open(self, session_id: str) -> bool:
        session = self.sessions.get(session_id, None)
        return session is not None and session.ended_at is None

    def _find(self, caller: Caller, session_id: str | None) -> Live:
        live = self.live.get(self._resolve(caller, session_id))
        if live is not None and live.session.principal == caller.principal:
            return live
        session = self.session(caller, session_id)
        if not session.replayable:
            raise ActionError(
                f"session {session.id} was imported and cannot be played on; open_session begins another"
            )
        return self.live.keep(Live(session))

    def _crashed(self, live: Live) -> None:
        self.live.drop(live.session.id)
        _told(lambda: self.log.close(live.session.id, "crashed"))


def _told(write: Callable[[], object]) -> None:
    """Run a write to the log, and tell the agent where it fails."""
    try:
        write()
    except LogUnavailable as error:
        raise ActionError(str(error)) from None
