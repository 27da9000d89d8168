"""Online GRPO: our environments as TRL plays them, and training on what a model plays itself."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest

from practicum.envs import find
from practicum.envs.errors import UsageError
from practicum.memory import Log, Sessions
from practicum.memory.store import Store
from practicum.training.agents import Tool
from practicum.training.rubrics import make_reward
from practicum.training.trainers import layered
from practicum.training.trainers.practice import Ground, environment_class
from practicum.training.transcripts import opening_messages, tool_schemas
from tests.requirements import need_torch
from tests.training.learned import row
from tests.training.played import store  # noqa: F401  # a fixture

FLIGHT, RETAIL = find("flight"), find("retail")
TASK = FLIGHT.tasks().split("train").take(1)[0]


def begun(ground: Ground, task: Any = TASK) -> Any:
    made = environment_class(ground)()
    made.reset(task=json.dumps(task.as_json()), prompt="ignored")
    return made


def calls_of(task: Any) -> list[tuple[str, dict]]:
    from practicum.envs import Episode
    from practicum.training.agents import play_episode, scripted_agent

    steps = play_episode(Episode(FLIGHT(), task), scripted_agent("flight", seed=1))
    return [(step.tool, dict(step.arguments)) for step in steps]


def test_every_action_is_a_method_and_nothing_else_is_public() -> None:
    made = environment_class(Ground(FLIGHT))
    public = {name for name, _ in inspect.getmembers(made, inspect.isfunction) if not name.startswith("_")}
    assert public == {*FLIGHT.actions, "reset", "get_reward"}
    assert all(getattr(made, name).__name__ == name for name in FLIGHT.actions)


def test_a_rollout_is_an_episode_and_its_reward_the_return() -> None:
    ground = Ground(FLIGHT, ending="!" * 9)
    made = environment_class(ground)()
    for _ in range(2):  # used again from rollout to rollout
        assert made.reset(task=json.dumps(TASK.as_json())) == made._episode.opening.text
        told = [getattr(made, tool)(**arguments) for tool, arguments in calls_of(TASK)]
        assert told[-1] == "!" * 9
        assert made._episode.over
        assert made.get_reward() == made._episode.total_reward > 0


def test_a_refused_call_is_told_in_the_worlds_words() -> None:
    made = begun(Ground(FLIGHT))
    tool = next(iter(FLIGHT.actions))
    assert getattr(made, tool)(nothing=1).startswith("Error: ")


def test_rules_are_added_to_the_return_where_that_is_the_reward() -> None:
    made = begun(Ground(FLIGHT, reward="rules"))
    tool, arguments = calls_of(TASK)[0]
    for _ in range(3):
        getattr(made, tool)(**arguments)
    steps, episode = made._steps, made._episode
    rules = make_reward(FLIGHT.domain).begin(episode.env, episode.opening.observation)
    expected = sum(rules(steps[: number + 1]) for number in range(3))
    assert expected < 0
    assert made.get_reward() == pytest.approx(episode.total_reward + expected)
    assert made._process_rewards()[0] > made._process_rewards()[-1]


def test_matching_holds_calls_against_the_gold_ones_of_the_task() -> None:
    from dataclasses import replace

    task = RETAIL.tasks().take(1)[0]
    gold = [{"name": "get_user_details", "arguments": {"user_id": "nobody_1"}}]
    made = begun(Ground(RETAIL, reward="matching"), replace(task, secret={**task.secret, "actions": gold}))
    made.get_user_details(user_id="nobody_1")
    made.respond(message="one moment")
    assert made.get_reward() == pytest.approx(1.0 + 0.5 + 0.5)
    made.get_user_details(user_id="nobody_1")
    assert made.get_reward() == pytest.approx(2.0 - 0.3)


def test_a_rollout_is_logged_as_practice(store: Store) -> None:  # noqa: F811
    made = begun(Ground(FLIGHT, log=Log(store)))
    for tool, arguments in calls_of(TASK)[:2]:
        getattr(made, tool)(**arguments)
    made.get_reward()
    (session,) = [Sessions(store).resolve(made._session)]
    assert (session.purpose, session.client_name) == ("practice", "practicum train grpo")
    assert len(list(Sessions(store).steps(session.id))) == 2


def test_the_prompt_and_what_reset_returns_are_the_messages_of_play() -> None:
    ground = Ground(FLIGHT)
    made = environment_class(ground)()
    given = ground.prompt(TASK, "{instruction}")
    shown = made.reset(task=json.dumps(TASK.as_json()))
    given[-1]["content"] += shown
    assert given == opening_messages(TASK.instruction, shown)


# Training ---------------------------------------------------------------------------------------------


def settings(**given: Any) -> Any:
    need_torch()
    short = {
        "policy_lm": "tiny-random", "mode": "online", "batch_size": 2, "num_generations": 2, "max_steps": 2,
        "logging_steps": 1, "warmup_steps": 0, "horizon": 2, "max_completion_length": 80, "env": "flight",
    }  # fmt: skip
    return layered("grpo", given=short | given).settings


def test_a_model_trains_on_its_own_rollouts_with_the_tools_of_play(tmp_path: Path, store: Store) -> None:  # noqa: F811
    given = settings(lm_lr=1e-3, lr_scheduler="constant")
    from practicum.training.trainers.grpo import train_online
    from practicum.training.trainers.runs import Run
    from practicum.training.trainers.sft import train_sft

    opening = opening_messages(
        TASK.instruction, environment_class(Ground(FLIGHT))().reset(json.dumps(TASK.as_json()))
    )
    taught = row(1).messages[2]
    name = next(iter(FLIGHT.actions))
    taught["tool_calls"][0]["function"] |= {"name": name, "arguments": {}}
    from practicum.training.datasets import Row, Toolset

    tools = Toolset(tuple(tool_schemas([Tool.of(action) for action in FLIGHT.actions.values()])))
    lesson = Row(messages=(*opening, taught), toolset=tools, weights=(1.0,), opening=len(opening))
    taught_by = layered("sft", given={
        "policy_lm": "tiny-random", "max_steps": 25, "batch_size": 1, "lm_lr": 5e-3, "train_file": "x",
    }).settings  # fmt: skip
    caller = train_sft([lesson], taught_by, Run(tmp_path / "caller"))

    from dataclasses import replace

    trained = train_online(
        [TASK],
        Ground(FLIGHT, log=Log(store)),
        replace(given, policy_lm=str(caller.final)),
        Run(tmp_path / "run"),
    )
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert trained.steps == 2
    assert max(line.get("tools/call_frequency", 0) for line in lines) > 0
    sessions = [Sessions(store).resolve(row["id"]) for row in store.read("SELECT id FROM sessions", {})]
    assert len(sessions) >= 4
    assert any(list(Sessions(store).steps(session.id)) for session in sessions)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"reward": "matching"}, "tasks of flight-v1 have none"),
        ({"batch_size": 3}, "a step has 3 rollouts"),
    ],
)
def test_what_cannot_be_trained_online_is_refused(tmp_path: Path, given: dict, said: str) -> None:
    chosen = settings(**given)
    from practicum.training.trainers.grpo import train_online
    from practicum.training.trainers.runs import Run

    with pytest.raises(UsageError, match=said):
        train_online([TASK], Ground(FLIGHT), chosen, Run(tmp_path / "run"))


def test_tasks_of_another_split_are_refused(tmp_path: Path) -> None:
    chosen = settings()
    from practicum.training.trainers.grpo import train_online
    from practicum.training.trainers.runs import Run

    tasks = FLIGHT.tasks().split("test").take(1)
    with pytest.raises(UsageError, match="of the split test is not for training"):
        train_online(tasks, Ground(FLIGHT), chosen, Run(tmp_path / "run"))
