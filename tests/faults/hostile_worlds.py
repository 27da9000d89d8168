"""Worlds that mean no good: each kind of trouble that an author's code can make for the server around it."""

from __future__ import annotations

import locale
import os
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from dataclasses import dataclass
from typing import Any

from practicum.envs import Outcome, Record, ToolEnv, action

LARGE = 50_000_000


class Unheard(BaseException):
    """Caught by no `except Exception`."""


@dataclass
class Calls(Record):
    made: int = 0


class Trouble(ToolEnv[Calls]):
    """Make trouble."""

    name = "trouble"

    def begin(self, *, seeds_that_hang: int = 99) -> Calls:
        if self.task.seed == seeds_that_hang:
            _spin()
        if self.task.seed == seeds_that_hang + 1:
            sys.exit(5)
        return Calls()

    @action
    def make(self, kind: str) -> Any:
        """Make trouble of a kind.

        Args:
            kind: Which.
        """
        self.state.made += 1
        made: Any = globals()[f"_{kind}"]
        return made()

    @action
    def count(self) -> int:
        """Count the calls so far."""
        self.state.made += 1
        return self.state.made

    def is_done(self) -> bool:
        return False

    def outcome(self) -> Outcome:
        return Outcome(success=False)


class Waiting(Trouble):
    """Make trouble in a worker thread."""

    name = "waiting"
    blocking = True


def _spin() -> None:
    while True:
        pass


def _sleep() -> None:
    time.sleep(1000)


def _deaf() -> None:
    while True:
        try:
            _spin()
        except Exception:  # noqa: BLE001  # the point of it
            continue


def _system_exit() -> None:
    sys.exit(3)


def _keyboard_interrupt() -> None:
    raise KeyboardInterrupt


def _base_exception() -> None:
    raise Unheard("sesame")


def _recursion() -> None:
    _recursion()


def _memory() -> None:
    raise MemoryError


def _bytes() -> bytes:
    return b"\xff\xfe"


def _objects() -> Any:
    return [object()]


def _cycle() -> Any:
    circle: list[Any] = []
    circle.append(circle)
    return circle


def _nan() -> Any:
    return {"value": float("nan"), "more": [float("inf"), -float("inf")]}


def _large() -> str:
    return "x" * LARGE


def _noise() -> str:
    print("p" * 3_000_000)  # noqa: T201  # the point of it
    sys.stdout.flush()
    os.write(1, b"w" * 100_000 + b"\n")
    subprocess.run([sys.executable, "-c", "print('c' * 100000)"], check=True)
    return "quiet again"


def _globals() -> str:
    os.chdir(tempfile.gettempdir())
    locale.setlocale(locale.LC_ALL, "C")
    warnings.simplefilter("error")
    os.environ["PRACTICUM_DB"] = "/nowhere/at.all"
    sys.stdout = sys.stderr = sys.stdin = None  # type: ignore[assignment]
    return "changed"


def _threads() -> str:
    for _ in range(3):
        threading.Thread(target=_sleep).start()
    return "left"
