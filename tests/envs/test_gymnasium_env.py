"""Gymnasium's environments, behind one tool."""

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
from practicum.envs.gymnasium_env import wrap_gymnasium
from practicum.envs.spaces import sample_arguments
from tests.envs.echo import Echo


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


@pytest.mark.parametrize("name", ["gym:CartPole-v1", "gym:FrozenLake-v1", "gym:Taxi-v4"])
def test_the_instruction_says_what_the_actions_mean(name):
    instruction = find(name).make_task(0).instruction
    assert "\n\nAction Space: The action" in instruction
    assert "\n- 0: " in instruction


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


@pytest.mark.parametrize("reward", [np.float32("nan"), float("-inf")])
def test_a_reward_that_is_no_number_is_the_environments_fault(echo, monkeypatch, reward):
    env_id = echo(spaces.Discrete(2))
    monkeypatch.setattr(Echo, "step", lambda self, action: (action, reward, False, False, {}))
    env_class = find(f"gym:{env_id}")
    with pytest.raises(ValueError, match=f"{env_id} gave the reward (nan|-inf) for step 1"):
        Episode(env_class(), env_class.make_task(0)).act("act", {"action": 0})


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
