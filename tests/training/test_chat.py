"""A chat model plays an environment: calls its tools, talks where one can, and is told what is wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practicum.envs import ActionError, Episode, Outcome, ToolEnv, action
from practicum.envs.flight_booking_env import FlightBookingEnv
from practicum.memory import Log, Sessions, Store
from practicum.training.agents import (
    ChatAgent,
    Decision,
    SkilledAgent,
    agent_kind,
    play_episode,
)
from practicum.training.agents.agent import Tool
from practicum.training.agents.chat import MOST_UNUSABLE, Voice, voice_of
from practicum.training.evaluate import evaluate
from practicum.training.llm import (
    ModelFailed,
    ModelSettings,
    ModelShelf,
    ModelUnavailable,
    OpenAIChat,
    Reply,
    ScriptedChat,
    ToolRequest,
)
from practicum.training.rollouts import Stage, roll_out, roll_out_all
from tests.model_players import flight_model
from tests.model_server import Answer, fails, problem, serving


class Door(ToolEnv[dict]):
    """Have the porter open the door."""

    name = "door"

    def begin(self) -> dict:
        return {"open": False}

    @action(read_only=True)
    def look(self, times: int = 1) -> str:
        """Look at the door."""
        return "wood " * times

    @action
    def respond(self, message: str) -> str:
        """Talk to the porter."""
        if not message.isascii():
            raise ActionError("the porter speaks ASCII")
        self.state["open"] = "please" in message
        return "It is open." if self.state["open"] else "What do you say?"

    def is_done(self) -> bool:
        return self.state["open"]

    def outcome(self) -> Outcome:
        return Outcome(self.state["open"])


class Hatch(Door):
    """A door without anybody to talk to."""

    name = "hatch"

    @action
    def respond(self, message: str, loudness: int) -> str:
        """Shout at it."""
        return ""


def played(
    model: ScriptedChat, env: type[ToolEnv[Any]] = Door
) -> list[tuple[str, Mapping[str, Any], str | None]]:
    """What an episode came to: tool, arguments and refusal of each step."""
    steps = play_episode(Episode(env(), env.make_task(0)), ChatAgent(model))
    return [(step.tool, step.arguments, step.error) for step in steps]


def contents(model: ScriptedChat) -> list[str]:
    """The messages of the last request, by role and words."""
    return [f"{message['role']}: {message['content']}" for message in model.asked[-1]]


# Playing over HTTP ---------------------------------------------------------------------------


def test_a_model_that_decides_as_the_script_does_makes_the_same_calls_with_the_same_thoughts():
    tasks = FlightBookingEnv.tasks().split("train").take(8)
    with serving(flight_model()) as server:
        shelf = ModelShelf(ModelSettings("m", server.url, api_key_env="NOT_SET"))
        report = evaluate(Stage(env=FlightBookingEnv), ["chat:m", "scripted"], tasks, models=shelf)
    of_model, of_script = (report.agents[name].rollouts for name in ("chat:m", "scripted"))
    assert [each.failure for each in of_model] == [None] * 8
    for mine, theirs in zip(of_model, of_script, strict=True):
        assert mine.steps == theirs.steps
        assert all(step.thought for step in mine.steps)
    assert shelf.used["m"].calls == len(server.requests) == sum(len(each.steps) for each in of_model)


def test_a_model_is_offered_the_environments_tools_with_their_schemas():
    with serving(flight_model()) as server:
        agent = ChatAgent(OpenAIChat(ModelSettings("m", server.url), variables={}))
        play_episode(Episode(FlightBookingEnv(), FlightBookingEnv.make_task(1)), agent)
    offered = {
        tool["function"]["name"]: tool["function"]["parameters"] for tool in server.requests[0]["tools"]
    }
    assert offered == {name: action.schema for name, action in FlightBookingEnv.actions.items()}


def test_what_a_model_can_read_is_found_out_by_what_its_server_refuses():
    decide, sizes = flight_model(), []

    def small(body: Mapping[str, Any]) -> Answer:
        size = len(json.dumps(body["messages"]))
        if size > 9000:
            return fails(400, "too long", code="context_length_exceeded")
        sizes.append(size)
        return decide(body)

    task = next(t for t in FlightBookingEnv.tasks() if t.params.get("kind", "book") == "book")
    with serving(small) as server:
        agent = ChatAgent(OpenAIChat(ModelSettings("m", server.url), variables={}))
        steps = play_episode(Episode(FlightBookingEnv(), task), agent)
    assert steps[-1].done
    assert any("are left out here" in request["messages"][1]["content"] for request in server.requests)
    assert max(sizes) <= 9000


def test_a_model_that_cannot_read_even_the_shortest_has_failed():
    with serving(lambda body: fails(400, "maximum context length is 1")) as server:
        agent = ChatAgent(OpenAIChat(ModelSettings("m", server.url), variables={}))
        with pytest.raises(ModelFailed, match="cannot read so much"):
            play_episode(Episode(Door(), Door.make_task(0)), agent)


# Words and calls -----------------------------------------------------------------------------


def test_words_without_a_call_are_said_and_answered():
    model = ScriptedChat(["Open!", Reply("Open, please!", reasoning="It wants to be asked.")])
    assert played(model) == [
        ("respond", {"message": "Open!"}, None),
        ("respond", {"message": "Open, please!"}, None),
    ]
    assert contents(model)[1:] == [
        "user: Have the porter open the door.",
        "assistant: Open!",
        "user: What do you say?",
    ]
    assert "is said by `respond`" in model.asked[0][0]["content"]


def test_words_that_the_world_refuses_are_answered_with_its_refusal():
    model = ScriptedChat(["Öffne!", "Open, please!"])
    assert [error for _, _, error in played(model)] == ["the porter speaks ASCII", None]
    assert contents(model)[-1] == "user: [That was not said: the porter speaks ASCII]"


def test_words_where_there_is_nobody_to_talk_to_are_sent_back_and_then_have_failed():
    model = ScriptedChat(["Open!"] * MOST_UNUSABLE)
    with pytest.raises(ModelFailed, match="gave 3 replies without a call that can be made"):
        played(model, Hatch)
    assert contents(model)[-1] == "user: That called no tool. Go on by calling one of: look, respond."
    assert "is said by" not in model.asked[0][0]["content"]


def test_an_answer_that_was_cut_off_is_not_said():
    model = ScriptedChat([Reply("Well, what I mean is", cut_off=True), "Open, please!"])
    assert played(model) == [("respond", {"message": "Open, please!"}, None)]
    assert "cut off" in contents(model)[-1]


def test_malformed_arguments_are_answered_with_the_refusal_and_take_no_step():
    broken = Reply("", (ToolRequest("a", "look", '{"times": '), ToolRequest("b", "look", "[]")))
    model = ScriptedChat([broken, "Open, please!"])
    assert played(model) == [("respond", {"message": "Open, please!"}, None)]
    assert contents(model)[-2:] == [
        "tool: Error: the arguments of 'look' are no JSON: Expecting value: line 1 column 11 (char 10)",
        "tool: Error: the arguments of 'look' are no JSON object, such as {}",
    ]


def test_unknown_tools_and_wrong_arguments_are_answered_with_the_worlds_refusal():
    model = ScriptedChat([Reply.calling("knock", {}), Reply.calling("look", {"times": "x"}), "Open, please!"])
    assert [tool for tool, _, _ in played(model)] == ["look", "respond"]
    refusals = [words for words in contents(model) if words.startswith("tool: ")]
    assert refusals[0] == "tool: Error: door-v1 has no tool 'knock'; it has look, respond"
    assert refusals[1].startswith("tool: Error: ")
    assert "times" in refusals[1]


def test_several_calls_at_once_are_made_one_by_one_and_each_is_answered():
    calls = tuple(ToolRequest(f"c{n}", "look", json.dumps({"times": n})) for n in (1, 2))
    model = ScriptedChat([Reply("I look twice.", calls), "Open, please!"])
    assert [arguments for _, arguments, _ in played(model)] == [
        {"times": 1},
        {"times": 2},
        {"message": "Open, please!"},
    ]
    answers = [message for message in model.asked[-1] if message["role"] == "tool"]
    assert [(each["tool_call_id"], each["content"]) for each in answers] == [
        ("c1", "wood "),
        ("c2", "wood wood "),
    ]


def test_an_agent_forgets_the_episode_before():
    model = ScriptedChat(["Open, please!"] * 2)
    agent = ChatAgent(model)
    for seed in range(2):
        play_episode(Episode(Door(), Door.make_task(seed)), agent)
    assert model.asked[0] == model.asked[1]


def test_what_a_skill_did_is_part_of_the_conversation():
    model = ScriptedChat(["Open, please!"])
    agent = SkilledAgent(ChatAgent(model))
    tools = [Tool.of(each) for each in Door.actions.values()]
    agent.begin("Open it.", "A door.", tools)
    agent.follow(Decision("look", {"times": 1}, "First I look."), "wood ", None)
    agent.follow(Decision("look", {"times": "x"}), None, "no number")
    assert agent.decide(None, "no number") == Decision("respond", {"message": "Open, please!"})
    first, answer, _, refusal = model.asked[0][2:]
    assert (first["content"], answer["content"], refusal["content"]) == (
        "First I look.",
        "wood ",
        "Error: no number",
    )
    assert (first["tool_calls"][0]["id"], answer["tool_call_id"]) == ("call_1", "call_1")


@pytest.mark.parametrize(
    ("names", "voice"),
    [
        (["look", "send_message", "respond"], Voice("respond", "text")),
        (["look", "send_message"], Voice("send_message", "text")),
        (["look", "finish"], None),
    ],
)
def test_the_voice_is_respond_or_else_the_first_tool_that_is_named_like_it(
    names: list[str], voice: Voice | None
):
    schema = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    assert voice_of([Tool(name, "", schema) for name in names]) == voice


arguments = st.sampled_from(["", "{}", '{"times": 2}', '{"message": "Hi"}', '{"times": "x"}', "[1]", '{"a'])
requests = st.builds(
    ToolRequest, st.uuids().map(str), st.sampled_from(["look", "respond", "knock"]), arguments
)
replies = st.builds(
    lambda text, calls, cut_off: Reply(text, tuple(calls), cut_off=cut_off),
    st.sampled_from(["", "Open!", "Öffne!"]),
    st.lists(requests, max_size=3),
    st.booleans(),
)


@given(st.lists(replies, max_size=10))
def test_whatever_a_model_replies_the_conversation_stays_legal(lines: list[Reply]):
    model = ScriptedChat([*lines, *["Open, please!"] * MOST_UNUSABLE])
    with suppress(ModelFailed):
        played(model)
    assert model.asked
    assert [problem({"messages": asked}) for asked in model.asked] == [None] * len(model.asked)


# Rollouts ------------------------------------------------------------------------------------


def test_a_model_that_fails_costs_its_own_rollout_only():
    model = ScriptedChat([ModelFailed("once"), "Open, please!"])
    tasks = [Door.make_task(seed) for seed in range(2)]
    rollouts = roll_out_all(Stage(env=Door), tasks, lambda task: ChatAgent(model), name="chat:m")
    assert [each.failure for each in rollouts] == ["ModelFailed: once", None]


def test_a_model_that_cannot_be_asked_ends_the_run_and_closes_the_session(tmp_path: Path):
    with closing(Store.open(tmp_path / "practicum.db")) as store:
        stage = Stage(env=FlightBookingEnv, log=Log(store))
        agent = ChatAgent(ScriptedChat([ModelUnavailable("no server")]))
        with pytest.raises(ModelUnavailable, match="no server"):
            roll_out(stage, FlightBookingEnv.make_task(0), agent, "chat:m")
        (session,) = Sessions(store).list(None)
        assert (session.open, session.reason) == (False, "crashed")


def test_a_model_without_a_key_is_told_when_the_agent_is_made(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(ModelUnavailable, match=r"^llama3:8b at .* needs a key: set OPENAI_API_KEY"):
        agent_kind("chat:llama3:8b").make("flight", 0, 0.0)
