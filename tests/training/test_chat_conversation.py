"""Conversations stay within their bound, keep head and newest exchange, and part no call from its answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practicum.training.agents.chat_conversation import LEAST_CONTENT, Conversation
from practicum.training.llm import Reply, ToolRequest, tool_answer
from practicum.training.llm.anthropic_messages import turns_of
from tests import messages_api
from tests.model_server import problem

NOTE = 25
"""Tokens of the words that say what is missing."""
HEAD = [{"role": "system", "content": "Do it."}, {"role": "user", "content": "Begin."}]
CALL = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
exchanges = st.lists(
    st.tuples(st.booleans(), st.text(min_size=1, max_size=40), st.text(max_size=3000)),
    min_size=1,
    max_size=12,
)


def conversation(parts: list[tuple[bool, str, str]]) -> tuple[Conversation, list[dict[str, Any]]]:
    found, messages = Conversation(HEAD), []
    for is_call, said, answer in parts:
        messages.append({"role": "assistant", "content": said, **({"tool_calls": [CALL]} if is_call else {})})
        told = {"role": "tool", "tool_call_id": "c"} if is_call else {"role": "user"}
        messages.append({**told, "content": answer})
    for message in messages:
        found.add(message)
    return found, messages


@given(exchanges)
def test_with_room_enough_nothing_is_left_out(parts):
    found, messages = conversation(parts)
    assert found.within(found.tokens + 1) == [*HEAD, *messages]


@given(exchanges, st.integers(0, 12_000))
def test_what_is_shown_is_a_legal_conversation_with_its_head_and_its_newest_exchange(parts, tokens):
    found, messages = conversation(parts)
    shown = found.within(tokens)
    assert problem({"messages": shown}) is None
    assert shown[0] == HEAD[0]
    assert shown[1]["content"].startswith("Begin.")
    assert shown[-2] == messages[-2]
    left_out = len(messages) - len(shown[2:])
    told = f"[{left_out // 2} earlier exchanges are left out here.]"
    assert shown[1]["content"].endswith(told if left_out else "Begin.")
    assert shown[2:-2] == messages[left_out:-2]


@given(exchanges, st.integers(0, 12_000))
def test_more_than_the_newest_exchange_is_only_shown_where_all_of_it_fits(parts, tokens):
    found, _ = conversation(parts)
    shown = found.within(tokens)
    assert len(shown) == len(HEAD) + 2 or Conversation(shown).tokens <= tokens + NOTE


@pytest.mark.parametrize("answer", ["x" * 90_000, "ü" * 90_000])
def test_an_answer_that_is_too_long_alone_is_shortened_to_the_room_there_is(answer):
    found, _ = conversation([(True, "I look.", answer)])
    shown = found.within(1000)
    assert 900 <= Conversation(shown).tokens <= 1000 + NOTE
    assert shown[-1]["content"].endswith("… (90000 characters)")


def test_however_little_room_there_is_something_of_an_answer_is_shown():
    found, _ = conversation([(True, "I look.", "x" * 9000)])
    assert found.within(1)[-1]["content"] == "x" * LEAST_CONTENT + "… (9000 characters)"


replies = st.tuples(st.text(max_size=30), st.lists(st.text(max_size=400), max_size=3), st.booleans())


@given(st.lists(replies, max_size=6), st.integers(0, 400))
def test_whatever_is_left_out_both_apis_take_what_is_shown(said, tokens):
    found = Conversation(HEAD)
    for number, (words, answers, thinks) in enumerate(said):
        calls = tuple(ToolRequest(f"c{number}_{n}", "look", "{}") for n in range(len(answers)))
        uses = [{"type": "tool_use", "id": call.id, "name": "look", "input": {}} for call in calls]
        thought = {"type": "thinking", "thinking": "Hm.", "signature": "x"}
        reply = Reply(words or "…", calls, blocks=(thought, *uses) if thinks and uses else ())
        found.add(reply.message)
        for call, answer in zip(calls, answers, strict=True):
            found.add(tool_answer(call, answer))
        if not calls:
            found.add({"role": "user", "content": "Go on."})
    shown = found.within(tokens)
    assert problem({"messages": shown}) is None
    assert messages_api.problem({"max_tokens": 1, "messages": turns_of(shown)}) is None
