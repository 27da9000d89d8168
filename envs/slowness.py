"""Says that an import takes long, while it does: what never comes back cannot say so itself."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from practicum.envs.watch import SAY_AFTER_S, say


@contextmanager
def importing(module: str, *, say_after_s: float = SAY_AFTER_S) -> Iterator[None]:
    """Tell of an import on stderr if it has not ended after so many seconds.

    Args:
        module: what the block imports; one that is loaded already is not watched.
        say_after_s: how long it may take without a word.
    """
    if module in sys.modules:
        yield
        return
    line = f"importing {module} has taken {say_after_s:g} s so far; something in it may wait without a limit"
    timer = threading.Timer(say_after_s, say, (line,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
