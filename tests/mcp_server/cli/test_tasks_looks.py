"""`practicum tasks analyse | compare | filter`: files of tasks and of results are looked at and split."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from practicum.training.tasks.pipeline import generate
from practicum.training.tasks.records import read_records, write_records
from practicum.training.tasks.summary import write_results
from practicum.training.tasks.testing import run
from practicum.training.tasks.validation import validate_all
from tests.mcp_server.cli.conftest import Practicum

RECORDS = generate(n=8, seed=4)
MIXED = [*run(RECORDS, "oracle")[:5], *run(RECORDS, "random")[5:]]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return write_results(tmp_path, "now", MIXED)


def test_tasks_are_analysed_for_people_and_as_a_report(practicum: Practicum, tmp_path: Path):
    write_records(tmp_path / "tasks.json", RECORDS)
    done = practicum(
        "tasks", "analyse", tmp_path / "tasks.json", "--output", tmp_path / "analysis_report.json"
    )
    assert done.code == 0
    assert "8 tasks: 8 passed their checks, 0 unchecked, 0 repeats" in done.out
    assert "payment_methods" in done.out
    assert "8 passed, 0 failed" in done.out
    report = json.loads((tmp_path / "analysis_report.json").read_text(encoding="utf-8"))
    assert report["references"]["tasks_with_real_records_only"] == 8
    assert [case["passed"] for case in report["cases"]] == [True] * 8


def test_references_are_looked_for_in_the_folder_that_is_named(practicum: Practicum, tmp_path: Path):
    from practicum.envs.retail.generate import write_world

    write_world(tmp_path / "shop", seed=9)
    write_records(tmp_path / "tasks.json", RECORDS)
    command = ("tasks", "analyse", tmp_path / "tasks.json", "--json", "--envs-path")
    assert (
        json.loads(practicum(*command, tmp_path / "shop").out)["references"]["tasks_with_real_records_only"]
        < 8
    )
    assert (
        json.loads(practicum(*command, "envs/retail").out)["references"]["tasks_with_real_records_only"] == 8
    )


def test_results_are_analysed_by_what_passes_and_what_does_not(practicum: Practicum, results: Path):
    done = practicum("tasks", "analyse", results)
    assert "5 passed, 3 failed" in done.out
    assert "not_called" in done.out
    assert json.loads(practicum("tasks", "analyse", results, "--json").out)["patterns"]["failed"] == 3


def test_results_are_split_into_passed_and_failed_tasks(practicum: Practicum, results: Path, tmp_path: Path):
    done = practicum("tasks", "filter", results)
    assert done.out.splitlines()[0] == f"5 passed, in {tmp_path}/test_results_now_passed.json"
    assert read_records(tmp_path / "test_results_now_passed.json") == RECORDS[:5]
    assert read_records(tmp_path / "test_results_now_failed.json") == RECORDS[5:]


def test_checked_tasks_are_split_into_files_of_ones_choice(practicum: Practicum, tmp_path: Path):
    repeated = validate_all([*RECORDS[:2], RECORDS[0]])
    write_records(tmp_path / "tasks.jsonl", repeated)
    outputs = ("--passed-out", tmp_path / "good.json", "--failed-out", tmp_path / "bad.json")
    split = json.loads(practicum("tasks", "filter", tmp_path / "tasks.jsonl", *outputs, "--json").out)
    assert (split["passed"]["tasks"], split["failed"]["tasks"]) == (2, 1)
    assert read_records(tmp_path / "bad.json") == repeated[2:]


def test_failed_tasks_are_found_by_a_pattern(practicum: Practicum, results: Path, tmp_path: Path):
    found = practicum(
        "tasks", "filter", results, "--pattern", "needless_transfer", "--failed-out", tmp_path / "f.json"
    )
    assert found.out.splitlines()[-1].endswith("of 3 failed tasks match")
    places = {int(line.split(",")[0].removeprefix("task ")) for line in found.out.splitlines()[:-1]}
    assert places <= {6, 7, 8}
    assert read_records(tmp_path / "f.json") == [RECORDS[place - 1] for place in sorted(places)]
    rows = json.loads(practicum("tasks", "filter", results, "--pattern", "no such thing", "--json").out)
    assert rows == []


@pytest.mark.parametrize(
    ("command", "options"),
    [("filter", ("--passed-out", "--failed-out")), ("compare", ("--direct-out", "--agent-out"))],
)
def test_two_outputs_in_one_file_are_refused_before_anything_is_lost(
    practicum: Practicum, results: Path, tmp_path: Path, command: str, options: tuple[str, str]
):
    file = (results,) if command == "filter" else ()
    named = (options[0], tmp_path / "one.json", options[1], tmp_path / "." / "one.json")
    refusal = practicum("tasks", command, *file, *named).refusal
    assert refusal == f"{options[0]} and {options[1]} both name {tmp_path}/one.json; name two files"
    assert not (tmp_path / "one.json").exists()


def test_both_modes_are_compared_and_their_tasks_written(practicum: Practicum, tmp_path: Path):
    outputs = ("--direct-out", tmp_path / "direct.json", "--agent-out", tmp_path / "agentflow.json")
    command = ("tasks", "compare", "--num-tasks", "4", "--agentflow-turns", "5", *outputs)
    done = practicum(*command)
    shown = [line.split()[0] for line in done.out.splitlines()]
    assert shown[:4] == ["direct", "asked", "made", "proposals"]
    assert done.out.splitlines()[-2:] == [f"written: {path}" for path in outputs[1::2]]
    report = json.loads(practicum(*command, "--json").out)
    assert (report["direct"]["made"], report["agentflow"]["made"]) == (4, 4)
    assert [record.metadata["generation_method"] for record in read_records(tmp_path / "agentflow.json")] == [
        "agentflow"
    ] * 4


@pytest.mark.parametrize("command", ["analyse", "filter"])
def test_what_is_neither_tasks_nor_results_is_one_line(practicum: Practicum, tmp_path: Path, command: str):
    (tmp_path / "odd.json").write_text('{"tasks": [{"q": 1}]}')
    assert (
        "task 1: no result of a test: KeyError" in practicum("tasks", command, tmp_path / "odd.json").refusal
    )
    assert "cannot read the task file" in practicum("tasks", command, tmp_path / "none.json").refusal


def test_a_pattern_that_is_none_is_one_line(practicum: Practicum, results: Path):
    assert (
        "--pattern '(' is no regular expression"
        in practicum("tasks", "filter", results, "--pattern", "(").refusal
    )
