"""Gymnasium's side of a call: sampling, and the quick forms."""

from typing import Annotated, Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from practicum.envs import ToolCall, ToolEnv, action
from practicum.envs.errors import BadArguments
from practicum.envs.spaces import CallSpace, JsonSpace, read_call, sample_arguments


class Counter(ToolEnv[Any]):
    """Arguments of every kind and bound."""

    @action
    def add(
        self,
        amount: Annotated[int, Field(ge=200)],
        share: Annotated[float, Field(le=-5)] = -6.0,
        even: Annotated[int, Field(gt=-3, lt=9, multiple_of=2)] = 0,
        below: Annotated[int, Field(le=3)] = 0,
        part: Annotated[float, Field(gt=0, lt=1)] = 0.5,
    ) -> None:
        """Add."""

    @action
    def name(
        self,
        word: str,
        kinds: list[Literal["a", "b"]],
        pair: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None,
        loud: bool = False,
    ) -> None:
        """Name."""

    @action
    def go(self, from_: str, to: str = "B", page: int = 1) -> None:
        """Go."""

    @action
    def reset_all(self) -> None:
        """Reset."""

    @action
    def turn(self, page: int) -> None:
        """Turn."""


ACTIONS = tuple(Counter.actions.values())
VERBS = {act.name: verb for verb, act in enumerate(ACTIONS)}


@given(st.integers(0, 2**32))
def test_sampled_calls_always_pass_the_door(seed):
    space = CallSpace(Counter.actions, seed)
    call = space.sample()
    assert call in space
    read = read_call(call, ACTIONS)
    Counter.actions[read.tool].bind(read.arguments)


@given(st.integers(0, 2**32), st.lists(st.text(), min_size=1))
def test_sampled_text_is_one_of_the_words(seed, words):
    arguments = sample_arguments(Counter.actions["go"], np.random.default_rng(seed), words=words)
    assert all(value in words for value in arguments.values() if isinstance(value, str))


def test_a_seeded_space_samples_the_same_calls():
    one, two = CallSpace(Counter.actions, 3), CallSpace(Counter.actions, 3)
    assert [one.sample() for _ in range(20)] == [two.sample() for _ in range(20)]


@pytest.mark.parametrize(
    "form",
    [
        ToolCall("go", {"from": "A", "to": "C"}),
        {"tool": "go", "params": {"from": "A", "to": "C"}},
        {"verb": VERBS["go"], "payload": '{"from": "A", "to": "C"}'},
        {"verb": VERBS["go"], "payload": {"from": "A", "to": "C"}},
        {"verb": np.int64(VERBS["go"]), "payload": '["A", "C"]'},
        {"verb": VERBS["go"], "payload": ["A", "C"]},
        {"verb": VERBS["go"], "payload": '[{"from": "A", "to": "C"}]'},
    ],
)
def test_every_form_of_a_call_is_the_same_call(form):
    call = read_call(form, ACTIONS)
    assert (call.tool, dict(call.arguments)) == ("go", {"from": "A", "to": "C"})


@pytest.mark.parametrize(
    ("verb", "payload", "arguments"),
    [
        ("go", "SFO", {"from": "SFO"}),
        ("go", '"SFO"', {"from": "SFO"}),
        ("go", "12", {"from": "12"}),
        ("turn", "12", {"page": 12}),
        ("turn", 12, {"page": 12}),
        ("reset_all", "", {}),
        ("reset_all", "  ", {}),
        ("reset_all", None, {}),
        ("reset_all", "{}", {}),
    ],
)
def test_a_payload_may_be_the_first_argument_alone_or_empty(verb, payload, arguments):
    assert read_call({"verb": VERBS[verb], "payload": payload}, ACTIONS).arguments == arguments


def test_a_missing_payload_is_a_call_without_arguments():
    assert read_call({"verb": 3}, ACTIONS) == ToolCall("reset_all", {})


@pytest.mark.parametrize(
    ("form", "complaint"),
    [
        ({"verb": 99, "payload": ""}, "verb 99 is out of range; verbs go from 0 to 4"),
        ({"verb": -1, "payload": ""}, "verb -1 is out of range"),
        ({"verb": 4, "payload": "[1, 2]"}, "turn takes 1 arguments, the payload has 2"),
        ({"verb": True}, "an action is a ToolCall"),
        ({"tool": 3}, "an action is a ToolCall"),
        ({"tool": "go", "params": [1]}, "an action is a ToolCall"),
        (0, "not 0"),
        (None, "not None"),
    ],
)
def test_what_is_no_call_is_told_why(form, complaint):
    with pytest.raises(BadArguments, match=complaint):
        read_call(form, ACTIONS)
    assert form not in CallSpace(Counter.actions)


def test_a_space_contains_only_calls_that_the_door_lets_in():
    space = CallSpace(Counter.actions)
    assert ToolCall("go", {"from": "A"}) in space
    assert ToolCall("go", {}) not in space
    assert ToolCall("fly", {}) not in space


def test_spaces_are_equal_when_they_hold_the_same_tools():
    class Renamed(ToolEnv[Any]):
        """Another name, the same schema."""

        @action
        def leaf(self, page: int) -> None:
            """Turn."""

    class Turned(ToolEnv[Any]):
        """The same."""

        @action
        def turn(self, page: int) -> None:
            """Turn."""

    class TurnedToo(Turned):
        """The same again."""

    assert CallSpace(Turned.actions) == CallSpace(TurnedToo.actions)
    assert CallSpace(Turned.actions) != CallSpace(Renamed.actions)
    assert CallSpace(Turned.actions) != JsonSpace()
    assert JsonSpace() == JsonSpace()


@pytest.mark.parametrize("value", [None, True, 3, 2.5, "x", [1, {"a": [None]}], {}, ("a",)])
def test_plain_json_is_in_the_json_space(value):
    assert value in JsonSpace()


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {1: 2}, {"a": object()}, b"x", {1, 2}])
def test_other_values_are_not_in_the_json_space(value):
    assert value not in JsonSpace()


def test_json_samples_are_in_their_space():
    space = JsonSpace(seed=1)
    assert all(space.sample() in space for _ in range(20))
