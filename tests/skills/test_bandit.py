"""Bandit: it finds what suits which task, begins with the verification, and is a cache."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import _skills_choice
from benchmarks._skills_choosers import BetaTable, ByHand
from practicum.skills import bandit as bandit_module
from practicum.skills.bandit import BY_HAND, LEAST_CONTROL, Bandit, Verified, control_share, reward

values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
tasks = st.dictionaries(st.sampled_from("abc"), values | st.lists(values, max_size=3))
ARMS = {"a 1": Verified(20, 0), "b 1": Verified(20, 0)}
BOOK, CANCEL = {"kind": "book", "budget": 400}, {"kind": "cancel", "budget": 0}


def taught(*seen: tuple[dict, str, float]) -> Bandit:
    bandit = Bandit()
    for params, arm, earned in seen:
        bandit.learn(params, arm, earned)
    return bandit


def drawn(chooser, params, arms=ARMS, times=300) -> dict[str, float]:
    found = [chooser.draw(np.random.default_rng(seed), params, arms) for seed in range(times)]
    return {arm: found.count(arm) / times for arm in (*arms, BY_HAND)}


def test_each_kind_of_task_gets_the_skill_that_suits_it():
    bandit = taught(
        *[(BOOK, "a 1", 1.0), (BOOK, "b 1", 0.0), (CANCEL, "a 1", 0.0), (CANCEL, "b 1", 1.0)] * 15,
        *[(BOOK, BY_HAND, 0.6), (CANCEL, BY_HAND, 0.6)] * 5,
    )
    assert drawn(bandit, BOOK)["a 1"] > 0.95
    assert drawn(bandit, CANCEL)["b 1"] > 0.95


def test_a_new_skill_begins_with_what_its_verification_counted():
    bandit = taught(*[(BOOK, BY_HAND, 0.85)] * 20)
    good, bad = Verified(20, 0), Verified(4, 16)
    assert drawn(bandit, BOOK, {"good 1": good, "bad 1": bad})["good 1"] > 0.9


def test_evidence_overcomes_a_verification_that_promised_too_much():
    bandit = taught(*[(BOOK, BY_HAND, 0.85)] * 20, *[(BOOK, "a 1", -0.05)] * 60)
    assert drawn(bandit, BOOK, {"a 1": Verified(20, 0)})["a 1"] < 0.05


def test_what_one_skill_shows_is_believed_of_another_that_nobody_has_tried():
    bandit = taught(*[(BOOK, "a 1", 0.95), (CANCEL, "a 1", -0.05)] * 30)
    expected = [bandit.expected(params, {"new 1": Verified()})["new 1"] for params in (BOOK, CANCEL)]
    assert expected[0] > expected[1] + 0.3


def test_the_expectation_is_that_of_bayesian_regression_on_both_levels_at_once():
    """The environment's and each skill's own weights, by the normal equations of one large regression."""
    random = np.random.default_rng(3)
    seen = [({"x": bool(random.integers(2))}, f"{random.integers(2)} 1", random.random()) for _ in range(40)]
    bandit = taught(*seen)
    share = np.mean([params["x"] for params, _, _ in seen])
    task = {True: np.array([1, share - 1, 1 - share]), False: np.array([1, share, -share])}
    first_is_true = bandit.vocabulary.columns.index(("is", "x", "true")) < bandit.vocabulary.columns.index(
        ("is", "x", "false")
    )
    order = [0, 2, 1] if first_is_true else [0, 1, 2]
    names = [BY_HAND, "0 1", "1 1"]

    def row(params, arm):
        features = task[params["x"]][order]
        own = [features if arm == name else np.zeros(3) for name in names]
        return np.concatenate([features, *own])

    rows = np.array([row(params, arm) for params, arm, _ in seen])
    earned = np.array([each for _, _, each in seen])
    prior = np.diag(
        np.concatenate(
            [
                [deviations[0] ** -2, *[deviations[1] ** -2] * 2]
                for deviations in (bandit_module.SPREAD, *[bandit_module.DEVIATION] * 3)
            ]
        )
    )
    start = np.zeros(12)
    start[0] = bandit_module.EXPECTED
    noise = bandit.noise({"0 1": Verified(), "1 1": Verified()}) ** 2
    weights = np.linalg.solve(rows.T @ rows / noise + prior, rows.T @ earned / noise + prior @ start)
    expected = bandit.expected({"x": True}, {"0 1": Verified(), "1 1": Verified()})
    assert expected == pytest.approx({name: row({"x": True}, name) @ weights for name in names})


def test_equal_seeds_draw_alike():
    bandit = taught((BOOK, "a 1", 1.0), (BOOK, "b 1", 0.9))
    draws = [[bandit.draw(np.random.default_rng(s), BOOK, ARMS) for s in range(20)] for _ in range(2)]
    assert draws[0] == draws[1]
    assert len(set(draws[0])) > 1


seen_once = st.tuples(
    st.fixed_dictionaries({"kind": st.sampled_from("abc"), "n": st.integers(0, 20)}),
    st.sampled_from([BY_HAND, "a 1", "b 1"]),
    st.floats(-0.5, 1),
)


@given(st.lists(seen_once, max_size=30), st.randoms(use_true_random=False))
def test_it_is_a_cache_whatever_the_order_and_through_json(history, shuffler):
    bandit = taught(*history)
    shuffled = list(history)
    shuffler.shuffle(shuffled)
    kept = Bandit.from_json(json.loads(json.dumps(bandit.as_json())))
    task = {"kind": "a", "n": 7}
    before = bandit.expected(task, ARMS)
    assert kept.expected(task, ARMS) == before
    assert taught(*shuffled).expected(task, ARMS) == pytest.approx(before, abs=1e-6)
    assert all(math.isfinite(value) for value in before.values())


@given(st.lists(st.tuples(tasks, st.sampled_from([BY_HAND, "a 1"]), st.floats(-1, 1)), max_size=30), tasks)
def test_whatever_tasks_are_made_of_something_is_drawn(history, task):
    bandit = taught(*history)
    assert bandit.draw(np.random.default_rng(1), task, ARMS) in {*ARMS, BY_HAND}
    assert all(map(math.isfinite, bandit.expected(task, ARMS).values()))


def test_a_number_far_off_does_not_upset_the_rest():
    bandit = taught(
        *[(BOOK, "a 1", 1.0), (CANCEL, "a 1", 0.0)] * 20, ({**BOOK, "budget": 10**17}, "a 1", 1.0)
    )
    expected = [bandit.expected(params, {"a 1": Verified()})["a 1"] for params in (BOOK, CANCEL)]
    assert expected[0] > 0.9
    assert expected[1] < 0.1


def test_success_is_worth_more_than_any_number_of_decisions_saved():
    assert reward(success=True, decisions=50) > reward(success=False, decisions=1)
    assert reward(success=True, decisions=1) > reward(success=True, decisions=8)


def test_the_control_group_shrinks_with_the_root_of_the_sessions_down_to_its_least():
    assert [control_share(n) for n in (1, 4, 100)] == [1, 0.5, 0.1]
    assert control_share(10**6) == LEAST_CONTROL


@pytest.mark.parametrize("keyed", [True, False])
def test_a_table_learns_too_and_only_with_keys_what_suits_which_task(keyed):
    table = BetaTable(keyed=keyed)
    for _ in range(40):
        for params, arm, earned in ((BOOK, "a 1", 1.0), (CANCEL, "a 1", 0.0), (BOOK, BY_HAND, 0.6)):
            table.learn(params, arm, earned)
    arms = {"a 1": Verified()}
    assert (drawn(table, BOOK, arms)["a 1"] > 0.9) == keyed
    assert drawn(ByHand(), BOOK, arms)[BY_HAND] == 1


def test_it_loses_less_than_tables_and_than_going_by_hand():
    rounds = 400
    lost = {name: _skills_choice.regret(make(), 1, rounds) for name, make in _skills_choice.CHOOSERS.items()}
    assert lost["linear"] < lost["keyed"] < lost["beta"]
    assert lost["linear"] < lost["by_hand"] / 2
