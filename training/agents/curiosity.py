"""Curiosity: what a tool is worth in a situation, from the signals of exploring and from what ended how."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from practicum.skills.explore import ForwardModel, Novelty, Potential

END, REFUSED = "(end)", "(refused)"
"""What follows a call beside another state."""
_ACCEPTED, _CALLS, _SUCCESS = "(accepted)", "(calls)", "(success)"
FORESIGHT = 0.85
"""What a state is worth one call earlier."""
UNKNOWN_STATE = 1.0
WORTH_OF_SUCCESS = 5.0
"""Of a sure one, against 1 for a call that was never made."""
_DOUBT = 1
"""Calls that the tool's acceptance elsewhere weighs against what it met in a state."""


class Curiosity:
    """Values (state, tool) as a planner over the counts: novelty, learning progress, and where they lead.

    There are two minds: `seeking` also counts what led to success before, the other one only what is new.
    """

    def __init__(self) -> None:
        self.novelty = Novelty()
        self.model = ForwardModel()
        self.potential = Potential()
        self._fates: dict[str, Counter[str]] = {}
        self._readiness: dict[str, dict[str, float]] = {}
        self._values: dict[bool, dict[str, float]] = {False: {}, True: {}}

    def observe(self, state: str, tool: str, after: str) -> None:
        """A call was made; `after` is the state that followed, `END` or `REFUSED`."""
        fate, before = self._fate(tool), self.model.followers(state, tool)
        was_accepted = any(times for follower, times in before.items() if follower != REFUSED)
        if after == REFUSED:
            fate[REFUSED] += not before
        elif not was_accepted:
            fate[_ACCEPTED] += 1
            fate[REFUSED] -= REFUSED in before
        fate[_CALLS] += after != REFUSED
        fate[END] += after == END
        self.novelty.observe(state, tool)
        self.model.observe(state, tool, after)

    def found_ready(self, state: str, readiness: Mapping[str, float]) -> None:
        """What was at hand for each tool in a state, from 0 to 1, as it was seen last."""
        self._readiness[state] = dict(readiness)

    def judged(self, tool: str, passed: Iterable[str], *, success: bool) -> None:
        """An episode has been judged that a tool ended; `passed` is what it came through."""
        self._fate(tool)[_SUCCESS] += success
        self.potential.observe(passed, success=success)

    def score(
        self, state: str, tool: str, *, seeking: bool = False, been: Collection[str] = frozenset()
    ) -> float:
        """What a call promises: (what is new in it + what it leads to), times the chance that it can be made.

        Args:
            state: where it is made.
            tool: that is called.
            seeking: whose mind.
            been: states that lead nowhere, because the episode came through them.
        """
        ends = self.ends(tool)
        way_on = self._way_on(state, tool, seeking=seeking, been={*been, state})
        leads = (1 - ends) * way_on + ends * self._end(tool, seeking=seeking)
        return self._readiness.get(state, {}).get(tool, 1.0) * self._acceptance(state, tool) * leads

    def ends(self, tool: str) -> float:
        """From 0 to 1: how often an accepted call of the tool was the last one."""
        fate = self._fate(tool)
        return fate[END] / fate[_CALLS] if fate[_CALLS] else 0.0

    def back_up(self, states: Iterable[str], tools: Iterable[str]) -> None:
        """Value states anew, in this order, by the best of the tools."""
        tools = list(tools)
        for state in states:
            for seeking, values in self._values.items():
                values[state] = max((self.score(state, tool, seeking=seeking) for tool in tools), default=0.0)

    @property
    def states(self) -> tuple[str, ...]:
        """Those that were valued, in the order of their discovery."""
        return tuple(self._values[False])

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "novelty": self.novelty.as_json(),
            "model": self.model.as_json(),
            "potential": self.potential.as_json(),
            "fates": {tool: dict(fate) for tool, fate in self._fates.items()},
            "readiness": {state: dict(tools) for state, tools in self._readiness.items()},
            "values": [dict(self._values[False]), dict(self._values[True])],
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Curiosity:
        """Read what `as_json` wrote."""
        found = cls()
        found.novelty = Novelty.from_json(record["novelty"])
        found.model = ForwardModel.from_json(record["model"])
        found.potential = Potential.from_json(record["potential"])
        found._fates = {tool: Counter(fate) for tool, fate in record["fates"].items()}
        found._readiness = {state: dict(tools) for state, tools in record["readiness"].items()}
        found._values = {bool(mind): dict(values) for mind, values in enumerate(record["values"])}
        return found

    def _fate(self, tool: str) -> Counter[str]:
        return self._fates.setdefault(tool, Counter())

    def _acceptance(self, state: str, tool: str) -> float:
        fate = self._fate(tool)
        elsewhere = (1 + (fate[_ACCEPTED] + 1) / (fate[_ACCEPTED] + fate[REFUSED] + 1)) / 2
        followers = self.model.followers(state, tool)
        here = sum(followers.values())
        return (here - followers.get(REFUSED, 0) + _DOUBT * elsewhere) / (here + _DOUBT)

    def _way_on(self, state: str, tool: str, *, seeking: bool, been: Collection[str]) -> float:
        """What is new in a call, and the states that it led to."""
        new = self.novelty.bonus(state, tool) + 0.5 * self.model.learning_progress(state, tool)
        followers = self.model.followers(state, tool)
        known = {after: times for after, times in followers.items() if after not in (END, REFUSED)}
        if not known:
            return new + FORESIGHT * UNKNOWN_STATE
        ways = sum(n * self._worth(state, s, seeking=seeking) for s, n in known.items() if s not in been)
        return new + ways / sum(known.values())

    def _worth(self, state: str, after: str, *, seeking: bool) -> float:
        progress = max(0.0, self.potential.progress(state, after)) if seeking else 0.0
        return FORESIGHT * self._values[seeking].get(after, UNKNOWN_STATE) + WORTH_OF_SUCCESS * progress

    def _end(self, tool: str, *, seeking: bool) -> float:
        """An end leads nowhere new, so it is as new as it is in all states together."""
        fate = self._fate(tool)
        hope = (fate[_SUCCESS] if seeking else 0.0) + 0.5
        return 1 / math.sqrt(1 + fate[END]) + WORTH_OF_SUCCESS * hope / (fate[END] + 1)
