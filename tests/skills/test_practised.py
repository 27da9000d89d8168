"""Practised: a skill is verified in the world as it was set up for those from whom it was mined."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practicum.envs import find
from practicum.envs.retail.generate import write_world
from practicum.memory import Store
from practicum.skills.learning import learn
from practicum.skills.library import Library
from practicum.skills.practised import settings_of
from tests.skills.buying import KIOSK, buy, train_seeds
from tests.skills.stall_env import Stall


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    with closing(Store.open(tmp_path / "practicum.db")) as opened:
        yield opened


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "p_gone": st.sampled_from([0.0, 0.5]),
            "budget": st.integers(1, 20),
            "fruit": st.sampled_from(["apples", "pears"]),
        },
    )
)
def test_settings_are_told_by_the_tasks_that_were_made_with_them(chosen):
    assert settings_of([Stall.make_task(seed, **chosen) for seed in range(12)], Stall) == chosen


def test_what_tasks_are_drawn_with_is_no_setting():
    for kind in ("book", "cancel"):
        flight = find("flight")
        drawn = [task for task in map(flight.make_task, range(200)) if task.params["kind"] == kind]
        assert settings_of(drawn, flight) == {}
    assert settings_of([], Stall) == {}


def test_tasks_of_different_settings_tell_of_none():
    tasks = [Stall.make_task(seed, p_gone=0.5 if seed % 2 else 0.1) for seed in range(12)]
    assert settings_of(tasks, Stall) == {}


def test_a_folder_of_records_is_told_by_where_it_lies_and_by_what_it_holds(tmp_path):
    retail = find("retail")
    write_world(tmp_path / "shop", seed=5)
    tasks = [retail.make_task(seed, data=str(tmp_path / "shop")) for seed in range(8)]
    found = settings_of(tasks, retail)
    assert found == {"data": str(tmp_path / "shop"), "world": tasks[0].params["world"]}
    assert [retail.make_task(task.seed, **found) for task in tasks] == tasks


def test_a_skill_is_verified_in_the_world_that_was_practised_in(store, monkeypatch):
    asked: list[dict[str, object]] = []
    env_class = find(KIOSK)
    make_task = env_class.make_task

    def watched(seed: int, **settings: object):
        asked.append(settings)
        return make_task(seed, **settings)

    for seed in train_seeds(10):
        buy(store, seed, copies=2)
    monkeypatch.setattr(env_class, "make_task", watched)
    assert learn(store).published == ("skill_buy_ware",)
    assert asked.count({"copies": 2}) > 60, "those that were verified on, and looked through for their split"
    library = Library(store)
    [entry] = library.entries("local")
    asked.clear()
    library.quarantine(entry.skill, "by hand")
    assert "verified again" in [each.what for each in learn(store).learnt]
    assert asked.count({"copies": 2}) > 60
