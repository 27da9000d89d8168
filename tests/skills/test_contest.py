"""Contest: of two versions the one stays that does more, be the other ever so right on the few it is for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import count, islice

import pytest

from practicum.envs import Task, find
from practicum.memory import Store
from practicum.skills.contest import TASKS, more_done
from practicum.skills.language import Skill
from practicum.skills.learning import learn
from practicum.skills.library import EVERY, Library
from tests.skills.buying import KIOSK, buy, train_seeds

APPLES = ({"eq": [{"param": "ware"}, {"const": "apple"}]},)


def tasks(wares: str = "") -> Iterator[Task]:
    every = (find(KIOSK).make_task(seed) for seed in count(10_000))
    return (task for task in every if not wares or task.params["ware"] in wares.split())


@pytest.fixture(scope="module")
def buys(tmp_path_factory) -> Skill:
    """What is learned of agents who bought all sorts of wares."""
    with closing(Store.open(tmp_path_factory.mktemp("kiosk") / "practicum.db")) as store:
        for seed in train_seeds(10):
            buy(store, seed)
        learn(store)
        [entry] = Library(store).entries("local")
    return entry.skill


@pytest.fixture
def few(buys) -> Skill:
    """The same for apples alone, always right on those."""
    return replace(buys, pre=(*buys.pre, *APPLES))


def test_who_takes_on_more_tasks_does_more_of_them(buys, few):
    gain = more_done(buys, few, find(KIOSK), tasks())
    assert gain == sum(task.params["ware"] != "apple" for task in islice(tasks(), TASKS))
    assert more_done(few, buys, find(KIOSK), tasks()) == -gain


def test_who_does_the_same_does_no_more(buys, few):
    assert more_done(buys, few, find(KIOSK), tasks("apple")) == 0


def test_tasks_that_neither_does_do_not_count(few):
    dates = replace(few, pre=({"eq": [{"param": "ware"}, {"const": "dates"}]},))
    assert more_done(few, dates, find(KIOSK), tasks("bread candle dates")) == -TASKS


def test_a_task_that_is_done_wrong_is_not_done(buys):
    always_one = json.dumps(buys.body).replace('{"param": "copies"}', '{"const": 1}')
    one = replace(buys, body=tuple(json.loads(always_one)))
    asked_for = [task.params["copies"] for task in islice(tasks(), TASKS)]
    assert more_done(one, buys, find(KIOSK), tasks()) == -sum(copies > 1 for copies in asked_for)


@pytest.mark.parametrize(("before", "versions"), [("few", [2]), ("buys", [1])])
def test_a_version_follows_where_it_takes_on_more_and_not_otherwise(
    tmp_path, request, buys, before, versions
):
    first: Skill = request.getfixturevalue(before)
    first = replace(first, max_calls=first.max_calls - 1)
    with closing(Store.open(tmp_path / "practicum.db")) as store:
        library = Library(store)
        library.add(first, "local")
        assert library.verified(first, hits=20, misses=0, about={})
        assert library.publish(first)
        for seed in train_seeds(10):
            buy(store, seed)
        done = learn(store)
        assert ("it is no better than" in done.learnt[0].why) == (versions == [1])
        assert [each.skill.version for each in library.entries("local")] == versions
        assert len(library.entries("local", statuses=EVERY)) == len(versions) + len(done.published)
