"""`practicum import`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.mcp_server.cli.conftest import Practicum
from tests.mcp_server.clients import command
from tests.memory.import_samples import CUT_OFF, SHAREGPT, TAU, tau_visit, write_json, write_lines


def test_a_result_file_is_imported_listed_and_shown(practicum: Practicum, tmp_path: Path) -> None:
    file = write_json(tmp_path / "results.json", [TAU, CUT_OFF], indent=2)
    assert practicum("import", file).out == "imported 2 sessions of imported-tau-v1\n"
    assert practicum("import", file, "--format", "tau").out == (
        "imported 0 sessions\nalready here: 2 sessions of imported-tau-v1\n"
    )
    rows = json.loads(practicum("sessions", "--purpose", "import", "--json").out)
    assert [(row["outcome"]["success"], row["turns"]) for row in rows] == [(False, 4), (True, 5)]
    shown = practicum("sessions", rows[1]["session"]).out
    assert '2 get_booking({"booking": "FB12"})' in shown
    assert "refused: there is no such day" in shown
    assert "Ida Holm" not in shown


def test_lines_are_imported_from_standard_input(
    practicum: Practicum, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = practicum("import", "-", lines=json.dumps(SHAREGPT))
    assert said.out == "imported 1 session of imported-sharegpt-v1\n"


def test_what_cannot_be_read_is_named_by_its_line_and_the_exit_code_is_1(
    practicum: Practicum, tmp_path: Path
) -> None:
    file = write_lines(tmp_path / "talks.jsonl", [SHAREGPT, {"conversations": 7}])
    with file.open("a") as lines:
        lines.write('{"conversations": [{"from"\n')
    said = practicum("import", file)
    assert (said.code, said.out) == (1, "imported 1 session of imported-sharegpt-v1\n")
    first, second, last = said.err.splitlines()
    assert first == (
        f"{file}:2: conversations: Input should be a valid list; expected a conversation in ShareGPT form: "
        "{conversations: [{from, value}], system, tools}"
    )
    assert second.startswith(f"{file}:3: no JSON: ")
    assert last == "could not read 2 of the records"


def test_visits_to_our_desk_say_whether_they_replay(practicum: Practicum, tmp_path: Path) -> None:
    run = tau_visit(3)
    other = tau_visit(4)
    next(message for message in other["traj"] if message["role"] == "tool")["content"] = "nobody_1"
    file = write_json(tmp_path / "results.json", [run, other, TAU])
    said = practicum("import", file, "--env", "retail")
    assert (said.code, said.out) == (1, "imported 2 sessions of retail-v1\n1 of 2 replay exactly\n")
    assert said.err == "left out 1 session of another world: retail-v1 has no tool 'move_booking'\n"
    assert practicum("import", file).out == (
        "imported 1 session of imported-tau-v1\nalready here: 2 sessions of retail-v1\n"
    )
    replayed = practicum("replay", "--all")
    assert replayed.code == 1
    assert 'result was "nobody_1", replayed it is' in replayed.out
    assert "1 of 2 sessions replay exactly\n1 session of another system cannot be replayed" in replayed.out


def test_programs_are_told_in_json(practicum: Practicum, tmp_path: Path) -> None:
    file = write_lines(tmp_path / "results.jsonl", [TAU, 5, TAU])
    said = practicum("import", file, "--json")
    told: dict[str, Any] = json.loads(said.out)
    ((problem, where),) = [(each.pop("problem"), each) for each in told.pop("problems")]
    assert where == {"line": 2}
    assert problem.startswith("record: Input should be a valid dictionary")
    assert told == {
        "imported": {"imported-tau-v1": 1}, "already_here": {"imported-tau-v1": 1}, "elsewhere": {},
        "unreadable": 1, "replay": 0, "diverge": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["missing.json"], "cannot read missing.json: No such file or directory"),
        (["FILE", "--format", "atif"], "no format 'atif'; there are tau, sharegpt"),
        (["FILE", "--env", "retial"], "no environment 'retial'; did you mean 'retail'?"),
        (["FILE", "--env", "retail", "--data", "nowhere"], "nowhere"),
        (
            ["FILE", "--data", "nowhere"],
            "--data is the folder of a shop's records, for --env retail",
        ),
        (["EMPTY"], "the file holds no record; expected a list of them as JSON, or one a line"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    practicum: Practicum, tmp_path: Path, arguments: list[str], why: str
) -> None:
    files = {"FILE": write_json(tmp_path / "a.json", [TAU]), "EMPTY": write_json(tmp_path / "b.json", [])}
    said = practicum("import", *(files.get(each, each) for each in arguments))
    assert why in said.refusal


def test_the_command_runs_by_itself(db: Path, tmp_path: Path) -> None:
    file = write_json(tmp_path / "results.json", [TAU])
    ran = subprocess.run(
        [*command("import", str(file), "--db", str(db))],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "imported 1 session of imported-tau-v1\n", "")


def test_a_record_on_standard_input_that_is_no_utf_8_is_named(db: Path) -> None:
    good = json.dumps(SHAREGPT).encode()
    bad = good.replace(b"ferry FB12", b"ferry \xff")
    ran = subprocess.run(
        command("import", "-", "--db", str(db)),
        input=bad + b"\n" + good,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (ran.returncode, ran.stdout) == (1, b"imported 1 session of imported-sharegpt-v1\n")
    assert ran.stderr.startswith(b"-:1: expected UTF-8, and some of it is not\n")
