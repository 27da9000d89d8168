"""Scoring: the process reward of sessions, step by step, in layers: rules, a judge, people.

What is scored stands in the log, and is not computed again while neither the steps nor the layer change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from practicum.envs.domains import DomainProfile
from practicum.envs.errors import UsageError
from practicum.memory import Session, Sessions, Store
from practicum.memory.ratings import Ratings
from practicum.memory.scores import Layer, Scores, StepScore
from practicum.training.rubrics.budget import BudgetSpent
from practicum.training.rubrics.calibration import newest_calibration
from practicum.training.rubrics.human import human_scores
from practicum.training.rubrics.judge import Judge
from practicum.training.rubrics.rules import Rules, RuleScores, rules_version
from practicum.training.rubrics.tracks import Track, track_of
from practicum.training.rubrics.weights import efficiency, overall, process_reward, step_reward

RULES: tuple[Layer, ...] = ("rules",)


@dataclass(frozen=True, slots=True)
class ScoredStep:
    """What one step is worth."""

    turn: int
    tool: str
    layers: Mapping[Layer, Mapping[str, float]]
    """Scores by layer and rubric, from 0 to 1."""
    reward: float | None
    """The weighted mean; None where no rubric has a score."""
    why: Mapping[str, str]
    """Reasons by rubric."""

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object."""
        return {
            "turn": self.turn,
            "tool": self.tool,
            "reward": _rounded(self.reward),
            "scores": {layer: dict(scores) for layer, scores in self.layers.items()},
            "why": dict(self.why),
        }


