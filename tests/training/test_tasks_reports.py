"""Reports of a test: figures, files, pictures; what tasks are made of, and what speaks against them."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path
from statistics import mean

import pytest

from practicum.envs import UsageError
from practicum.envs.retail.world import open_world
from practicum.training.tasks.analysis import patterns, statistics
from practicum.training.tasks.cases import case_of, matching_cases, read_cases, read_results
from practicum.training.tasks.charts import picture, write_picture
from practicum.training.tasks.comparison import compare, shared_plans
from practicum.training.tasks.pipeline import Recipe, generate
from practicum.training.tasks.real_records import KINDS, references
from practicum.training.tasks.records import TaskRecord, write_records
from practicum.training.tasks.summary import Thresholds, summary_of, write_results, write_summary
from practicum.training.tasks.testing import run
from practicum.training.tasks.validation import validate_all

RECORDS = generate(n=16, seed=8)
SERVED = run(RECORDS, "oracle", noise=0.3)
LOST = run(RECORDS, "random")
MIXED = [*SERVED[:12], *(replace(each, failure="ModelFailed: no") for each in LOST[12:13]), *LOST[13:]]


# Figures and files ------------------------------------------------------------------------------


def test_the_summary_counts_successes_and_means_over_tasks():
    summary = summary_of(MIXED)
    assert (summary["total_tasks"], summary["successful"], summary["success_rate"]) == (16, 12, 0.75)
    assert summary["avg_action_f1"] == pytest.approx(mean(each.score.f1 for each in MIXED))
    assert summary["exact_action_matches"] == sum(each.score.exact for each in MIXED)
    matches = [each.score.output_match for each in MIXED if each.record.ogt]
    assert summary["output_match_rate"] == pytest.approx(mean(matches))
    assert summary["failures"] == 1


def test_a_mean_of_nothing_is_none():
    silent = [each for each in SERVED if not each.record.ogt]
    assert summary_of(silent)["output_match_rate"] is None


def test_a_row_of_the_csv_begins_with_the_columns_that_are_promised(tmp_path: Path):
    _, as_csv = write_summary(tmp_path, "now", MIXED)
    with as_csv.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    promised = ["task_id", "success", "action_precision", "action_recall", "action_f1", "execution_time"]
    assert header[:6] == promised
    assert [row[0] for row in rows] == [each.task_id for each in MIXED]
    assert [float(row[4]) for row in rows] == [each.score.f1 for each in MIXED]


def test_results_hold_the_summary_every_call_and_every_word(tmp_path: Path):
    whole = json.loads(write_results(tmp_path, "now", MIXED).read_text(encoding="utf-8"))
    assert whole["summary"] == summary_of(MIXED)
    row = whole["tasks"][0]
    assert row["task"]["agt"] == [dict(call) for call in RECORDS[0].agt]
    assert row["conversation"][0]["agent"].startswith("Gladly.")
    assert {call["name"] for call in row["called_actions"]} >= {call["name"] for call in RECORDS[0].agt}


def test_thresholds_that_are_missed_are_told_with_what_they_ask_for():
    lines = list(Thresholds(success=0.8, recall=0.0, precision=1.0).missed(summary_of(MIXED)))
    assert [line.partition(" is ")[0] for line in lines] == ["success_rate", "avg_action_precision"]
    assert lines[0] == "success_rate is 0.750; --min-success asks for 0.8"
    assert list(Thresholds(0.75, 0, 0).missed(summary_of(MIXED))) == []


# Pictures ---------------------------------------------------------------------------------------


def test_the_picture_has_a_pie_of_outcomes_bars_a_histogram_and_a_heat_map():
    outcomes, shares, times, tools = picture(MIXED, title="A test").axes
    legend = outcomes.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["served: 12", "not served: 3", "failed: 1"]
    assert [bar.get_height() for bar in shares.patches] == pytest.approx(
        [summary_of(MIXED)[f"avg_action_{name}"] for name in ("precision", "recall", "f1")]
    )
    assert sum(bar.get_height() for bar in times.patches) == len(MIXED)
    assert (tools.get_xlabel(), tools.get_ylabel()) == ("called", "expected")
    counts = [int(text.get_text()) for text in tools.texts]
    gold = sum(len(each.record.agt) for each in MIXED)
    assert sum(counts) >= gold


def test_one_task_is_drawn_and_so_are_tasks_in_which_nothing_was_called(tmp_path: Path):
    write_picture(SERVED[:1], tmp_path / "new" / "one.png")
    nothing = [replace(each, called=(), execution_time=3.0) for each in LOST[:2]]
    write_picture(nothing, tmp_path / "none.png", title="None")
    for name in ("new/one.png", "none.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UsageError, match=r"pip install 'practicum\[eval\]'"):
        write_picture(SERVED, tmp_path / "test.png")


# Cases ------------------------------------------------------------------------------------------


def test_cases_of_results_say_why_a_task_failed(tmp_path: Path):
    cases = read_cases(write_results(tmp_path, "now", MIXED))
    assert [case.passed for case in cases] == [True] * 12 + [False] * 4
    assert all(case.complaints == () for case in cases[:12])
    assert cases[12].complaints[0] == "failed: ModelFailed: no"
    kinds = {kind for case in cases for kind in case.kinds}
    assert {"not_called", "needless", "refused"} <= kinds
    assert all(case.complaints for case in cases[12:])


def test_of_two_wrong_calls_of_a_tool_one_stands_for_the_gold_call_and_the_other_is_needless():
    first, second = ({"name": "get_order_details", "arguments": {"order_id": one}} for one in ("#W1", "#W2"))
    gold = {"name": "get_order_details", "arguments": {"order_id": "#W3"}}
    lookup = {"name": "list_all_product_types", "arguments": {}}
    called = tuple({**call, "error": None} for call in (first, second))
    record = replace(SERVED[0].record, agt=(gold, lookup), ogt=())
    tested = replace(SERVED[0], record=record, called=called, reward=0.0, conversation=(), outcome=None)
    assert case_of(1, tested).complaints == (
        'other_arguments: get_order_details {"order_id": "#W3"}',
        "not_called: list_all_product_types {}",
        'needless: get_order_details {"order_id": "#W2"}',
    )


def test_a_case_says_when_the_records_are_others_and_when_a_visit_was_only_cut_off():
    lost = next(each for each in LOST if each.outcome and not each.outcome["database"])
    assert "other_records" in case_of(1, lost).kinds
    cut_off = replace(SERVED[0], called=SERVED[0].record.agt, reward=0.0, outcome=None, steps=50)
    called = tuple({**call, "error": None} for call in cut_off.called)
    assert case_of(1, replace(cut_off, called=called)).complaints == (
        "no_end: the visit was cut off after 50 steps",
    )


def test_cases_of_records_have_the_faults_of_their_checks(tmp_path: Path):
    foreign = replace(RECORDS[1], metadata={**RECORDS[1].metadata, "user_id": RECORDS[2].metadata["user_id"]})
    unchecked = replace(RECORDS[3], success=False, validation_report=None)
    write_records(tmp_path / "tasks.jsonl", [*validate_all([RECORDS[0], foreign]), unchecked])
    cases = read_cases(tmp_path / "tasks.jsonl")
    assert [case.passed for case in cases] == [True, False, False]
    assert "several_users" in cases[1].kinds
    assert cases[2].kinds == ("unchecked",)


def test_failed_cases_are_found_by_a_pattern_and_passed_ones_never(tmp_path: Path):
    cases = read_cases(write_results(tmp_path, "now", MIXED))
    found = matching_cases(cases, "modelfailed|not_called")
    assert {case.place for case, _ in found} <= {13, 14, 15, 16}
    assert (cases[12], ["failed: ModelFailed: no"]) in [(case, lines[:1]) for case, lines in found]
    with pytest.raises(UsageError, match=r"--pattern '\[' is no regular expression"):
        matching_cases(cases, "[")


def test_a_broken_row_of_results_is_one_line_that_names_it(tmp_path: Path):
    path = write_results(tmp_path, "now", SERVED)
    whole = json.loads(path.read_text(encoding="utf-8"))
    del whole["tasks"][2]["counts"]
    path.write_text(json.dumps(whole), encoding="utf-8")
    with pytest.raises(UsageError, match="task 3: no result of a test: KeyError: 'counts'"):
        read_cases(path)


def test_results_read_again_are_the_results(tmp_path: Path):
    assert read_results(write_results(tmp_path, "now", MIXED)) == MIXED
    write_records(tmp_path / "tasks.json", RECORDS)
    assert read_results(tmp_path / "tasks.json") is None


# Analysis ---------------------------------------------------------------------------------------


def test_statistics_count_what_tasks_are_made_of():
    found = statistics([*RECORDS, RECORDS[0]])
    assert (found["tasks"], found["passed"], found["repeats"]) == (17, 17, 1)
    assert sum(found["scenarios"].values()) == 17
    assert sum(found["tools"].values()) == sum(len(record.agt) for record in [*RECORDS, RECORDS[0]])
    assert found["with_outputs"] == sum(bool(record.ogt) for record in [*RECORDS, RECORDS[0]])


def test_patterns_say_by_scenario_how_many_passed(tmp_path: Path):
    cases = read_cases(write_results(tmp_path, "now", MIXED))
    found = patterns(cases)
    assert (found["passed"], found["failed"]) == (12, 4)
    for scenario, row in found["by"]["scenario"].items():
        own = [case.passed for case in cases if case.record.scenario == scenario]
        assert (row["tasks"], row["passed"]) == (len(own), mean(own))
    shares = [row["passed"] for row in found["by"]["scenario"].values()]
    assert shares == sorted(shares)


def test_references_to_real_records_are_found_and_invented_ones_are_missing():
    world = open_world()
    found = references(RECORDS)
    assert found["tasks_with_real_records_only"] == len(RECORDS)
    assert all(found["kinds"][kind]["missing"] == [] for kind in KINDS)
    users = found["kinds"]["users"]
    assert users["coverage"] == pytest.approx(users["distinct"] / len(world.users))
    call = {"name": "cancel_pending_order", "arguments": {"order_id": "#W1", "reason": "no longer needed"}}
    invented = TaskRecord("You are nobody.", (call,), metadata={"user_id": "nobody_1"})
    found = references([RECORDS[0], invented])
    assert found["tasks_with_real_records_only"] == 1
    assert found["tasks"][1]["missing"] == ["#W1", "nobody_1"]
    assert found["kinds"]["orders"]["missing"] == ["#W1"]


# Both modes -------------------------------------------------------------------------------------


def test_modes_are_compared_on_the_same_scenarios():
    counted: list[tuple[int, int]] = []
    made = compare(8, Recipe(seed=3), progress=lambda done, total: counted.append((done, total)))
    scenarios = [[record.scenario for record in made[mode].records] for mode in ("direct", "agentflow")]
    assert scenarios[0] == scenarios[1]
    assert counted == [(done, 16) for done in range(1, 17)]
    direct, agentflow = (made[mode].figures() for mode in ("direct", "agentflow"))
    assert (direct["made"], direct["turns"], direct["oracle_success"]) == (8, 1, 1)
    assert agentflow["turns"] > 1
    assert direct["gold_calls"] == mean(len(record.agt) for record in made["direct"].records)
    assert 0 <= shared_plans(made) <= 8


def test_a_mode_that_makes_nothing_has_no_figures_of_tasks():
    made = compare(2, Recipe(turns=1))
    figures = made["agentflow"].figures()
    assert (figures["made"], figures["gold_calls"], figures["oracle_success"]) == (0, None, None)
    assert figures["faults"] == 6
