"""Explorer: finds its way where nobody can demonstrate, drawn by what is new and by what led further."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from practicum.envs.spaces import sample_arguments, text_values
from practicum.skills.explore import Novelty, SelfConsistency, abstract_state
from practicum.skills.explore.states import masked
from practicum.training.agents.agent import Decision, Tool
from practicum.training.agents.curiosity import END, REFUSED, Curiosity
from practicum.training.agents.sources import Source, Surroundings, drawn, words_of

ATTEMPTS = 6
"""Draws of arguments before a tool has nothing more to try in a situation."""
SEEKS = 0.5
"""Share of the episodes that count what led to success, once there was one."""
_SWEEPS = 2
"""Times that all states are valued anew before an episode."""
_LEFT_OUT = Source("left out", (None,), 0.7)
_STRANGER = 0.01
"""Weight of a source that has no word in common with the argument, where none has."""
HINT = 1.0
"""Of a tool that the last answer names for the first time, against 1 for a call that was never made."""


class Explorer:
    """Learns over its episodes which calls are accepted where, what they lead to, and how episodes end.

    It knows nothing of any world: situations are abstract states of the results, arguments are values that
    the episode has shown. What it is told of ends (`Learner`) is their outcome; rewards it never sees.

    Args:
        seed: of its draws.
    """

    def __init__(self, seed: int = 0) -> None:
        self.curiosity = Curiosity()
        self.consistency = SelfConsistency()
        self._said = Novelty()
        self._accepted: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._random = np.random.default_rng(seed)
        self._made: Decision | None = None

    def begin(self, instruction: str, observation: Any, tools: Sequence[Tool] = ()) -> None:
        """Look around; if nobody told how the episode before ended, its last call ended it."""
        if self._made is not None:
            self.end(None, None, None)
        self._tools = {tool.name: tool for tool in tools}
        self._opening = observation
        self._state = abstract_state(observation, observation)
        self._path = [self._state]
        self._passed: set[str] = set()
        self._tried: set[tuple[str, str]] = set()
        self._session: dict[str, Any] = {"opening": observation}
        self._heard: list[str] = []
        self._surroundings = Surroundings()
        self._surroundings.see(instruction, "instruction")
        self._surroundings.see(observation)
        self._seeks = bool(self.curiosity.potential.successes) and self._random.random() < SEEKS
        for _ in range(_SWEEPS):
            self.curiosity.back_up(self.curiosity.states, self._tools)

    def decide(self, result: Any, error: str | None = None) -> Decision:
        """Learn from the last call, then make the most promising one that is not known to be futile."""
        if self._made is not None:
            self._learn(self._made, result, error)
        self._made = self._choose()
        return self._made

    def end(self, result: Any, error: str | None, outcome: Mapping[str, Any] | None) -> None:
        """Learn what the last call ended, and whether that was a success where it is told.

        An accepted call that was cut off by the step limit counts as the end, too: seen from here it was.
        """
        made, self._made = self._made, None
        if made is None:
            return
        self.curiosity.observe(self._state, made.tool, END if error is None else REFUSED)
        self._keep(made, result)
        if outcome is not None:
            success = bool(outcome.get("success"))
            self.curiosity.judged(made.tool, self._passed, success=success)
            if success:
                self.consistency.observe(self._session)
        self.curiosity.back_up(reversed(self._path), self._tools)

    def _learn(self, made: Decision, result: Any, error: str | None) -> None:
        before = self._state
        if error is None:
            self._state = abstract_state(result, self._opening)
            self._surroundings.see(result)
            self._keep(made, result)
        self._accepted.update(self._used if error is None else ())
        self._refused.update(self._used if error is not None else ())
        self.curiosity.observe(before, made.tool, self._state if error is None else REFUSED)
        self._tried.add((before, _written(made)))
        self._path.append(self._state)
        self._heard = [error] if error is not None else [text for text in text_values(result) if " " in text]
        self.curiosity.back_up([before], self._tools)

    def _keep(self, made: Decision, result: Any) -> None:
        self._session[made.tool] = {"arguments": dict(made.arguments), "result": result}
        self._passed |= {self._state, *self._used}

    def _choose(self) -> Decision:
        self._at_hand: dict[tuple[str, str], list[Source]] = {}
        readiness = {name: self._readiness(tool) for name, tool in self._tools.items()}
        self.curiosity.found_ready(self._state, readiness)
        names = sorted(self._tools, key=self._promise, reverse=True)
        calls = (call for name in names for call in self._calls(self._tools[name]))
        made, self._used = next((c for c in calls if self._may_help(c[0])), None) or self._draw(
            self._tools[names[0]]
        )
        for text in self._naming(made.tool):
            self._said.observe(masked(text), made.tool)
        return made

    def _promise(self, name: str) -> float:
        hint = max((self._said.bonus(masked(text), name) for text in self._naming(name)), default=0.0)
        score = self.curiosity.score(self._state, name, seeking=self._seeks, been=self._path)
        return score + HINT * hint + 1e-6 * float(self._random.random())

    def _naming(self, tool: str) -> list[str]:
        """The sentences of the last answer that have all words of the tool's name."""
        return [text for text in self._heard if words_of(tool) <= words_of(text)]

    def _readiness(self, tool: Tool) -> float:
        """From near 0 to 1: whether something at hand looks like what the tool needs."""
        asked = tool.schema.get("required", ())
        kin = [max((s.kinship for s in self._sources(tool, name)), default=0.0) for name in asked]
        return 0.1 + 0.9 * min(kin, default=1.0)

    def _calls(self, tool: Tool) -> Iterator[tuple[Decision, list[str]]]:
        return (self._draw(tool) for _ in range(ATTEMPTS))

    def _may_help(self, made: Decision) -> bool:
        """Whether a call is new in this situation, and breaks nothing that held in every success."""
        if (self._state, _written(made)) in self._tried:
            return False
        asked = {made.tool: {"arguments": dict(made.arguments)}}
        return not self._seeks or not self.consistency.broken(self._session | asked)

    def _draw(self, tool: Tool) -> tuple[Decision, list[str]]:
        """A call, and where each of its arguments comes from."""
        arguments: dict[str, Any] = {}
        used: list[str] = []
        for name in tool.schema["properties"]:
            sources = self._sources(tool, name)
            if not sources:
                arguments[name] = sample_arguments(tool, self._random)[name]
                continue
            best = max(source.kinship for source in sources)
            weights = np.array([self._weight(_place(tool, name, s), s.kinship, best) for s in sources])
            source = sources[int(self._random.choice(len(sources), p=weights / weights.sum()))]
            used.append(_place(tool, name, source))
            if source is not _LEFT_OUT:
                arguments[name] = drawn(source.values, self._random)
        thought = "It leads where success was." if self._seeks else "It is the newest thing to try."
        return Decision(tool.name, arguments, thought), used

    def _sources(self, tool: Tool, name: str) -> list[Source]:
        """What an argument can be made of; found once for each choice."""
        found = self._at_hand.get((tool.name, name))
        if found is None:
            found = self._surroundings.sources(tool.name, name, tool.schema["properties"][name])
            found += () if name in tool.schema.get("required", ()) else (_LEFT_OUT,)
            self._at_hand[tool.name, name] = found
        return found

    def _weight(self, place: str, kinship: float, best: float) -> float:
        """How likely a source is drawn: its kinship, its acceptance and the successes that came of it."""
        accepted, refused = self._accepted[place], self._refused[place]
        acceptance = (accepted + 1) / (accepted + refused + 1)
        stranger = _STRANGER * (1.02 - best)
        return (stranger + kinship**2) * acceptance * (0.1 + self.curiosity.potential.value(place))


def _place(tool: Tool, name: str, source: Source) -> str:
    return f"{tool.name}.{name} < {source.name}"


def _written(made: Decision) -> str:
    return json.dumps([made.tool, made.arguments], sort_keys=True)
