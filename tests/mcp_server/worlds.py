"""Small worlds, each with one trait that the server must cope with; found by `worlds.py:Class`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import Any, ClassVar

from practicum.envs import Outcome, Record, Task, ToolEnv, action

SECRET = "sesame-4711-open"  # what must never be seen


@dataclass
class Said(Record):
    words: list[str] = field(default_factory=list)
    over: bool = False


class Talk(ToolEnv[Said]):
    """Say things until you are done."""

    name, version = "talk", 1

    def begin(self, *, opening: str = "", step_limit: int = 50) -> Said:
        if opening == "broken":
            raise RuntimeError(f"the password is {SECRET}")
        return Said([opening])

    @classmethod
    def make_task(cls, seed: int, **settings: Any) -> Task:
        limit = settings.get("step_limit", 50)
        return Task(cls.name, cls.version, seed, settings, "Say things.", step_limit=limit)

    def opening(self) -> Any:
        return self.state.words[0] or "Say something."

    @action
    def say(self, json_text: str) -> Any:
        """Say something, and hear it again as a value.

        Args:
            json_text: A JSON document.
        """
        self.state.words.append(json_text)
        return json.loads(json_text)

    @action(read_only=True)
    def recall(self, index: int = -1) -> str:
        """Hear what was said.

        Args:
            index: Which of the words.
        """
        return self.state.words[index]

    @action
    def crash(self) -> str:
        """Fail as only a bug does."""
        raise RuntimeError(f"the password is {SECRET}")

    @action(destructive=True)
    def finish(self) -> str:
        """Be done."""
        self.state.over = True
        return "over"

    def is_done(self) -> bool:
        return self.state.over

    def outcome(self) -> Outcome:
        return Outcome(success=self.state.over)


class Murmur(Talk):
    """Say things in another world with the same actions."""

    name = "murmur"


class Sealed(Talk):
    """Guess the word."""

    name = "sealed"

    @classmethod
    def make_task(cls, seed: int, **settings: Any) -> Task:
        return Task(cls.name, cls.version, seed, settings, "Guess the word.", secret={"word": SECRET})

    @action
    def guess(self, word: str) -> str:
        """Guess the word.

        Args:
            word: Your guess.
        """
        self.state.over = word == self.task.secret["word"]
        return "right" if self.state.over else "wrong"


class Patient(Talk):
    """Wait for what happens outside."""

    name = "patient"
    blocking = True
    gate: ClassVar[threading.Event] = threading.Event()
    entered: ClassVar[threading.Semaphore] = threading.Semaphore(0)

    @action
    def wait(self, label: str = "") -> str:
        """Wait until the gate opens.

        Args:
            label: Comes back.
        """
        self.entered.release()
        assert self.gate.wait(timeout=20)
        self.state.words.append(label)
        return f"{len(self.state.words) - 1} {label}"


def make_noise(where: str) -> None:
    print(f"printed {where}")  # noqa: T201  # the point of it
    os.write(1, f"written {where}\n".encode())
    subprocess.run([sys.executable, "-c", f"print('child {where}')"], check=True)


class Loud(Talk):
    """Make noise on every channel."""

    name = "loud"

    def begin(self) -> Said:
        make_noise("in begin")
        return Said([""])

    @action
    def shout(self) -> str:
        """Make noise."""
        make_noise("in shout")
        return "done"


@dataclass
class Held(Record):
    stuck: bool


class Holder(ToolEnv[Held]):
    """Hold something until you are closed."""

    name, version = "holder", 1
    open: ClassVar[list[Holder]] = []

    def begin(self, *, stuck: bool = False) -> Held:
        Holder.open.append(self)
        return Held(stuck)

    @action(read_only=True)
    def look(self) -> str:
        """See that it is there."""
        return "held"

    @action
    def crash(self) -> str:
        """Fail as only a bug does."""
        raise RuntimeError("dropped")

    def is_done(self) -> bool:
        return False

    def outcome(self) -> Outcome:
        return Outcome(success=False)

    def close(self) -> None:
        Holder.open.remove(self)
        if self.state.stuck:
            raise OSError("it will not let go")
