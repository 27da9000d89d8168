"""Cases: tasks of a file with whether they passed and what is said against them, checked or tested alike."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from practicum.envs.errors import UsageError, in_one_line
from practicum.envs.retail.scenarios import scenario_of
from practicum.envs.retail.verdicts import unsaid
from practicum.training.tasks.played_task import PlayedTask
from practicum.training.tasks.records import Call, TaskRecord, read_records
from practicum.training.tasks.scores import unmatched


@dataclass(frozen=True)
class Case:
    """A task, whether it passed, and what is said against it."""

    place: int
    """In its file, from 1."""
    name: str
    record: TaskRecord
    passed: bool
    complaints: tuple[str, ...]
    """Each begins with its kind and a colon."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of what is said against it, each once."""
        return tuple(dict.fromkeys(complaint.partition(":")[0] for complaint in self.complaints))

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object, without the task."""
        return {
            "task": self.place,
            "name": self.name,
            "passed": self.passed,
            "complaints": list(self.complaints),
        }


def read_cases(path: Path) -> list[Case]:
    """The cases of a file of task records, or of the results of a test.

    Raises:
        UsageError: it is neither; says what is wrong in it.
    """
    tested = read_results(path)
    if tested is not None:
        return [case_of(place, each) for place, each in enumerate(tested, 1)]
    return [_of_record(place, record) for place, record in enumerate(read_records(path), 1)]


def read_results(path: Path) -> list[PlayedTask] | None:
    """What a file of results (`test_results_*.json`) holds; None where it holds something else.

    Raises:
        UsageError: a row of it cannot be read.
    """
    try:
        whole = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(whole, dict) or not isinstance(rows := whole.get("tasks"), list) or not rows:
        return None
    return [_read(path, place, row) for place, row in enumerate(rows, 1)]


def matching_cases(cases: Sequence[Case], pattern: str) -> list[tuple[Case, list[str]]]:
    """The cases that did not pass and of which a complaint matches, each with the complaints that do.

    Raises:
        UsageError: the pattern is no regular expression.
    """
    try:
        wanted = re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise UsageError(f"--pattern {pattern!r} is no regular expression: {error}") from None
    found = [
        (case, [each for each in case.complaints if wanted.search(each)]) for case in cases if not case.passed
    ]
    return [(case, complaints) for case, complaints in found if complaints]


def _read(path: Path, place: int, row: Any) -> PlayedTask:
    try:
        return PlayedTask.from_json(row)
    except (KeyError, TypeError, UsageError) as error:
        why = str(error) if isinstance(error, UsageError) else in_one_line(error)
        raise UsageError(f"{path}, task {place}: no result of a test: {why}") from None


def _of_record(place: int, record: TaskRecord) -> Case:
    report = record.validation_report
    complaints = tuple(report["missing"]) if report else ()
    if not record.success and not complaints:
        complaints = ("unchecked: `practicum tasks validate` has not looked at it",)
    name = f"{record.scenario or scenario_of(record.agt)}-{record.metadata.get('number', place - 1)}"
    return Case(place, name, record, record.success, complaints)


def case_of(place: int, tested: PlayedTask) -> Case:
    """What a test says of a task.

    Args:
        place: of the task, from 1.
        tested: the task as it was played.
    """
    cut_off = f"no_end: the visit was cut off after {tested.steps} steps"
    complaints = () if tested.success else tuple(_complaints(tested)) or (cut_off,)
    return Case(place, tested.task_id, tested.record, tested.success, complaints)


def _complaints(tested: PlayedTask) -> Iterator[str]:
    """Why a visit was no success, as far as its calls and words tell."""
    if tested.failure is not None:
        yield f"failed: {tested.failure}"
    outcome: Mapping[str, Any] = tested.outcome or {}
    yield from (f"{kind}: against the policy" for kind in outcome.get("violations", ()))
    if outcome.get("database") is False:
        yield "other_records: the records are not what the gold calls make of them"
    missing, needless = unmatched(tested.called, tested.record.agt)
    for kind, calls in _kinds(missing, needless).items():
        yield from (
            f"{kind}: {call['name']} {json.dumps(call['arguments'], ensure_ascii=False)}" for call in calls
        )
    yield from (f"refused: {c['name']}: {c['error']}" for c in tested.called if c["error"] is not None)
    said = [str(turn["agent"]) for turn in tested.conversation]
    yield from (f"not_said: {output}" for output in unsaid(tested.record.ogt, said))


def _kinds(missing: Sequence[Call], needless: Sequence[Call]) -> dict[str, list[Call]]:
    """Gold calls that were not made and calls that are none; one of each of a tool is one gone wrong."""
    wrong = Counter(call["name"] for call in missing) & Counter(call["name"] for call in needless)
    other, not_called = _parted(missing, wrong)
    return {"other_arguments": other, "not_called": not_called, "needless": _parted(needless, wrong)[1]}


def _parted(calls: Sequence[Call], counts: Mapping[str, int]) -> tuple[list[Call], list[Call]]:
    """The first calls of each tool, as many as are counted, and the rest."""
    left = Counter(counts)
    parts: tuple[list[Call], list[Call]] = [], []
    for call in calls:
        parts[left[call["name"]] <= 0].append(call)
        left[call["name"]] -= 1
    return parts
