"""Live sessions: episodes kept in memory while they are played, rebuilt from the log when they are not."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar

from practicum.envs import ActionError, Episode, ToolEnv, UsageError
from practicum.envs.watch import WATCH, TookTooLong
from practicum.mcp_server.calls import Call, SkillCall
from practicum.mcp_server.served import Served, find_served
from practicum.memory import EPISODE_OVER, Divergence, Session, Sessions, rebuild

logger = logging.getLogger(__name__)

T = TypeVar("T")

EXAMINED = 8
"""Sessions looked at, those idle for longest, whenever another one is taken into memory."""
BEGIN_WAIT_S = 120.0
"""How long a world that waits may take to begin, or to be rebuilt from the log."""
WORLD_THREADS = 512
"""Calls of worlds that wait, played at the same moment; further ones wait for a place."""
MAX_LIVE = 4096
"""Sessions kept in memory; the one used longest ago leaves it first, and comes back by replay."""


@dataclass(slots=True)
class Running:
    """A call of a world that waits, or a skill's run in one, played in a task of its own."""

    turn: int
    call: Call | SkillCall
    done: anyio.Event = field(default_factory=anyio.Event)
    came: Any = None
    """What came of it."""
    error: Exception | None = None
    told: bool = False
    """Whether a client has been told that it is pending, so that the same call without a turn collects it."""

    def is_for(self, call: Call | SkillCall) -> bool:
        """Whether this is what a call asks for, delivered again."""
        known = call.turn == self.turn or (call.turn is None and self.told)
        return known and call.equals(self.call.tool, self.call.arguments)


@dataclass(slots=True)
class Live:
    """A session in memory; `episode` is None until it has been rebuilt from the log."""

    session: Session
    episode: Episode | None = None
    lock: anyio.Lock = field(default_factory=lambda: anyio.Lock(fast_acquire=True))
    running: Running | None = None
    used_at: float = 0.0
    """By the clock of the sessions that it is among."""

    @property
    def busy(self) -> bool:
        """Whether a call is being played."""
        return self.lock.locked() or self.running is not None

    def let_go(self) -> None:
        """Drop the live episode, whose world may hold files or processes; the next call rebuilds it."""
        if self.episode is not None:
            close_world(self.episode.env)
            self.episode = None


class LiveSessions:
    """The sessions of one process that are in memory, the one used last at the end.

    Args:
        sessions: where they come from.
        served: the worlds they play.
        idle_s: a session that nobody plays for so long leaves memory, not the log.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        sessions: Sessions,
        served: Mapping[str, Served],
        *,
        idle_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sessions = sessions
        self._served = served
        self._idle_s = idle_s
        self._clock = clock
        self._live: OrderedDict[str, Live] = OrderedDict()

    def __len__(self) -> int:
        return len(self._live)

    def of(self, principal: str) -> Iterator[Session]:
        """A principal's sessions in memory."""
        return (live.session for live in self._live.values() if live.session.principal == principal)

    def get(self, session_id: str) -> Live | None:
        """A session in memory; it counts as used now."""
        live = self._live.get(session_id)
        if live is not None:
            self._live.move_to_end(session_id)
            live.used_at = self._clock()
        return live

    def keep(self, live: Live) -> Live:
        """Take a session into memory; idle ones leave it after a while, sooner when there are too many."""
        self._live[live.session.id] = live
        live.used_at = self._clock()
        long_ago = live.used_at - self._idle_s
        for key, other in list(islice(self._live.items(), EXAMINED)):
            if other.used_at < long_ago and not other.busy:
                self.drop(key)
        if len(self._live) > MAX_LIVE:
            idle = [key for key, other in self._live.items() if not other.busy and other is not live]
            for key in idle[: len(self._live) - MAX_LIVE]:
                self.drop(key)
        return live

    def playing(self) -> list[str]:
        """Names the calls that are being played now."""
        busy = [live for live in list(self._live.values()) if live.busy]
        return [
            f"{live.running.call.tool if live.running else 'a call'} of session {live.session.id}"
            for live in busy
        ]

    def drop(self, session_id: str) -> None:
        """Forget what is in memory; the log stays."""
        live = self._live.pop(session_id, None)
        if live is not None:
            live.let_go()

    def clear(self) -> None:
        """Forget all of them."""
        for session_id in list(self._live):
            self.drop(session_id)

    async def episode(self, live: Live) -> Episode:
        """The live episode, rebuilt from the log where it has left memory. The caller holds the lock.

        Raises:
            SessionOver: the session has been forgotten or closed.
            ActionError: the log does not replay.
        """
        if live.episode is None:
            session = self._sessions.get(live.session.id, None)
            if session is None:
                self.drop(live.session.id)
                raise SessionOver(live.session, "has been forgotten")
            if session.ended_at is not None and session.reason != EPISODE_OVER:
                self.drop(live.session.id)
                raise SessionOver(session)
            live.session = session
            live.episode = await self._rebuilt(session)
        return live.episode

    async def opening(self, session: Session) -> Any:
        """What a session's client saw first.

        Raises:
            ActionError: the beginning does not replay.
        """
        return (await self._rebuilt(session, last=0)).opening.observation

    async def _rebuilt(self, session: Session, last: int | None = None) -> Episode:
        try:
            return await off_loop(
                self.env_class(session),
                lambda: rebuild(self._sessions, session, last=last),
                waits=self.waits(session),
                limit_s=BEGIN_WAIT_S,
            )
        except UsageError as error:
            raise ActionError(str(error)) from None
        except WorldFailed as error:
            raise ActionError(
                f"session {session.id} cannot be rebuilt from the log: its world failed ({error})"
            ) from error
        except Divergence as error:
            raise ActionError(
                f"session {session.id} cannot go on: {error.brief}. open_session with "
                f"from_session={session.id!r}, at_turn={max(error.turn - 1, 0)} goes on before that"
            ) from None

    async def beside(self, session: Session, work: Callable[[], T]) -> T:
        """Run `work` here, or in a worker thread if the session's world waits."""
        return await off_loop(self.env_class(session), work, waits=self.waits(session))

    def waits(self, session: Session) -> bool:
        """Whether a session's world waits for something, so that its calls may be long.

        Raises:
            ActionError: this server does not serve it.
        """
        return self.env_class(session).waits(session.task)

    def env_class(self, session: Session) -> type[ToolEnv[Any]]:
        """The class of a session's world.

        Raises:
            ActionError: this server does not serve it.
        """
        return find_served(self._served, session.task.env).env_class


