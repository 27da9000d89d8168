"""Worlds keep their promises: equal calls give equal episodes, refusals change nothing, rewards add up."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from practicum.envs import Episode

PARCEL = st.sampled_from(["P0", "P1", "P2", "P9", ""])
LOCKER = st.sampled_from(["L0", "L1", "L2", "L9"])
CALLS = st.lists(
    st.one_of(
        st.just(("look", {})),
        st.tuples(st.just("store"), st.fixed_dictionaries({"parcel": PARCEL, "locker": LOCKER})),
        st.tuples(st.just("take_out"), st.fixed_dictionaries({"parcel": PARCEL})),
        st.tuples(
            st.sampled_from(["look", "store", "take_out"]),
            st.dictionaries(
                st.sampled_from(["parcel", "locker", "size"]), st.none() | st.integers() | PARCEL
            ),
        ),
    ),
    max_size=30,
)


def watched(env_class, task, calls):
    """The steps of an episode, with the world and generator before and after each."""
    env = env_class()
    episode = Episode(env, task)
    steps = []
    for tool, arguments in calls:
        if episode.over:
            break
        before = fingerprint(env)
        steps.append((before, episode.act(tool, arguments), fingerprint(env)))
    return steps, episode


def fingerprint(env):
    return json.dumps([env.world(), str(env.np_random.bit_generator.state)])


@given(st.integers(0, 50), CALLS)
def test_equal_calls_give_an_equal_episode(parcels, seed, calls):
    task = parcels.make_task(seed)
    assert watched(parcels, task, calls)[0] == watched(parcels, task, calls)[0]


@given(st.integers(0, 50), CALLS)
def test_refused_and_read_only_calls_leave_world_and_chance_alone(parcels, seed, calls):
    for before, step, after in watched(parcels, parcels.make_task(seed), calls)[0]:
        if step.refused or step.read_only:
            assert before == after


@given(st.integers(0, 50), CALLS)
def test_a_reward_is_the_sum_of_its_terms_and_the_return_the_sum_of_rewards(parcels, seed, calls):
    steps, episode = watched(parcels, parcels.make_task(seed), calls)
    for _, step, _ in steps:
        assert step.reward == sum(step.terms.values())
        assert set(step.terms) <= set(parcels.rewards)
        assert ("refused" in step.terms) == step.refused
    assert episode.total_reward == pytest.approx(sum(step.reward for _, step, _ in steps))


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_the_example_can_be_solved(parcels, seed):
    episode = Episode(parcels(), parcels.make_task(seed))
    depot = episode.act("look").result
    lockers = sorted(depot["lockers"], key=depot["lockers"].get)
    for parcel, locker in zip(sorted(depot["parcels"], key=depot["parcels"].get), lockers, strict=True):
        step = episode.act("store", {"parcel": parcel, "locker": locker})
    assert step.terminated
    assert step.outcome == {"success": True, "violations": [], "regret": None}
    assert step.terms == {"stored": 0.05, "solved": 1.0, "step": -0.01}
