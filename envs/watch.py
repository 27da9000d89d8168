"""Watch: names what keeps the process from everything else for too long, and interrupts it at last.

A world that computes runs in the main thread, beside everything else the process does. Where the system has
interval timers (not on Windows), one that goes on for ever is told of on stderr and then interrupted.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

T = TypeVar("T")

SAY_AFTER_S = 10.0
"""Work that takes so long is told of on stderr."""
END_AFTER_S = 60.0
"""Work that takes so long is interrupted."""
AGAIN_S = 1.0
"""How often an interruption is repeated for work that catches it."""

LEAST_ROOM = getattr(select, "PIPE_BUF", 512)
"""Bytes that a pipe takes at once when it takes any."""


class TookTooLong(BaseException):
    """Raised inside work that has kept the main thread for too long; no `except Exception` catches it."""


class Watch:
    """Keeps an eye on one piece of work at a time, in the main thread, once it has been started."""

    def __init__(self) -> None:
        self._say_after_s = SAY_AFTER_S
        self._end_after_s = END_AFTER_S
        self._thread: int | None = None
        self._what: Callable[[], str] | None = None
        self._since = 0.0
        self._said = False

    def start(self, *, end_after_s: float = END_AFTER_S) -> None:
        """Watch from now on: takes SIGALRM and the timer of real time; called in the main thread.

        Args:
            end_after_s: interrupt work after so long; half of that at most passes without a word.
        """
        self._end_after_s = end_after_s
        self._say_after_s = min(SAY_AFTER_S, end_after_s / 2)
        if hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, self._on_alarm)
            self._thread = threading.get_ident()

    def run(self, what: Callable[[], str], work: Callable[[], T]) -> T:
        """The result of `work`, watched where that can be done.

        Args:
            what: names the work, for the person who reads stderr.
            work: what to do.

        Raises:
            TookTooLong: it was interrupted.
        """
        if self._thread != threading.get_ident() or self._what is not None:
            return work()
        self._since, self._said = time.monotonic(), False
        self._what = what
        signal.setitimer(signal.ITIMER_REAL, self._say_after_s, min(AGAIN_S, self._say_after_s))
        try:
            try:
                return work()
            finally:
                self._release()
        except TookTooLong:  # which may have come within `finally`
            self._release()
            raise

    def _release(self) -> None:
        self._what = None
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _on_alarm(self, _: int, __: FrameType | None) -> None:
        what, held_s = self._what, time.monotonic() - self._since
        if what is None:
            return
        if held_s >= self._end_after_s:
            raise TookTooLong(f"{what()} was interrupted after {held_s:.0f} s")
        if not self._said and held_s >= self._say_after_s:
            self._said = True
            say(f"{what()} has kept everything else waiting for {held_s:.1f} s")


def say(line: str) -> None:
    """One line on stderr, left out where nobody takes it: work must not stop because stderr is not read."""
    if takes_at_once(2):
        os.write(2, f"practicum: {line}\n".encode("utf-8", "backslashreplace")[:LEAST_ROOM])


def takes_at_once(descriptor: int) -> bool:
    """Whether a descriptor takes `LEAST_ROOM` bytes at once; it does where the system cannot tell."""
    if not hasattr(select, "poll"):
        return True
    found = select.poll()
    found.register(descriptor, select.POLLOUT)
    return any(event & select.POLLOUT for _, event in found.poll(0))


WATCH = Watch()
"""The process's own: signals and timers are the process's too."""
