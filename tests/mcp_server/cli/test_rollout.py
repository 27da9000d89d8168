"""`practicum rollout | eval`: agents play from the command line, logged, measured, compared."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from practicum.envs import find
from practicum.memory import Sessions, Store
from practicum.skills.library import Library
from tests.mcp_server.cli.conftest import Practicum
from tests.mcp_server.clients import PARCELS, world
from tests.skills.flights import CANCEL


def listed(db: Path) -> list[tuple[str, int, str]]:
    with closing(Store.open(db)) as store:
        sessions = Sessions(store).list(None, limit=500)
        return [(each.purpose, each.task.seed, each.task.split) for each in reversed(sessions)]


def test_rollouts_are_sessions_on_tasks_of_the_train_split_not_played_before(
    practicum: Practicum, db: Path
) -> None:
    first = json.loads(practicum("rollout", "--episodes", "3", "--json").out)
    said = practicum("rollout", "flight", "--agent", "random", "--episodes", "2")
    assert said.code == 0
    assert "random (2)" in said.out
    assert [row["decisions"] for row in first] == [row["steps"] for row in first]
    assert all(row["outcome"]["success"] and row["agent"] == "scripted" for row in first)
    train = [task.seed for task in find("flight").tasks().split("train").take(5)]
    assert listed(db) == [("practice", seed, "train") for seed in train]


def test_a_seed_and_a_split_choose_the_tasks_and_settings_make_them(practicum: Practicum, db: Path) -> None:
    command = ("rollout", "--episodes", "2", "--seed", "40", "--split", "verify", "--set", "kind=cancel")
    rows = json.loads(practicum(*command, "--json").out)
    expected = find("flight").tasks(40, kind="cancel").split("verify").take(2)
    assert [row["task"] for row in rows] == [task.hash for task in expected]


def test_an_episode_ends_at_the_limit_of_steps(practicum: Practicum) -> None:
    said = practicum("rollout", "--episodes", "2", "--max-steps", "2", "--set", "kind=book", "--json")
    assert [(row["steps"], row["outcome"]) for row in json.loads(said.out)] == [(2, None)] * 2


def test_the_skilled_agent_uses_what_the_library_holds(practicum: Practicum, db: Path) -> None:
    with closing(Store.open(db)) as store:
        library = Library(store)
        library.add(CANCEL, "local")
        library.verified(CANCEL, hits=20, misses=0, about={})
        library.publish(CANCEL)
    command = ("rollout", "--agent", "skilled", "--episodes", "12", "--set", "kind=cancel", "--json")
    rows = json.loads(practicum(*command).out)
    assert rows[0]["suggestion"] == {"skill": None, "control": True}
    used = [row for row in rows if row["skills"]]
    assert used
    assert all(row["suggestion"]["skill"] == "skill_cancel_booking" for row in used)
    assert all(row["decisions"] == 1 for row in used if row["skills"][0]["stop"] is None)


def test_agents_are_evaluated_on_the_same_test_tasks(practicum: Practicum, db: Path) -> None:
    report = json.loads(practicum("eval", "--agents", "scripted, random", "--episodes", "4", "--json").out)
    assert report["env"] == "flight-v1"
    assert list(report["agents"]) == ["scripted", "random"]
    test = find("flight").tasks().split("test").take(4)
    assert report["tasks"] == [task.hash for task in test]
    assert report["agents"]["scripted"]["figures"]["success"] == {"value": 1, "low": 1, "high": 1, "n": 4}
    assert report["comparisons"][0]["agents"] == ["scripted", "random"]
    assert listed(db) == [("evaluation", task.seed, "test") for task in test] * 2


def test_an_evaluation_is_shown_to_people_with_intervals_and_differences(practicum: Practicum) -> None:
    out = practicum("eval", "--agents", "scripted,random", "--episodes", "4").out
    assert "scripted (4)" in out
    assert "100.0% [100.0%, 100.0%]" in out
    assert "scripted less random" in out


def test_any_environment_can_be_played(practicum: Practicum) -> None:
    rows = json.loads(practicum("rollout", PARCELS, "--episodes", "2", "--json").out)
    assert all(row["outcome"]["success"] for row in rows)


@pytest.mark.parametrize("agents", [("rollout", "--agent"), ("eval", "--agents")], ids=["rollout", "eval"])
def test_a_world_that_fails_is_told_and_the_rest_is_played(
    practicum: Practicum, agents: tuple[str, str]
) -> None:
    command, option = agents
    said = practicum(command, world("Talk"), option, "random", "--set", "opening=broken", "--episodes", "2")
    assert said.code == 1
    assert len([line for line in said.err.splitlines() if "failed: " in line]) == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("rollout", "--agent", "scriptd"), "no agent is called 'scriptd'; did you mean 'scripted'?"),
        (("rollout", "--split", "dev"), "--split 'dev': expected train, verify, test"),
        (("rollout", "--set", "p_3d=1"), "flight-v1 has no setting 'p_3d'"),
        (("rollout", world("Talk")), "no script plays 'talk"),
        (("eval", world("Talk")), "no script plays 'talk"),
        (("eval", "--agents", ","), "--agents names nobody"),
        (("eval", "--agents", "random,nobody"), "no agent is called 'nobody'"),
        (("eval", "flght"), "no environment 'flght'"),
    ],
)
def test_mistakes_are_told_in_one_line_and_make_no_log(
    practicum: Practicum, db: Path, arguments: tuple[str, ...], told: str
) -> None:
    assert told in practicum(*arguments).refusal
    assert not db.exists()
