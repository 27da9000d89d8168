"""Comparison: how far agents are apart, task by task, and whether that is more than chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import nan
from typing import Any

import numpy as np

from practicum.envs import Task
from practicum.envs.errors import UsageError
from practicum.training.agents.players import Player
from practicum.training.bootstrap import CONFIDENCE, Estimate, mean
from practicum.training.effects import cliffs_delta, cohen_d, cohen_dz, detectable, odds_ratio
from practicum.training.evaluate import TASKS, AgentReport, Report, evaluate, staged
from practicum.training.rollouts import EnvClass
from practicum.training.statistics import PAIRED, UNPAIRED, Finding, bonferroni, holm
from practicum.training.trials import FIGURES

NO_PAIRS = "no task is shared, so nothing can be paired"
ONLY_SUCCESS = ("mcnemar", "odds_ratio")
"""What is said of success alone."""
HEADLINE, WITHOUT_PAIRS = "permutation", "unpaired_permutation"


@dataclass(frozen=True)
class Contrast:
    """One figure of two agents, the first against the second."""

    difference: Estimate | None
    """The mean over the shared tasks of what the first has more."""
    tests: Mapping[str, Finding]
    """By the names of `PAIRED` and `UNPAIRED`; McNemar's for success alone."""
    effects: Mapping[str, float | None]
    """`cohen_d`, `cohen_dz` (of the pairs), `cliffs_delta`, of success `odds_ratio`; None without spread."""
    detectable: float | None
    """The smallest difference that as many pairs show four times out of five, at a level of 5 %."""

    @property
    def headline(self) -> Finding:
        """The test that ranks and marks go by: of pairs, or where there are none of both samples."""
        found = self.tests[HEADLINE]
        return found if found.p is not None else self.tests[WITHOUT_PAIRS]

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object."""
        return {
            "difference": self.difference and self.difference.as_json(),
            "tests": {name: found.as_json() for name, found in self.tests.items()},
            "effects": dict(self.effects),
            "detectable": self.detectable,
        }


@dataclass(frozen=True)
class Versus:
    """Two agents against each other."""

    first: str
    second: str
    shared: int
    """Tasks that both have played."""
    only_first: int
    only_second: int
    figures: Mapping[str, Contrast]
    """Those that both have."""

    @property
    def remark(self) -> str:
        """What is unequal about the tasks; empty where both played the same."""
        if not self.only_first and not self.only_second:
            return ""
        return (
            f"{self.first} and {self.second} share {self.shared} tasks; {self.only_first} were played by "
            f"{self.first} alone, {self.only_second} by {self.second} alone"
        )


@dataclass(frozen=True)
class Comparison:
    """Every two agents of a report against each other."""

    report: Report
    pairs: tuple[Versus, ...]
    confidence: float = CONFIDENCE
    """Of the intervals of differences."""

    def of(self, one: str, two: str) -> Versus:
        """The first against the second, whichever of them stands first in the report.

        Raises:
            UsageError: one of them is not among the agents, or both are the same.
        """
        for name in (one, two):
            if name not in self.report.agents:
                raise UsageError(f"{name!r} is none of {', '.join(self.report.agents)}")
        if one == two:
            raise UsageError(f"{one!r} cannot be compared with itself")
        return _versus(self.report.agents[one], self.report.agents[two], self.confidence)

    def corrected(self, figure: str) -> dict[frozenset[str], dict[str, float | None]]:
        """The headline p-values of a figure by pair of agents: `p`, `bonferroni`, `holm`.

        They are corrected for as many comparisons as there are pairs with a p-value.
        """
        known = [versus for versus in self.pairs if figure in versus.figures]
        ps = [versus.figures[figure].headline.p for versus in known]
        rows = zip(known, ps, bonferroni(ps), holm(ps), strict=True)
        return {
            frozenset((versus.first, versus.second)): {"p": p, "bonferroni": b, "holm": h}
            for versus, p, b, h in rows
        }

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object: the report, and its agents compared."""
        rows = [self._row(versus) for versus in self.pairs]
        return {**self.report.as_json(), "confidence": self.confidence, "comparisons": rows}

    def _row(self, versus: Versus) -> dict[str, Any]:
        both = frozenset((versus.first, versus.second))
        return {
            "agents": [versus.first, versus.second],
            "shared_tasks": versus.shared,
            "only_first": versus.only_first,
            "only_second": versus.only_second,
            "figures": {
                figure: {**contrast.as_json(), "corrected": self.corrected(figure)[both]}
                for figure, contrast in versus.figures.items()
            },
        }


