"""Noise lets calls fail, loses answers and blurs numbers, and the world below stays the same."""

import pytest

from practicum.envs import Episode, Outcome, ToolEnv, UsageError, action, make
from practicum.envs.wrappers import FAILED, LOST, Noise
from tests.envs.playing import parcels, played, task


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


def test_two_noises_of_a_kind_fail_independently():
    calls = [("look", {})] * 30
    once = played(Noise(parcels(), failing=0.5), calls).steps
    twice = played(Noise(Noise(parcels(), failing=0.5), failing=0.5), calls).steps
    assert [step.refused for step in twice] != [step.refused for step in once]


@pytest.mark.parametrize("noise", [{"failing": 1.5}, {"lost": -0.1}, {"jitter": float("nan")}])
def test_noise_beyond_its_bounds_is_refused(noise):
    with pytest.raises(UsageError, match=f"noise {next(iter(noise))!r} is .*; expected a number from 0 to 1"):
        Noise(parcels(), **noise)
