"""Wrappers go around a world in any order, and what is played in them replays."""

import itertools
import json
import sys
import types
from pathlib import Path

import gymnasium
import pytest
from gymnasium.wrappers import OrderEnforcing, RecordEpisodeStatistics, TimeLimit, TransformReward
from hypothesis import given, settings
from hypothesis import strategies as st

from practicum.envs import Episode, ListRecorder, Outcome, ToolEnv, UsageError, action, find, make, register
from practicum.envs.check import check
from practicum.envs.episodes import Step
from practicum.envs.outside import Answer, ReplayedOutside
from practicum.envs.registry import lasting_name
from practicum.envs.wrappers import FAILED, LOST, Noise, Recording, RewardFunction, TimeBudget

ROOT = Path(__file__).resolve().parents[2]
PARCELS = f"{ROOT / 'examples' / 'parcel_lockers.py'}:ParcelLockers"
CALLS = [
    ("look", {}),
    ("store", {"parcel": "P9", "locker": "L0"}),
    ("store", {"parcel": "P0", "locker": "L0"}),
]


def parcels(**options):
    return find(PARCELS)(**options)


def task(seed=0, **more):
    return find(PARCELS).make_task(seed, **more)


def played(env, calls=CALLS * 5, seed=0):
    """The steps of an episode, to its end or the last call."""
    recorder = ListRecorder()
    episode = Episode(env, task(seed), recorder=recorder)
    for tool, arguments in calls:
        if not episode.over:
            episode.act(tool, arguments)
    return recorder


def replayed(env, recorder):
    """The same calls with the same answers from outside."""
    env.unwrapped.outside = ReplayedOutside(
        [*recorder.opening.outside, *(answer for step in recorder.steps for answer in step.outside)]
    )
    return played(env, [(step.tool, step.arguments) for step in recorder.steps], recorder.opening.task.seed)


def holds(steps):
    assert [step.turn for step in steps] == list(range(1, len(steps) + 1))
    assert all(step.reward == sum(step.terms.values()) for step in steps)
    assert all(not (step.terminated and step.truncated) for step in steps)
    assert not any(step.done for step in steps[:-1])
    if steps[-1].done:
        assert steps[-1].outcome is not None


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


# Noise ----------------------------------------------------------------------------------------------------


def test_a_failing_call_is_refused_and_leaves_the_world_alone():
    env = Noise(parcels(), failing=1.0)
    episode = Episode(env, task())
    before = env.unwrapped.world()
    step = episode.act("store", {"parcel": "P0", "locker": "L0"})
    assert (step.error, step.terms) == (FAILED, {"refused": -0.05, "step": -0.01})
    assert env.unwrapped.world() == before
    assert not env.unwrapped.state.stored


def test_a_lost_answer_was_played():
    env = Noise(make("gym:CartPole-v1"), lost=1.0)
    episode = Episode(env, env.unwrapped.make_task(0))
    step = episode.act("act", {"action": 1})
    assert (step.result, step.error, step.reward) == (LOST, None, 1.0)
    assert env.unwrapped.state.steps == 1
    assert episode.act("act", {"action": 7}).refused


def test_jitter_blurs_decimal_numbers_and_nothing_else():
    clear, env = make("gym:FrozenLake-v1"), Noise(make("gym:FrozenLake-v1"), jitter=0.5)
    assert Episode(env, clear.make_task(0)).opening.observation == clear.reset(seed=0)[0]
    bare, blurred = make("gym:CartPole-v1"), Noise(make("gym:CartPole-v1"), jitter=0.01)
    opening = Episode(blurred, bare.make_task(0)).opening.observation
    assert opening == pytest.approx(bare.reset(seed=0)[0], rel=0.1)
    assert opening != bare.reset(seed=0)[0]


class Dice(ToolEnv[list[int]]):
    """Throw."""

    name = "dice"

    def begin(self) -> list[int]:
        return []

    @action
    def throw(self) -> int:
        """Throw the dice."""
        self.state.append(int(self.np_random.integers(1, 7)))
        return self.state[-1]

    def is_done(self) -> bool:
        return False

    def outcome(self) -> Outcome:
        return Outcome(False)


def test_a_noisy_world_draws_what_the_bare_one_draws():
    throws = []
    for env in (Dice(), Noise(Dice(), failing=0.5)):
        episode = Episode(env, Dice.make_task(3))
        steps = [episode.act("throw") for _ in range(20)]
        throws.append([step.result for step in steps if not step.refused])
    clean, noisy = throws
    assert len(set(clean)) > 2
    assert 0 < len(noisy) < len(clean)
    assert noisy == clean[: len(noisy)]


def test_noise_differs_from_task_to_task_and_from_noise_to_noise():
    def errors(seed, **noise):
        calls = [("look", {})] * 30
        return [step.refused for step in played(Noise(parcels(), **noise), calls, seed).steps]

    assert errors(0, failing=0.5) == errors(0, failing=0.5)
    assert errors(0, failing=0.5) != errors(1, failing=0.5)
    assert errors(0, failing=0.5) != errors(0, failing=0.5, jitter=0.1)


