"""`practicum tasks generate | validate`: tasks made and checked by commands, and runs gone on with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from practicum.training.tasks import Attempt, TaskRecord, generate, read_records
from practicum.training.tasks.journal import open_journal
from tests.mcp_server.cli.conftest import Practicum
from tests.mcp_server.clients import PATIENCE_S, ROOT
from tests.model_server import Answer, fails, said, serving

YES = said('{"approve": true}')


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def proposed(record: TaskRecord) -> Answer:
    return said(json.dumps({"q": record.q, "agt": list(record.agt), "ogt": list(record.ogt)}))


def plans(records: list[TaskRecord]) -> list[Any]:
    return [record.agt for record in records]


# Making -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "output", "count"),
    [
        ("", "generated_tasks/Sampled_Tasks.json", 3),
        ("--num-tasks 10 --output generated_tasks/my_tasks.json", "generated_tasks/my_tasks.json", 10),
        (
            "--num-tasks 10 --agentflow --agentflow-turns 5 --output generated_tasks/agentflow_tasks.json",
            "generated_tasks/agentflow_tasks.json",
            10,
        ),
        (
            "--num-tasks 5 --max-iterations 5 --committee-size 5 --output high_quality_tasks.json",
            "high_quality_tasks.json",
            5,
        ),
        ("--num-tasks 10 --no-user-id-validation --output tasks.jsonl", "tasks.jsonl", 10),
        (
            "--env retail-v1 --mode agentflow --turns 5 --num-tasks 20 --seed 7 --output a/b.json",
            "a/b.json",
            20,
        ),
    ],
)
def test_tasks_are_made_into_a_file_where_all_of_them_are_valid(
    practicum: Practicum, options: str, output: str, count: int
) -> None:
    made = practicum("tasks", "generate", *options.split())
    assert (made.code, made.err) == (0, "")
    assert made.out.splitlines()[0] == f"{count} of {count} tasks made in {count} proposals, in {output}"
    assert len(read_records(Path(output))) == count
    assert not Path(f"{output}.part").exists()
    checked = practicum("tasks", "validate", output)
    assert (checked.code, checked.out) == (0, f"{count} of {count} tasks are valid\n")


def test_the_statistics_of_a_run_are_json_too(practicum: Practicum) -> None:
    made = practicum("tasks", "generate", "--num-tasks", "16", "--json")
    found = json.loads(made.out)
    assert (found["output"], found["asked"], found["made"]) == ("generated_tasks/Sampled_Tasks.json", 16, 16)
    assert set(found["scenarios"].values()) == {2}
    assert (found["reasons"], found["failed"]) == ({}, {})


def test_a_task_that_did_not_come_about_is_told_with_its_reason(practicum: Practicum) -> None:
    made = practicum("tasks", "generate", "--mode", "agentflow", "--turns", "2", "--num-tasks", "8")
    assert made.code == 1
    assert "turned down for turns: 21" in made.out
    assert len(made.err.splitlines()) == 7
    assert made.err.startswith("practicum: no task 0: turns: not complete after 2 turns: ")
    many = practicum("tasks", "generate", "--mode", "agentflow", "--turns", "1", "--num-tasks", "16").err
    assert len(many.splitlines()) == 10 + 1
    assert many.splitlines()[-1] == "practicum: and 6 more; --json tells them all"


def test_envs_retail_means_the_shipped_records_from_everywhere(
    practicum: Practicum, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def made(*options: str) -> bytes:
        output = tmp_path / "tasks.json"
        assert practicum("tasks", "generate", "--output", output, *options).code == 0
        assert practicum("tasks", "validate", output, *options).code == 0
        return output.read_bytes()

    here = made("--envs-path", "envs/retail")
    monkeypatch.chdir(ROOT)
    assert (
        made("--envs-path", "envs/retail") == made("--data", str(ROOT / "envs" / "retail")) == here == made()
    )


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--mode", "fast"), "--mode 'fast': expected direct or agentflow"),
        (("--env", "flight"), "--env 'flight': such tasks are made of the retail world only"),
        (("--committee-size", "6"), "a committee of 6 by rules; there are 5 such reviewers"),
        (("--scenario", "refunds"), "no scenario 'refunds'; there are order_cancellation, "),
        (("--data", "nowhere"), "no folder "),
        (("--output", "."), "file '.' is a directory"),
    ],
)
def test_what_cannot_be_made_is_refused_in_a_line(
    practicum: Practicum, options: tuple[str, ...], complaint: str
) -> None:
    refusal = practicum("tasks", "generate", *options).refusal
    assert complaint in refusal


# By a model over the wire -------------------------------------------------------------


def test_a_model_on_a_server_writes_tasks_and_what_it_took_is_told(practicum: Practicum) -> None:
    wanted = generate("", 3)
    answers = [answer for record in wanted for answer in (proposed(record), YES, YES, YES)]
    with serving(answers) as server:
        made = practicum("tasks", "generate", "--model", "writer", "--base-url", server.url)
    assert made.code == 0
    assert made.err.startswith("writer: 12 calls, 84 tokens read and 36 written, ")
    assert {request["model"] for request in server.requests} == {"writer"}
    assert plans(read_records(Path("generated_tasks/Sampled_Tasks.json"))) == plans(wanted)


def test_a_model_on_a_server_makes_a_task_over_turns(practicum: Practicum) -> None:
    (wanted,) = generate("", 1)
    *before, goal = [said(json.dumps({"calls": [call]})) for call in wanted.agt]
    more, complete = said('{"status": "continue"}'), said('{"status": "complete"}')
    turns = [answer for planned in before for answer in (planned, more)]
    with serving([*turns, goal, complete, proposed(wanted), YES, YES, YES]) as server:
        command = (
            "tasks",
            "generate",
            "--agentflow",
            "--num-tasks",
            "1",
            "--model",
            "m",
            "--base-url",
            server.url,
        )
        assert practicum(*command).code == 0
    (record,) = read_records(Path("generated_tasks/Sampled_Tasks.json"))
    assert (record.agt, record.metadata["turns"]) == (wanted.agt, len(wanted.agt))
    assert len(server.requests) == 2 * len(wanted.agt) + 1 + 3


def test_a_server_that_is_not_there_is_told_in_a_line_and_nothing_is_left(practicum: Practicum) -> None:
    with serving([]) as server:
        gone = server.url
    options = ("--model", "m", "--base-url", gone, "--max-retries", "0")
    refusal = practicum("tasks", "generate", *options, "--output", "x/tasks.json").refusal
    assert gone in refusal
    assert not list(Path("x").glob("tasks*"))


def test_a_model_without_a_key_is_refused_in_a_line(practicum: Practicum) -> None:
    refusal = practicum("tasks", "generate", "--model", "gpt-4o").refusal
    assert "set OPENAI_API_KEY in the environment" in refusal


# Going on -----------------------------------------------------------------------------


def killed_at_its_third_task(wanted: list[TaskRecord], reached: Event) -> Iterator[Answer]:
    """A model that keeps the first to ask for a third task waiting, and then goes on."""
    for place, record in enumerate(wanted):
        if place == 2:
            reached.set()
            yield Answer(None, silent=True)
        yield from (proposed(record), YES)


def test_a_run_that_was_killed_goes_on_and_no_finished_task_is_made_again(practicum: Practicum) -> None:
    wanted, reached, output = generate("", 6), Event(), Path("tasks.json")
    command = ("tasks", "generate", "--num-tasks", "6", "--committee-size", "1", "--output", str(output))
    with serving(killed_at_its_third_task(wanted, reached)) as server:
        command = (*command, "--model", "m", "--base-url", server.url)
        with subprocess.Popen([sys.executable, "-m", "practicum", *command]) as process:
            assert reached.wait(PATIENCE_S)
            process.kill()
        assert process.returncode == -9
        assert not output.exists()
        with Path("tasks.json.part").open("ab") as journal:
            journal.write(b'{"number": 2, "scena')
        assert practicum(*command).refusal == (
            "tasks.json.part was left by a run that did not end: go on with --resume, or remove it"
        )
        gone_on = practicum(*command, "--resume")
    assert gone_on.code == 0
    assert gone_on.out.startswith("6 of 6 tasks made in 6 proposals")
    assert plans(read_records(output)) == plans(wanted)
    assert len(server.requests) == 2 * 2 + 1 + 4 * 2
    assert not Path("tasks.json.part").exists()


def unfinished(practicum: Practicum) -> Path:
    """The journal of a run whose model took no key any more after its first task."""
    (wanted,) = generate("", 1)
    with serving([proposed(wanted), YES, fails(401)]) as server:
        command = ("tasks", "generate", "--committee-size", "1", "--model", "m", "--base-url", server.url)
        assert "refuses the key" in practicum(*command).refusal
    return Path("generated_tasks/Sampled_Tasks.json.part")


def test_a_run_that_asked_for_something_else_is_not_gone_on_with(practicum: Practicum) -> None:
    journal = unfinished(practicum)
    assert len(journal.read_text().splitlines()) == 1 + 1
    refusal = practicum("tasks", "generate", "--resume").refusal
    assert refusal.startswith(f"{journal} is of a run that asked for {{")
    assert refusal.endswith("; repeat that, or remove it")


@pytest.mark.parametrize("spoilt", ["{}\n[]\n", "no journal\n", "[" * 100_000 + "\n", '{}\n{"number": 0}\n'])
def test_a_journal_that_cannot_be_read_is_told_in_a_line(practicum: Practicum, spoilt: str) -> None:
    journal = Path("generated_tasks/Sampled_Tasks.json.part")
    journal.parent.mkdir()
    journal.write_text(spoilt)
    refusal = practicum("tasks", "generate", "--resume").refusal
    assert refusal.startswith(f"cannot go on with {journal}: ")
    assert refusal.endswith("; remove it")


def test_going_on_where_nothing_was_left_begins_anew(practicum: Practicum) -> None:
    assert practicum("tasks", "generate", "--resume").code == 0
    Path("generated_tasks/Sampled_Tasks.json.part").write_text('{"mode": "dir')
    assert practicum("tasks", "generate", "--resume").code == 0


def test_a_run_that_has_ended_is_not_made_again_by_going_on(practicum: Practicum) -> None:
    practicum("tasks", "generate", "--output", "tasks.json")
    made = Path("tasks.json").read_bytes()
    assert practicum("tasks", "generate", "--output", "tasks.json", "--seed", "1", "--resume").refusal == (
        "tasks.json is finished, nothing is left to go on with; without --resume it is made anew"
    )
    assert Path("tasks.json").read_bytes() == made


def test_a_run_that_goes_on_elsewhere_is_left_alone(practicum: Practicum) -> None:
    with open_journal(Path("tasks.json"), {}, Attempt.from_json):
        refusal = practicum("tasks", "generate", "--output", "tasks.json", "--resume").refusal
    assert refusal == "another run is writing tasks.json.part; wait until it has ended"


@pytest.mark.skipif(os.name != "posix", reason="limits the size of files")
def test_a_run_for_which_the_disk_has_no_room_ends_in_a_line_and_goes_on_later(practicum: Practicum) -> None:
    command = [
        sys.executable,
        "-m",
        "practicum",
        "tasks",
        "generate",
        "--num-tasks",
        "40",
        "--output",
        "t.json",
    ]
    limited = ["bash", "-c", 'ulimit -f 16; exec "$@"', "bash", *command]
    full = subprocess.run(limited, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (full.returncode, full.stderr) == (2, "practicum: cannot write t.json.part: File too large\n")
    done = practicum(*command[3:], "--resume")
    assert done.out.startswith("40 of 40 tasks made in 40 proposals")
    assert plans(read_records(Path("t.json"))) == plans(generate("", 40))


# Checking -----------------------------------------------------------------------------


def spoilt_file(*changes: Mapping[str, Any]) -> Path:
    """A file of two tasks, the first changed and the second not."""
    first, second = (record.as_json() for record in generate("", 2))
    for change in changes:
        first |= change
    path = Path("tasks.json")
    path.write_text(json.dumps([first, second]))
    return path


def test_a_task_that_does_not_hold_is_told_with_its_place_and_reason(practicum: Practicum) -> None:
    checked = practicum("tasks", "validate", spoilt_file({"agt": []}), "--output", "checked.json")
    assert checked.code == 1
    assert checked.out.splitlines() == ["task 1: no_calls: there are no gold calls", "1 of 2 tasks are valid"]
    first, second = read_records(Path("checked.json"))
    assert (first.success, second.success) == (False, True)
    assert first.validation_report == {
        "valid": False,
        "missing": ["no_calls: there are no gold calls"],
        "suggestions": ["give the gold calls that serve the customer"],
    }


def test_what_a_check_found_is_json_too(practicum: Practicum) -> None:
    checked = practicum("tasks", "validate", spoilt_file({"agt": []}), "--json")
    found = json.loads(checked.out)
    assert (checked.code, found["tasks"], found["valid"]) == (1, 2, 1)
    assert [report["valid"] for report in found["reports"]] == [False, True]


def test_users_are_checked_unless_that_is_turned_off(practicum: Practicum) -> None:
    path = spoilt_file({"metadata": {"user_id": "mia_keller_4711"}})
    checked = practicum("tasks", "validate", path)
    assert checked.code == 1
    assert "task 1: user_missing: there is no user 'mia_keller_4711'" in checked.out.splitlines()
    assert practicum("tasks", "validate", path, "--no-user-id-validation").code == 0


def test_a_file_without_tasks_is_refused_in_a_line(practicum: Practicum) -> None:
    Path("tasks.json").write_text("")
    assert practicum("tasks", "validate", "tasks.json").refusal.startswith("tasks.json holds no task")
    assert practicum("tasks", "validate", "gone.json").refusal.startswith(
        "cannot read the task file gone.json"
    )
