"""Gymnasium's environments, behind one tool."""

import json
import math
import re
import sys
import types

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from practicum.envs import Episode, ListRecorder, UsageError, find, make
from practicum.envs.check import check
from practicum.envs.core import plain
from practicum.envs.gymnasium_env import wrap_gymnasium
from practicum.envs.lint import lint_tool
from practicum.envs.observations import observation_as_json, without_escape_codes
from practicum.envs.spaces import sample_arguments


class Echo(gymnasium.Env):
    """Shows the action that it was given; ends after the third."""

    def __init__(self, action_space, observation_space=None):
        self.action_space = action_space
        self.observation_space = observation_space or action_space

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        self.steps += 1
        assert self.action_space.contains(action)
        shown = action if self.observation_space is self.action_space else self.observation_space.sample()
        return shown, np.float32(0.5), self.steps == 3, False, {}


@pytest.fixture
def echo(request):
    """Registers an Echo of an action space, and takes it back."""
    names = []

    def registered(*spaces_):
        names.append(f"TestEcho{abs(hash(request.node.name)) % 10**8}{len(names)}-v0")
        gymnasium.register(names[-1], entry_point=lambda **options: Echo(*spaces_, **options))
        return names[-1]

    yield registered
    for name in names:
        del gymnasium.registry[name]


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
    (spaces.Dict({"self": spaces.Discrete(2)}), {"self": 1}, {"self": 1}, [{"self": 2}]),
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
        (spaces.OneOf([spaces.Graph(spaces.Discrete(2), None)]), "'action_0' is a Graph"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_space_without_a_flat_json_form_is_refused_with_its_reason(echo, space, complaint):
    env_id = echo(space)
    with pytest.raises(UsageError, match=re.escape(complaint)) as refusal:
        wrap_gymnasium(env_id)
    assert str(refusal.value).startswith(f"gym:{env_id} takes actions of {type(space).__name__}")


OBSERVED = [
    spaces.Dict({"where": spaces.Discrete(9), "seen": spaces.Box(-1, 1, (2, 3))}),
    spaces.Tuple([spaces.Discrete(9), spaces.Tuple([spaces.MultiBinary(2)])]),
    spaces.Graph(spaces.Box(0, 1, (2,)), spaces.Discrete(4)),
    spaces.Graph(spaces.Discrete(3), None),
    spaces.Sequence(spaces.Dict({"a": spaces.Box(0, 1, (2,))})),
    spaces.Sequence(spaces.Box(0, 1, (2,)), stack=True),
    spaces.OneOf([spaces.Discrete(2), spaces.Box(0, 1, (2,))]),
    spaces.Text(8),
    spaces.Box(0, 255, (2, 2, 3), np.uint8),
    spaces.MultiDiscrete([[2, 3], [4, 5]]),
]


@pytest.mark.parametrize("space", OBSERVED, ids=lambda space: repr(space)[:40])
def test_an_observation_of_any_space_is_plain_json(echo, space):
    env_class = wrap_gymnasium(echo(spaces.Discrete(2), space))
    episode = Episode(env_class(), env_class.make_task(3))
    step = episode.act("act", {"action": 1})
    for shown in (episode.opening.observation, step.result["observation"]):
        assert json.loads(json.dumps(shown, allow_nan=False)) == shown
    space.seed(3)
    assert episode.opening.observation == observation_as_json(space.sample())
    assert check(env_class) == []


def test_a_graph_is_its_nodes_and_edges_and_a_choice_its_number_and_value():
    graph = spaces.GraphInstance(np.array([[0.5], [1.5]]), np.array([3]), np.array([[0, 1]]))
    assert observation_as_json(graph) == {"nodes": [[0.5], [1.5]], "edges": [3], "edge_links": [[0, 1]]}
    assert observation_as_json((np.int64(1), np.array([2, 3]))) == [1, [2, 3]]


def test_numbers_that_json_does_not_have_are_text():
    seen = observation_as_json({"a": np.array([1.0, np.inf, -np.inf, np.nan]), 2: np.float32("inf")})
    assert seen == {"a": [1.0, "inf", "-inf", "nan"], "2": "inf"}


def test_what_belongs_to_no_space_is_an_error_that_names_it():
    with pytest.raises(TypeError, match="holds <object object at"):
        observation_as_json({"a": [object()]})


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("gym:CartPol-v1", "Gymnasium has no environment 'CartPol-v1'; did you mean 'CartPole-v1'"),
        ("gym:no_such_module:X-v0", "cannot import 'no_such_module': ModuleNotFoundError"),
        ("gym:json:X-v0", "Gymnasium has no environment 'X-v0'"),
        ("gym:a b", "Gymnasium has no environment 'a b'"),
    ],
)
def test_an_unknown_id_is_a_usage_error_with_the_nearest(name, complaint):
    with pytest.raises(UsageError, match=complaint):
        find(name)


