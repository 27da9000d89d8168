"""Reports of a test: the summary, its files, and the thresholds that it must reach."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from practicum.training.tasks.played_task import PlayedTask
from practicum.training.whole_files import write_whole

AVERAGED = {
    "avg_action_precision": "action_precision",
    "avg_action_recall": "action_recall",
    "avg_action_f1": "action_f1",
    "avg_argument_match": "argument_match",
    "output_match_rate": "output_match",
    "avg_execution_time": "execution_time",
    "avg_model_response_time": "model_response_time",
    "avg_tool_execution_time": "tool_execution_time",
}
"""Names of means, and of what they are means; tasks that have none are left out."""


@dataclass(frozen=True)
class Thresholds:
    """What a test must reach, from 0 to 1."""

    success: float = 0.7
    recall: float = 0.6
    precision: float = 0.6

    def missed(self, summary: Mapping[str, Any]) -> Iterator[str]:
        """A line for each that a summary does not reach."""
        for name, figure, least in (
            ("success", "success_rate", self.success),
            ("recall", "avg_action_recall", self.recall),
            ("precision", "avg_action_precision", self.precision),
        ):
            if summary[figure] < least:
                yield f"{figure} is {summary[figure]:.3f}; --min-{name} asks for {least:g}"


def summary_of(tested: Sequence[PlayedTask]) -> dict[str, Any]:
    """The figures of a test of at least one task, a flat JSON object; a mean of nothing is None."""
    rows = [each.figures() for each in tested]
    successful = sum(row["success"] for row in rows)
    return {
        "total_tasks": len(rows),
        "successful": successful,
        "success_rate": successful / len(rows),
        "exact_action_matches": sum(row["exact_action_match"] for row in rows),
        **{name: _mean([row[figure] for row in rows]) for name, figure in AVERAGED.items()},
        "failures": sum(row["failure"] is not None for row in rows),
    }


def write_summary(folder: Path, stamp: str, tested: Sequence[PlayedTask]) -> list[Path]:
    """Write `test_summary_STAMP.json` and `.csv` (a row for each task); returns where they are.

    Raises:
        UsageError: they cannot be written.
    """
    as_json = folder / f"test_summary_{stamp}.json"
    write_whole(as_json, json.dumps(summary_of(tested), indent=2) + "\n")
    as_csv = folder / f"test_summary_{stamp}.csv"
    write_whole(as_csv, _csv([each.figures() for each in tested]))
    return [as_json, as_csv]


def write_results(folder: Path, stamp: str, tested: Sequence[PlayedTask]) -> Path:
    """Write `test_results_STAMP.json`: of each task its figures, its calls and what was said.

    Raises:
        UsageError: it cannot be written.
    """
    path = folder / f"test_results_{stamp}.json"
    rows = [each.as_json() for each in tested]
    text = json.dumps({"summary": summary_of(tested), "tasks": rows}, indent=1, ensure_ascii=False)
    write_whole(path, text + "\n")
    return path


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def _mean(values: Sequence[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return sum(found) / len(found) if found else None
