"""Limits: how much one principal may open, play and send, and how far one session may go."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from practicum.envs import ActionError

WINDOW_S = 60.0
"""A principal's minute: it begins with a call, and the first call after its end begins the next."""
NUMBER_SIZE = 8
"""What a number, a truth value or a missing one counts as, in bytes."""
EMPTY_SIZE = 1
"""What an empty text, list or object counts as: a call may be made of nothing else."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a principal may use, and how far a session may go; None for as much as it likes."""

    open_sessions: int | None = None
    """Sessions that have not ended, in memory or not, by whichever process they were opened."""
    steps_per_minute: int | None = None
    """Calls of an environment's tools, those that are refused or delivered twice included. A session that
    begins counts as one, and so does each turn that a fork takes over."""
    bytes_per_minute: int | None = None
    """Texts in what those calls send, in their answers, and in what a fork copies, in characters."""
    steps_per_session: int | None = None
    """Turns of one session, whatever the world's own limit."""
    idle_s: float = 1800.0
    """A session that nobody plays for so long leaves memory, not the log, and stays open."""


UNLIMITED = Limits()
"""What `local` gets: whoever can start the server may use it up."""
FOR_TOKENS = Limits(open_sessions=4096, steps_per_minute=60_000, bytes_per_minute=2**28)
"""What the bearer of a token gets where neither the server nor the token says otherwise."""


class LimitReached(ActionError):  # noqa: N818  # named for what happened, like EpisodeOver
    """A call that a limit refuses: it takes no turn, and is in no log.

    Args:
        limit: which field of `Limits`.
        message: what was found, what is allowed, and the way out.
        retry_after_s: when the same call may be tried again; None where waiting does not help.
    """

    def __init__(self, limit: str, message: str, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.limit = limit
        self.retry_after_s = retry_after_s

    def facts(self) -> dict[str, Any]:
        """What a program reads beside the message."""
        retry = {} if self.retry_after_s is None else {"retry_after_s": self.retry_after_s}
        return {"limit": self.limit, **retry}


@dataclass(slots=True)
class _Minute:
    ends_at: float
    steps: int = 0
    size: int = 0


class Usage:
    """What each principal has used of its limits, and how often one was refused.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.refusals: Counter[str] = Counter()
        """Refused calls, by limit."""
        self._clock = clock
        self._minutes: dict[str, _Minute] = {}

    def opening(self, principal: str, limits: Limits, count_open: Callable[[str], int]) -> None:
        """See that a principal may open one more session.

        Raises:
            LimitReached: it may not.
        """
        most = limits.open_sessions
        if most is None or (found := count_open(principal)) < most:
            return
        self._refuse(
            "open_sessions",
            f"you have {found} open sessions and may have {most}; close_session ends one "
            "(idle ones count too; list_sessions shows them), then try again",
        )

    def playing(self, principal: str, limits: Limits, sent: Any) -> None:
        """Count a call that is about to be played, with all that is sent along with it.

        Raises:
            LimitReached: the principal has used up its minute; the call does not count.
        """
        if limits.steps_per_minute is not None or limits.bytes_per_minute is not None:
            self._use(principal, limits, 1, size_of(sent))

    def beginning(self, principal: str, limits: Limits, *, turns: int = 0, size: int = 0) -> None:
        """Count a session that is about to begin, with the turns of another that it copies, of some size.

        One that is more than a minute's worth takes a whole minute.

        Raises:
            LimitReached: as `playing`.
        """
        calls, most = turns + 1, limits.bytes_per_minute
        self._use(principal, limits, min(calls, limits.steps_per_minute or calls), min(size, most or size))

    def _use(self, principal: str, limits: Limits, calls: int, size: int) -> None:
        minute = self._minute(principal)
        self._check(minute, limits.steps_per_minute, minute.steps, calls, ("steps_per_minute", "calls"))
        self._check(minute, limits.bytes_per_minute, minute.size, size, ("bytes_per_minute", "bytes"))
        minute.steps += calls
        minute.size += size

    def answered(self, principal: str, limits: Limits, size: int) -> None:
        """Count an answer of so many characters; it is the next call that may be too much."""
        if limits.bytes_per_minute is not None:
            self._minute(principal).size += size

    def stepping(self, limits: Limits, session_id: str, turns: int) -> None:
        """See that a session may take one more turn.

        Raises:
            LimitReached: it may not.
        """
        most = limits.steps_per_session
        if most is not None and turns >= most:
            self._refuse(
                "steps_per_session",
                f"session {session_id} has {turns} turns, and this server plays {most} of one; "
                "close it and go on with another",
            )

    def _minute(self, principal: str) -> _Minute:
        now = self._clock()
        minute = self._minutes.get(principal)
        if minute is None or now >= minute.ends_at:
            minute = self._minutes[principal] = _Minute(now + WINDOW_S)
        return minute

    def _check(
        self, minute: _Minute, most: int | None, used: int, wanted: int, words: tuple[str, str]
    ) -> None:
        if most is None or used + wanted <= most:
            return
        limit, unit = words
        wait_s = max(1, math.ceil(round(minute.ends_at - self._clock(), 3)))
        if wanted > most:
            self._refuse(limit, f"this call has {wanted} {unit} and you may send {most} a minute; send less")
        self._refuse(
            limit, f"{used} {unit} this minute, and you may have {most}; try again in {wait_s} s", wait_s
        )

    def _refuse(self, limit: str, message: str, retry_after_s: int | None = None) -> None:
        self.refusals[limit] += 1
        raise LimitReached(limit, message, retry_after_s)


def size_of(value: Any) -> int:
    """About how many bytes a value takes in the log, without writing it down; it may be nested deeply."""
    size, rest = 0, [value]
    while rest:
        item = rest.pop()
        if isinstance(item, str | Mapping | list) and not item:
            size += EMPTY_SIZE
        elif isinstance(item, str):
            size += len(item)
        elif isinstance(item, Mapping):
            rest += item.keys()
            rest += item.values()
        elif isinstance(item, list):
            rest += item
        else:
            size += NUMBER_SIZE
    return size
