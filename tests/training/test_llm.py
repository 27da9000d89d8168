"""Chat models: asked over HTTP with patience, told apart when they fail, and played from a script."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from practicum.envs.errors import UsageError
from practicum.training.llm import (
    ContextTooLong,
    ModelFailed,
    ModelSettings,
    ModelShelf,
    ModelUnavailable,
    OpenAIChat,
    Reply,
    ScriptedChat,
    ToolRequest,
    Usage,
    function_tool,
    tool_answer,
)
from practicum.training.llm.settings import OPENAI
from tests.model_server import Answer, ModelServer, fails, said, serving

KEY = "sk-this-is-never-shown"  # not a real one
HELLO = [{"role": "user", "content": "Hello"}]
LOOK = function_tool("look", "Look.", {"type": "object", "properties": {"at": {"type": "string"}}})


def chat(server: ModelServer, **settings: Any) -> OpenAIChat:
    """A model of a server that gives up after one more try."""
    chosen = {"model": "m", "base_url": server.url, "api_key_env": "A_KEY", "max_retries": 1, **settings}
    return OpenAIChat(ModelSettings(**chosen), variables={"A_KEY": KEY})


def complete(*answers: Answer, **settings: Any) -> Reply:
    with serving(answers) as server:
        return chat(server, **settings).complete(HELLO)


# What is asked and answered ------------------------------------------------------------------


def test_a_question_goes_out_with_its_settings_and_the_answer_comes_back_with_its_tokens():
    with serving([said(" Hi. ", reasoning_content="A greeting.")]) as server:
        reply = chat(server, temperature=0.5, max_tokens=9).complete(HELLO, stop=["\n"])
    sent = {"model": "m", "messages": HELLO, "temperature": 0.5, "max_tokens": 9, "stop": ["\n"]}
    assert (server.requests, server.keys) == ([sent], [f"Bearer {KEY}"])
    assert (reply.text, reply.reasoning, reply.tool_calls, reply.cut_off) == ("Hi.", "A greeting.", (), False)
    usage = reply.usage
    assert (usage.calls, usage.prompt_tokens, usage.completion_tokens, usage.tokens) == (1, 7, 3, 10)
    assert usage.seconds > 0


def test_tools_are_offered_called_and_answered():
    with serving([said("Hm.", ("look", {"at": "é"}), ("look", {})), said("Seen.")]) as server:
        model = chat(server)
        first = model.complete(HELLO, [LOOK])
        answers = [tool_answer(call, "nothing") for call in first.tool_calls]
        last = model.complete([*HELLO, first.message, *answers], [LOOK])
    assert [(call.name, call.read()) for call in first.tool_calls] == [("look", {"at": "é"}), ("look", {})]
    assert server.requests[0]["tools"] == [LOOK]
    assert [message["role"] for message in server.requests[1]["messages"]] == [
        *("user", "assistant", "tool", "tool")
    ]
    assert (last.text, model.used.calls, model.used.tokens) == ("Seen.", 2, 20)


def test_arguments_that_come_as_an_object_or_without_an_id_or_not_at_all_are_taken():
    odd = [{"function": {"name": "look", "arguments": {"at": 1}}}, {"function": {"name": "look"}}]
    reply = complete(said(None, tool_calls=odd, reason="length"))
    assert [(call.id, call.read()) for call in reply.tool_calls] == [("call_1", {"at": 1}), ("call_2", {})]
    assert reply.cut_off


@pytest.mark.parametrize(
    ("content", "text", "reasoning"),
    [
        ([{"type": "thinking", "thinking": "x"}, {"type": "text", "text": "Hi"}, {"text": "."}], "Hi.", ""),
        ("<think>A greeting.</think>\n\nHi.", "Hi.", "A greeting."),
        ("\n<think>\n</think>Hi. <think>", "Hi. <think>", ""),
        ("<think>And so on and", "", "And so on and"),
        (None, "", ""),
    ],
)
def test_words_in_parts_and_thoughts_among_the_words_are_told_apart(content: Any, text: str, reasoning: str):
    reply = complete(said(content))
    assert (reply.text, reply.reasoning) == (text, reasoning)


@pytest.mark.parametrize(
    ("written", "why"),
    [('{"at": ', "no JSON: Expecting value"), ("[1]", "no JSON object"), ("[" * 9**5, "nested too deeply")],
)
def test_malformed_arguments_say_what_is_wrong_with_them(written: str, why: str):
    with pytest.raises(ValueError, match=why):
        ToolRequest("c", "look", written).read()


def test_questions_from_several_threads_are_all_answered_and_counted():
    with serving(lambda body: said(body["messages"][0]["content"])) as server:
        model = chat(server)
        heard: list[str] = []

        def ask(number: int) -> None:
            heard.append(model.complete([{"role": "user", "content": f"q{number}"}]).text)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(heard) == [f"q{number}" for number in range(8)]
    assert (model.used.calls, model.used.tokens) == (8, 80)


# What is tried again -------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_a_server_that_is_busy_or_fails_is_asked_again(status: int):
    assert complete(fails(status), said("Hi.")).text == "Hi."


def test_a_connection_that_is_cut_is_tried_again_after_a_pause():
    with serving([Answer(None, cut=True), said("Hi.")]) as server:
        reply = chat(server).complete(HELLO)
    assert (reply.text, len(server.requests), reply.usage.seconds > 0.3) == ("Hi.", 2, True)


def test_a_pause_that_the_server_names_is_kept():
    busy = Answer({"error": {"message": "later"}}, 429, {"Retry-After": "1"})
    assert complete(busy, said("Hi.")).usage.seconds >= 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_what_another_try_cannot_mend_is_not_tried_again(status: int):
    with serving([fails(status)]) as server, pytest.raises((ModelFailed, ModelUnavailable)):
        chat(server, max_retries=3).complete(HELLO)
    assert len(server.requests) == 1


def test_after_the_last_try_it_has_failed_in_one_line():
    with serving([fails(503, "over\nloaded")] * 3) as server, pytest.raises(ModelFailed) as failed:
        chat(server, max_retries=2).complete(HELLO)
    assert str(failed.value) == f"m at {server.url} answers 503: over loaded"
    assert len(server.requests) == 3


# What is changed before another try ----------------------------------------------------------


def test_a_field_that_a_model_wants_otherwise_or_not_at_all_is_changed_from_then_on():
    unsupported = "Unsupported parameter: 'max_tokens' is not supported with this model. "
    answers = [
        fails(400, f"{unsupported}Use 'max_completion_tokens' instead.", code="unsupported_parameter"),
        fails(400, "'temperature' does not support 0.", code="unsupported_value", param="temperature"),
        said("Hi."),
        said("Hi again."),
    ]
    with serving(answers) as server:
        model = chat(server, max_tokens=9)
        assert [model.complete(HELLO).text for _ in range(2)] == ["Hi.", "Hi again."]
    for request in server.requests[2:]:
        assert request == {"model": "m", "messages": HELLO, "max_completion_tokens": 9}


def test_a_limit_of_the_answer_for_which_there_is_no_room_is_left_out_once():
    too_large = "'max_tokens' or 'max_completion_tokens' is too large: 9. The maximum context length is 8"
    with serving([fails(400, too_large), said("Hi."), said("Hi.")]) as server:
        model = chat(server, max_tokens=9)
        for _ in range(2):
            model.complete(HELLO)
    assert [request.get("max_tokens") for request in server.requests] == [9, None, 9]


@pytest.mark.parametrize(
    "refusal",
    [
        fails(400, "This model's maximum context length is 8192 tokens"),
        fails(400, "Too much.", code="context_length_exceeded"),
        fails(400, "the request exceeds the available context size, try increasing it"),
    ],
)
def test_a_conversation_that_is_too_long_is_told_apart(refusal: Answer):
    with pytest.raises(ContextTooLong, match="cannot read so much"):
        complete(refusal, refusal)


# What fails, and what the person is told -----------------------------------------------------


def unavailable(ask: Callable[[], object]) -> str:
    """The one line of what cannot be asked."""
    with pytest.raises(ModelUnavailable) as failed:
        ask()
    assert isinstance(failed.value, UsageError)
    assert "\n" not in str(failed.value)
    return str(failed.value)


def test_without_a_key_a_server_elsewhere_is_not_asked():
    line = unavailable(lambda: OpenAIChat(ModelSettings("m", api_key_env="A_KEY"), variables={}))
    assert line.startswith(f"m at {OPENAI.own_url} needs a key: set A_KEY in the environment")


@pytest.mark.parametrize("key", ["sk-äöü", "sk-a\nb", "sk-a\x00"])
def test_a_key_that_no_header_takes_is_refused_and_not_shown(key: str):
    line = unavailable(lambda: OpenAIChat(ModelSettings("m"), variables={"OPENAI_API_KEY": key}))
    assert line == "OPENAI_API_KEY holds characters that no key has; copy it anew"


def test_a_server_on_this_machine_is_sent_empty_where_there_is_no_key():
    with serving([said("Hi.")]) as server:
        OpenAIChat(ModelSettings("m", server.url), variables={"OPENAI_API_KEY": " "}).complete(HELLO)
    assert server.keys == ["Bearer EMPTY"]


def test_the_servers_url_comes_from_the_environment_where_none_is_given():
    with serving([said("Hi.")]) as server:
        model = OpenAIChat(ModelSettings("m"), variables={"OPENAI_BASE_URL": f"{server.url}/"})
        assert (model.url, model.complete(HELLO).text) == (server.url, "Hi.")


@pytest.mark.parametrize("url", ["localhost:8000/v1", "ftp://localhost/v1", "http://", "http://[x/v1"])
def test_what_is_no_url_of_a_server_is_refused(url: str):
    with pytest.raises(UsageError, match="is no URL of a model server; expected"):
        OpenAIChat(ModelSettings("m", url), variables={"OPENAI_API_KEY": KEY})


def test_without_the_package_the_line_that_installs_it_is_told():
    code = (
        "import sys; sys.modules['openai'] = None\n"
        "from practicum.training.llm import ModelSettings, OpenAIChat\n"
        "try: OpenAIChat(ModelSettings('m', 'http://localhost:1'))\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout == (
        "ModelUnavailable chat models need the openai package: pip install 'practicum[llm]'\n"
    )


def test_chat_models_can_be_imported_without_loading_the_package():
    code = "import sys, practicum.training.llm; print('openai' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout == "False\n"


def test_a_server_that_is_not_there_is_unavailable():
    with serving([]) as server:
        gone = chat(server, max_retries=0)
    line = unavailable(lambda: gone.complete(HELLO))
    assert line.startswith(f"{server.url} does not answer (ConnectError: ")
    assert line.endswith("start the server, or name another URL")


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (fails(401, f"Incorrect API key: {KEY}"), "refuses the key in A_KEY: Incorrect API key: …"),
        (fails(403), "refuses the key in A_KEY: "),
        (fails(404, "no m here"), "has no model 'm', or no chat there: no m here"),
        (fails(429, "Pay.", code="insufficient_quota"), "wants to be paid: Pay."),
        (Answer("<html>Welcome</html>"), "answers no chat completion; most base URLs end in /v1"),
    ],
)
def test_what_a_person_must_set_right_is_unavailable(refusal: Answer, words: str):
    line = unavailable(lambda: complete(refusal, refusal))
    assert words in line
    assert KEY not in line


def test_a_server_that_is_silent_has_failed_when_the_time_is_over():
    with pytest.raises(ModelFailed, match=r"was silent for 0\.1 s, in each of 1 tries"):
        complete(Answer(None, silent=True), timeout=0.1, max_retries=0)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"choices": []}, "choices: List should have at least 1 item"),
        ({"choices": [{"message": {"tool_calls": [{"id": "c"}]}}]}, "function: Field required"),
        ({"error": {"message": "the provider\nis down"}}, "answered no chat completion: .*the provider"),
        ([], "answer"),
    ],
)
def test_an_answer_that_lacks_what_belongs_into_it_has_failed(body: Any, why: str):
    with pytest.raises((ModelFailed, ModelUnavailable), match=why):
        complete(Answer(body))


def test_an_answer_that_breaks_off_has_failed():
    broken = Answer('{"choices": [', headers={"Content-Type": "application/json"})
    with pytest.raises(ModelFailed, match="answered nothing that can be read: JSONDecodeError"):
        complete(broken)


def test_a_password_in_the_url_is_not_shown():
    with serving([]) as server:
        model = chat(server, base_url=server.url.replace("//", "//me:pass@"), max_retries=0)
    assert "pass" not in unavailable(lambda: model.complete(HELLO))


# The shelf and the script --------------------------------------------------------------------


def test_a_shelf_opens_each_model_once_and_tells_what_each_took():
    with serving(lambda body: said(body["model"])) as server:
        shelf = ModelShelf(ModelSettings("a", server.url, api_key_env="NOT_SET"))
        assert shelf.model() is shelf.model("a")
        assert [shelf.model(name).complete(HELLO).text for name in ("a", "b", "b")] == ["a", "b", "b"]
    assert {name: used.calls for name, used in shelf.used.items()} == {"a": 1, "b": 2}


def test_a_scripted_model_gives_its_replies_in_order_and_keeps_what_it_was_asked():
    call = Reply.calling("look", {"at": "it"}, text="I look.")
    model = ScriptedChat(["Hi.", call, lambda messages: messages[0]["content"], ModelFailed("now")])
    assert model.complete(HELLO, [LOOK]) == Reply("Hi.")
    assert model.complete(HELLO).tool_calls[0].read() == {"at": "it"}
    assert model.complete(HELLO).text == "Hello"
    with pytest.raises(ModelFailed, match=r"^now$"):
        model.complete(HELLO)
    with pytest.raises(ModelFailed, match="the script of 'scripted' ended after 4 replies"):
        model.complete(HELLO)
    assert (model.used, model.offered[:2], len(model.asked)) == (Usage(3), [(LOOK,), ()], 5)