async def off_loop(
    env: ToolEnv[Any] | type[ToolEnv[Any]],
    work: Callable[[], T],
    *,
    waits: bool,
    limit_s: float | None = None,
) -> T:
    """Run a world's `work` here, or in a worker thread if it waits: a hop costs more than a quick step.

    Args:
        env: the world.
        work: what it is to do.
        waits: whether it waits for something.
        limit_s: how long a world that waits may take; its thread goes on, and nobody hears of the result.

    Raises:
        WorldFailed: as `contained`, or the world took longer than it may.
    """
    if not waits:
        return contained(env, work)
    with anyio.move_on_after(limit_s):
        return await anyio.to_thread.run_sync(
            contained, env, work, limiter=_world_threads(), abandon_on_cancel=limit_s is not None
        )
    raise WorldFailed(f"{env.env_id()} has not answered within {limit_s:.0f} s")


def contained(env: ToolEnv[Any] | type[ToolEnv[Any]], work: Callable[[], T]) -> T:
    """Run a world's `work` so that it cannot end the process or keep it for ever.

    Raises:
        WorldFailed: it tried to.
    """
    try:
        return WATCH.run(env.env_id, work)
    except Exception:
        raise
    except TookTooLong as error:
        raise WorldFailed(str(error)) from error
    except BaseException as error:  # SystemExit and its like end a program, not somebody else's server
        raise WorldFailed(type(error).__name__) from error


def close_world(env: ToolEnv[Any]) -> None:
    """Give back what a world holds, in a thread if it waits; where that fails it is logged, and no more."""
    if env.blocking:
        threading.Thread(target=_closed, args=(env,), name="practicum-close", daemon=True).start()
    else:
        _closed(env)


def _closed(env: ToolEnv[Any]) -> None:
    try:
        contained(env, env.close)
    except Exception:  # a world may fail in any way; its session goes on from the log
        logger.exception("a world of %s could not be closed", env.env_id())


_limiters: RunVar[anyio.CapacityLimiter] = RunVar("_limiters")


def _world_threads() -> anyio.CapacityLimiter:
    """The threads of worlds: apart from all others, so that worlds which hang keep nobody else from one."""
    try:
        return _limiters.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(WORLD_THREADS)
        _limiters.set(limiter)
        return limiter


class WorldFailed(Exception):  # noqa: N818  # named for what happened
    """A world did what would have ended or stopped the server; the message says what, in few words."""


class SessionOver(ActionError):  # noqa: N818  # named for what happened, like EpisodeOver
    """The session takes no more calls; the connection knows the way on."""

    def __init__(self, session: Session, why: str = "has ended") -> None:
        super().__init__(f"session {session.id} {why}")
