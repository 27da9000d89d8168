"""Pairs: which of two sessions of the same task did better, for training on preferences.

Sessions are compared as a whole, and where they part: after equal calls with equal answers the next steps
differ, and what came of them tells which was better. Sessions of different tasks are never compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from practicum.envs.errors import UsageError
from practicum.envs.tasks import Split
from practicum.memory import Sessions, Store
from practicum.memory.preferences import PairKind, Preference, Preferences
from practicum.memory.ratings import BEST, WORST, Ratings
from practicum.training.rubrics.repeats import call_key
from practicum.training.rubrics.scoring import RULES, Scorer, SessionScore

DELTA = 0.1
"""How far scores or ratings from 0 to 1 must be apart."""
Deed = tuple[str, str]
"""A call as text, and the hash of what it was answered."""


@dataclass(frozen=True)
class Contender:
    """A session in comparison with others of its task."""

    session: str
    success: bool | None
    score: float | None
    """By process reward and efficiency, from 0 to 1."""
    deeds: tuple[Deed, ...]
    """Its calls in their order."""
    rewards: Mapping[int, float] = field(default_factory=dict)
    """Process reward by turn."""
    ratings: Mapping[int, float] = field(default_factory=dict)
    """What people say of its steps, from 0 to 1, by turn."""


Value = Callable[[Contender, int | None], float | None]
"""What a contender is worth as a whole (None), or in the step of a turn."""


def _outcome(contender: Contender, turn: int | None) -> float | None:
    return None if contender.success is None else float(contender.success)


def _score(contender: Contender, turn: int | None) -> float | None:
    return contender.score if turn is None else contender.rewards.get(turn)


def _rating(contender: Contender, turn: int | None) -> float | None:
    if turn is not None:
        return contender.ratings.get(turn)
    return fmean(contender.ratings.values()) if contender.ratings else None


def pairs_of(task: str, contenders: Sequence[Contender], *, delta: float = DELTA) -> list[Preference]:
    """The pairs among sessions of one task, each pair of sessions at most once for each kind and turn.

    As a whole, the best is paired with the worst, the second best with the second worst, and so on. Where
    sessions part, the best of one way is paired with the worst of another. Scores tell apart only what the
    outcome does not.

    Args:
        task: its content hash.
        contenders: sessions of it.
        delta: how far scores and ratings must be apart.
    """
    found = [
        *_matched(task, "outcome", contenders, _outcome, delta),
        *(pair for group in _alike(contenders) for pair in _matched(task, "score", group, _score, delta)),
        *_matched(task, "rating", contenders, _rating, delta),
        *(pair for turn, ways in _forks(contenders) for pair in _parted(task, turn, ways, delta)),
    ]
    return list({(pair.kind, pair.turn, pair.chosen, pair.rejected): pair for pair in found}.values())


def _alike(contenders: Sequence[Contender]) -> Iterator[list[Contender]]:
    for success in (True, False):
        yield [each for each in contenders if each.success is success]


def _matched(
    task: str, kind: PairKind, contenders: Iterable[Contender], value: Value, delta: float
) -> Iterator[Preference]:
    """Best with worst, from outside in; sessions that did the very same are never paired."""
    worth = {each.session: found for each in contenders if (found := value(each, None)) is not None}
    deeds = {each.session: each.deeds for each in contenders}
    ranked = sorted(worth, key=lambda session: -worth[session])
    for best, worst in zip(ranked[: len(ranked) // 2], reversed(ranked), strict=False):
        margin = worth[best] - worth[worst]
        if margin >= delta and deeds[best] != deeds[worst]:
            yield Preference(task, kind, 1, best, worst, margin)


def _forks(contenders: Sequence[Contender]) -> Iterator[tuple[int, list[list[Contender]]]]:
    """The turns at which sessions part that did the same until then, with those that went each way."""
    waiting = [(1, list(contenders))]
    while waiting:
        turn, group = waiting.pop()
        ways: dict[str, dict[Deed, list[Contender]]] = {}
        for each in group:
            if len(each.deeds) >= turn:
                call, answer = each.deeds[turn - 1]
                ways.setdefault(call, {}).setdefault((call, answer), []).append(each)
        if len(ways) > 1 and turn > 1:
            yield turn, [[each for found in way.values() for each in found] for way in ways.values()]
        waiting += [(turn + 1, found) for way in ways.values() for found in way.values() if len(found) > 1]


def _parted(task: str, turn: int, ways: Sequence[Sequence[Contender]], delta: float) -> Iterator[Preference]:
    """The best of one way against the worst of another, by outcome or else by score, and by people."""
    by_outcome = _extremes(task, "outcome", turn, ways, lambda each: _outcome(each, None), delta)
    yield from by_outcome or _extremes(task, "score", turn, ways, lambda each: _score(each, turn), delta)
    yield from _extremes(task, "rating", turn, ways, lambda each: _rating(each, turn), delta)


def _extremes(
    task: str,
    kind: PairKind,
    turn: int,
    ways: Sequence[Sequence[Contender]],
    value: Callable[[Contender], float | None],
    delta: float,
) -> list[Preference]:
    known = [
        (found, each.session, place)
        for place, way in enumerate(ways)
        for each in way
        if (found := value(each)) is not None
    ]
    means = {place: fmean(v for v, _, p in known if p == place) for place in {place for _, _, place in known}}
    if len(means) < 2:
        return []
    best, worst = max(means, key=lambda way: means[way]), min(means, key=lambda way: means[way])
    if means[best] - means[worst] < delta:
        return []
    chosen = max((v, s) for v, s, place in known if place == best)
    rejected = min((v, s) for v, s, place in known if place == worst)
    return [Preference(task, kind, turn, chosen[1], rejected[1], chosen[0] - rejected[0])]


class PreferenceBuilder:
    """Makes preference pairs of the sessions of a log, and keeps them there.

    Args:
        store: the file.
        delta: how far scores and ratings, from 0 to 1, must be apart.
        scorer: scores the sessions; by rules where None.

    Raises:
        UsageError: `delta` is not more than 0 and at most 1.
    """

    def __init__(self, store: Store, *, delta: float = DELTA, scorer: Scorer | None = None) -> None:
        if not 0 < delta <= 1:
            raise UsageError(f"delta is {delta!r}; expected more than 0 and at most 1")
        self._delta = delta
        self._sessions = Sessions(store)
        self._preferences = Preferences(store)
        self._ratings = Ratings(store)
        self._scorer = scorer or Scorer(store, RULES)

    @property
    def version(self) -> str:
        """Of the pairs that it makes."""
        return f"1-{self._delta:g}"

    def build(self, *, split: Split | None = "train", principal: str | None = None) -> Iterator[Preference]:
        """The pairs of all tasks that several sessions have played, task by task, each kept when it is told.

        Evaluations are never compared.

        Args:
            split: of the tasks; None for any.
            principal: whose sessions; None for anybody's.
        """
        for task in self._preferences.tasks(split=split, principal=principal):
            pairs = pairs_of(task, self._contenders(task, principal), delta=self._delta)
            self._preferences.add(pairs, self.version)
            yield from pairs

    def _contenders(self, task: str, principal: str | None) -> list[Contender]:
        listed = self._preferences.comparable(task, principal)
        return [self._contender(each.session, each.success) for each in listed]

    def _contender(self, session_id: str, success: bool | None) -> Contender:
        session = self._sessions.get(session_id, None)
        assert session is not None, "it is in the listing"
        score: SessionScore = self._scorer.score(session)
        steps = self._sessions.hashed_steps(session_id)
        return Contender(
            session=session_id,
            success=success,
            score=score.overall,
            deeds=tuple((call_key(step.tool, step.arguments), f"{step.error}{h}") for step, h in steps),
            rewards={step.turn: step.reward for step in score.steps if step.reward is not None},
            ratings={
                each.turn: (each.rating - WORST) / (BEST - WORST) for each in self._ratings.means(session_id)
            },
        )
