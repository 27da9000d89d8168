"""The actions of every Gymnasium space that is flat are tool arguments, and every other is refused."""

import math
import re

import numpy as np
import pytest
from gymnasium import spaces

from practicum.envs import Episode, UsageError
from practicum.envs.check import check
from practicum.envs.core import plain
from practicum.envs.gymnasium_env import wrap_gymnasium
from practicum.envs.lint import lint_tool

SINGLE = [
    (spaces.Discrete(3, start=-1), [-1, 0, 1], [2, -2, 0.5, "0", [0], None, True]),
    (spaces.MultiDiscrete([2, 3]), [[0, 2], [1, 0]], [[2, 0], [0], [0, 1, 2], [0.5, 0], 0, ["a", 0]]),
    (spaces.MultiDiscrete([2, 3], start=[5, -1]), [[6, 1], [5, -1]], [[4, 0], [5, 2]]),
    (spaces.MultiBinary(3), [[0, 1, 0]], [[0, 2, 0], [0, 1], [True, False, True]]),
    (spaces.MultiBinary([2, 2]), [[0, 1, 0, 1]], [[[0, 1], [0, 1]]]),
    (
        spaces.Box(np.array([0, -1], np.float32), np.array([1, 5], np.float32)),
        [[0.5, 5], [0, -1.0]],
        [[2, 5], [0.5, -2], [0.5], [0.5, 1, 1], ["a", 1], [None, 1], 0.5, [math.nan, 1], [0.5, math.inf]],
    ),
    (spaces.Box(-1, 1, (2, 2), np.float64), [[0.1, 0.2, 0.3, 0.4]], [[0.1, 0.2]]),
    (spaces.Box(0, 255, (2,), np.uint8), [[0, 255]], [[0, 256], [-1, 0], [0.5, 0]]),
    (spaces.Box(-np.inf, np.inf, (1,), np.float32), [[1e9], [-5]], [[1e300], [], [math.nan]]),
    (spaces.Box(-1, 1, (), np.float32), [0.5, -1, 1.0], [[0.5], 2, math.nan, "0.5"]),
    (spaces.Box(0, 1, (0,), np.float32), [[]], [[1.0]]),
    (spaces.Text(3, charset="ab"), ["a", "bab"], ["", "abab", "abc", 1, None]),
    (spaces.Sequence(spaces.Discrete(3)), [[], [0, 2, 2]], [[3], 1, [0.5], [None]]),
    (spaces.Sequence(spaces.Discrete(3), stack=True), [[1], [0, 2, 2]], [[3]]),
    (spaces.Sequence(spaces.Box(0, 1, (), np.float32)), [[0.5, 1]], [[2], [[0.5]]]),
    (spaces.Sequence(spaces.Text(2)), [["ab", "c"]], [["abc"], [""], "ab"]),
]


@pytest.mark.parametrize(("space", "good", "bad"), SINGLE, ids=lambda value: repr(value)[:60])
def test_actions_of_one_value_are_played_and_others_refused_before_they_are(echo, space, good, bad):
    env_class = wrap_gymnasium(echo(space))
    for value in good:
        result = Episode(env_class(), env_class.make_task(0)).act("act", {"action": value}).result
        assert np.ravel(result["observation"]).tolist() == pytest.approx(np.ravel(value).tolist())
    refuses_without_stepping(env_class, [{"action": value} for value in bad], {"action": good[0]})


def refuses_without_stepping(env_class, bad, good):
    episode = Episode(env_class(), env_class.make_task(0))
    before = plain(episode.env.world())
    for arguments in bad:
        step = episode.act("act", arguments)
        assert step.refused, arguments
        assert step.reward == 0
        assert plain(episode.env.world()) == before
    ends = [episode.act("act", good).terminated for _ in range(3)]
    assert ends == [False, False, True]


@pytest.mark.parametrize(
    ("dtype", "value"),
    [(np.int64, [2**63 - 1, -(2**63), 2**53 + 1]), (np.uint64, [2**64 - 1, 0, 2**53 + 1])],
)
def test_whole_numbers_of_64_bits_are_played_as_they_are(echo, dtype, value):
    limits = np.iinfo(dtype)
    env_class = wrap_gymnasium(echo(spaces.Box(limits.min, limits.max, (3,), dtype)))
    step = Episode(env_class(), env_class.make_task(0)).act("act", {"action": value})
    assert step.result == {"observation": value}