@pytest.mark.parametrize("noise", [{"failing": 1.5}, {"lost": -0.1}, {"jitter": float("nan")}])
def test_noise_beyond_its_bounds_is_refused(noise):
    with pytest.raises(UsageError, match=f"noise {next(iter(noise))!r} is .*; expected a number from 0 to 1"):
        Noise(parcels(), **noise)


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


# By name --------------------------------------------------------------------------------------------------


def test_a_world_is_wrapped_by_its_name():
    env_class = find(f"{PARCELS}+step_limit=3+failing=1")
    assert (env_class.env_id(), env_class.make_task(4)) == ("parcels-v1", task(4))
    steps = played(env_class(), [("look", {})] * 3).steps
    assert [step.error for step in steps] == [FAILED] * 3
    assert steps[-1].truncated
    holds(steps)


def test_a_task_has_the_same_hash_and_split_whatever_is_around_its_world():
    for name in ("flight", "flight+failing=0.2", "flight-v1+time_budget=5+lost=0.1"):
        assert find(name).make_task(7).hash == find("flight").make_task(7).hash


@pytest.mark.parametrize(
    "name",
    [
        "flight+time_budget=600+failing=0.2+lost=0.1",
        "flight+jitter=0.1+step_limit=20",
        f"{PARCELS}+failing=0.3",
        "gym:FrozenLake-v1+lost=0.3+step_limit=30",
        "gym:Pendulum-v1+jitter=0.2+time_budget=600",
    ],
)
def test_a_wrapped_world_keeps_the_contract(name):
    assert check(find(name)) == []


@pytest.fixture
def shaping(monkeypatch):
    module = types.ModuleType("shaping_rules")
    module.per_turn = lambda steps: len(steps) / 10
    monkeypatch.setitem(sys.modules, "shaping_rules", module)
    return "shaping_rules:per_turn"


def test_a_reward_function_is_named_by_its_place(shaping):
    env_class = find(f"{PARCELS}+reward={shaping}")
    steps = played(env_class(), [("look", {})] * 3).steps
    assert [step.terms["shaped"] for step in steps] == [0.1, 0.2, 0.3]
    assert check(env_class) == []


def test_the_lasting_name_is_versioned_and_its_files_are_absolute(tmp_path, monkeypatch, shaping):
    monkeypatch.chdir(ROOT)
    (tmp_path / "rules.py").write_text("def fair(steps):\n    return 0.0\n")
    bare = "examples/parcel_lockers.py:ParcelLockers"
    assert lasting_name(bare) == PARCELS
    assert lasting_name("flight+failing=0.2") == "flight-v1+failing=0.2"
    assert lasting_name("gym:CartPole+lost=0.1") == "gym:CartPole-v1+lost=0.1"
    assert lasting_name(f"flight+reward={shaping}") == f"flight-v1+reward={shaping}"
    name = lasting_name(f"{bare}+reward={tmp_path}/rules.py:fair+step_limit=3")
    assert name == f"{PARCELS}+reward={tmp_path}/rules.py:fair+step_limit=3"
    monkeypatch.chdir(tmp_path)
    assert find(name).env_id() == "parcels-v1"


def test_the_lasting_name_of_an_environment_of_ones_own_is_its_id():
    register("test-project/my-parcels", find(PARCELS))
    assert lasting_name("test-project/my-parcels") == "test-project/my-parcels"
    assert isinstance(make("test-project/my-parcels"), find(PARCELS))


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("flight+time_budge=3", "no wrapper 'time_budge'; did you mean 'time_budget'"),
        ("flight+time_budget=soon", "what stands after time_budget= should be a valid number"),
        ("flight+time_budget=0", "what stands after time_budget= should be greater than 0"),
        ("flight+step_limit=1.5", "what stands after step_limit= should be a valid integer"),
        ("flight+failing=2", "should be less than or equal to 1"),
        ("flight+reward=json:nothing", "'json' has no function 'nothing'"),
        ("flight+reward=no_such_module:f", "cannot import 'no_such_module'"),
        ("flihgt+failing=0.1", "no environment 'flihgt'; did you mean 'flight'"),
    ],
)
def test_a_name_that_means_no_wrapper_is_one_line(name, complaint):
    with pytest.raises(UsageError, match=complaint) as refusal:
        find(name)
    assert "\n" not in str(refusal.value)


def test_answers_that_nobody_took_do_not_pile_up_over_episodes():
    env = TimeBudget(parcels(), 100)
    for _ in range(3):
        env.reset(options={"task": task()})
        for _ in itertools.repeat(None, 4):
            env.step({"tool": "look"})
    assert len(env.unwrapped.outside.take()) == 4
