"""retail-v1 agrees with τ-bench's own results, call for call, and in what its records are in the end."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from practicum.envs import Episode
from practicum.envs.retail.consistency import check_folder
from practicum.envs.retail.env import RetailEnv
from practicum.envs.retail.tasks import task_of_record
from tests.envs.retail_records import FOLDER, WorldHash, agrees, needs_records, records

pytestmark = needs_records
BASE = "ae10e8a7f23bedf88c90a528efa2d59d27cae24b5ce1f0d28768b39257bf9f0d"
"""The hash of the base data, as the records' README has it."""


@pytest.fixture(scope="module")
def world_hash() -> WorldHash:
    return WorldHash()


def _disagreements(record: dict[str, Any], world_hash: WorldHash) -> list[str]:
    task = replace(RetailEnv.make_task(0, data=str(FOLDER)), step_limit=len(record["actions"]) + 1)
    env = RetailEnv()
    episode = Episode(env, task)
    played = [(call, episode.act(call["name"], call["arguments"])) for call in record["actions"]]
    wrong = [f"{record['task_id']} {call}" for call, s in played if not agrees(call, s.result, s.error)]
    same = world_hash.of(env.world()) == record["final_sha256"]
    return wrong if same else [*wrong, f"{record['task_id']}: another world"]


def test_the_world_that_is_read_is_the_peer_s(world_hash: WorldHash) -> None:
    env = RetailEnv(data=str(FOLDER))
    env.reset(seed=0)
    assert world_hash.of(env.world()) == BASE


@pytest.mark.parametrize(("name", "count"), [("train", 500), ("fuzz", 600)])
def test_every_result_every_refusal_and_every_final_world_is_the_peer_s(
    name: str, count: int, world_hash: WorldHash
) -> None:
    assert len(records(name)) == count
    assert [line for record in records(name) for line in _disagreements(record, world_hash)] == []


@pytest.mark.integration
@pytest.mark.parametrize("name", ["train", "fuzz"])
def test_replay_of_foreign_calls_agrees_line_for_line(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "practicum", "replay", "--json", "--db", str(tmp_path / "none.db")]
    given = ["--calls", str(FOLDER / f"{name}.jsonl"), "--env", "retail", "--data", str(FOLDER)]
    ran = subprocess.run([*command, *given], capture_output=True, text=True, check=False, timeout=300)
    assert ran.returncode == 0, ran.stderr
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [answer["task_id"] for answer in answers] == [record["task_id"] for record in records(name)]
    for record, answer in zip(records(name), answers, strict=True):
        assert answer["final_sha256"] == record["final_sha256"], record["task_id"]
        for call, result in zip(record["actions"], answer["results"], strict=True):
            refused = isinstance(result, str) and result.startswith("Error: ")
            error = result.removeprefix("Error: ") if refused else None
            assert agrees(call, None if refused else result, error), (record["task_id"], call, result)


def test_the_peer_s_world_passes_the_checker() -> None:
    assert check_folder(FOLDER) == []


def test_the_plan_of_every_foreign_task_is_a_success() -> None:
    for record in records("train"):
        task = task_of_record(record, data=str(FOLDER))
        episode = Episode(RetailEnv(), task)
        for call in task.secret["actions"]:
            episode.act(call["name"], call["arguments"])
        step = episode.act("transfer_to_human_agents", {"summary": "the rest"})
        assert step.outcome is not None
        assert (step.outcome["success"], step.outcome["violations"]) == (True, ["needless_transfer"])


def test_a_foreign_plan_that_was_not_carried_out_is_none() -> None:
    for record in records("train")[:50]:
        episode = Episode(RetailEnv(), task_of_record(record, data=str(FOLDER)))
        for call in record["actions"][:-1]:
            episode.act(call["name"], call["arguments"])
        step = episode.act("transfer_to_human_agents", {"summary": "the rest"})
        assert step.outcome is not None
        assert not step.outcome["success"]
