"""Wrappers go around a world in any order, and what is played in them replays."""

import itertools
import json

import gymnasium
import pytest
from gymnasium.wrappers import OrderEnforcing, RecordEpisodeStatistics, TimeLimit, TransformReward
from hypothesis import given, settings
from hypothesis import strategies as st

from practicum.envs import Episode, ListRecorder, UsageError, find, make
from practicum.envs.episodes import Step
from practicum.envs.outside import Answer, ReplayedOutside
from practicum.envs.wrappers import Noise, Recording, RewardFunction, TimeBudget
from tests.envs.playing import CALLS, holds, parcels, played, replayed, task

LAYERS = {
    "budget": lambda env: TimeBudget(env, 1e6),
    "reward": lambda env: RewardFunction(env, lambda steps: 0.25 * len(steps)),
    "noise": lambda env: Noise(env, failing=0.3, lost=0.2, jitter=0.1),
    "recording": lambda env: Recording(env, "tester"),
    "limit": lambda env: TimeLimit(env, 6),
    "statistics": RecordEpisodeStatistics,
}


@settings(max_examples=40)
@given(st.permutations(sorted(LAYERS)), st.integers(0, 1000))
def test_wrappers_compose_in_any_order_with_gymnasiums_own_and_replay(order, seed):
    def wrapped():
        env = parcels()
        for name in order:
            env = LAYERS[name](env)
        return env

    first = played(wrapped(), seed=seed)
    holds(first.steps)
    assert len(first.steps) == 6
    assert first.steps[-1].truncated
    again = replayed(wrapped(), first)
    assert (again.opening, again.steps) == (first.opening, first.steps)


def test_wrappers_behave_alike_without_an_episode():
    env = OrderEnforcing(Recording(RewardFunction(parcels(), lambda steps: 1.0), "tester"))
    env.reset(seed=0)
    _, reward, *_, info = env.step({"tool": "look"})
    assert reward == sum(info["terms"].values()) == pytest.approx(0.99)


def test_a_gymnasium_made_environment_is_played_like_any():
    steps = []
    env = gymnasium.make("practicum.envs:practicum/flight-v1", max_episode_steps=2)
    episode = Episode(env, find("flight").make_task(0))
    while not episode.over:
        steps.append(episode.act("search_flights"))
    holds(steps)
    assert (len(steps), steps[-1].truncated) == (2, True)


def test_what_is_no_tool_environment_below_is_refused():
    with pytest.raises(TypeError, match="plays a ToolEnv, wrapped or not, and this is a CartPoleEnv"):
        Episode(gymnasium.make("CartPole-v1"), task())
    env = Noise(gymnasium.make("CartPole-v1"))
    with pytest.raises(UsageError, match=r"Noise goes around a ToolEnv, not CartPoleEnv; make\('gym:ID'\)"):
        env.reset(seed=0)


def test_a_reward_that_a_foreign_wrapper_changed_is_still_the_sum_of_its_terms():
    [step] = played(TransformReward(parcels(), lambda reward: reward * 3), [("look", {})]).steps
    assert step.terms == {"step": -0.01, "wrappers": pytest.approx(-0.02)}
    assert step.reward == sum(step.terms.values())


def test_foreign_wrappers_on_both_sides_of_a_reward_function_count():
    below = RewardFunction(TransformReward(parcels(), lambda reward: reward * 3), lambda steps: 1.0)
    [step] = played(TransformReward(below, lambda reward: reward + 5), [("look", {})]).steps
    assert step.terms == {"step": -0.01, "wrappers": pytest.approx(4.98), "shaped": 1.0}
    assert step.reward == sum(step.terms.values()) == pytest.approx(5.97)


# Time -----------------------------------------------------------------------------------------------------


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self, monkeypatch, starts_at):
        self.now = starts_at
        monkeypatch.setattr("practicum.envs.wrappers.seconds_now", lambda: self.now)


def test_an_episode_is_cut_off_by_the_step_in_which_its_time_runs_out(monkeypatch):
    clock = Clock(monkeypatch, 1000.0)
    episode = Episode(TimeBudget(parcels(), 60), task())
    for now in (1000.0, 1030.0, 1059.9):
        clock.now = now
        assert not episode.act("look").done
    clock.now = 1060.0
    step = episode.act("look")
    assert (step.truncated, step.terminated, step.terms) == (True, False, {"step": -0.01})
    assert step.outcome["success"] is False
    assert step.outside == (Answer("clock", 60.0),)


