"""Stopping: a server that was told to stop does so within a few seconds, whatever its worlds are doing.

What a world was still playing then is in no log, so it did not happen; everything acknowledged is.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from practicum.envs.watch import say

STOP_S = 8.0
"""Longer than open connections get to come to their end."""


def end_within(seconds: float, playing: Callable[[], list[str]]) -> None:
    """End the process after so long, or after `STOP_S`, if it has not ended by itself.

    Args:
        seconds: how long that may take.
        playing: names the calls that are being played.
    """
    timer = threading.Timer(min(seconds, STOP_S), _end, [playing])
    timer.daemon = True
    timer.start()


def _end(playing: Callable[[], list[str]]) -> None:
    calls = ", ".join(playing()) or "something outside its sessions"
    say(f"stopped, though this did not come to an end: {calls}; the log is whole without it")
    os._exit(1)
