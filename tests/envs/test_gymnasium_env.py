"""Gymnasium's own environments, behind one tool."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from practicum.envs import Episode, ListRecorder, UsageError, find, make
from practicum.envs.gymnasium_env import wrap_gymnasium
from practicum.envs.spaces import sample_arguments


class Echo(gymnasium.Env):
    """Shows the action that it was given; ends after the third."""

    def __init__(self, action_space, observation_space=None):
        self.action_space = action_space
        self.observation_space = observation_space or spaces.Dict(
            {"action": action_space, "where": spaces.Discrete(9)}
        )

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return {
            "action": self.action_space.low if hasattr(self.action_space, "low") else 0,
            "where": np.int64(0),
        }, {}

    def step(self, action):
        self.steps += 1
        return {"action": action, "where": np.int64(self.steps)}, np.float32(0.5), self.steps == 3, False, {}


@pytest.fixture
def echo(request):
    """Registers an Echo of an action space, and takes it back."""
    names = []

    def registered(space):
        names.append(f"TestEcho{abs(hash(request.node.name)) % 10**8}{len(names)}-v0")
        gymnasium.register(names[-1], entry_point=lambda **options: Echo(space, **options))
        return names[-1]

    yield registered
    for name in names:
        del gymnasium.registry[name]


@pytest.mark.parametrize(
    ("space", "good", "bad"),
    [
        (spaces.Discrete(3, start=-1), [-1, 0, 1], [2, -2, 0.5, "0", [0], None, True]),
        (spaces.MultiDiscrete([2, 3]), [[0, 2], [1, 0]], [[2, 0], [0], [0, 1, 2], [0.5, 0], 0, ["a", 0]]),
        (spaces.MultiBinary(3), [[0, 1, 0]], [[0, 2, 0], [0, 1], [True, False, True]]),
        (spaces.MultiBinary([2, 2]), [[0, 1, 0, 1]], [[[0, 1], [0, 1]]]),
        (
            spaces.Box(np.array([0, -1], np.float32), np.array([1, 5], np.float32)),
            [[0.5, 5], [0, -1.0]],
            [[2, 5], [0.5, -2], [0.5], [0.5, 1, 1], ["a", 1], [None, 1], 0.5],
        ),
        (spaces.Box(-1, 1, (2, 2), np.float64), [[0.1, 0.2, 0.3, 0.4]], [[0.1, 0.2]]),
        (spaces.Box(0, 255, (2,), np.uint8), [[0, 255]], [[0, 256], [-1, 0], [0.5, 0]]),
        (spaces.Box(-np.inf, np.inf, (1,), np.float32), [[1e9], [-5]], [[1e300], []]),
    ],
    ids=str,
)
def test_actions_of_a_flat_space_are_played_and_others_refused_before_they_are(echo, space, good, bad):
    env_class = wrap_gymnasium(echo(space))
    for value in good:
        result = Episode(env_class(), env_class.make_task(0)).act("act", {"action": value}).result
        assert np.ravel(result["observation"]["action"]).tolist() == pytest.approx(np.ravel(value).tolist())
        assert result["observation"]["where"] == 1
    episode = Episode(env_class(), env_class.make_task(0))
    for value in bad:
        step = episode.act("act", {"action": value})
        assert step.refused, value
        assert step.reward == 0
    assert episode.act("act", {"action": good[0]}).result["observation"]["where"] == 1


@pytest.mark.parametrize(
    "space",
    [spaces.Dict({"a": spaces.Discrete(2)}), spaces.Tuple([spaces.Discrete(2)]), spaces.Text(5)],
    ids=repr,
)
def test_a_space_without_a_flat_json_form_is_refused_with_its_reason(echo, space):
    env_id = echo(space)
    with pytest.raises(
        UsageError, match=f"{env_id} takes actions of {type(space).__name__}, which has no flat JSON"
    ):
        wrap_gymnasium(env_id)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("gym:CartPol-v1", "Gymnasium has no environment 'CartPol-v1'; did you mean 'CartPole-v1'"),
        ("gym:no_such_module:X-v0", "Gymnasium has no environment 'no_such_module:X-v0'"),
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
        assert step.result == {"observation": observation.tolist(), "reward": reward}
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
    assert env.step({"verb": 0, "payload": "2"})[0] == 1
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
