"""The library: how skills come, are seen, are judged by their uses, and go."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from practicum.memory import Store
from practicum.memory.skill_rows import read_skills
from practicum.skills.interpreter import Finish
from practicum.skills.library import HALF_LIFE, MOST_SHOWN, Library, use_of, verdict
from tests.skills.lockers import a_skill, begin, published, use


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    with closing(Store.open(tmp_path / "practicum.db", busy_timeout_s=0.05)) as opened:
        yield opened


@pytest.fixture
def library(store) -> Library:
    return Library(store)


def names(entries) -> list[str]:
    return [entry.skill.name for entry in entries]


def status(library, skill) -> str:
    return {(row.name, row.version): row.status for row in read_skills(library.store)}[
        skill.name, skill.version
    ]


def kinds(library, name) -> list[str]:
    return [event.kind for event in library.history(name)]


def test_a_skill_comes_as_a_candidate_and_is_published_once_it_is_verified(library):
    skill = a_skill()
    library.add(skill, "local", support=5)
    assert library.entries("local") == []
    assert not library.publish(skill)
    assert library.verified(skill, hits=24, misses=1, about={"e_value": 31.0})
    assert library.publish(skill)
    [entry] = library.entries("local", "parcels")
    assert (entry.skill, entry.status, entry.hits, entry.misses, entry.shared) == (
        skill, "published", 24, 1, False,
    )  # fmt: skip
    assert kinds(library, skill.name) == ["mined", "verified", "published"]
    assert library.history(skill.name)[1].body["e_value"] == 31.0


def test_a_version_never_changes_and_a_name_and_version_is_given_once(library, store):
    published(library, a_skill())
    with pytest.raises(sqlite3.IntegrityError, match="skill version exists"):
        library.add(a_skill(locker="L1"), "local")
    for change in ("UPDATE skill_versions SET body = '{}'", "DELETE FROM skill_versions"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            store.connection.execute(change)
    assert library.get("skill_store", "local").skill.hash == a_skill().hash


def test_a_skill_is_its_principals_alone_until_it_is_promoted(library):
    skill = published(library, a_skill(), "ann")
    assert library.get(skill.name, "bob") is None
    assert library.entries("bob") == []
    assert library.shown("bob", "parcels") == []
    assert library.promote(skill)
    assert names(library.entries("bob")) == names(library.shown("bob", "parcels")) == [skill.name]
    assert library.get(skill.name, "bob").shared


def test_the_environment_filters_by_its_short_name_or_with_its_version(library):
    published(library, a_skill())
    assert [len(library.entries("local", env)) for env in ("parcels", "parcels-v1", "parcels-v2")] == [
        1,
        1,
        0,
    ]


def test_a_newer_version_takes_the_place_of_those_before_it(library):
    old, new = published(library, a_skill()), published(library, a_skill(version=2, locker="L1"))
    assert status(library, old) == "retired"
    assert library.get("skill_store", "local").skill == new
    assert library.history("skill_store")[-1].body["reason"] == "version 2 follows it"


def test_what_is_retired_stays_retired(library):
    skill = published(library, a_skill())
    assert library.retire(skill, "by hand")
    assert not library.publish(skill)
    assert not library.verified(skill, hits=20, misses=0, about={})
    assert not library.quarantine(skill, "again")
    assert library.entries("local") == []
    assert kinds(library, skill.name)[-1] == "retired"


def test_a_candidate_that_does_not_pass_is_remembered_without_a_name(library):
    library.reject(a_skill(), "ann", support=5, about={"hits": 3, "misses": 9})
    assert library.rejected("ann") == {a_skill().hash: 5}
    assert library.rejected("bob") == {}
    assert library.versions() == {}


def test_a_program_whose_session_was_forgotten_meanwhile_is_not_written(library, store):
    kept = begin(store)[0]
    assert not library.add(a_skill(), "local", witnesses={"": [kept, "0" * 32]})
    assert library.versions() == {}
    assert library.add(a_skill(), "local", witnesses={"": [kept]})


# What is shown ----------------------------------------------------------------------------------------


def test_at_most_three_are_shown_the_best_and_a_list_changes_at_its_end(library):
    rates = {"skill_a": 10, "skill_b": 18, "skill_c": 19, "skill_d": 20}
    seen = []
    for number, (name, hits) in enumerate(rates.items()):
        skill = a_skill(name, locker=f"L{number}")
        library.add(skill, "local")
        library.verified(skill, hits=hits, misses=20 - hits, about={})
        library.publish(skill)
        seen.append(names(library.shown("local", "parcels")))
    assert seen[2] == ["skill_a", "skill_b", "skill_c"]
    assert seen[3] == ["skill_b", "skill_c", "skill_d"]
    assert len(seen[3]) == MOST_SHOWN
    assert len(library.entries("local")) == 4


def test_a_list_changes_only_when_a_skill_is_published_promoted_quarantined_or_retired(library, store):
    four = [published(library, a_skill(f"skill_{n}", locker=f"L{n}")) for n in range(4)]
    before = names(library.shown("local", "parcels"))
    change = library.last_change()
    for _ in range(3):
        use(library, four[3])
    library.add(a_skill("skill_new", locker="L9"), "local")
    library.verified(a_skill("skill_new", locker="L9"), hits=40, misses=0, about={})
    assert names(library.shown("local", "parcels")) == before
    assert library.last_change() == change
    library.retire(four[0], "by hand")
    assert names(library.shown("local", "parcels")) == ["skill_1", "skill_2", "skill_3"]
    assert library.last_change() > change


def test_the_rank_decays_with_disuse_and_the_evidence_does_not(library, store):
    idle = published(library, a_skill("skill_idle"))
    rest = [published(library, a_skill(f"skill_{n}", locker=f"L{n}")) for n in range(2)]
    for _ in range(HALF_LIFE // 4):
        begin(store)
    for skill in rest:
        use(library, skill)
    published(library, a_skill("skill_new", locker="L9"))
    assert "skill_idle" not in names(library.shown("local", "parcels"))
    assert library.get("skill_idle", "local").hits == library.get("skill_1", "local").hits
    assert idle.hash == library.get("skill_idle", "local").skill.hash


def test_another_process_sees_a_change_and_the_same_list(library, store):
    published(library, a_skill())
    with closing(Store.open(store.path)) as second:
        other = Library(second)
        assert names(other.shown("local", "parcels")) == ["skill_store"]
        before = other.last_change()
        library.quarantine(a_skill(), "by hand")
        assert other.last_change() > before
        assert other.shown("local", "parcels") == other.entries("local") == []


# Uses -------------------------------------------------------------------------------------------------


def test_a_use_is_kept_and_found_by_its_first_turn(library, store):
    skill = published(library, a_skill())
    session, episode = begin(store)
    finish = Finish(None, calls=2, result="done")
    run = use_of(
        skill, finish, session=session, turn=3, arguments={"n": 1}, success=True, told={"told": "so"}
    )
    assert not library.used(run)
    assert not library.used(run)
    assert library.use_at(session, 3) == run
    assert library.use_at(session, 1) is None
    [(_, newest)] = library.uses(skill)
    assert newest == run
    [entry] = library.entries("local")
    assert (entry.uses, entry.successes, entry.stops) == (1, 1, 0)
    assert episode.turn == 0


def test_a_use_written_from_an_event_loop_counts_the_same(library, store):
    skill = published(library, a_skill())
    session, _ = begin(store)
    finish = Finish(None, calls=2)
    run = use_of(skill, finish, session=session, turn=1, arguments={}, success=True, told={})
    assert not anyio.run(library.used_shared, run)
    assert library.use_at(session, 1) == run
    assert library.get(skill.name, "local").successes == 1


@pytest.mark.parametrize(
    ("stop", "success", "said"),
    [
        (None, True, True),
        (None, None, True),
        (None, False, False),
        ("guard", None, False),
        ("refused", False, False),
        ("precondition", None, None),
        ("interrupted", None, None),
        ("over", None, None),
        ("over", False, False),
    ],
)
def test_what_a_run_says_about_a_skill(stop, success, said):
    assert verdict(stop, success=success) is said


def test_a_young_skill_that_fails_goes_into_quarantine(library):
    skill = published(library, a_skill())
    runs = 1
    while not use(library, skill, success=False):
        runs += 1
    assert runs <= 10
    assert status(library, skill) == "quarantined"
    assert (
        library.history(skill.name)[-1].body["reason"]
        == f"it succeeded in 0 of {runs} uses since it was verified"
    )
    assert library.shown("local", "parcels") == []


def test_a_skill_that_breaks_after_a_hundred_uses_goes_within_twenty(library):
    skill = published(library, a_skill())
    assert not any(use(library, skill) for _ in range(100))
    assert any(use(library, skill, success=None, stop="guard") for _ in range(20))


def test_a_skill_verified_again_is_judged_by_its_uses_since(library):
    skill = published(library, a_skill())
    while not use(library, skill, success=False):
        pass
    assert library.verified(skill, hits=30, misses=0, about={})
    assert library.publish(skill)
    assert not use(library, skill, success=False)
    assert status(library, skill) == "published"
    assert not use(Library(library.store), skill, success=False)


# Rebuilding -------------------------------------------------------------------------------------------

CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["add", "verified", "publish", "promote", "quarantine", "retire", "use", "miss"]),
        st.integers(1, 2),
    ),
    max_size=30,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES)
def test_how_skills_stand_can_be_rebuilt_from_the_events(tmp_path_factory, changes):
    with closing(Store.open(tmp_path_factory.mktemp("library") / "practicum.db")) as store:
        library = Library(store)
        for change, version in changes:
            apply(library, change, a_skill(version=version))
        before, entries = read_skills(store), library.entries("bob")
        library.rebuild()
        assert read_skills(store) == before
        assert library.entries("bob") == entries


def apply(library, change, skill) -> None:
    known = {(row.name, row.version) for row in read_skills(library.store)}
    if change == "add":
        if (skill.name, skill.version) not in known:
            library.add(skill, "ann", support=3)
    elif change == "verified":
        library.verified(skill, hits=20, misses=1, about={})
    elif change in ("quarantine", "retire"):
        getattr(library, change)(skill, "by hand")
    elif change in ("use", "miss"):
        if (skill.name, skill.version) in known:
            use(library, skill, success=change == "use")
    else:
        getattr(library, change)(skill)