def test_a_session_that_goes_on_in_another_process_has_the_time_it_had_left(monkeypatch):
    clock = Clock(monkeypatch, 1000.0)
    recorder = ListRecorder()
    first = Episode(TimeBudget(parcels(), 60), task(), recorder=recorder)
    clock.now += 40
    first.act("look")
    clock.now = 5.0  # another process, whose clock starts elsewhere
    env = TimeBudget(parcels(), 60)
    env.unwrapped.outside = ReplayedOutside(recorder.steps[0].outside)
    again = Episode(env, task())
    assert again.act("look") == recorder.steps[0]
    env.unwrapped.outside = type(parcels().outside)()
    clock.now += 19
    assert not again.act("look").done
    clock.now += 1
    assert again.act("look").truncated


def test_an_end_of_the_worlds_own_counts_however_late_it_came(monkeypatch):
    clock = Clock(monkeypatch, 0.0)
    env = TimeBudget(make("gym:Blackjack-v1"), 1)
    episode = Episode(env, env.unwrapped.make_task(0))
    clock.now = 9.0
    step = episode.act("act", {"action": 0})
    assert (step.terminated, step.truncated) == (True, False)


def test_a_new_episode_has_all_its_time(monkeypatch):
    clock = Clock(monkeypatch, 0.0)
    env = TimeBudget(parcels(), 10)
    for _ in range(2):
        episode = Episode(env, task())
        clock.now += 9
        assert not episode.act("look").done


@pytest.mark.parametrize("budget", [0, -1, float("inf"), float("nan")])
def test_a_budget_that_is_none_is_refused(budget):
    with pytest.raises(UsageError, match="expected seconds, more than 0"):
        TimeBudget(parcels(), budget)


# Rewards --------------------------------------------------------------------------------------------------


def test_a_reward_function_sees_the_steps_and_adds_a_term_of_its_own():
    seen = []

    def fewer_repeats(steps):
        seen.append([step.tool for step in steps])
        assert isinstance(steps[-1], Step)
        return -1.0 if [step.tool for step in steps].count("look") > 1 else 0.0

    steps = played(RewardFunction(parcels(), fewer_repeats, "repeat"), [("look", {}), ("look", {})]).steps
    assert [step.terms["repeat"] for step in steps] == [0.0, -1.0]
    assert seen == [["look"], ["look", "look"]]
    holds(steps)


def test_a_reward_that_is_no_number_is_the_functions_fault():
    with pytest.raises(ValueError, match="the reward function gave nan for turn 1"):
        played(RewardFunction(parcels(), lambda steps: float("nan")), [("look", {})])


# Recording ------------------------------------------------------------------------------------------------


def test_a_recording_gives_the_trajectory_of_the_episode():
    env = Recording(parcels(), "tester")
    recorder = played(env)
    trajectory = env.get_trajectory()
    assert (trajectory.agent, trajectory.task) == ("tester", task())
    assert trajectory.opening == recorder.opening.observation
    assert [(s.turn, s.tool, s.arguments, s.result, s.error, s.terms) for s in trajectory.steps] == [
        (s.turn, s.tool, s.arguments, s.result, s.error, s.terms) for s in recorder.steps
    ]
    assert trajectory.total_reward == pytest.approx(sum(step.reward for step in recorder.steps))
    assert trajectory.outcome == env.unwrapped.outcome().as_json()
    assert [step.turn for step in played(env, CALLS[:1]).steps] == [1]
    assert len(env.get_trajectory().steps) == 1


def test_a_trajectory_is_plain_json_without_the_secret():
    env = Recording(make("flight"), "tester")
    secret = find("flight").make_task(0)
    Episode(env, secret).act("search_flights")
    record = env.get_trajectory().as_json()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert secret.secret
    assert "secret" not in record["task"]


def test_a_recording_keeps_what_was_called_whatever_form_the_action_had():
    env = Recording(parcels(), "tester")
    env.reset(options={"task": task()})
    for called in ({"verb": 0, "payload": ""}, {"tool": "look", "params": {}}, "nonsense"):
        env.step(called)
    steps = env.get_trajectory().steps
    assert [step.tool for step in steps] == ["look", "look", ""]
    assert steps[2].refused


def test_answers_that_nobody_took_do_not_pile_up_over_episodes():
    env = TimeBudget(parcels(), 100)
    for _ in range(3):
        env.reset(options={"task": task()})
        for _ in itertools.repeat(None, 4):
            env.step({"tool": "look"})
    assert len(env.unwrapped.outside.take()) == 4
