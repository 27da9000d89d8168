"""How the example `parcels` is solved: each parcel into the smallest free locker that takes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from practicum.envs.spaces import sample_arguments
from practicum.training.agents.agent import Decision, Tool


class ParcelsScript:
    """Looks after every call, then stores the largest parcel that is left."""

    _depot: dict[str, Any] | None

    def start(self, instruction: str, observation: Any) -> None:
        """Nothing has been seen yet."""
        self._depot = None

    def learn(self, made: Decision, result: Any, error: str | None) -> None:
        """Keep what `look` shows; any other call makes it stale."""
        self._depot = result if made.tool == "look" and error is None else None

    def next(self) -> Decision:
        """Look, or store the largest parcel that is left."""
        if self._depot is None:
            return Decision("look", {}, "Let me see what is where.")
        parcels, lockers, stored = self._depot["parcels"], self._depot["lockers"], self._depot["stored"]
        parcel = max((p for p in parcels if p not in stored), key=lambda p: parcels[p])
        free = [locker for locker in lockers if locker not in stored.values()]
        fitting = [locker for locker in free if lockers[locker] >= parcels[parcel]]
        if not fitting:
            blocked = max(stored, key=lambda p: lockers[stored[p]])
            return Decision("take_out", {"parcel": blocked}, f"{blocked} blocks a large locker.")
        locker = min(fitting, key=lambda name: lockers[name])
        return Decision(
            "store", {"parcel": parcel, "locker": locker}, f"{locker} is the smallest that takes {parcel}."
        )

    def slip(self, random: np.random.Generator, tools: Sequence[Tool]) -> Decision:
        """Put a random parcel into a random locker."""
        depot = self._depot
        if depot is None or not tools:
            return Decision("look", {}, "Once more.")
        words = [*depot["parcels"], *depot["lockers"]]
        tool = tools[int(random.integers(len(tools)))]
        return Decision(tool.name, sample_arguments(tool, random, words=words), "A slip.")
