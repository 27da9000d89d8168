"""The doctor asks a chat model as agents do, and says whether it answers and calls tools."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from practicum.mcp_server.doctor import Asked, Finding, findings
from practicum.mcp_server.doctor.models import chat_model, model_server
from practicum.mcp_server.install import Machine
from practicum.training.llm import ModelSettings
from tests.messages_api import says
from tests.model_server import Answer, fails, said, serving


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A home without anything in it, and a key."""
    return Machine("linux", tmp_path, tmp_path, {"PATH": "", "MY_KEY": "sk-mine"}, (sys.executable, "-c", ""))


def asked(machine: Machine, answer: Answer) -> Finding:
    with serving([answer]) as server:
        return chat_model(machine, ModelSettings("m", server.url, "MY_KEY"))


def test_a_model_that_calls_the_tool_that_it_is_offered_is_ok(machine: Machine) -> None:
    found = asked(machine, said(None, ("ping", {"word": "ready"})))
    assert (found.what, found.state) == ("chat model m", "ok")
    assert found.says.endswith("/v1, 10 tokens, calls tools")
    assert found.seconds is not None


@pytest.mark.parametrize(
    "answer", [said("ready"), said(None, ("ping", "{")), said(None, ("pong", {"word": ""}))]
)
def test_a_model_that_calls_no_tool_is_noted_with_what_servers_need_for_it(
    machine: Machine, answer: Answer
) -> None:
    found = asked(machine, answer)
    assert (found.state, "vLLM: --enable-auto-tool-choice" in found.says) == ("note", True)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (fails(404, "no m here"), "has no model 'm', or no chat there: no m here"),
        (fails(401), "refuses the key in MY_KEY"),
        (fails(503), "answers 503"),
    ],
)
def test_a_model_that_does_not_answer_is_bad_with_the_reason(
    machine: Machine, answer: Answer, why: str
) -> None:
    found = asked(machine, answer)
    assert (found.state, why in found.says) == ("bad", True)


def test_the_server_is_sent_the_key_of_the_variable_that_is_named(machine: Machine) -> None:
    with serving([said("ready")]) as server:
        chat_model(machine, ModelSettings("m", server.url, "MY_KEY"))
        assert model_server(machine, server.url, key_variable="MY_KEY").state == "ok"
    assert server.keys == ["Bearer sk-mine"] * 2


def test_without_a_key_a_model_elsewhere_is_bad_and_nobody_is_asked(machine: Machine) -> None:
    bare = replace(machine, variables={"PATH": ""})
    found = chat_model(bare, ModelSettings("m", "https://models.example/v1", "MY_KEY"))
    assert (found.state, "set MY_KEY in the environment" in found.says) == ("bad", True)


def test_a_model_is_only_asked_when_it_is_named(machine: Machine, tmp_path: Path) -> None:
    with serving([said("ready")]) as server:
        for model, times in ((None, 0), ("m", 1)):
            looked = {f.what for f in findings(Asked(machine, tmp_path / "p.db", server.url, model))}
            assert {"model server"} <= looked
            assert ("chat model m" in looked, len(server.requests)) == (bool(times), times)


def test_a_model_of_anthropics_is_asked_by_its_api_and_no_list_of_models_is_looked_for(
    machine: Machine, tmp_path: Path
) -> None:
    with serving([says("", ("ping", {"word": "ready"}))]) as server:
        url = server.url.removesuffix("/v1")
        found = {f.what: f for f in findings(Asked(machine, tmp_path / "p.db", url, "anthropic:m", "MY_KEY"))}
    assert found["chat model anthropic:m"].state == "ok"
    assert "model server" not in found
    assert server.keys == ["Bearer sk-mine"]


def test_what_is_no_key_is_bad_and_not_shown(machine: Machine) -> None:
    odd = replace(machine, variables={"OPENAI_API_KEY": "sk-mi\nne"})
    with serving([]) as server:
        for found in (model_server(odd, server.url), chat_model(odd, ModelSettings("m", server.url))):
            assert found.state == "bad"
            assert found.says == "OPENAI_API_KEY holds characters that no key has; copy it anew"
