"""Scores, replies of judges, ratings and pairs: written once, never changed, gone with their session."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from practicum.memory import Sessions, Store, forget, new_session_id, replay
from practicum.memory import migrations as migrations_module
from practicum.memory.events import newest_event
from practicum.memory.migrations import backups
from practicum.memory.preferences import Preference, Preferences
from practicum.memory.ratings import Rating, Ratings
from practicum.memory.scores import JudgeCache, JudgeReply, Scores, StepScore, shortest_success

TABLES = ("step_scores", "ratings", "preferences", "judge_cache")
REPLY = JudgeReply("m", '{"why": "so"}', 100, 10, 0.02)


def a_score(turn: int = 1, score: float = 0.5, **changed) -> StepScore:
    plain = {"rubric": "goal_progress", "layer": "judge", "version": "1", "cost": 0.01, "why": "so"}
    return StepScore(turn=turn, score=score, **(plain | changed))


@pytest.fixture
def filled(store, begin, solve) -> list[str]:
    """Two solved sessions of one task, with something in every table; returns their ids."""
    ids = []
    for number in (1, 2):
        session_id, episode = begin(7)
        solve(episode)
        Scores(store).add(session_id, [a_score(1), a_score(2)])
        Ratings(store).add(Rating(session_id, 1, "ann", number, "a note"))
        JudgeCache(store).put(f"hash{number}", session_id, REPLY)
        ids.append(session_id)
    task = Sessions(store).resolve(ids[0]).task.hash
    Preferences(store).add([Preference(task, "score", 1, ids[0], ids[1], 0.3)], "1")
    return ids


def count(store: Store, table: str) -> int:
    return store.read(f"SELECT count(*) AS n FROM {table}")[0]["n"]


def test_what_is_written_is_read_by_turn(store, begin, solve) -> None:
    session_id, episode = begin()
    solve(episode)
    rows = [
        a_score(2, 1.0),
        a_score(1, 0.25, rubric="tool_selection"),
        a_score(1, 0.5, layer="rules", why=None),
    ]
    Scores(store).add(session_id, rows)
    assert Scores(store).of(session_id) == [rows[1], rows[2], rows[0]]
    assert Scores(store).of(session_id, "rules") == [rows[2]]
    assert Scores(store).of(session_id, "judge", "2") == []
    assert Scores(store).of(new_session_id()) == []


def test_the_first_score_of_a_version_stays(store, begin, solve) -> None:
    session_id, episode = begin()
    solve(episode)
    for score in (0.5, 0.9):
        Scores(store).add(session_id, [a_score(score=score)])
    assert [row.score for row in Scores(store).of(session_id)] == [0.5]


def test_the_newest_version_is_what_counts(store, begin, solve) -> None:
    session_id, episode = begin()
    solve(episode)
    for version, score in (("1", 0.5), ("2", 0.9)):
        Scores(store).add(session_id, [a_score(score=score, version=version)])
    assert Scores(store).newest(session_id) == {1: {"judge": {"goal_progress": 0.9}}}
    assert len(Scores(store).of(session_id)) == 2


@pytest.mark.parametrize("changed", [{"turn": 99}, {"score": 1.5}, {"score": -0.1}, {"layer": "charm"}])
def test_a_score_of_no_step_or_out_of_its_range_is_refused(store, begin, solve, changed) -> None:
    session_id, episode = begin()
    solve(episode)
    with pytest.raises(sqlite3.IntegrityError):
        Scores(store).add(session_id, [a_score(**changed)])
    assert Scores(store).of(session_id) == []


@pytest.mark.parametrize("rating", [0, 6])
def test_a_rating_is_from_1_to_5(store, begin, solve, rating) -> None:
    session_id, episode = begin()
    solve(episode)
    with pytest.raises(sqlite3.IntegrityError):
        Ratings(store).add(Rating(session_id, 1, "ann", rating))


@pytest.mark.parametrize("table", TABLES[:3])
@pytest.mark.parametrize("change", ["DELETE FROM {}", "UPDATE {} SET time = 0"])
def test_scores_ratings_and_pairs_are_never_changed(store, filled, table, change) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        store.connection.execute(change.format(table))


def test_a_later_rating_of_the_same_person_counts_for_the_earlier(store, begin, solve) -> None:
    session_id, episode = begin()
    solve(episode)
    for rater, rating in (("ann", 1), ("bob", 4), ("ann", 5)):
        Ratings(store).add(Rating(session_id, 1, rater, rating))
    assert [(each.rater, each.rating) for each in Ratings(store).of(session_id)] == [("bob", 4), ("ann", 5)]
    (mean,) = Ratings(store).means(session_id)
    assert (mean.turn, mean.rating, mean.people) == (1, 4.5, 2)


def test_steps_that_people_and_a_judge_have_seen_are_told_with_both(store, filled) -> None:
    assert Ratings(store).judges() == ["1"]
    told = sorted((each.rating, each.judged) for each in Ratings(store).judged("1"))
    assert told == [(1, 0.5), (2, 0.5)]
    assert list(Ratings(store).judged("2")) == []


def test_a_reply_is_found_by_its_hash_and_stays_as_it_first_was(store, filled) -> None:
    cache = JudgeCache(store)
    cache.put("hash1", filled[1], JudgeReply("m", "another", 0, 0, 0.0))
    assert cache.get("hash1") == REPLY
    assert cache.get("hash3") is None


def test_a_pair_of_two_tasks_cannot_be_written(store, filled, begin, solve) -> None:
    other, episode = begin(8)
    solve(episode)
    task = Sessions(store).resolve(filled[0]).task.hash
    for chosen, rejected in ((filled[0], other), (other, filled[0])):
        with pytest.raises(sqlite3.IntegrityError, match="of one task"):
            Preferences(store).add([Preference(task, "outcome", 1, chosen, rejected, 1.0)], "1")


def test_a_pair_is_kept_once(store, filled) -> None:
    pairs = list(Preferences(store).read(split=None))
    assert [(pair.chosen, pair.rejected, pair.margin) for pair in pairs] == [(*filled, 0.3)]
    assert Preferences(store).add(pairs, "1") == 0
    assert Preferences(store).add(pairs, "2") == 1


def test_the_shortest_success_is_of_the_same_task_and_person_and_no_evaluation(store, begin, solve) -> None:
    ids = {}
    for name, extra, start in (
        ("long", 2, {}),
        ("short", 1, {}),
        ("evaluation", 0, {"purpose": "evaluation"}),
        ("other", 0, {"principal": "ann"}),
    ):
        ids[name], episode = begin(7, **start)
        for _ in range(extra):
            episode.act("look")
        solve(episode)
    task = Sessions(store).resolve(ids["long"]).task.hash
    steps = {name: Sessions(store).resolve(each).steps for name, each in ids.items()}
    assert shortest_success(store, task, "local") == steps["short"]
    assert shortest_success(store, task, "ann") == steps["other"]
    assert shortest_success(store, task, "bob") is None


def test_everything_about_a_session_is_forgotten_with_it_and_nothing_else(store, filled) -> None:
    forget(store, [filled[1]])
    assert [count(store, table) for table in TABLES] == [2, 1, 0, 1]
    assert len(Scores(store).of(filled[0])) == 2
    assert JudgeCache(store).get("hash2") is None
    assert replay(Sessions(store), filled[0]).agrees
    assert store.read("PRAGMA foreign_key_check") == []
    forget(store, [filled[0]])
    assert [count(store, table) for table in TABLES] == [0, 0, 0, 0]


def test_what_people_and_judges_said_is_in_no_byte_of_the_file_after_forgetting(
    store, path, begin, solve
) -> None:
    session_id, episode = begin()
    solve(episode)
    marker = "correct-horse-battery-staple"
    Scores(store).add(session_id, [a_score(why=f"{marker}-why")])
    Ratings(store).add(Rating(session_id, 1, "ann", 3, f"{marker}-note"))
    JudgeCache(store).put("hash", session_id, JudgeReply("m", f"{marker}-reply", 0, 0, 0.0))
    forget(store, [session_id])
    store.close()
    assert marker.encode() not in b"".join(file.read_bytes() for file in path.parent.iterdir())


def test_a_file_of_the_version_before_takes_scores_and_keeps_its_sessions(
    path, begin, solve, store, monkeypatch
):
    with monkeypatch.context() as past:
        known = dict(list(migrations_module.MIGRATIONS.items())[:3])
        past.setattr(migrations_module, "MIGRATIONS", known)
        old = path.with_name("old.db")
        Store.open(old).close()
    session_id, episode = begin()
    solve(episode)
    with closing(sqlite3.connect(old)) as before:
        before.execute("ATTACH ? AS newer", (str(path),))
        for table in ("tasks", "session_starts", "steps", "session_ends"):
            columns = ", ".join(row[1] for row in before.execute(f"PRAGMA main.table_info({table})"))
            before.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM newer.{table}")
        before.commit()
    with closing(Store.open(old)) as migrated:
        assert backups(old)[0].name == "old.db.before-m004_training"
        assert Sessions(migrated).get(session_id, None) == Sessions(store).get(session_id, None)
        Scores(migrated).add(session_id, [a_score()])
        assert len(Scores(migrated).of(session_id)) == 1


def test_the_newest_event_of_a_kind_is_read_back(store, log) -> None:
    assert newest_event(store, "calibrated") is None
    for number in (1, 2):
        log.event("calibrated", {"number": number})
    log.event("mined", {})
    assert newest_event(store, "calibrated") == {"number": 2}