def test_an_environment_that_cannot_be_made_is_one_line(echo):
    env_id = echo(spaces.Discrete(2))
    env = wrap_gymnasium(env_id)(no_such_setting=1)
    with pytest.raises(UsageError, match=f"gym:{env_id} cannot be made: TypeError"):
        env.reset(seed=0)


def test_an_environment_that_leaves_while_it_is_made_is_one_line(echo):
    env_id = echo(spaces.Discrete(2))
    gymnasium.registry[env_id].entry_point = lambda: sys.exit("no licence")
    with pytest.raises(UsageError, match=f"gym:{env_id} cannot be made: SystemExit: no licence"):
        find(f"gym:{env_id}")


def test_a_wrapped_episode_is_gymnasiums_own_step_by_step():
    env_class = find("gym:CartPole-v1")
    episode = Episode(env_class(), env_class.make_task(7))
    inner = gymnasium.make("CartPole-v1")
    observation, _ = inner.reset(seed=7)
    assert episode.opening.observation == observation.tolist()
    done, turn = False, 0
    while not done:
        observation, reward, terminated, truncated, _ = inner.step(turn % 2)
        step = episode.act("act", {"action": turn % 2})
        assert step.result == {"observation": observation.tolist()}
        assert (step.reward, step.terms) == (reward, {"reward": reward})
        assert (step.terminated, step.truncated) == (terminated, truncated)
        done, turn = terminated or truncated, turn + 1
    assert step.outcome["return"] == episode.total_reward == turn
    assert step.outcome["success"] is False


@settings(max_examples=15)
@given(st.integers(0, 10**6))
def test_a_wrapped_episode_replays_from_its_seed_and_calls(seed):
    env_class = find("gym:FrozenLake-v1")
    recorder = ListRecorder()
    episode = Episode(env_class(), env_class.make_task(seed), recorder=recorder)
    random = np.random.default_rng(seed)
    while not episode.over:
        episode.act("act", sample_arguments(env_class.actions["act"], random))
    again = Episode(env_class(), episode.task)
    assert [again.act(step.tool, step.arguments) for step in recorder.steps] == recorder.steps


def test_gymnasiums_time_limit_truncates():
    env_class = find("gym:MountainCar-v0")
    episode = Episode(env_class(), env_class.make_task(0))
    assert episode.task.step_limit == 200
    while not episode.over:
        step = episode.act("act", {"action": 1})
    assert (step.turn, step.terminated, step.truncated) == (200, False, True)


def test_the_environments_own_truncation_ends_an_episode_before_the_step_limit():
    env = make("gym:MountainCar-v0", max_episode_steps=3)
    env.reset(seed=0)
    ends = [env.step({"tool": "act", "params": {"action": 1}})[2:4] for _ in range(3)]
    assert ends == [(False, False), (False, False), (False, True)]


def test_closing_closes_the_wrapped_environment_and_a_reset_opens_another():
    env = make("gym:CartPole-v1")
    first, _ = env.reset(seed=0)
    env.close()
    env.close()
    assert env.reset(seed=0)[0] == first


def test_settings_reach_the_wrapped_environment_and_may_change_between_episodes():
    env = make("gym:FrozenLake-v1", is_slippery=False)
    env.reset(seed=0)
    assert env.step({"verb": 0, "payload": "2"})[0]["observation"] == 1
    assert env.task.params == {"is_slippery": False}


def test_the_versioned_name_finds_the_environment_again(echo):
    gymnasium.register("TestEchoPlain", entry_point=lambda: Echo(spaces.Discrete(2)))
    try:
        for name in ("gym:CartPole-v1", "gym:TestEchoPlain", f"gym:{echo(spaces.Discrete(2))}"):
            assert find(find(name).env_id()).env_id() == find(name).env_id()
    finally:
        del gymnasium.registry["TestEchoPlain"]


def test_the_instruction_tells_goal_and_rules():
    instruction = find("gym:CartPole-v1").make_task(0).instruction
    assert instruction.startswith("Play CartPole-v1: choose actions so that")
    assert "Push cart to the left" in instruction


PLAYABLE = [
    spec.id
    for spec in gymnasium.registry.values()
    if re.search(r"gymnasium\.envs\.(toy_text|classic_control)", str(spec.entry_point))
]


