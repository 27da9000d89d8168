"""`practicum compare`, and what `practicum eval` writes: agents, the log, reports on disk, gates."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from practicum.memory import Sessions, Store
from tests.mcp_server.cli.conftest import Practicum
from tests.mcp_server.clients import PARCELS


def reports(practicum: Practicum, folder: Path) -> tuple[Path, Path]:
    """Two reports on disk: of the script with and without slips, on tasks of which most are shared."""
    paths = folder / "calm.json", folder / "slips.json"
    for path, options in zip(paths, (("--noise", "0"), ("--noise", "0.4", "--seed", "60")), strict=True):
        said = practicum("eval", "--agents", "scripted", "--episodes", "10", *options, "--json")
        path.write_text(said.out, encoding="utf-8")
    return paths


def test_agents_play_and_are_compared_with_every_test(practicum: Practicum, db: Path) -> None:
    said = practicum("compare", "scripted", "random", "--episodes", "8")
    assert said.code == 0
    assert "scripted less random, 8 tasks" in said.out
    for head in ("permutation", "paired t", "McNemar", "Welch", "Mann-Whitney", "Holm", "detectable"):
        assert head in said.out
    assert "***" not in said.out.splitlines()[1]
    with closing(Store.open(db)) as store:
        assert {each.purpose for each in Sessions(store).list(None, limit=50)} == {"evaluation"}


def test_a_comparison_is_json_too(practicum: Practicum) -> None:
    command = (
        "compare",
        "scripted",
        "random",
        "skilled",
        "--episodes",
        "4",
        "--trials",
        "2",
        "--gold",
        "scripted",
    )
    found = json.loads(practicum(*command, "--json").out)
    pairs = [row["agents"] for row in found["comparisons"]]
    assert pairs == [["scripted", "random"], ["scripted", "skilled"], ["random", "skilled"]]
    success = found["comparisons"][0]["figures"]["success"]
    assert success["difference"]["n"] == 4
    assert success["tests"]["permutation"]["p"] == 2 / 2**4
    assert success["corrected"]["bonferroni"] == 3 * 2 / 2**4
    assert "pass^2" in found["comparisons"][0]["figures"]
    assert found["agents"]["scripted"]["figures"]["exact_action_match"]["value"] == 1


def test_reports_on_disk_are_paired_by_task_and_what_is_unequal_is_told(
    practicum: Practicum, tmp_path: Path
) -> None:
    calm, slips = reports(practicum, tmp_path)
    said = practicum("compare", calm, slips)
    assert said.code == 0
    assert "calm: scripted and slips: scripted share " in said.err
    assert "calm: scripted less slips: scripted" in said.out
    found = json.loads(practicum("compare", calm, slips, "--json").out)["comparisons"][0]
    assert found["shared_tasks"] + found["only_first"] == 10
    assert 0 < found["shared_tasks"] < 10
    assert found["figures"]["steps"]["difference"]["n"] == found["shared_tasks"]


def test_what_is_in_the_log_is_compared_without_playing_again(
    practicum: Practicum, db: Path, log_session: Callable[..., str]
) -> None:
    practicum("eval", PARCELS, "--agents", "random,scripted", "--episodes", "5")
    before = db.stat().st_size
    found = json.loads(practicum("compare", "scripted", "random", "--logged", "--env", PARCELS, "--json").out)
    assert found["comparisons"][0]["shared_tasks"] == 5
    assert found["agents"]["scripted"]["figures"]["success"]["value"] == 1
    assert db.stat().st_size == before
    refusal = practicum("compare", "scripted", "claude", "--logged", "--env", PARCELS).refusal
    assert f"no sessions of {PARCELS} for evaluation by 'claude' have ended" in refusal
    assert "there are those of random, scripted" in refusal


def test_reports_and_leaderboards_are_written(practicum: Practicum, tmp_path: Path) -> None:
    command = ("eval", "--agents", "random,scripted", "--episodes", "6", "--rank-by", "steps")
    said = practicum(*command, "--output", tmp_path / "out", "--json")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names - {"leaderboard.png"} == {"report.json", "leaderboard.md", "leaderboard.json"}
    assert f"wrote {tmp_path}/out/leaderboard.md" in said.err
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report == json.loads(said.out)
    assert (
        (tmp_path / "out" / "leaderboard.md").read_text(encoding="utf-8").startswith("# flight-v1 by steps")
    )
    assert practicum("compare", tmp_path / "out" / "report.json").code == 0


def test_the_picture_is_left_out_where_it_cannot_be_drawn(
    practicum: Practicum, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("practicum.training.report_files.can_draw", lambda: False)
    said = practicum("eval", "--agents", "random", "--episodes", "2", "--output", tmp_path / "out")
    assert said.code == 0
    assert "no picture: pictures need matplotlib" in said.err
    assert not (tmp_path / "out" / "leaderboard.png").exists()


def test_gates_fail_the_command_with_a_line_for_each(practicum: Practicum) -> None:
    gates = ("--min-success", "0.7", "--min-recall", "0.6", "--min-precision", "0.6")
    command = ("eval", "--agents", "scripted,random", "--episodes", "4", "--gold", "scripted", *gates)
    said = practicum(*command)
    assert said.code == 1
    assert [line.partition(" is ")[0] for line in said.err.splitlines()] == [
        "practicum: random: success",
        "practicum: random: action_recall",
        "practicum: random: action_precision",
    ]
    assert practicum("eval", "--agents", "scripted", "--episodes", "4", *gates[:2]).code == 0
    (line,) = practicum("eval", "--agents", "scripted", "--episodes", "2", *gates[2:4]).err.splitlines()
    assert (
        line == "practicum: scripted: no task has gold calls, as --min-recall needs; --gold AGENT plays them"
    )


def test_tasks_with_gold_calls_need_no_teacher(practicum: Practicum) -> None:
    gates = ("--min-success", "0.7", "--min-recall", "0.6", "--min-precision", "0.6")
    said = practicum("eval", "retail", "--agents", "oracle", "--episodes", "3", *gates)
    assert said.code == 0
    assert "action_f1" in said.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("compare", "scripted"), "'scripted' alone cannot be compared; name another one after it"),
        (("compare", "scripted", "scripted"), "'scripted' alone cannot be compared"),
        (("compare", "scripted", "rndom"), "no agent is called 'rndom'; did you mean 'random'?"),
        (("compare", "scripted", "none.json"), "'scripted' is no report, as others are"),
        (("compare", "none.json", "others.json"), "cannot read the report none.json: No such file"),
        (("compare", "scripted", "random", "--rank-by", "sucess"), "no figure is called 'sucess'"),
        (("compare", "scripted", "random", "--logged"), "no log"),
        (("eval", "--rank-by", "charm"), "no figure is called 'charm'"),
        (("eval", "--gold", "nobody"), "no agent is called 'nobody'"),
        (("eval", "--trials", "0"), "--trials"),
        (("eval", "--min-success", "1.5"), "--min-success"),
    ],
)
def test_mistakes_are_told_in_one_line_and_make_no_log(
    practicum: Practicum, db: Path, arguments: tuple[str, ...], told: str
) -> None:
    assert told in practicum(*arguments).refusal
    assert not db.exists()


@pytest.mark.parametrize("command", [("eval",), ("compare", "scripted", "random")], ids=["eval", "compare"])
def test_where_nothing_can_be_written_nothing_is_played(
    practicum: Practicum, db: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "file").write_text("")
    told = practicum(*command, "--output", tmp_path / "file" / "out").refusal
    assert told == f"cannot write into {tmp_path}/file/out: Not a directory; name another folder"
    assert not db.exists()


def test_a_report_of_one_agent_needs_another(practicum: Practicum, tmp_path: Path) -> None:
    calm, _ = reports(practicum, tmp_path)
    assert "'scripted' alone cannot be compared" in practicum("compare", calm).refusal
    assert (
        "are the same file"
        in practicum("compare", calm, tmp_path / "." / ".." / tmp_path.name / "calm.json").refusal
    )
