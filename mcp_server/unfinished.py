"""Unfinished: ends connections that take too long to send what they have begun; uvicorn waits without end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client may take to send a request."""

    head_s: float = 10.0
    """The line and the headers, from the connection or from the first byte on."""
    body_s: float = 60.0
    """What comes after them."""


@dataclass(frozen=True, slots=True)
class _Owed:
    cycle: Any
    """The request, or the one before where there is none yet."""
    until: float


class Unfinished:
    """The connections that have something still to send.

    Args:
        patience: how long each may take.
        clock: seconds that never go back.
    """

    def __init__(self, patience: Patience, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._clock = clock
        self._owing: dict[Any, _Owed] = {}

    def end_overdue(self, connections: Iterable[Any]) -> None:
        """Look at uvicorn's connections, as it does every second, and close those that took too long."""
        now = self._clock()
        before, self._owing = self._owing, {}
        for connection in list(connections):
            most_s = self._allowed_s(connection)
            if most_s is None:
                continue
            owed = before.get(connection)
            if owed is None or owed.cycle is not connection.cycle:
                owed = _Owed(connection.cycle, now + most_s)
            self._owing[connection] = owed
            if now >= owed.until:
                connection.transport.close()

    def _allowed_s(self, connection: Any) -> float | None:
        """What a connection may take for what it is sending; None where nothing is owed."""
        cycle = connection.cycle
        if cycle is not None and not cycle.response_complete:
            return self._patience.body_s if cycle.more_body else None
        idles = connection.timeout_keep_alive_task is not None  # uvicorn ends that itself
        return None if idles else self._patience.head_s
