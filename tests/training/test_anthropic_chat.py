"""Models behind Anthropic's Messages API: asked in its form, and told apart when they fail."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from practicum.envs import Episode
from practicum.envs.retail.env import RetailEnv
from practicum.training.agents import ChatAgent, play_episode
from practicum.training.llm import (
    AnthropicChat,
    ContextTooLong,
    ModelFailed,
    ModelSettings,
    ModelShelf,
    ModelUnavailable,
    OpenAIChat,
    Reply,
    ToolRequest,
    function_tool,
    open_model,
    tool_answer,
)
from tests.messages_api import refuses, says
from tests.model_server import Answer, ModelServer, serving

KEY = "sk-ant-this-is-never-shown"  # not a real one
HELLO = [{"role": "user", "content": "Hello"}]
LOOK = function_tool("look", "Look.", {"type": "object", "properties": {"at": {"type": "string"}}})


def chat(server: ModelServer, **settings: Any) -> AnthropicChat:
    """A model of a server that gives up after one more try."""
    url = server.url.removesuffix("/v1")
    chosen = {"model": "anthropic:m", "base_url": url, "max_retries": 1, **settings}
    return AnthropicChat(ModelSettings(**chosen), variables={"ANTHROPIC_API_KEY": KEY})


def complete(*answers: Answer, **settings: Any) -> Reply:
    with serving(answers) as server:
        return chat(server, **settings).complete(HELLO)


def test_a_question_goes_out_in_the_form_of_the_api_and_the_answer_comes_back():
    with serving([says(" Hi. ", thinking="A greeting.")]) as server:
        model = chat(server, temperature=0.5, max_tokens=9)
        reply = model.complete([{"role": "system", "content": "Be kind."}, *HELLO], stop_sequences=["\n"])
    turn = {"role": "user", "content": [{"type": "text", "text": "Hello"}]}
    sent = {"model": "m", "system": "Be kind.", "messages": [turn], "max_tokens": 9}
    assert server.requests == [sent | {"stop_sequences": ["\n"]}]
    assert server.keys == [f"Bearer {KEY}"]
    assert (reply.text, reply.reasoning, reply.tool_calls, reply.cut_off) == ("Hi.", "A greeting.", (), False)
    assert (model.used.calls, reply.usage.prompt_tokens, reply.usage.completion_tokens) == (1, 7, 3)


def test_tools_are_offered_called_and_answered_with_words_after_the_answers():
    with serving([says("Hm.", ("look", {"at": "é"}), ("look", {})), says("Seen.")]) as server:
        model = chat(server)
        first = model.complete(HELLO, [LOOK])
        answers = [
            tool_answer(call, text)
            for call, text in zip(first.tool_calls, ("a tree", "Error: no"), strict=True)
        ]
        words = {"role": "user", "content": "And now?"}
        assert model.complete([*HELLO, first.message, *answers, words], [LOOK]).text == "Seen."
    assert server.requests[0]["tools"] == [
        {"name": "look", "description": "Look.", "input_schema": LOOK["function"]["parameters"]}
    ]
    assert [call.read() for call in first.tool_calls] == [{"at": "é"}, {}]
    answered = server.requests[1]["messages"][-1]["content"]
    assert [(block["type"], block.get("is_error")) for block in answered] == [
        *(("tool_result", False), ("tool_result", True)),
        ("text", None),
    ]


def test_thoughts_are_sent_back_as_they_came():
    with serving([says("Hm.", ("look", {}), thinking="A tree?"), says("Seen.")]) as server:
        model = chat(server)
        first = model.complete(HELLO, [LOOK])
        model.complete([*HELLO, first.message, tool_answer(first.tool_calls[0], "a tree")], [LOOK])
    assert [block["type"] for block in first.blocks] == ["thinking", "text", "tool_use"]
    assert server.requests[1]["messages"][1] == {"role": "assistant", "content": list(first.blocks)}
    assert first.blocks[0]["signature"] == "x"


def test_calls_that_could_not_be_read_and_empty_words_stand_in_the_conversation_as_the_api_takes_them():
    broken = Reply("  ", (ToolRequest("c1", "look", '{"at": '),))
    with serving([says("Sorry."), says("Yes?")]) as server:
        chat(server).complete([*HELLO, broken.message, tool_answer(broken.tool_calls[0], "Error: no JSON")])
        chat(server).complete([*HELLO, {"role": "assistant", "content": " "}, *HELLO])
    (call,) = server.requests[0]["messages"][1]["content"]
    assert (call["type"], call["input"]) == ("tool_use", {})
    assert [turn["role"] for turn in server.requests[1]["messages"]] == ["user"]


@pytest.mark.parametrize(("reason", "cut_off"), [("max_tokens", True), ("refusal", False)])
def test_an_answer_that_is_cut_off_or_empty_says_so(reason: str, cut_off: bool):
    reply = complete(says("", reason=reason))
    assert (reply.text, reply.tool_calls, reply.cut_off) == ("", (), cut_off)


def test_a_chat_agent_plays_over_it():
    task = RetailEnv.make_task(6)
    calls = [says("", (call["name"], call["arguments"])) for call in task.secret["actions"]]
    script = [says("Who are you?"), *calls, says(f"It is {task.secret['outputs'][0]}.")]
    with serving(script) as server:
        steps = play_episode(Episode(RetailEnv(), task), ChatAgent(chat(server)))
    assert steps[-1].outcome is not None
    assert steps[-1].outcome["success"]


@pytest.mark.parametrize("status", [429, 500, 529])
def test_a_server_that_is_busy_or_fails_is_asked_again(status: int):
    assert complete(refuses(status, kind="overloaded_error"), says("Hi.")).text == "Hi."


def test_a_limit_that_is_too_high_for_the_model_is_lowered_from_then_on():
    refusal = "max_tokens: 9 > 4, which is the maximum allowed number of output tokens for m"
    with serving([refuses(400, refusal), says("Hi."), says("Hi.")]) as server:
        model = chat(server, max_tokens=9)
        for _ in range(2):
            model.complete(HELLO)
    assert [request["max_tokens"] for request in server.requests] == [9, 4, 4]


def test_a_limit_for_which_there_is_no_room_is_lowered_once():
    refusal = "input length and `max_tokens` exceed context limit: 195 + 9 > 200, decrease input length"
    with serving([refuses(400, refusal), says("Hi."), says("Hi.")]) as server:
        model = chat(server, max_tokens=9)
        for _ in range(2):
            model.complete(HELLO)
    assert [request["max_tokens"] for request in server.requests] == [9, 5, 9]


@pytest.mark.parametrize(
    "refusal",
    [
        refuses(400, "prompt is too long: 210000 tokens > 200000 maximum"),
        refuses(400, "input length and `max_tokens` exceed context limit: 210 + 9 > 200, decrease it"),
        refuses(413, "Request exceeds the maximum size", kind="request_too_large"),
    ],
)
def test_a_conversation_that_is_too_long_is_told_apart(refusal: Answer):
    with pytest.raises(ContextTooLong, match="cannot read so much"):
        complete(refusal)


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (
            refuses(401, f"invalid x-api-key {KEY}", "authentication_error"),
            "refuses the key in ANTHROPIC_API_KEY",
        ),
        (refuses(404, "model: m", "not_found_error"), "has no model 'm', or no chat there: model: m"),
        (refuses(402, "Pay.", "billing_error"), "wants to be paid: Pay."),
        (refuses(400, "Your credit balance is too low"), "wants to be paid: Your credit balance is too low"),
        (Answer("<html>Welcome</html>"), "answers no message; the base URL is that without /v1"),
    ],
)
def test_what_a_person_must_set_right_is_unavailable_in_one_line_without_the_key(refusal: Answer, words: str):
    with pytest.raises(ModelUnavailable) as failed:
        complete(refusal)
    line = str(failed.value)
    assert words in line
    assert KEY not in line
    assert "\n" not in line


def test_an_answer_that_is_no_message_has_failed():
    with pytest.raises(ModelFailed, match="answered no message: content: Field required"):
        complete(Answer({"type": "message"}))


def test_a_model_of_anthropics_has_its_own_server_and_key(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(
        ModelUnavailable, match=r"anthropic:m at https://api\.anthropic\.com needs a key: set AN"
    ):
        AnthropicChat(ModelSettings("anthropic:m"), variables={"OPENAI_API_KEY": KEY})
    with serving([says("Hi.")]) as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url.removesuffix("/v1"))
        shelf = ModelShelf(ModelSettings(max_retries=0))
        assert shelf.model("anthropic:m").complete(HELLO).text == "Hi."
    assert list(shelf.used) == ["anthropic:m"]


def test_the_name_tells_the_api():
    settings = ModelSettings("anthropic:m", "http://localhost:1")
    assert isinstance(open_model(settings), AnthropicChat)
    assert isinstance(open_model(ModelSettings("anthropic/m", "http://localhost:1")), OpenAIChat)


def test_without_the_package_the_line_that_installs_it_is_told():
    code = (
        "import sys; sys.modules['anthropic'] = None\n"
        "from practicum.training.llm import ModelSettings, open_model\n"
        "try: open_model(ModelSettings('anthropic:m', 'http://localhost:1'))\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout == (
        "ModelUnavailable chat models need the anthropic package: pip install 'practicum[llm]'\n"
    )