def compare(report: Report, *, confidence: float = CONFIDENCE) -> Comparison:
    """Compare every two agents of a report, in the order in which they stand in it.

    Args:
        report: the agents.
        confidence: of the intervals of differences; 1 - 0.05 / n corrects them for n comparisons.
    """
    every_two = combinations(report.agents.values(), 2)
    pairs = tuple(_versus(one, two, confidence) for one, two in every_two)
    return Comparison(report, pairs, confidence)


def compare_agents(
    env: EnvClass | str,
    agents: Sequence[str] | Mapping[str, Player],
    tasks: Sequence[Task] | int = TASKS,
    **options: Any,
) -> Comparison:
    """Let agents play the same tasks, unlogged, and compare every two of them.

    Args:
        env: the environment, or its name.
        agents: names, or players by the names that the report calls them.
        tasks: what each plays, or how many of the test split.
        **options: as `evaluate` takes them.

    Raises:
        UsageError: as `evaluate`; or there is no such environment.
    """
    stage, played = staged(env, tasks)
    return compare(evaluate(stage, agents, played, **options))


def contrast(
    one: Mapping[str, float],
    two: Mapping[str, float],
    *,
    success: bool = False,
    confidence: float = CONFIDENCE,
) -> Contrast:
    """One figure of two agents by task.

    Args:
        one: what the first has, by task.
        two: what the second has; the tasks that both have are pairs.
        success: whether it is success, of which more can be said.
        confidence: of the interval of the difference.
    """
    shared = sorted(one.keys() & two.keys())
    pairs = [one[task] for task in shared], [two[task] for task in shared]
    own = [one[task] for task in sorted(one)], [two[task] for task in sorted(two)]
    differences = [a - b for a, b in zip(*pairs, strict=True)]
    tests = {name: _paired(name, *pairs) for name in PAIRED if success or name not in ONLY_SUCCESS}
    tests |= {name: test(*own) for name, test in UNPAIRED.items()}
    effects = {
        "cohen_d": cohen_d(*own),
        "cohen_dz": cohen_dz(differences),
        "cliffs_delta": cliffs_delta(*own),
    }
    if success:
        effects["odds_ratio"] = odds_ratio(*own)
    spread = float(np.std(differences, ddof=1)) if len(shared) > 1 else nan
    difference = mean(differences, confidence=confidence)
    return Contrast(difference, tests, effects, detectable(spread, len(shared)))


def _paired(name: str, one: Sequence[float], two: Sequence[float]) -> Finding:
    return PAIRED[name](one, two) if one else Finding(0, remark=NO_PAIRS)


def _versus(one: AgentReport, two: AgentReport, confidence: float) -> Versus:
    first, second = ({trial.task for trial in report.trials} for report in (one, two))
    passes = [name for name in one.passes if name in two.passes]
    both = {name: (one.by_task(name), two.by_task(name)) for name in (*FIGURES, *passes)}
    figures = {
        name: contrast(mine, theirs, success=name == "success", confidence=confidence)
        for name, (mine, theirs) in both.items()
        if mine and theirs
    }
    shared = len(first & second)
    return Versus(one.agent, two.agent, shared, len(first) - shared, len(second) - shared, figures)
