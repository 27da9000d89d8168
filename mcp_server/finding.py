"""Finding: a caller's session by its id, or the one that it has open; nobody finds another's."""

from __future__ import annotations

from practicum.envs import ActionError
from practicum.mcp_server.calls import Caller
from practicum.mcp_server.live import Live, LiveSessions
from practicum.memory import Session, Sessions


class Finder:
    """Finds sessions in memory and in the log; an id of another principal's looks like an unknown one."""

    def __init__(self, sessions: Sessions, live: LiveSessions) -> None:
        self._sessions = sessions
        self._live = live

    def session(self, caller: Caller, session_id: str | None) -> Session:
        """A session of the caller's, as the log has it; without an id the one that it has open.

        Raises:
            ActionError: it is unknown, or another principal's.
        """
        found = self._sessions.get(self._resolve(caller, session_id), caller.principal)
        if found is None:
            raise ActionError(
                f"no session {session_id!r}; open_session begins one, list_sessions shows yours"
            )
        return found

    def live(self, caller: Caller, session_id: str | None) -> Live:
        """As `session`, in memory; its episode is rebuilt when it is played.

        Raises:
            ActionError: it is unknown, another principal's, or cannot be played on.
        """
        live = self._live.get(self._resolve(caller, session_id))
        if live is not None and live.session.principal == caller.principal:
            return live
        session = self.session(caller, session_id)
        if not session.replayable:
            raise ActionError(
                f"session {session.id} was imported and cannot be played on; open_session begins another"
            )
        return self._live.keep(Live(session))

    def _resolve(self, caller: Caller, session_id: str | None) -> str:
        if session_id is not None:
            return session_id
        if not caller.alone:
            raise ActionError("session_id is missing; open_session returns one, list_sessions shows yours")
        mine = [session.id for session in self._live.of(caller.principal) if session.ended_at is None]
        if len(mine) > 1:  # another process may have ended some of them
            mine = [session_id for session_id in mine if self._is_open(session_id)]
        if len(mine) == 1:
            return mine[0]
        found = f"you have {len(mine)} open sessions here" if mine else "you have no open session here"
        raise ActionError(
            f"session_id is missing and {found}; open_session begins one, list_sessions shows yours"
        )

    def _is_open(self, session_id: str) -> bool:
        session = self._sessions.get(session_id, None)
        return session is not None and session.ended_at is None
