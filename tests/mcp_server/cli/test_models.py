"""Chat models on the command line: who plays, who is the customer, where they are served, what they took."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from practicum.envs import find
from practicum.memory import Sessions, Store
from practicum.training.agents.chat_customer import LEAVES
from tests.mcp_server.cli.conftest import Practicum
from tests.mcp_server.clients import PATIENCE_S
from tests.mcp_server.clients import serving as serving_lines
from tests.messages_api import says
from tests.model_players import flight_model, gold_replies
from tests.model_server import Answer, fails, said, serving

TASK = find("retail").tasks(customer="chat").split("train").take(1)[0]


@pytest.fixture(autouse=True)
def _no_server_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_a_model_plays_sessions_that_are_logged_and_what_it_took_is_told(
    practicum: Practicum, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-mine")
    with serving(flight_model()) as server:
        command = ("rollout", "--agent", "chat:llama3:8b", "--episodes", "2", "--json")
        said = practicum(
            *command, "--base-url", server.url, "--api-key-env", "MY_KEY", "--temperature", "0.7"
        )
    rows = json.loads(said.out)
    assert [(row["agent"], row["failure"], row["outcome"]["success"]) for row in rows] == [
        ("chat:llama3:8b", None, True)
    ] * 2
    calls = len(server.requests)
    assert sum(row["steps"] for row in rows) == calls
    assert said.err.startswith(
        f"llama3:8b: {calls} calls, {7 * calls:,} tokens read and {3 * calls:,} written, "
    )
    assert {(request["model"], request["temperature"]) for request in server.requests} == {("llama3:8b", 0.7)}
    assert set(server.keys) == {"Bearer sk-mine"}
    with closing(Store.open(db)) as store:
        clients = {session.client_name for session in Sessions(store).list(None)}
    assert clients == {"practicum rollout: chat:llama3:8b"}


def test_a_model_of_anthropics_is_asked_by_its_own_api_whatever_its_part(
    practicum: Practicum, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant")
    agent = [says("Who are you?"), says("Sorry.")]
    with serving(agent) as playing, serving([says("I am Zoe."), says("Hm."), says(LEAVES)]) as buying:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", playing.url.removesuffix("/v1"))
        command = ("rollout", "retail", "--agent", "chat:anthropic:a", "--episodes", "1", "--json")
        said = practicum(
            *command, "--user-model", "anthropic:c", "--user-base-url", buying.url.removesuffix("/v1")
        )
    (row,) = json.loads(said.out)
    assert (row["agent"], row["failure"], row["steps"]) == ("chat:anthropic:a", None, 2)
    assert "anthropic:a: 2 calls, 14 tokens read" in said.err
    assert "anthropic:c as the customer: 3 calls" in said.err
    assert set(playing.keys + buying.keys) == {"Bearer sk-ant"}


def test_models_are_held_against_other_agents_on_the_same_tasks(practicum: Practicum) -> None:
    with serving(flight_model()) as server:
        command = (
            "eval",
            "--agents",
            "scripted,chat:m",
            "--episodes",
            "3",
            "--base-url",
            server.url,
            "--json",
        )
        report = json.loads(practicum(*command).out)
    assert list(report["agents"]) == ["scripted", "chat:m"]
    assert report["comparisons"][0]["figures"]["steps"]["difference"]["value"] == 0


def test_two_models_talk_to_each_other_and_the_session_replays_without_them(practicum: Practicum) -> None:
    customer = [said("I have a wish."), said("Yes."), said("###LEAVES###")]
    with serving(gold_replies(TASK)) as playing, serving(customer) as calling:
        command = (
            "rollout",
            "retail",
            "--agent",
            "chat:a",
            "--episodes",
            "1",
            "--seed",
            str(TASK.seed),
            "--json",
        )
        customer_at = ("--user-model", "c", "--user-base-url", calling.url, "--user-api-key-env", "NONE")
        result = practicum(*command, "--base-url", playing.url, *customer_at)
    (row,) = json.loads(result.out)
    assert (row["task"], row["failure"], row["outcome"]["success"]) == (TASK.hash, None, True)
    assert [request["model"] for request in calling.requests] == ["c"] * 3
    assert "\nc as the customer: 3 calls, 21 tokens read and 9 written, " in result.err
    assert practicum("replay", "--all").code == 0


def test_a_settings_file_gives_the_models_options_and_the_command_line_wins(
    practicum: Practicum, tmp_path: Path
) -> None:
    with serving(flight_model()) as server:
        config = tmp_path / "config.yaml"
        config.write_text(f"rollout:\n  base-url: {server.url}\n  temperature: 0.5\n  max-tokens: 99\n")
        command = (
            "rollout",
            "--agent",
            "chat:m",
            "--episodes",
            "1",
            "--config",
            config,
            "--temperature",
            "0.1",
        )
        assert practicum(*command).code == 0
    assert (server.requests[0]["temperature"], server.requests[0]["max_tokens"]) == (0.1, 99)


@pytest.mark.parametrize("command", [("rollout", "--agent"), ("eval", "--agents")])
def test_without_a_key_that_is_one_line_and_no_log_is_made(
    practicum: Practicum, db: Path, command: tuple[str, ...]
) -> None:
    line = practicum(*command, "chat:m").refusal
    assert line.startswith(
        "m at https://api.openai.com/v1 needs a key: set OPENAI_API_KEY in the environment"
    )
    assert not db.exists()


def test_a_server_that_is_gone_ends_the_run_with_one_line(practicum: Practicum) -> None:
    with serving([]) as server:
        pass
    command = ("rollout", "--agent", "chat:m", "--base-url", server.url, "--max-retries", "0", "--json")
    assert practicum(*command).refusal.startswith(f"{server.url} does not answer (ConnectError: ")


def test_a_model_that_fails_costs_a_rollout_which_is_told(practicum: Practicum) -> None:
    decide = flight_model()
    answers = iter([fails(503)])
    with serving(lambda body: next(answers, None) or decide(body)) as server:
        command = ("rollout", "--agent", "chat:m", "--episodes", "2", "--base-url", server.url)
        result = practicum(*command, "--max-retries", "0", "--json")
    assert (result.code, [bool(row["failure"]) for row in json.loads(result.out)]) == (1, [True, False])
    assert f"failed: ModelFailed: m at {server.url} answers 503: no" in result.err


def test_a_world_without_a_customer_takes_no_model_as_one(practicum: Practicum) -> None:
    said = practicum("rollout", "flight", "--user-model", "c", "--user-base-url", "http://127.0.0.1:9/v1")
    assert said.refusal.startswith("flight-v1 has no setting 'customer'")


@pytest.mark.integration
def test_a_server_whose_customer_is_a_model_answers_others_while_it_waits_for_the_model(db: Path) -> None:
    let_go = threading.Event()

    def customer(body: Mapping[str, Any]) -> Answer:
        assert let_go.wait(PATIENCE_S / 2)
        asked = body["messages"][-1]["content"]
        return said({"Who are you?": "I am Zoe.", "Bye.": "###LEAVES###"}.get(asked, "I want a refund."))

    with serving(customer) as model:
        at = ("--user-model", "c", "--user-base-url", model.url, "--user-api-key-env", "NOT_SET")
        with serving_lines(db, "--env", "retail", "--no-learn", *at) as lines:
            lines.initialize()
            lines.send("tools/call", {"name": "open_session", "arguments": {}}, id=2)
            assert lines.request(3, "tools/list")["result"]["tools"]
            assert not let_go.is_set()
            let_go.set()
            opened = lines.receive(2)["result"]["structuredContent"]
            assert "I want a refund." in json.dumps(opened)
            told = [lines.request(words, "tools/call", _respond(words)) for words in ("Who are you?", "Bye.")]
    bodies = [each["result"]["structuredContent"] for each in told]
    assert (bodies[0]["result"], bodies[1]["terminated"]) == ("I am Zoe.", True)


def _respond(message: str) -> dict[str, Any]:
    return {"name": "respond", "arguments": {"message": message}}