MOVE = spaces.Dict(
    {
        "arm": spaces.Dict({"turn": spaces.Discrete(3), "reach": spaces.Box(0, 2, (2,), np.float32)}),
        "say": spaces.Text(5),
        "legs": spaces.Tuple([spaces.Discrete(2), spaces.MultiBinary(2)]),
    }
)
EITHER = spaces.OneOf(
    [spaces.Discrete(2), spaces.Dict({"x": spaces.Discrete(3), "y": spaces.Discrete(3)}), spaces.Dict({})]
)
PARTS = [
    (
        MOVE,
        {"arm_turn": 2, "arm_reach": [0.5, 1.5], "say": "hi", "legs_0": 1, "legs_1": [0, 1]},
        {"arm": {"turn": 2, "reach": [0.5, 1.5]}, "say": "hi", "legs": [1, [0, 1]]},
        [{"arm_turn": 3}, {"arm_reach": [0.5, 3]}, {"say": "too long"}, {"legs_1": None}, {"x": 1}],
    ),
    (
        spaces.Tuple([spaces.Discrete(2), spaces.Dict({"a": spaces.Discrete(2)})]),
        {"action_0": 1, "action_1_a": 0},
        [1, {"a": 0}],
        [{"action_0": 2}, {"action_1_a": None}],
    ),
    (
        EITHER,
        {"choice": 1, "action_1_x": 2, "action_1_y": 0},
        [1, {"x": 2, "y": 0}],
        [{"choice": 3}, {"choice": 0}, {"action_1_y": None}, {"action_0": 1}, {"choice": 2}],
    ),
    (EITHER, {"choice": 2}, [2, {}], [{"action_0": 1}]),
    (EITHER, {"choice": 0, "action_0": 1}, [0, 1], [{"action_0": None}]),
    (
        spaces.Dict({"turn": spaces.Discrete(2), "class": spaces.Discrete(2), "a b": spaces.Discrete(2)}),
        {"action_turn": 1, "class": 0, "a_b": 1},
        {"turn": 1, "class": 0, "a b": 1},
        [{"turn": 1}],
    ),
    (spaces.Dict({"way": EITHER}), {"way_choice": 0, "way_0": 1}, {"way": [0, 1]}, [{"way_1_x": 1}]),
    (
        spaces.Dict({"self": spaces.Discrete(2), "env": spaces.Discrete(2), "values": spaces.Discrete(2)}),
        {"self": 1, "env": 0, "values": 1},
        {"self": 1, "env": 0, "values": 1},
        [{"self": 2}, {"env": None}],
    ),
]


@pytest.mark.parametrize(
    ("space", "arguments", "action", "changes"), PARTS, ids=lambda value: repr(value)[:40]
)
def test_actions_of_several_parts_are_flat_arguments_one_for_each(echo, space, arguments, action, changes):
    env_class = wrap_gymnasium(echo(space))
    step = Episode(env_class(), env_class.make_task(0)).act("act", arguments)
    assert step.result == {"observation": action}
    refuses_without_stepping(env_class, [arguments | change for change in changes], arguments)
    [act] = env_class.actions.values()
    assert lint_tool(act.name, act.description, act.schema) == []
    assert check(env_class) == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"action": [2, 0]}, "'action' has 2.0 at place 0, outside 0.0 to 1.0; it takes a list of 2 numbers"),
        ({"action": [-0.5, 0]}, "'action' has -0.5 at place 0, outside 0.0 to 1.0"),
        ({"action": [0.5, 7]}, "'action.1' is 7, expected less than or equal to 5"),
        ({"action": [math.nan, 0]}, "a finite number"),
    ],
)
def test_a_refusal_names_the_place_and_its_bound(echo, arguments, complaint):
    space = spaces.Box(np.array([0, -1], np.float32), np.array([1, 5], np.float32))
    env_class = wrap_gymnasium(echo(space))
    step = Episode(env_class(), env_class.make_task(0)).act("act", arguments)
    assert complaint in (step.error or "")


@pytest.mark.parametrize(
    ("space", "complaint"),
    [
        (spaces.Graph(spaces.Discrete(2), None), "Graph, which has no flat JSON form: 'action' is a Graph"),
        (
            spaces.Sequence(spaces.Box(0, 1, (2,))),
            "Sequence, which has no flat JSON form: 'action' is a list of Box",
        ),
        (
            spaces.Dict({"deep": spaces.Tuple([spaces.Graph(spaces.Discrete(2), None)])}),
            "Dict, which has no flat JSON form: 'deep_0' is a Graph",
        ),
        (
            spaces.Dict({"a": spaces.Dict({"b": spaces.Discrete(2)}), "a_b": spaces.Discrete(2)}),
            "two parts of it would both be called 'a_b'",
        ),
        (spaces.Dict({"long" * 20: spaces.Discrete(2)}), "longlong' has more than 64 characters"),
        (spaces.OneOf([spaces.Graph(spaces.Discrete(2), None)]), "'action_0' is a Graph"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_space_without_a_flat_json_form_is_refused_with_its_reason(echo, space, complaint):
    env_id = echo(space)
    with pytest.raises(UsageError, match=re.escape(complaint)) as refusal:
        wrap_gymnasium(env_id)
    assert str(refusal.value).startswith(f"gym:{env_id} takes actions of {type(space).__name__}")
