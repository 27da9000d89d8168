"""Features: which columns a task's parameters give, and sums that forget what turned out not to matter."""

from __future__ import annotations

import json
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from practicum.skills.features import FEW, LARGEST_SIZE, Moments, Vocabulary

values = st.none() | st.booleans() | st.integers(0, 12) | st.floats() | st.sampled_from("abcdefghijkl")
tasks = st.dictionaries(st.sampled_from(["kind", "budget", "stops"]), values | st.lists(values, max_size=3))


def met(*given_tasks: dict) -> Vocabulary:
    vocabulary = Vocabulary()
    for task in given_tasks:
        vocabulary.meet(task)
    return vocabulary


def named(vocabulary: Vocabulary, task: dict) -> dict[str, float]:
    vector = vocabulary.vector(task)
    return {
        " ".join(vocabulary.columns[place]): vector[place] for place in vocabulary.used() if vector[place]
    }


def test_a_parameter_of_few_values_counts_by_its_value():
    vocabulary = met({"kind": "book", "hints": True}, {"kind": "cancel", "hints": False})
    assert named(vocabulary, {"kind": "cancel", "hints": True}) == {
        "one": 1,
        'is kind "cancel"': 1,
        "is hints true": 1,
    }


def test_a_parameter_of_many_values_counts_by_whether_it_holds_anything_and_by_its_size():
    vocabulary = met(*({"budget": 10 * n, "to": f"city {n}"} for n in range(FEW + 1)))
    assert named(vocabulary, {"budget": 70, "to": "elsewhere"}) == {
        "one": 1,
        "holds budget": 1,
        "size budget": math.log(71),
        "holds to": 1,
    }
    assert named(vocabulary, {"budget": 0, "to": ""}) == {"one": 1}


def test_a_value_never_met_is_no_feature():
    assert named(met({"kind": "book"}), {"kind": "refund", "new": 3}) == {"one": 1}


def test_a_long_text_is_no_value_of_few():
    assert ("is", "text", json.dumps("x" * 100)) not in met({"text": "x" * 100}).columns


def test_a_list_counts_as_long_and_a_number_is_bounded():
    vocabulary = met(*({"n": 10.0**power, "items": list(range(power))} for power in range(FEW + 2)))
    found = named(vocabulary, {"n": -math.inf, "items": [1, 2, 3]})
    assert (found["size n"], found["size items"]) == (-math.log1p(LARGEST_SIZE), math.log(4))


@given(st.lists(tasks, max_size=30), tasks)
def test_any_task_gives_finite_features_and_json_keeps_them(history, task):
    vocabulary = met(*history)
    vector = vocabulary.vector(task)
    assert np.isfinite(vector).all()
    again = Vocabulary.from_json(json.loads(json.dumps(vocabulary.as_json())))
    assert again.columns == vocabulary.columns
    assert again.used() == vocabulary.used()
    assert (again.vector(task) == vector).all()


@given(st.lists(st.tuples(tasks, st.integers(0, 1)), min_size=1, max_size=40))
def test_sums_grown_and_cut_on_the_way_are_those_over_the_columns_that_are_left(history):
    vocabulary, moments = Vocabulary(), Moments()
    for task, earned in history:
        moments.drop(vocabulary.meet(task))
        moments.add(vocabulary.vector(task), earned)
    rows = np.array([vocabulary.vector(task) for task, _ in history])
    earned = np.array([earned for _, earned in history])
    assert np.allclose(moments.products, rows.T @ rows)
    assert np.allclose(moments.earned, rows.T @ earned)


@given(st.lists(tasks, max_size=20))
def test_moments_survive_json(history):
    vocabulary, moments = met(*history), Moments()
    for task in history:
        moments.add(vocabulary.vector(task), 0.5)
    again = Moments.from_json(json.loads(json.dumps(moments.as_json())))
    assert (again.products == moments.products).all()
    assert (again.earned == moments.earned).all()
