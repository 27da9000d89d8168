"""Opening: how sessions begin, on a task or as a fork of another, within their principal's limits."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from practicum.envs import ActionError, Episode, Task, UsageError
from practicum.envs.errors import whole
from practicum.envs.outside import OutsideFailed
from practicum.mcp_server.calls import Caller, ClientFacts, Opened
from practicum.mcp_server.choosing import Chooser, OpenRequest
from practicum.mcp_server.limits import Limits, Usage
from practicum.mcp_server.live import (
    BEGIN_WAIT_S,
    Live,
    LiveSessions,
    WorldFailed,
    close_world,
    contained,
    off_loop,
)
from practicum.mcp_server.served import Served, find_served
from practicum.memory import (
    Divergence,
    Log,
    LogUnavailable,
    Purpose,
    Session,
    Sessions,
    SessionStart,
    TooManyOpen,
    fork,
    hash_token,
    new_session_id,
    new_token,
)

logger = logging.getLogger(__name__)

NO_ANSWER = "somebody whom the world asks, such as its customer, does not answer; call again"
LONGEST_NAME = 200
"""Characters of a client's name and version that the log keeps of each session."""


class Opener:
    """Begins the sessions of one server process.

    Args:
        log: where they are written.
        sessions: where they are read.
        live: where they are kept in memory.
        served: the worlds they may play.
        usage: what each principal has used.
    """

    def __init__(
        self,
        log: Log,
        sessions: Sessions,
        live: LiveSessions,
        *,
        served: Mapping[str, Served],
        usage: Usage,
    ) -> None:
        self.opened = 0
        """Sessions begun so far."""
        self.tools_fingerprint: Callable[[str], str] = lambda principal: ""
        """Of the tools that a principal's clients see."""
        self._log = log
        self._sessions = sessions
        self._live = live
        self._served = served
        self._usage = usage
        self._chooser = Chooser(sessions)

    async def open(self, caller: Caller, asked: OpenRequest, limits: Limits) -> Opened:
        """Begin a session on the task that was asked for.

        Raises:
            ActionError: there is no such environment or task, or the log cannot be written.
            LimitReached: the caller has too many open sessions, or has used up its minute.
        """
        served = find_served(self._served, asked.env)
        self._may_open(caller, limits)
        self._usage.beginning(caller.principal, limits)
        task, episode = await self._begun(caller, served, asked)
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
            opening=episode.opening.text,
        )
        try:
            with self._counted(caller, limits), told():
                await self._log.start_shared(start, most_open=limits.open_sessions)
        except BaseException:
            close_world(episode.env)
            raise
        live = self._live.keep(Live(self._logged(start.id), episode))
        by = caller.principal
        logger.info("session %s opened: %s seed %d by %s", start.id, task.env_id, task.seed, by)
        return Opened(live.session, episode, token)

    async def fork(
        self,
        caller: Caller,
        parent: Session,
        last: int,
        limits: Limits,
        *,
        purpose: Purpose | None,
        scoped: bool,
    ) -> Opened:
        """Begin a session whose log starts with the first `last` steps of another one.

        Raises:
            ActionError: the other one has no such turn, or does not replay.
            LimitReached: the caller has too many open sessions, or has used up its minute.
        """
        self._may_open(caller, limits)
        size = self._sessions.size(parent.id, last)
        self._usage.beginning(caller.principal, limits, turns=min(last, parent.steps), size=size)
        token = new_token() if scoped else None

        def copy() -> str:
            return fork(
                self._log,
                self._sessions,
                parent.id,
                last,
                caller.principal,
                purpose=purpose if purpose == "evaluation" else None,
                **self._client(caller),
                token_hash=hash_token(token) if token else None,
                most_open=limits.open_sessions,
            )

        with self._counted(caller, limits):
            new_id = await self._copied(parent, copy)
        live = self._live.keep(Live(self._logged(new_id)))
        logger.info("session %s opened: fork of %s by %s", new_id, parent.id, caller.principal)
        async with live.lock:
            episode = await self._live.episode(live)
        return Opened(live.session, episode, token)

    async def _begun(self, caller: Caller, served: Served, asked: OpenRequest) -> tuple[Task, Episode]:
        try:
            task = contained(served.env_class, lambda: self._chooser.choose(caller.principal, served, asked))
            episode = await off_loop(
                served.env_class,
                lambda: Episode(served.make(), task, min_try=asked.min_try),
                waits=served.env_class.waits(task),
                limit_s=BEGIN_WAIT_S,
            )
        except OutsideFailed as error:
            logger.warning("%s cannot begin, for it asks outside: %s", served.name, error)
            raise ActionError(f"{served.name} cannot begin: {NO_ANSWER}") from None
        except UsageError as error:
            raise ActionError(str(error)) from None
        except WorldFailed as error:
            raise ActionError(f"{served.name} cannot begin: its world failed ({error})") from error
        return task, episode

    async def _copied(self, parent: Session, copy: Callable[[], str]) -> str:
        try:
            return await self._live.beside(parent, copy)
        except Divergence as error:
            raise ActionError(
                f"session {parent.id} does not replay, so it cannot be forked: {error.brief}"
            ) from None
        except (LogUnavailable, UsageError) as error:
            raise ActionError(str(error)) from None

    def _may_open(self, caller: Caller, limits: Limits) -> None:
        self._usage.opening(caller.principal, limits, self._sessions.count_open)

    @contextmanager
    def _counted(self, caller: Caller, limits: Limits) -> Iterator[None]:
        """Count a session that is written meanwhile; where another took the last place, say so."""
        try:
            yield
        except TooManyOpen as full:
            found = full.found
            self._usage.opening(caller.principal, limits, lambda _: found)
        self.opened += 1

    def _client(self, caller: Caller) -> ClientFacts:
        return ClientFacts(
            client_name=whole(caller.client_name[:LONGEST_NAME]),
            client_version=whole(caller.client_version[:LONGEST_NAME]),
            protocol_version=caller.protocol_version,
            tools_fingerprint=self.tools_fingerprint(caller.principal),
        )

    def _logged(self, session_id: str) -> Session:
        session = self._sessions.get(session_id, None)
        if session is None:
            raise ActionError(f"session {session_id} has been forgotten; open_session begins another")
        return session


@contextmanager
def told() -> Iterator[None]:
    """Tell the agent where a write to the log fails."""
    try:
        yield
    except LogUnavailable as error:
        raise ActionError(str(error)) from None