@dataclass(frozen=True)
class SessionScore:
    """What one episode is worth by how it was played."""

    name: str
    """Id of the session, or the file's."""
    task: str
    domain: str
    success: bool | None
    length: int
    """How many steps it has."""
    layers: Mapping[Layer, Mapping[str, float]]
    """The mean of each rubric over the steps that have it, by layer."""
    steps: tuple[ScoredStep, ...]
    process: float | None
    """The process reward: the mean over the steps."""
    efficiency: float | None
    """Steps of the shortest known success of the task against its own."""
    cost: float = 0.0
    """Money that its scores took, now or when they were made."""
    stopped: str | None = None
    """Why a judge stopped before the last step, if it did."""

    @property
    def overall(self) -> float | None:
        """Process reward and efficiency in one figure."""
        return overall(self.process, self.efficiency)

    @property
    def rubrics(self) -> dict[str, float]:
        """The mean of each rubric; what people say is the rubric `rating`."""
        return {rubric: mean for means in self.layers.values() for rubric, mean in means.items()}

    def mean(self, layer: Layer) -> float | None:
        """The mean of one layer's rubrics; None where it has none."""
        means = self.layers.get(layer)
        return fmean(means.values()) if means else None

    @property
    def in_brief(self) -> SessionScore:
        """The same without its steps."""
        return replace(self, steps=())

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object."""
        return {
            "session": self.name,
            "task": self.task,
            "domain": self.domain,
            "success": self.success,
            "process": _rounded(self.process),
            "efficiency": _rounded(self.efficiency),
            "overall": _rounded(self.overall),
            "rubrics": {rubric: _rounded(score) for rubric, score in self.rubrics.items()},
            "length": self.length,
            "cost": _rounded(self.cost),
            "stopped": self.stopped,
            "steps": [step.as_json() for step in self.steps],
        }


def score_steps(track: Track) -> list[RuleScores]:
    """What the rules make of every step of an episode."""
    rules = Rules(track.profile, track.told)
    return [rules.score(step) for step in track.steps]


def score_track(track: Track, judge: Judge | None = None, *, rules: bool = True) -> SessionScore:
    """The score of an episode by rules, and by a judge where one is given; nothing is kept.

    Args:
        track: the episode.
        judge: scores it too.
        rules: whether the rules score it.

    Raises:
        ModelUnavailable: the judge's model cannot be asked.
    """
    rows = _rule_rows(track) if rules else []
    stopped = None
    if judge is not None:
        try:
            for found in judge.scores(track, [step.turn for step in track.steps]):
                rows += found
        except BudgetSpent as spent:
            stopped = str(spent)
    return replace(summed(track, rows), stopped=stopped)


class Scorer:
    """Scores sessions of a log, and keeps the scores there.

    Args:
        store: the file.
        layers: whose scores are made; those of people are read from their ratings.
        judge: for the layer `judge`.
        profile: the domain's; that of each session's environment where None.

    Raises:
        UsageError: the layer `judge` is asked for without a judge.
    """

    def __init__(
        self,
        store: Store,
        layers: Sequence[Layer] = RULES,
        *,
        judge: Judge | None = None,
        profile: DomainProfile | None = None,
    ) -> None:
        if "judge" in layers and judge is None:
            raise UsageError("the layer 'judge' needs a judge")
        self._sessions = Sessions(store)
        self._scores = Scores(store)
        self._ratings = Ratings(store)
        self._layers = layers
        self._judge = judge
        self._profile = profile

    def score(self, session: Session) -> SessionScore:
        """The score of a session; what is missing is scored and kept first, a judge's step by step.

        Raises:
            ModelUnavailable: the judge's model cannot be asked; what was scored before is kept.
            LogUnavailable: the scores could not be written.
        """
        track = track_of(self._sessions, session, self._profile)
        rows: list[StepScore] = []
        stopped = None
        for layer in self._layers:
            made, why = self._made(layer, track, session.id)
            rows += made
            stopped = why or stopped
        return replace(summed(track, rows), stopped=stopped)

    def _made(self, layer: Layer, track: Track, session: str) -> tuple[list[StepScore], str | None]:
        if layer == "human":
            found = human_scores(
                self._ratings.means(session),
                self._scores.of(session, "judge"),
                newest_calibration(self._sessions.store),
            )
            self._scores.add(session, found)
            return found, None
        if layer == "judge":
            return self._judged(track, session)
        return self._ruled(track, session), None

    def _ruled(self, track: Track, session: str) -> list[StepScore]:
        known = self._scores.of(session, "rules", rules_version(track.profile))
        if {row.turn for row in known} >= {step.turn for step in track.steps}:
            return known
        rows = _rule_rows(track)
        self._scores.add(session, rows)
        return rows

    def _judged(self, track: Track, session: str) -> tuple[list[StepScore], str | None]:
        assert self._judge is not None
        rows = self._scores.of(session, "judge", self._judge.version)
        known = {row.turn for row in rows}
        missing = [step.turn for step in track.steps if step.turn not in known]
        try:
            for found in self._judge.scores(track, missing):
                self._scores.add(session, found)
                rows += found
        except BudgetSpent as spent:
            return rows, str(spent)
        return rows, None


def summed(track: Track, rows: Sequence[StepScore]) -> SessionScore:
    """What an episode is worth by the scores of its steps."""
    by_turn: dict[int, list[StepScore]] = {}
    for row in rows:
        by_turn.setdefault(row.turn, []).append(row)
    steps = tuple(
        _scored(step.turn, step.tool, by_turn.get(step.turn, ()), track.profile.rubric_weights)
        for step in track.steps
    )
    return SessionScore(
        name=track.session or "",
        task=track.task,
        domain=track.profile.name,
        success=track.success,
        length=len(steps),
        layers=_means(rows),
        steps=steps,
        process=process_reward(step.reward for step in steps),
        efficiency=efficiency(len(steps), track.shortest),
        cost=sum(row.cost for row in rows),
    )


def _means(rows: Sequence[StepScore]) -> dict[Layer, dict[str, float]]:
    found: dict[Layer, dict[str, list[float]]] = {}
    for row in rows:
        found.setdefault(row.layer, {}).setdefault(row.rubric, []).append(row.score)
    return {layer: {name: fmean(each) for name, each in found[layer].items()} for layer in found}


def _scored(turn: int, tool: str, rows: Sequence[StepScore], weights: Mapping[str, float]) -> ScoredStep:
    layers: dict[Layer, dict[str, float]] = {}
    for row in rows:
        layers.setdefault(row.layer, {})[row.rubric] = row.score
    why = {row.rubric: row.why for row in rows if row.why}
    return ScoredStep(turn, tool, layers, step_reward(layers, weights), why)


def _rule_rows(track: Track) -> list[StepScore]:
    version = rules_version(track.profile)
    return [
        StepScore(scores.turn, rubric, "rules", version, score, why=scores.why.get(rubric))
        for scores in score_steps(track)
        for rubric, score in scores.rubrics.items()
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
