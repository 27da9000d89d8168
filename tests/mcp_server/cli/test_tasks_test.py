"""`practicum tasks test`: agents serve the customers of a file, and reports and exit codes tell of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from practicum.training.tasks.pipeline import generate
from practicum.training.tasks.records import write_records
from tests.mcp_server.cli.conftest import Practicum, Said
from tests.mcp_server.clients import PATIENCE_S, command
from tests.model_server import Answer, fails, said, serving

Test = Callable[..., Said]
OVER = said(None, ("transfer_to_human_agents", {"summary": "over"}))
MODELS = ("--model", "m", "--max-retries", "0", "--base-url")


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    write_records(tmp_path / "tasks.json", generate(n=4, seed=2))
    return tmp_path / "tasks.json"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "reports"


@pytest.fixture
def tested(practicum: Practicum, tasks: Path, out: Path) -> Test:
    return lambda *options: practicum("tasks", "test", tasks, "--output-dir", out, *options)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def results(folder: Path) -> dict[str, Any]:
    (path,) = folder.glob("test_results_*.json")
    return json.loads(path.read_text(encoding="utf-8"))


# What it writes and says ------------------------------------------------------------------------


def test_a_test_writes_a_summary_and_as_asked_for_results_and_a_picture(tested: Test, out: Path):
    summary = json.loads(tested("--save-results", "--visualize", "--json").out)
    assert (summary["total_tasks"], summary["success_rate"], summary["missed"]) == (4, 1.0, [])
    kinds = [
        "task_tester.log",
        "test_results_*.json",
        "test_summary_*.csv",
        "test_summary_*.json",
        "test_visualization_*.png",
    ]
    assert all(len(list(out.glob(kind))) == 1 for kind in kinds)
    assert len(names(out)) == len(kinds)
    assert {Path(file).name for file in summary["files"]} == set(names(out)) - {"task_tester.log"}


def test_people_are_told_the_figures_and_with_verbose_each_task(tested: Test):
    done = tested("--noise", "0.2", "--min-precision", "0", "--verbose")
    assert done.code == 0
    assert "success_rate: 1.0000" in done.out
    assert sum(": served; precision" in line for line in done.err.splitlines()) == 4


def test_a_missed_threshold_fails_the_command(tested: Test, out: Path):
    missed = tested("--agent", "random")
    assert missed.code == 1
    assert "practicum: success_rate is 0.000; --min-success asks for 0.7" in missed.err.splitlines()
    assert len(list(out.glob("test_summary_*.json"))) == 1
    none = ("--min-success", "0", "--min-recall", "0", "--min-precision", "0")
    assert tested("--agent", "random", *none).code == 0
    assert tested("--noise", "0.5", "--min-precision", "1").code == 1


def test_validate_only_plays_nothing(tested: Test, out: Path):
    assert "4 of 4 tasks are valid" in tested("--validate-only").out
    assert not out.exists()


def test_a_dry_run_asks_no_model(tested: Test, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    models = ("--model", "gpt-4o", "--user-model", "gpt-4o", "--dual-model", "--enhance-query")
    assert "success_rate: 1.0000" in tested("--dry-run", *models).out


def test_without_matplotlib_nothing_is_played_for_a_picture(
    tested: Test, out: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert tested("--visualize").refusal.startswith("pictures need matplotlib; pip install")
    assert not out.exists()


# Models -----------------------------------------------------------------------------------------


def test_two_models_play_and_one_words_the_queries(tested: Test, out: Path):
    def customer(body: Mapping[str, Any]) -> Answer:
        is_rewrite = "Rewrite what a customer" in body["messages"][0]["content"]
        return said("You are in a hurry.") if is_rewrite else said("Hello!")

    with serving(lambda body: OVER) as desk, serving(customer) as user:
        urls = (desk.url, "--user-model", "u", "--user-base-url", user.url)
        options = ("--dual-model", "--enhance-query", "--threads", "4", "--save-results")
        done = tested(*MODELS, *urls, *options)
    assert done.code == 1
    assert (len(desk.requests), len(user.requests)) == (4, 8)
    assert all(
        "You are in a hurry." in body["messages"][0]["content"]
        for body in user.requests
        if len(body["messages"]) > 2
    )
    rows = results(out)["tasks"]
    assert [row["task"]["q"] for row in rows] == ["You are in a hurry."] * 4
    assert "m: 4 calls" in done.err
    assert "u as the customer: 8 calls" in done.err


def test_a_task_whose_model_fails_costs_its_own_row(tested: Test, out: Path):
    with serving([OVER, fails(500, "busy"), OVER, OVER]) as server:
        done = tested(*MODELS, server.url, "--save-results")
    rows = results(out)["tasks"]
    assert [row["failure"] is not None for row in rows] == [False, True, False, False]
    (line,) = [line for line in done.err.splitlines() if "failed:" in line]
    assert "busy" in line


def test_a_server_that_is_lost_ends_the_test_which_goes_on_later(tested: Test, out: Path):
    with serving([OVER, fails(401, "no money")]) as server:
        assert "refuses the key" in tested(*MODELS, server.url).refusal
    assert names(out) == ["task_tester.log", "test_tasks.part"]
    assert "was left by a run that did not end: go on with --resume" in tested(*MODELS, server.url).refusal
    with serving([OVER] * 3) as server:
        done = tested(*MODELS, server.url, "--resume", "--save-results")
        assert len(server.requests) == 3
    assert done.code == 1
    assert results(out)["summary"]["total_tasks"] == 4
    assert not (out / "test_tasks.part").exists()


def test_a_killed_test_goes_on_and_plays_nothing_twice(tested: Test, tasks: Path, out: Path):
    asked_thrice = threading.Event()

    def answer(body: Mapping[str, Any]) -> Answer:
        if len(server.requests) < 3:
            return OVER
        asked_thrice.set()
        return Answer(None, silent=True)

    with serving(answer) as server:
        words = command("tasks", "test", str(tasks), "--output-dir", str(out), *MODELS, server.url)
        process = subprocess.Popen(words, env={**os.environ, "OPENAI_API_KEY": "EMPTY"})
        try:
            assert asked_thrice.wait(PATIENCE_S)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(PATIENCE_S)
    with (out / "test_tasks.part").open("a", encoding="utf-8") as file:
        file.write('{"half a li')
    with serving([OVER] * 2) as server:
        tested(*MODELS, server.url, "--resume", "--save-results")
        assert len(server.requests) == 2
    assert [len(row["called_actions"]) for row in results(out)["tasks"]] == [1] * 4


def test_another_test_is_not_gone_on_with(tested: Test, out: Path):
    with serving([OVER, fails(401)]) as server:
        tested(*MODELS, server.url)
    assert "is of a run that asked for" in tested("--resume").refusal
    assert (out / "test_tasks.part").exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--dual-model",), "--dual-model has two models play: name them with --model and --user-model"),
        (("--dual-model", "--model", "m"), "name them with --model and --user-model"),
        (("--enhance-query",), "--enhance-query has --user-model word the queries; name one"),
        (("--agent", "orakel"), "no agent is called 'orakel'; did you mean 'oracle'?"),
        (("--agent", "explorer", "--threads", "2"), "it plays with --threads 1"),
        (("--threads", "0"), "'--threads': Input should be greater than or equal to 1"),
        (("--min-success", "70"), "'--min-success': Input should be less than or equal to 1"),
        (("--data", "nowhere"), "nowhere"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_no_journal(
    tested: Test, out: Path, options: tuple[str, ...], told: str
):
    assert told in tested(*options).refusal
    assert list(out.glob("*.part")) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no task"),
        ("[]", "holds no task"),
        ('{"q": "x"}', "task 1: no task record: agt: Field required"),
        ('{"q": "x", "agt": []}\n{"q": 1', "tasks.json:2: no JSON"),
        ('[{"q": "x", "agt": [{"name": "think", "arguments": {}}]}]', "whom the world lacks"),
        ("\x00\x01", "no JSON"),
    ],
)
def test_a_bad_file_is_one_line(tested: Test, tasks: Path, text: str, told: str):
    tasks.write_text(text, encoding="utf-8")
    assert told in tested().refusal


def test_a_folder_for_reports_that_is_a_file_is_one_line(practicum: Practicum, tasks: Path):
    assert "cannot write" in practicum("tasks", "test", tasks, "--output-dir", tasks).refusal


def test_a_file_that_is_not_there_is_one_line(practicum: Practicum, tmp_path: Path):
    assert "cannot read the task file" in practicum("tasks", "test", tmp_path / "none.json").refusal


# Settings and logs ------------------------------------------------------------------------------


def test_the_command_line_wins_over_the_file_and_the_file_over_the_default(
    tested: Test, tmp_path: Path, out: Path
):
    settings = tmp_path / "settings.yaml"
    settings.write_text(
        "tasks:\n  test:\n    agent: random\n    min_success: 0\n    min-recall: 0\n"
        "    min-precision: 0\n    save_results: true\n    threads: 2\n"
    )
    assert json.loads(tested("--config", settings, "--json").out)["success_rate"] == 0
    assert len(list(out.glob("test_results_*"))) == 1
    assert json.loads(tested("--config", settings, "--agent", "oracle", "--json").out)["success_rate"] == 1
    assert json.loads(tested("--json").out)["success_rate"] == 1


def test_a_key_stands_in_no_settings_file(tested: Test, tmp_path: Path):
    settings = tmp_path / "settings.yaml"
    settings.write_text("tasks: {test: {api-key: sk-1}}\n")
    assert "looks like a secret; set it in the environment" in tested("--config", settings).refusal


def test_the_log_has_a_line_for_each_task_and_at_debug_each_call(
    tested: Test, out: Path, monkeypatch: pytest.MonkeyPatch
):
    assert tested().err == ""
    log = (out / "task_tester.log").read_text(encoding="utf-8")
    assert log.count(": served; precision 1.00, recall 1.00") == 4
    assert "DEBUG" not in log
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    assert "find_user_id_by" in tested().err
    assert "DEBUG practicum.training.tasks.testing" in (out / "task_tester.log").read_text(encoding="utf-8")


def test_a_log_file_of_ones_own_is_the_only_one(tested: Test, out: Path, tmp_path: Path):
    tested("--log-file", tmp_path / "own.log")
    assert (tmp_path / "own.log").read_text(encoding="utf-8").count(": served; precision") == 4
    assert not (out / "task_tester.log").exists()


def test_making_tasks_logs_too(practicum: Practicum, tmp_path: Path):
    practicum("tasks", "generate", "--num-tasks", "2", "--output", tmp_path / "made" / "tasks.json")
    log = (tmp_path / "made" / "task_generator.log").read_text(encoding="utf-8")
    assert log.count(": made; 0 turned down") == 2
