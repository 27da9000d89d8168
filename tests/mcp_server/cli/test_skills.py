"""`practicum skills list | show | mine | verify | promote | retire`."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from practicum.envs import find
from practicum.memory import Log, Store
from practicum.memory.leases import take_lease
from practicum.skills.learning import LEASE
from practicum.skills.library import Library
from tests.mcp_server.cli.conftest import Practicum
from tests.skills.buying import KIOSK, buy, buy_with, train_seeds


@pytest.fixture
def played(db: Path) -> Path:
    with closing(Store.open(db)) as store:
        for seed in train_seeds(8):
            buy(store, seed)
    return db


@pytest.fixture
def learned(practicum: Practicum, played: Path) -> Path:
    assert "skill_buy_ware: published" in practicum("skills", "mine").out
    return played


def test_mining_says_what_came_of_it(practicum: Practicum, played: Path) -> None:
    said = practicum("skills", "mine", "--json")
    done = json.loads(said.out)
    assert (done["skipped"], done["sessions"]) == (False, 8)
    assert [(each["what"], each["skill"]) for each in done["learnt"]] == [("published", "skill_buy_ware")]
    assert said.err == ""
    assert practicum("skills", "mine").out == "read 0 sessions\n"
    assert "known" in practicum("skills", "mine", "--anew", "--env", KIOSK).out
    assert "no environment 'nowhere'" in practicum("skills", "mine", "--env", "nowhere").refusal


def test_mining_is_left_to_the_process_that_is_at_it(practicum: Practicum, played: Path) -> None:
    with closing(Store.open(played)) as store, Log(store).writing() as connection:
        take_lease(connection, LEASE, "another", now=0.0, until=1e12)
    assert practicum("skills", "mine").out == "another process is learning from this database already\n"


def test_skills_are_listed_for_people_and_for_programs(practicum: Practicum, learned: Path) -> None:
    said = practicum("skills", "list")
    assert "skill_buy_ware" in said.out
    assert "20 of 20" in said.out
    assert "1 skill in" in said.err
    [row] = json.loads(practicum("skills", "list", "--json").out)
    assert (row["name"], row["env"], row["status"], row["hits"]) == (
        "skill_buy_ware", "kiosk-v1", "published", 20,
    )  # fmt: skip
    assert json.loads(practicum("skills", "list", "--env", "flight", "--json").out) == []
    assert json.loads(practicum("skills", "list", "--principal", "bob", "--json").out) == []


def test_a_skill_is_shown_with_its_program_its_uses_and_its_history(
    practicum: Practicum, learned: Path
) -> None:
    with closing(Store.open(learned)) as store:
        library = Library(store)
        [entry] = library.entries("local")
        session = buy_with(library, entry.skill, 1001)
    said = practicum("skills", "show", "skill_buy_ware").out
    assert "find_ware(ware=ware)" in said
    assert "uses: 1 of 1, 0 stops" in said
    assert f"session {session[:12]}, turn 1: 3 calls, finished" in said
    assert said.index("mined") < said.index("verified: an e-value") < said.rindex("published")
    shown = json.loads(practicum("skills", "show", "skill_buy_ware", "--json").out)
    assert shown["skill"]["hash"] == entry.skill.hash
    assert [each["kind"] for each in shown["events"]] == ["mined", "verified", "published"]
    assert shown["latest_uses"][0]["session"] == session


def test_what_a_skill_was_given_is_not_printed(practicum: Practicum, learned: Path) -> None:
    with closing(Store.open(learned)) as store:
        library = Library(store)
        [entry] = library.entries("local")
        buy_with(library, entry.skill, 1001)
    token = find(KIOSK).make_task(1001).params["card_token"]
    assert token not in practicum("skills", "show", "skill_buy_ware").out
    assert token not in practicum("skills", "show", "skill_buy_ware", "--json").out


def test_a_skill_is_verified_again(
    practicum: Practicum, learned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = practicum("skills", "verify", "skill_buy_ware", "--json")
    assert json.loads(said.out)["passed"]
    monkeypatch.setattr(find(KIOSK), "in_basket", "bag")
    failed = practicum("skills", "verify", "skill_buy_ware")
    assert failed.code == 1
    assert "did not pass" in failed.out
    assert "it is quarantined" in failed.out
    assert "it is retired" in practicum("skills", "verify", "skill_buy_ware").out
    assert "is retired; what was retired stays so" in practicum("skills", "verify", "skill_buy_ware").refusal


def test_a_skill_is_promoted_and_retired(practicum: Practicum, learned: Path) -> None:
    assert (
        "everybody may use skill_buy_ware version 1 now"
        in practicum("skills", "promote", "skill_buy_ware").out
    )
    [row] = json.loads(practicum("skills", "list", "--principal", "bob", "--json").out)
    assert row["shared"]
    assert "promoted already" in practicum("skills", "promote", "skill_buy_ware").refusal
    said = practicum("skills", "retire", "skill_buy_ware", "--reason", "sold", "--json")
    assert json.loads(said.out)["status"] == "retired"
    assert "is retired already" in practicum("skills", "retire", "skill_buy_ware").refusal
    assert json.loads(practicum("skills", "list", "--json").out) == []
    assert len(json.loads(practicum("skills", "list", "--all", "--json").out)) == 1
    assert "retired: sold" in practicum("skills", "show", "skill_buy_ware").out


def test_a_name_that_nobody_has_is_one_line_with_the_nearest(practicum: Practicum, learned: Path) -> None:
    for command in ("show", "verify", "promote", "retire"):
        said = practicum("skills", command, "skill_buy_wares").refusal
        assert said.startswith("no skill 'skill_buy_wares'")
        assert "skill_buy_ware" in said.removeprefix("no skill 'skill_buy_wares'")
        assert "`practicum skills list` lists them" in said
