"""Analysis of tasks: what they are made of, what those that pass have in common, and those that fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import mean
from typing import Any

from practicum.envs.retail.scenarios import scenario_of
from practicum.training.tasks.cases import Case
from practicum.training.tasks.records import Call, TaskRecord, key_of

MOST_SEQUENCES = 5
"""Sequences of tools that are told of, the most frequent ones."""

FEATURES: Mapping[str, Callable[[TaskRecord], str]] = {
    "scenario": lambda record: record.scenario or scenario_of(record.agt),
    "generation_method": lambda record: str(record.metadata.get("generation_method", "-")),
    "turns": lambda record: str(record.metadata.get("turns", "-")),
    "gold_calls": lambda record: str(len(record.agt)),
    "last_tool": lambda record: record.agt[-1]["name"] if record.agt else "-",
    "outputs": lambda record: str(len(record.ogt)),
}
"""By what tasks are told apart."""


def statistics(records: Sequence[TaskRecord]) -> dict[str, Any]:
    """What at least one task is made of: counts, and means over the tasks."""
    calls = [len(record.agt) for record in records]
    confidence = [record.metadata["confidence"] for record in records if "confidence" in record.metadata]
    return {
        "tasks": len(records),
        "passed": sum(record.success for record in records),
        "unchecked": sum(record.validation_report is None for record in records),
        "repeats": len(records) - len({key_of(record.agt) for record in records}),
        "scenarios": _counted(map(FEATURES["scenario"], records)),
        "generation_methods": _counted(map(FEATURES["generation_method"], records)),
        "gold_calls": {"mean": mean(calls), "least": min(calls), "most": max(calls)},
        "tools": _counted(call["name"] for record in records for call in record.agt),
        "with_outputs": sum(bool(record.ogt) for record in records),
        "words_of_query": mean(len(record.q.split()) for record in records),
        "confidence": mean(confidence) if confidence else None,
    }


def patterns(cases: Sequence[Case]) -> dict[str, Any]:
    """What passes and what does not: shares by feature, sequences of tools, and kinds of complaints."""
    by_feature = {name: _shares(cases, feature) for name, feature in FEATURES.items()}
    return {
        "passed": sum(case.passed for case in cases),
        "failed": sum(not case.passed for case in cases),
        "by": {name: shares for name, shares in by_feature.items() if len(shares) > 1},
        "sequences_of_passed": _sequences(case for case in cases if case.passed),
        "sequences_of_failed": _sequences(case for case in cases if not case.passed),
        "complaints": _counted(kind for case in cases for kind in case.kinds),
    }


def _shares(cases: Iterable[Case], feature: Callable[[TaskRecord], str]) -> dict[str, Any]:
    """Tasks by the value of a feature, those that fail most often first."""
    groups: dict[str, list[bool]] = {}
    for case in cases:
        groups.setdefault(feature(case.record), []).append(case.passed)
    rows = {value: {"tasks": len(each), "passed": mean(each)} for value, each in groups.items()}
    return dict(sorted(rows.items(), key=lambda row: (row[1]["passed"], row[0])))


def _sequences(cases: Iterable[Case]) -> dict[str, int]:
    return dict(list(_counted(_sequence(case.record.agt) for case in cases).items())[:MOST_SEQUENCES])


def _sequence(calls: Sequence[Call]) -> str:
    return " > ".join(call["name"] for call in calls) or "-"


def _counted(values: Iterable[str]) -> dict[str, int]:
    """How often each comes, the most frequent first, equals by name."""
    counts = Counter(values)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
