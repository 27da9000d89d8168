"""A world that asks outside when it begins and at every call."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from practicum.envs import Outcome, Record, ToolEnv, action

sayings = itertools.count()


@dataclass
class Said(Record):
    words: list[int] = field(default_factory=list)


class Oracle(ToolEnv[Said]):
    """Ask until it has spoken three times."""

    name, version = "oracle", 1

    def begin(self) -> Said:
        return Said([self.outside.ask("chat", lambda: next(sayings))])

    @action
    def ask(self, kind: str = "chat") -> int:
        """Ask.

        Args:
            kind: What to ask for.
        """
        word: int = self.outside.ask(kind, lambda: next(sayings))
        self.state.words.append(word)
        return word

    def is_done(self) -> bool:
        return len(self.state.words) > 3

    def outcome(self) -> Outcome:
        return Outcome(success=True)
