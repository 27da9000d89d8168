"""Files of evaluations: what is written is read again and compared as before; what is none is one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from practicum.envs import UsageError
from practicum.training.compare import compare
from practicum.training.evaluate import Report, evaluate
from practicum.training.report_files import joined, read_report, read_reports, write_reports
from practicum.training.rollouts import Stage
from tests.training.test_compare import drawn, report_of
from tests.training.test_evaluate import TASKS, FlightBookingEnv

REPORT = evaluate(
    Stage(env=FlightBookingEnv), ["scripted", "random"], TASKS[:6], trials=2, noise=0.1, gold="scripted"
)


def written(path: Path, report: Report) -> Path:
    path.write_text(json.dumps(report.as_json()), encoding="utf-8")
    return path


def test_a_report_that_was_written_says_the_same_when_it_is_read(tmp_path: Path):
    compared = compare(REPORT)
    names = [path.name for path in write_reports(tmp_path / "out", compared)]
    assert names[:3] == ["report.json", "leaderboard.json", "leaderboard.md"]
    again = compare(read_report(tmp_path / "out" / "report.json"))
    assert again.as_json() == compared.as_json()
    assert (
        (tmp_path / "out" / "leaderboard.md").read_text(encoding="utf-8").startswith("# flight-v1 by return")
    )


def test_reports_are_joined_and_agents_of_one_name_told_apart_by_their_files(tmp_path: Path):
    before = written(tmp_path / "before.json", report_of(model=drawn(1), script=drawn(2)))
    after = written(tmp_path / "after.json", report_of(model=drawn(3, 1.0)))
    assert list(read_reports([before, after]).agents) == ["before: model", "script", "after: model"]
    (tmp_path / "new").mkdir()
    twin = written(tmp_path / "new" / "before.json", report_of(model=drawn(4)))
    assert [name.rpartition(": ")[0] for name in read_reports([before, twin]).agents] == [
        str(before),
        "",
        str(twin),
    ]


def test_reports_of_different_environments_are_not_compared():
    reports = {"a": report_of("flight-v1", a=drawn(1)), "b": report_of("retail-v1", b=drawn(2))}
    with pytest.raises(
        UsageError, match="a is of flight-v1, b of retail-v1; agents are compared in the same"
    ):
        joined(reports)


def test_a_file_is_not_compared_with_itself(tmp_path: Path):
    path = written(tmp_path / "a.json", report_of(a=drawn(1)))
    with pytest.raises(UsageError, match="are the same file"):
        read_reports([path, tmp_path / "." / "a.json"])


NAN = (
    '{"env": "e", "agents": {"a": {"trials": [{"task": "t", "figures": {"success": NaN}, "counts": {}, '
    '"stops": [], "session": null}]}}}'
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is no report: Expecting value"),
        ("[]", "is no report: the document: Input should be"),
        ("{}", "is no report: env: Field required; expected what `practicum eval --json` prints"),
        ('{"env": "e", "agents": {}}', "agents: Dictionary should have at least 1 item"),
        (
            '{"env": "e", "agents": {"a": {"trials": []}}}',
            "agents.a.trials: List should have at least 1 item",
        ),
        ('{"env": "e", "agents": {"a": {"trials": [{"task": ""}]}}}', "agents.a.trials.0.task"),
        (NAN, "NaN is no number in JSON"),
        (NAN.replace("NaN", "1e999"), "agents.a.trials.0.figures.success: Input should be a finite number"),
        (NAN.replace("NaN", "-3"), "success is -3.0 in task t; expected 0 to 1"),
        (NAN.replace("success", "return").replace("NaN", "1e300"), "Input should be less than or equal to"),
        ("[" * 100_000, "is nested too deeply"),
    ],
)
def test_what_is_no_report_is_said_in_one_line(tmp_path: Path, text: str, told: str):
    (tmp_path / "odd.json").write_text(text)
    with pytest.raises(UsageError) as refusal:
        read_report(tmp_path / "odd.json")
    assert told in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_file_that_cannot_be_read_or_written_is_said(tmp_path: Path):
    with pytest.raises(UsageError, match=r"cannot read the report .*: No such file"):
        read_report(tmp_path / "none.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="is no report: "):
        read_report(tmp_path / "bytes.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write"):
        write_reports(tmp_path / "file", compare(REPORT))


def test_figures_that_nobody_knows_are_read_past(tmp_path: Path):
    report = report_of(a=drawn(1)).as_json()
    report["agents"]["a"]["trials"][0]["figures"]["charm"] = 1.0
    (tmp_path / "a.json").write_text(json.dumps(report))
    assert "charm" not in read_report(tmp_path / "a.json").agents["a"].figures
