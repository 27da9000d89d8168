"""`practicum envs | new | check`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.mcp_server.cli.conftest import Practicum
from tests.mcp_server.cli.terminal import at_terminal
from tests.mcp_server.clients import PARCELS, command, world


def test_environments_are_listed_for_people_and_for_programs(practicum: Practicum) -> None:
    assert "flight-v1" in practicum("envs").out
    listed = json.loads(practicum("envs", "--json").out)
    flight = next(env for env in listed["environments"] if env["id"] == "flight-v1")
    assert "search_flights" in flight["tools"]
    assert listed["broken"] == []


def test_a_new_environment_is_named_for_the_check_and_keeps_the_contract(
    practicum: Practicum, tmp_path: Path
) -> None:
    said = practicum("new", "tea_house", "--folder", tmp_path)
    assert said.code == 0
    named = said.out.rsplit("practicum check ", 1)[1].strip()
    checked = practicum("check", named)
    assert (checked.code, checked.out) == (0, f"{named} keeps the contract\n")


def test_a_new_environment_does_not_overwrite_another(practicum: Practicum, tmp_path: Path) -> None:
    practicum("new", "tea_house", "--folder", tmp_path)
    assert "tea_house.py" in practicum("new", "tea_house", "--folder", tmp_path).refusal


@pytest.mark.parametrize("name", ["Tea", "tea-house", "1tea", ""])
def test_a_bad_name_for_an_environment_is_one_line(practicum: Practicum, tmp_path: Path, name: str) -> None:
    assert practicum("new", name, "--folder", tmp_path).refusal
    assert not list(tmp_path.glob("*.py"))


def test_check_says_that_the_contract_is_kept(practicum: Practicum) -> None:
    assert practicum("check", PARCELS).out == f"{PARCELS} keeps the contract\n"
    assert json.loads(practicum("check", PARCELS, "--json").out) == []


def test_check_names_what_breaks_the_contract(practicum: Practicum) -> None:
    said = practicum("check", world("Talk"))
    assert said.code == 1
    assert "findings" in said.out
    findings = json.loads(practicum("check", world("Talk"), "--json").out)
    assert all(finding["rule"] and finding["message"] for finding in findings)
    assert findings


@pytest.mark.integration
def test_what_a_world_prints_does_not_spoil_the_findings(tmp_path: Path) -> None:
    done = subprocess.run(
        command("check", world("Loud"), "--json"), capture_output=True, text=True, check=False
    )
    assert "printed in shout" in done.stderr
    assert isinstance(json.loads(done.stdout), list)


def test_check_of_nothing_is_one_line(practicum: Practicum) -> None:
    assert "no environment 'flihgt'; did you mean 'flight'?" in practicum("check", "flihgt").refusal


def test_a_data_sheet_shows_goal_tools_rewards_and_settings(practicum: Practicum) -> None:
    said = practicum("envs", "flight").out
    assert "flight-v1, domain travel" in said
    assert "  select_flight (only reads): Show the details of a flight" in said
    assert "  abort (may end the episode): Give up" in said
    assert "      page (whole number, default 1): Page of the results, from 1." in said
    assert "  payment_failed -0.05" in said
    assert "  p_3ds (float), 0.2 by default" in said


def test_a_data_sheet_is_json_too(practicum: Practicum) -> None:
    sheet = json.loads(practicum("envs", PARCELS, "--json").out)
    assert sheet["id"] == "parcels-v1"
    assert [tool["name"] for tool in sheet["tools"]][:2] == ["look", "store"]
    assert sheet["settings"] == [{"name": "parcels", "type": "int", "default": 3}]
    assert sheet["rewards"]["stored"] == 0.05


def test_a_data_sheet_says_of_a_tool_what_the_server_goes_by(practicum: Practicum) -> None:
    tools = {
        tool["name"]: tool for tool in json.loads(practicum("envs", world("Talk"), "--json").out)["tools"]
    }
    assert {name: tool["category"] for name, tool in tools.items()} == {
        "say": "talk", "recall": "read", "crash": "other", "finish": "end"
    }  # fmt: skip
    assert [name for name, tool in tools.items() if tool["ends"]] == ["finish"]


def test_domains_are_listed_for_people_and_for_programs(practicum: Practicum) -> None:
    assert "travel, judged by the world's own state" in practicum("envs", "--domains").out
    sheets = {sheet["name"]: sheet for sheet in json.loads(practicum("envs", "--domains", "--json").out)}
    assert "abort" in sheets["travel"]["ending_tools"]
    assert sum(sheets["travel"]["rubric_weights"].values()) == pytest.approx(1)


def test_a_sheet_and_the_domains_exclude_each_other(practicum: Practicum) -> None:
    assert (
        practicum("envs", "flight", "--domains").refusal == "envs takes an environment or --domains, not both"
    )


def test_what_was_written_is_json_too(practicum: Practicum, tmp_path: Path) -> None:
    written = json.loads(practicum("new", "tea_house", "--folder", tmp_path, "--json").out)
    assert Path(written["environment"]).exists()
    assert Path(written["test"]).exists()
    assert written["next"].startswith("practicum check ")


@pytest.mark.integration
def test_long_work_shows_a_bar_on_a_terminal_and_nowhere_else() -> None:
    with at_terminal("check", PARCELS) as terminal:
        terminal.until(f"checking {PARCELS}"[:40])
        terminal.end()
    with at_terminal("check", PARCELS, "--json") as terminal:
        terminal.end()
    assert terminal.text == "[]\n"
    done = subprocess.run(command("check", PARCELS), capture_output=True, text=True, check=True)
    assert done.stderr == ""