@pytest.mark.parametrize("env_id", PLAYABLE)
def test_every_small_environment_of_gymnasium_keeps_the_contract(env_id):
    assert len(PLAYABLE) >= 10
    assert check(find(f"gym:{env_id}"), seeds=(0, 5), steps=40) == []


def test_an_environment_that_draws_in_text_shows_its_drawing():
    env_class = find("gym:FrozenLake-v1")
    episode = Episode(env_class(), env_class.make_task(0, is_slippery=False))
    assert episode.opening.observation == {"observation": 0, "text": "<red:S>FFF\nFHFH\nFFFH\nHFFG"}
    step = episode.act("act", {"action": 2})
    assert step.result == {"observation": 1, "text": "  (Right)\nS<red:F>FF\nFHFH\nFFFH\nHFFG"}
    assert step.text == step.result["text"] + "\nobservation: 1"
    assert episode.env.render() == step.text


@pytest.mark.parametrize(
    "env_id", ["FrozenLake8x8-v1", "CliffWalking-v1", "CliffWalkingSlippery-v1", "Taxi-v4"]
)
def test_the_drawings_of_the_other_text_worlds_are_shown_too(env_id):
    env_class = find(f"gym:{env_id}")
    step = Episode(env_class(), env_class.make_task(0)).act("act", {"action": 0})
    assert "\n" in step.result["text"]
    assert "\x1b" not in step.text


def test_colours_are_told_in_words():
    assert without_escape_codes("\x1b[34;1mR\x1b[0m:\x1b[43m \x1b[0m\x1b[2J") == "<blue:R>:<yellow: >"
    assert without_escape_codes("\x1b[1mbold\x1b[0m") == "bold"


def test_a_longer_limit_that_is_asked_for_is_kept():
    env_class = find("gym:MountainCar-v0")
    assert env_class.make_task(0, max_episode_steps=300).step_limit == 300
    assert env_class.make_task(0, max_episode_steps=-1).step_limit == 1000
    assert env_class.make_task(0).step_limit == 200


def test_a_name_without_a_version_means_the_newest():
    assert find("gym:CartPole").env_id() == "gym:CartPole-v1"


@pytest.fixture
def foreign(monkeypatch):
    """A module that registers an environment when it is imported."""

    def made(name, source):
        module = types.ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        exec(source, vars(module) | {"Echo": Echo, "spaces": spaces, "gymnasium": gymnasium})

    before = dict(gymnasium.registry)
    yield made
    gymnasium.registry.clear()
    gymnasium.registry.update(before)


def test_an_id_may_name_the_module_that_registers_it_and_have_a_namespace(foreign):
    foreign("foreign_envs", "gymnasium.register('far/Away-v3', lambda: Echo(spaces.Discrete(2)))")
    env_class = find("gym:foreign_envs:far/Away-v3")
    assert (env_class.name, env_class.env_id()) == (
        "gym:foreign_envs:far/Away",
        "gym:foreign_envs:far/Away-v3",
    )
    assert find(env_class.env_id()) is env_class
    assert find("gym:far/Away-v3").make_task(0).env == "gym:far/Away"
    assert Episode(env_class(), env_class.make_task(0)).act("act", {"action": 1}).result == {"observation": 1}


@pytest.mark.parametrize("source", ["raise SystemExit(3)", "1 / 0", "def broken(:"])
def test_a_module_that_cannot_be_imported_is_one_line(tmp_path, monkeypatch, source):
    (tmp_path / "foreign_broken.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        UsageError, match=r"^gym:foreign_broken:X-v0: cannot import 'foreign_broken': \w+: .*$"
    ):
        find("gym:foreign_broken:X-v0")


def test_an_environment_marked_as_not_deterministic_says_so(echo):
    env_id = echo(spaces.Discrete(2))
    gymnasium.registry[env_id].nondeterministic = True
    assert (
        "not deterministic: a session of it may not replay" in find(f"gym:{env_id}").make_task(0).instruction
    )


def test_an_environment_that_forgets_its_seed_is_found_out(echo):
    env_id = echo(spaces.Discrete(2), spaces.Box(0, 1))
    gymnasium.registry[env_id].entry_point = lambda: Unseeded()
    assert "determinism" in {finding.rule for finding in check(find(f"gym:{env_id}"))}


class Unseeded(Echo):
    """Draws from where no seed reaches."""

    def __init__(self):
        super().__init__(spaces.Discrete(2), spaces.Box(0, 1))

    def step(self, action):
        _, *rest = super().step(action)
        return np.random.default_rng().random(1, np.float32), *rest
