"""Comparison of the two ways in which tasks are made: at once, and over turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from statistics import mean
from typing import Any

from practicum.training.llm import ChatModel
from practicum.training.rollouts import Progress
from practicum.training.tasks.analysis import statistics
from practicum.training.tasks.pipeline import MODES, Mode, Pipeline, Recipe, Statistics, attempts
from practicum.training.tasks.records import TaskRecord, key_of
from practicum.training.tasks.testing import run


@dataclass(frozen=True)
class Made:
    """The tasks that one mode has made, and how that went."""

    mode: Mode
    records: tuple[TaskRecord, ...]
    run: Statistics
    seconds: float

    def figures(self, data: str = "") -> dict[str, Any]:
        """What modes are compared by, a flat JSON object; None where nothing was made.

        Args:
            data: folder of the world, in which the oracle tries the tasks out.
        """
        turned_down = sum(self.run.reasons.values())
        return {
            "asked": self.run.asked,
            "made": self.run.made,
            "proposals": self.run.proposals,
            "faults": turned_down,
            "seconds_per_task": self.seconds / self.run.asked,
            "scenarios": sum(bool(count) for count in self.run.scenarios.values()),
            **(_of_tasks(self.records, data) if self.records else dict.fromkeys(_FIGURES)),
        }


_FIGURES = (
    "gold_calls",
    "distinct_plans",
    "tools",
    "words_of_query",
    "turns",
    "confidence",
    "oracle_success",
)


def compare(
    count: int,
    recipe: Recipe,
    *,
    model: ChatModel | None = None,
    progress: Progress = lambda done, total: None,
) -> dict[Mode, Made]:
    """Make tasks in both modes, by the same recipe and seed, so that the scenarios are the same.

    Args:
        count: tasks of each mode that are tried.
        recipe: of both, but for the mode.
        model: as in `Pipeline`.
        progress: told how many of all tasks are done.

    Raises:
        UsageError: as `Pipeline`.
        ModelUnavailable: the model cannot be asked.
    """
    found: dict[Mode, Made] = {}
    for place, mode in enumerate(MODES):
        before = place * count

        def tell(done: int, before: int = before) -> None:
            progress(before + done, count * len(MODES))

        found[mode] = _made(Pipeline(replace(recipe, mode=mode), model), count, tell)
    return found


def shared_plans(made: Mapping[Mode, Made]) -> int:
    """How many gold plans both modes have made."""
    direct, agentflow = ({key_of(record.agt) for record in made[mode].records} for mode in MODES)
    return len(direct & agentflow)


def _made(pipeline: Pipeline, count: int, tell: Callable[[int], None]) -> Made:
    began, tries = time.perf_counter(), []
    for attempt in attempts(pipeline, range(count)):
        tries.append(attempt)
        tell(len(tries))
    records = tuple(attempt.record for attempt in tries if attempt.record is not None)
    return Made(pipeline.recipe.mode, records, Statistics.of(tries), time.perf_counter() - began)


def _of_tasks(records: tuple[TaskRecord, ...], data: str) -> dict[str, Any]:
    made_of = statistics(records)
    return {
        "gold_calls": made_of["gold_calls"]["mean"],
        "distinct_plans": len(records) - made_of["repeats"],
        "tools": len(made_of["tools"]),
        "words_of_query": made_of["words_of_query"],
        "turns": mean(record.metadata["turns"] for record in records),
        "confidence": made_of["confidence"],
        "oracle_success": mean(each.success for each in run(records, "oracle", data=data)),
    }
