"""Learning's child: one round in a process of its own, of the lowest priority, that ends with its parent.

    python -m practicum.mcp_server.learning_child DATABASE ENV…

Its stdin is a pipe that nobody writes to: where it ends, the parent is gone or wants this to end.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from types import FrameType

from practicum.mcp_server.learning import BUSY_ELSEWHERE

GRACE_S = 2.0
"""How long a round may take to give its lease back once it is to end."""
PR_SET_PDEATHSIG = 1
"""Option of Linux' prctl(2): a signal for when the parent has died."""


def main() -> None:
    """Do one round of learning."""
    with suppress(KeyboardInterrupt):
        end_with_parent()
        lower_priority()
        sys.exit(BUSY_ELSEWHERE if _learnt_nothing() else 0)


def _learnt_nothing() -> bool:
    """Do the round; whether another process is at it."""
    from practicum.memory import Store
    from practicum.skills.learning import learn

    with closing(Store.open_existing(Path(sys.argv[1]))) as store:
        return learn(store, envs=frozenset(sys.argv[2:])).skipped


def lower_priority() -> None:
    """Give way to everybody; on Windows the parent has seen to it."""
    if hasattr(os, "nice"):
        os.nice(19)
    if hasattr(os, "sched_setscheduler") and hasattr(os, "SCHED_IDLE"):
        with suppress(OSError):  # a container may forbid it
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def end_with_parent() -> None:
    """End when stdin does; on Linux also when the parent dies while something else holds the pipe open."""
    signal.signal(signal.SIGTERM, _stop)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    threading.Thread(target=_wait_for_end, name="practicum-parent", daemon=True).start()


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt  # SystemExit is what a world may raise, and a round outlives


def _wait_for_end() -> None:
    while os.read(0, 1024):
        pass
    signal.raise_signal(signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(0)


if __name__ == "__main__":
    main()
