"""Ranking: how good a session is to learn from, against the others that were asked for."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from practicum.memory.ended import BY_SKILL, EndedSessions, Path

SHARES = {"success": 0.4, "return": 0.2, "efficiency": 0.15, "score": 0.15, "rarity": 0.1}
"""What each part counts for. Parts that are not known are left out, and the others count for the whole."""
PathScore = Callable[[Path], float | None]
"""The process reward of a session, from 0 to 1; None where it has none."""


def no_score(path: Path) -> None:
    """No process reward, for whatever session."""


@dataclass
class _World:
    """What the sessions of one environment are like."""

    sessions: int = 0
    lowest: float = math.inf
    highest: float = -math.inf
    shortest: int | None = None
    """The fewest decisions of a session that came to the right end."""
    ways: Counter[int] = field(default_factory=Counter)
    """How many sessions went each way, by the way's hash."""

    def learn(self, path: Path, way: tuple[str, ...]) -> None:
        self.sessions += 1
        self.lowest = min(self.lowest, path.total_reward)
        self.highest = max(self.highest, path.total_reward)
        self.ways[hash(way)] += 1
        if path.success:
            self.shortest = len(way) if self.shortest is None else min(self.shortest, len(way))


class Ranking:
    """Ranks sessions by quality.

    The quality is the mean, weighted by `SHARES`, of five parts, each from 0 to 1 and taken among the
    sessions of the same environment: success (1, or 0 at a wrong end); return (from the lowest to the
    highest); efficiency (the decisions of the shortest success against those made, 0 without success); score
    (the process reward); rarity (1 - ln k / ln n, for k of n sessions that went the same way).

    Args:
        paths: of all sessions among which is ranked.
        score: gives the process reward; None where there is none.
    """

    def __init__(self, paths: Iterable[Path], score: PathScore = no_score) -> None:
        self._score = score
        self._worlds: dict[str, _World] = {}
        for path in paths:
            self._worlds.setdefault(path.env, _World()).learn(path, way_of(path))

    def quality(self, path: Path) -> float:
        """From 0 to 1; of a session that was among those in the beginning."""
        parts = self._parts(path, self._worlds[path.env])
        known = {name: part for name, part in parts.items() if part is not None}
        shares = sum(SHARES[name] for name in known)
        return sum(SHARES[name] * part for name, part in known.items()) / shares

    def _parts(self, path: Path, world: _World) -> dict[str, float | None]:
        way = way_of(path)
        span = world.highest - world.lowest
        is_short = path.success and world.shortest is not None and way
        everybody = math.log(world.sessions)
        return {
            "success": None if path.success is None else float(path.success),
            "return": (path.total_reward - world.lowest) / span if span else None,
            "efficiency": (world.shortest or 0) / len(way) if is_short else 0.0,
            "score": self._score(path),
            "rarity": 1 - math.log(world.ways[hash(way)]) / everybody if everybody else None,
        }


def way_of(path: Path) -> tuple[str, ...]:
    """The decisions of a session: its tools in their order, a run of a skill as one."""
    return tuple(_decided(path.tools.split()))


def _decided(tools: Iterable[str]) -> Iterator[str]:
    for tool, equal in groupby(tools):
        yield from (tool,) if tool.startswith(BY_SKILL) else equal


def best(sessions: EndedSessions, count: int, score: PathScore = no_score) -> list[tuple[int, float]]:
    """The sessions of the highest quality, best first: each by the number of its end, with its quality.

    Args:
        sessions: among which is ranked; they are read twice, and only the best are kept.
        count: at most so many.
        score: as in `Ranking`.
    """
    ranking = Ranking(sessions.paths(), score)
    ranked = ((ranking.quality(path), -path.number) for path in sessions.paths())
    return [(-number, quality) for quality, number in heapq.nlargest(count, ranked)]
