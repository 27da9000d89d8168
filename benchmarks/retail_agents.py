"""How agents serve the customers of generated retail tasks: the performance report, and its pictures.

    python -m benchmarks.retail_agents [--quick] [--pictures FOLDER]

Every agent plays the same tasks, made by rules with seed 0, with scripted customers. What is printed last is
one line of JSON; before it stand the tables of docs/task_performance.md.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any

from practicum.training.tasks.analysis import patterns
from practicum.training.tasks.cases import case_of
from practicum.training.tasks.charts import picture
from practicum.training.tasks.confusion import NOTHING, confusion
from practicum.training.tasks.pipeline import generate
from practicum.training.tasks.played_task import PlayedTask
from practicum.training.tasks.summary import summary_of
from practicum.training.tasks.testing import run

AGENTS: Mapping[str, Mapping[str, Any]] = {
    "oracle": {"agent": "oracle"},
    "oracle, 20 % slips": {"agent": "oracle", "noise": 0.2},
    "oracle, 50 % slips": {"agent": "oracle", "noise": 0.5},
    "random": {"agent": "random"},
}
FIGURES = {
    "served": "success_rate",
    "exact": "exact_action_matches",
    "precision": "avg_action_precision",
    "recall": "avg_action_recall",
    "F1": "avg_action_f1",
    "arguments": "avg_argument_match",
    "outputs": "output_match_rate",
}
DPI = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="40 tasks instead of 200")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="draw there what the docs show")
    options = parser.parse_args()
    records = generate(n=40 if options.quick else 200)
    played = {name: run(records, **agent) for name, agent in AGENTS.items()}
    print(figures_table(played), calls_table(played), failures_table(played), sep="\n\n", end="\n\n")
    if options.pictures:
        draw(played, options.pictures)
    print(json.dumps({name: summary_of(each) for name, each in played.items()}))


def figures_table(played: Mapping[str, Sequence[PlayedTask]]) -> str:
    """A row for each agent: means over the tasks, and the median time of one."""
    rows = [["agent", *FIGURES, "ms a task"]]
    for name, each in played.items():
        summary = summary_of(each)
        shown = [_shown(summary[figure]) for figure in FIGURES.values()]
        rows.append([name, *shown, f"{1000 * median(one.execution_time for one in each):.1f}"])
    return _table(rows)


def calls_table(played: Mapping[str, Sequence[PlayedTask]]) -> str:
    """How many calls a task took, and what of them was refused, not expected or left out."""
    rows = [["agent", "calls a task", "refused", "calls of tools beside the plan", "gold calls never tried"]]
    for name, each in played.items():
        calls = [call for one in each for call in one.called]
        counts = confusion(each).counts
        beside = sum(n for (expected, called), n in counts.items() if expected != called != NOTHING)
        untried = sum(n for (expected, called), n in counts.items() if called != expected != NOTHING)
        refused = mean(call["error"] is not None for call in calls)
        rows.append([name, f"{len(calls) / len(each):.1f}", f"{refused:.0%}", f"{beside:,}", f"{untried:,}"])
    return _table(rows)


def failures_table(played: Mapping[str, Sequence[PlayedTask]]) -> str:
    """How many tasks have each kind of complaint."""
    found = {
        name: patterns([case_of(place, one) for place, one in enumerate(each, 1)])["complaints"]
        for name, each in played.items()
    }
    kinds = dict.fromkeys(kind for complaints in found.values() for kind in complaints)
    rows = [
        ["complaint", *played],
        *([kind, *(str(each.get(kind, 0)) for each in found.values())] for kind in kinds),
    ]
    return _table(rows)


def draw(played: Mapping[str, Sequence[PlayedTask]], folder: Path) -> None:
    """The pictures of docs/task_reports.md, smaller than those that a test writes."""
    for name, file in (
        ("oracle, 20 % slips", "task_report_oracle.png"),
        ("random", "task_report_random.png"),
    ):
        drawn = picture(played[name], title=f"{name}: {len(played[name])} tasks")
        drawn.savefig(folder / file, dpi=DPI, pil_kwargs={"optimize": True})


def _shown(figure: float | None) -> str:
    return "-" if figure is None else f"{figure:.3f}" if isinstance(figure, float) else str(figure)


def _table(rows: Sequence[Sequence[str]]) -> str:
    header, *body = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([header, "|---" * len(rows[0]) + "|", *body])


if __name__ == "__main__":
    main()
