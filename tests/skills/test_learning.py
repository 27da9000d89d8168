"""Learning: sessions in, verified skills out, one process at a time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from practicum.envs import find
from practicum.memory import Log, Store, forget
from practicum.memory.leases import take_lease
from practicum.skills.constants import constants_of
from practicum.skills.jobs import mined, part_job
from practicum.skills.learning import LEASE, LEASE_S, learn
from practicum.skills.library import EVERY, Library
from practicum.skills.proving import prove
from practicum.skills.segments import Occurrence, Segment
from practicum.skills.trials import Limits
from tests.skills.buying import KIOSK, buy, buy_with, steps_of, train_seeds


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    with closing(Store.open(tmp_path / "practicum.db")) as opened:
        yield opened


@pytest.fixture
def library(store) -> Library:
    return Library(store)


@pytest.fixture
def kiosk(monkeypatch):
    """The world, for changing it in a test."""
    return lambda **changes: [monkeypatch.setattr(find(KIOSK), name, each) for name, each in changes.items()]


def whats(done) -> list[str]:
    return [each.what for each in done.learnt]


def test_what_agents_did_becomes_a_published_skill_that_does_it(store, library):
    for seed in train_seeds(10):
        buy(store, seed)
    done = learn(store)
    assert (done.sessions, done.published) == (10, ("skill_buy_ware",))
    assert "skill_buy_ware: published" in "\n".join(done.lines())
    [entry] = library.shown("local", "kiosk")
    assert (entry.hits, entry.misses) == (20, 0)
    assert "20 of 20 tasks never seen before" in entry.skill.description
    assert [event.kind for event in library.history("skill_buy_ware")] == ["mined", "verified", "published"]
    last = steps_of(entry.skill, 1001)[-1]
    assert last.outcome["success"]


def test_nothing_is_read_twice_and_a_program_is_published_once(store, library):
    for seed in train_seeds(10):
        buy(store, seed)
    learn(store)
    assert learn(store) == type(learn(store))()
    for seed in train_seeds(30, first=500):
        buy(store, seed)
    assert whats(learn(store)) == ["known"]
    buy(store, train_seeds(1, first=3000)[0])
    assert whats(learn(store)) == []
    assert whats(learn(store, anew=True)) == ["known"]
    assert len(library.entries("local", statuses=EVERY)) == 1


def test_too_little_is_left_alone_until_there_is_more(store):
    for seed in train_seeds(2):
        buy(store, seed)
    assert whats(learn(store)) == ["left alone"]
    for seed in train_seeds(6, first=100):
        buy(store, seed)
    assert whats(learn(store)) == ["published"]


def test_a_round_is_skipped_while_another_process_is_at_it(store):
    for seed in train_seeds(5):
        buy(store, seed)
    with Log(store).writing() as connection:
        take_lease(connection, LEASE, "another", now=0.0, until=1000.0)
    assert learn(store, clock=lambda: 999.0).skipped
    assert list(learn(store, clock=lambda: 999.0).lines()) == [
        "another process is learning from this database already"
    ]
    assert not learn(store, clock=lambda: 1000.0).skipped


def test_several_processes_that_learn_at_once_make_one_skill(store, library):
    for seed in train_seeds(10):
        buy(store, seed)
    command = [sys.executable, "-m", "practicum", "skills", "mine", "--json", "--db", str(store.path)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    rounds = [json.loads(process.communicate(timeout=60)[0]) for process in processes]
    assert sum(each["what"] == "published" for done in rounds for each in done["learnt"]) == 1
    assert [entry.skill.name for entry in library.entries("local", statuses=EVERY)] == ["skill_buy_ware"]


def test_a_process_that_died_holds_up_the_others_no_longer_than_its_lease(store):
    class Died(BaseException):
        pass

    def die(done, total):
        raise Died

    now = [0.0]
    buy(store, train_seeds(1)[0])
    with Log(store).writing() as connection:
        assert take_lease(connection, LEASE, "died", now=0.0, until=LEASE_S)
    assert learn(store, clock=lambda: now[0]).skipped
    now[0] = LEASE_S
    with pytest.raises(Died):
        learn(store, clock=lambda: now[0], progress=die)
    assert not learn(store, clock=lambda: now[0]).skipped


def test_only_the_environments_that_are_asked_for_are_learned(store):
    for seed in train_seeds(5):
        buy(store, seed)
    assert learn(store, envs=["flight"]).sessions == 0
    assert learn(store, envs=["kiosk"]).sessions == 5


def test_a_skill_in_quarantine_comes_back_when_it_works(store, library):
    for seed in train_seeds(10):
        buy(store, seed)
    learn(store)
    [entry] = library.entries("local")
    library.quarantine(entry.skill, "by hand")
    assert whats(learn(store)) == ["verified again"]
    assert [each.status for each in library.entries("local")] == ["published"]


def test_a_skill_in_quarantine_is_retired_where_its_world_has_changed(store, library, kiosk):
    for seed in train_seeds(10):
        buy(store, seed)
    learn(store)
    [entry] = library.entries("local")
    kiosk(in_basket="bag")
    seeds = iter(train_seeds(20, first=1000))
    while library.entries("local"):
        buy_with(library, entry.skill, next(seeds))
    assert "retired" in whats(learn(store))
    of_the_first = [each.kind for each in library.history("skill_buy_ware") if each.body["version"] == 1]
    assert of_the_first[-2:] == ["quarantined", "retired"]


def test_what_an_agent_finished_by_hand_is_learned_at_once(store, library, kiosk):
    for seed in train_seeds(10):
        buy(store, seed)
    learn(store)
    [first] = library.entries("local")
    kiosk(strict=True)
    for seed in train_seeds(4, first=1000):
        buy_with(library, first.skill, seed)
    done = learn(store)
    assert "published" in whats(done)
    [entry] = library.entries("local")
    assert (entry.skill.name, entry.skill.version) == (first.skill.name, 2)
    assert steps_of(entry.skill, 2001)[-1].outcome["success"]


def test_a_program_that_does_not_do_its_job_is_rejected_and_not_tried_again_at_once(store, library, kiosk):
    for seed in train_seeds(10):
        buy(store, seed)
    kiosk(in_basket="bag")
    assert whats(learn(store))[0] == "rejected"
    assert whats(learn(store, anew=True))[0] == "known"
    assert library.entries(None, statuses=EVERY) == []


def test_a_part_that_many_sessions_share_is_judged_on_sessions_held_out(store, library):
    ids = [buy(store, seed) for seed in train_seeds(45)]
    calls = ("find_ware?", "take")
    occurrences = tuple(Occurrence(session_id, 1, 2) for session_id in ids)
    job = part_job([Segment("kiosk", calls, 45, 100, occurrences)], "local", find(KIOSK), KIOSK)
    found = mined(store, job)
    assert not set(found.mined_from) & set(found.held_out)
    assert prove(library, found, Limits()).what == "published"
    [entry] = library.entries("local")
    assert (entry.skill.name, entry.hits, entry.misses) == ("skill_take", 20, 0)
    assert "a part of the job" in entry.skill.description
    assert [step.tool for step in steps_of(entry.skill, 1001)] == ["find_ware", "take"]
    library.quarantine(entry.skill, "by hand")
    assert "verified again" in whats(learn(store))


def test_what_one_principal_planted_never_enters_anothers_skill(store, library):
    for seed in train_seeds(12):
        buy(store, seed, "mallory", wrapping="red", card_token="tok_66666666")
        buy(store, seed, "ann")
    learn(store)
    [own] = [entry for entry in library.entries("ann") if entry.principal == "ann"]
    assert "wrap" not in own.skill.tools
    assert "tok_66666666" not in str(own.skill.as_json())
    assert [entry.principal for entry in library.entries("ann")] == ["ann"]


def test_forgetting_the_sessions_that_a_skill_came_from_takes_the_skill_along(store, library):
    ids = [buy(store, seed) for seed in train_seeds(10)]
    learn(store)
    [entry] = library.entries("local")
    assert forget(store, ids[:5]).skills == ()
    assert len(library.entries("local")) == 1
    assert forget(store, ids[5:]).skills == ("skill_buy_ware version 1",)
    assert library.entries("local", statuses=EVERY) == library.shown("local", "kiosk") == []
    assert entry.skill.hash not in str(store.read("SELECT * FROM skill_versions"))
    assert library.history("skill_buy_ware")[-1].body["reason"] == "its sessions are forgotten"


def test_a_constant_that_too_few_sessions_still_show_is_mined_anew_without(store, library):
    wrapped = [buy(store, seed, wrapping="green") for seed in train_seeds(10)]
    learn(store)
    [entry] = library.entries("local")
    assert "green" in [each.value for each in constants_of(entry.skill)]
    forget(store, wrapped[:8])
    assert library.entries("local") == []
    for seed in train_seeds(10, first=500):
        buy(store, seed, wrapping="red")
    learn(store)
    [again] = library.entries("local")
    assert (again.skill.name, again.skill.version) == ("skill_buy_ware_2", 1)
    assert "green" not in str(again.skill.as_json())
