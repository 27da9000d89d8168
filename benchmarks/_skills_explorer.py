"""Bootstrapping: the explorer against the random agent, calls to the first success where nobody demonstrates.

Both play the same tasks in the same order, one agent all episodes of a seed. A run that has had no success
after the cap of calls counts as the cap and is told as cut off.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from practicum.envs import Episode, ToolEnv, find
from practicum.memory import Log, SessionRecorder, Sessions, SessionStart, Store, new_session_id
from practicum.training.agents import Agent, Explorer, RandomAgent, play_episode

PARCELS = f"{Path(__file__).resolve().parents[1] / 'examples' / 'parcel_lockers.py'}:ParcelLockers"
SEEDS_APART = 10_000
"""Between the first tasks of two runs."""


@dataclass(frozen=True)
class Field:
    """Where both are sent."""

    env: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    sought: str = "success"
    """What of an outcome must be true beside its success."""


FIELDS = {
    "flight_easy": Field("flight", {"kind": "book", "difficulty": 0.0, "feasible": True}),
    "flight": Field("flight", {"kind": "book", "feasible": True}),
    "flight_as_drawn": Field("flight", {"kind": "book"}),
    "flight_as_drawn_ticket": Field("flight", {"kind": "book"}, "ticketed"),
    "parcels": Field(PARCELS),
}
QUICK_FIELDS = ("flight_easy", "flight_as_drawn", "parcels")


def calls_to_success(where: Field, agent: Agent, seed: int, cap: int) -> int:
    """Calls until the first success of an agent over as many train tasks as it takes; `cap` if none came."""
    env: type[ToolEnv[Any]] = find(where.env)
    calls = 0
    for task in env.tasks(seed * SEEDS_APART, **where.settings).split("train"):
        episode = Episode(env(), task)
        calls += len(play_episode(episode, agent))
        outcome = episode.last.outcome if episode.last is not None else None
        if calls >= cap or (outcome and outcome["success"] and outcome[where.sought]):
            break
    return min(calls, cap)


def compared(where: Field, seeds: int, cap: int) -> dict[str, Any]:
    """Both agents over the seeds: medians, how many were cut off, and the sign test."""
    pairs = [
        (
            calls_to_success(where, Explorer(seed), seed, cap),
            calls_to_success(where, RandomAgent(seed), seed, cap),
        )
        for seed in range(seeds)
    ]
    explorer, random = ([pair[i] for pair in pairs] for i in (0, 1))
    return {
        "explorer": median(explorer),
        "random": median(random),
        "explorer_cut_off": sum(calls == cap for calls in explorer),
        "random_cut_off": sum(calls == cap for calls in random),
        "fewer": sum(e < r for e, r in pairs),
        "more": sum(e > r for e, r in pairs),
        "p": sign_test(sum(e < r for e, r in pairs), sum(e > r for e, r in pairs)),
    }


def sign_test(fewer: int, more: int) -> float:
    """Two-sided exact p; ties, such as two runs that were cut off, are left out."""
    n, least = fewer + more, min(fewer, more)
    tail = sum(math.comb(n, k) for k in range(least + 1)) / 2**n
    return float(f"{min(1.0, 2 * tail):.2g}")


def logged(episodes: int) -> dict[str, Any]:
    """What one explorer leaves in the log: sessions like any others, some of which succeed."""
    env: type[ToolEnv[Any]] = find("flight")
    agent = Explorer(0)
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "explorer.db")
        log = Log(store)
        for task in env.tasks(kind="book", difficulty=0.0, feasible=True).split("train").take(episodes):
            session = new_session_id()
            log.start(SessionStart(id=session, env=task.env_id, task=task))
            play_episode(Episode(env(), task, recorder=SessionRecorder(log, session)), agent)
        return _successes(Sessions(store), episodes)


def _successes(sessions: Sessions, episodes: int) -> dict[str, Any]:
    kept = [s for s in sessions.list(None, limit=episodes) if s.success]
    steps = [list(sessions.steps(session.id)) for session in kept]
    calls = [step for each in steps for step in each]
    return {
        "sessions": episodes,
        "successes": len(kept),
        "calls_per_success": round(len(calls) / max(1, len(kept)), 1),
        "refused_in_successes": round(sum(step.refused for step in calls) / max(1, len(calls)), 3),
    }


def measure(*, quick: bool) -> dict[str, Any]:
    """All figures: of each field, then of the log of one explorer."""
    seeds, cap = (8, 600) if quick else (30, 3_000)
    figures: dict[str, Any] = {"seeds": seeds, "cap": cap}
    fields = {name: FIELDS[name] for name in (QUICK_FIELDS if quick else FIELDS)}
    figures |= {name: compared(where, seeds, cap) for name, where in fields.items()}
    return figures | {"logged": logged(100 if quick else 300)}
