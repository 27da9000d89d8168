"""Export: a manifest makes the same bytes again; the best come first; memory does not grow with the log."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practicum.envs.errors import UsageError
from practicum.memory import Sessions, forget
from practicum.memory.ended import EndedSessions, Which
from practicum.memory.scores import Scores, StepScore
from practicum.training.agents import Decision
from practicum.training.datasets import Order, Query, export, export_again, kept_scores, read_rows, rows
from practicum.training.datasets.ranking import SHARES, Ranking, best, way_of
from practicum.training.datasets.seen import Seen
from tests.training.played import play, store, tasks_of

__all__ = ["store"]

LOOK, GIVE_UP = Decision("search_flights", {}, "Look."), Decision("abort")


def manifest_of(file):
    return json.loads((file.parent / f"{file.name}.manifest.json").read_text(encoding="utf-8"))


# Manifests --------------------------------------------------------------------------------------------


def test_a_manifest_says_what_the_file_holds(store, tmp_path):
    play(store, tasks=tasks_of("flight", count=2))
    file = tmp_path / "rows.jsonl"
    export(store, Order(query=Query(env="flight")), file)
    manifest, lines = manifest_of(file), file.read_bytes()
    assert manifest["sha256"] == hashlib.sha256(lines).hexdigest()
    assert (manifest["file"], manifest["format"], manifest["examples"]) == ("rows.jsonl", "sft", 2)
    assert manifest["by_split"] == {"train": 2}
    assert (manifest["query"]["env"], manifest["query"]["up_to"]) == ("flight", 2)
    found = [json.loads(line) for line in lines.splitlines()]
    assert list(manifest["toolsets"].values()) == [found[0]["tools"]]
    hashes = "".join(row["hash"] for row in found)
    assert manifest["hashes"] == hashlib.sha256(hashes.encode()).hexdigest()
    assert manifest["template"]["system"] == "{instruction}"


@pytest.mark.parametrize("form", ["sft", "dpo", "grpo"])
def test_a_manifest_makes_the_same_bytes_again_though_more_was_played(store, tmp_path, form):
    tasks = tasks_of("flight", count=2, kind="book", feasible=True)
    play(store, tasks=tasks)
    play(store, tasks=tasks, agent=[LOOK, GIVE_UP])
    file = tmp_path / "rows.jsonl"
    export(store, Order(form=form, query=Query(limit=3)), file)
    before = file.read_bytes()
    play(store, tasks=tasks, agent=[GIVE_UP])
    file.unlink()
    export_again(store, tmp_path / "rows.jsonl.manifest.json")
    assert file.read_bytes() == before


def test_what_does_not_come_out_the_same_is_not_written(store, tmp_path):
    first, _ = play(store, tasks=tasks_of("flight", count=2))
    file = tmp_path / "rows.jsonl"
    export(store, Order(), file)
    before = file.read_bytes()
    forget(store, [first])
    with pytest.raises(UsageError, match="1 examples instead of 2; sessions were forgotten"):
        export_again(store, tmp_path / "rows.jsonl.manifest.json")
    assert file.read_bytes() == before


def test_a_file_that_the_examples_were_made_of_must_be_as_it_was(store, tmp_path):
    play(store)
    export(store, Order(), tmp_path / "rows.jsonl")
    source = tmp_path / "rows.jsonl"
    export(None, Order(form="openai", train_file=str(source)), tmp_path / "made.jsonl")
    source.write_text(source.read_text(encoding="utf-8") * 2, encoding="utf-8")
    export_again(None, tmp_path / "made.jsonl.manifest.json")
    source.write_text('{"messages": [{"role": "user", "content": "Hi"}]}', encoding="utf-8")
    with pytest.raises(UsageError, match=r"rows\.jsonl has changed"):
        export_again(None, tmp_path / "made.jsonl.manifest.json")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "sft", "query": {"colour": 1}}', "\x00"])
def test_what_is_no_manifest_is_refused_in_one_line(store, tmp_path, text):
    file = tmp_path / "x.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"no manifest|colour") as refused:
        export_again(store, file)
    assert "\n" not in str(refused.value)


def test_a_broken_export_leaves_no_file_behind(store, tmp_path):
    play(store)
    with pytest.raises(ZeroDivisionError):
        export(store, Order(), tmp_path / "rows.jsonl", progress=lambda count: 1 // 0)
    assert [file.name for file in tmp_path.iterdir() if "rows" in file.name] == []


# Scores -----------------------------------------------------------------------------------------------


def test_process_rewards_that_were_kept_are_scores_and_weights(store):
    (session,) = play(store)
    Scores(store).add(session, [StepScore(1, "non_redundancy", "rules", "1", 0.25)])
    (row,) = rows(store, scores=kept_scores(store))
    assert row.scores[:2] == (0.25, None)
    assert row.weights[:2] == (0.25, 1.0)
    assert next(rows(store)).scores == ()


# Rank -------------------------------------------------------------------------------------------------


def test_the_best_come_first_and_say_how_good_they_are(store):
    tasks = tasks_of("flight", count=3, kind="book", feasible=True)
    good = play(store, tasks=tasks)
    play(store, tasks=tasks, agent=[LOOK, LOOK, GIVE_UP])
    found = list(rows(store, Query(best=4)))
    assert len(found) == 4
    assert {row.session for row in found[:3]} == set(good)
    qualities = [row.quality for row in found]
    assert qualities == sorted(qualities, reverse=True)
    assert all(0 <= quality <= 1 for quality in qualities)


def test_quality_is_the_formula_of_the_documentation(store):
    tasks = tasks_of("flight", count=3, kind="book", feasible=True)
    play(store, tasks=tasks)
    play(store, tasks=tasks, agent=[LOOK, LOOK, GIVE_UP])
    sessions = EndedSessions(store, Which())
    paths = list(sessions.paths())
    ranking = Ranking(paths, lambda path: 0.5)
    returns = [path.total_reward for path in paths]
    shortest = min(len(way_of(path)) for path in paths if path.success)
    ways = Counter(map(way_of, paths))
    for path in paths:
        parts = {
            "success": float(path.success),
            "return": (path.total_reward - min(returns)) / (max(returns) - min(returns)),
            "efficiency": shortest / len(way_of(path)) if path.success else 0.0,
            "score": 0.5,
            "rarity": math.log(len(paths) / ways[way_of(path)]) / math.log(len(paths)),
        }
        assert ranking.quality(path) == pytest.approx(sum(SHARES[name] * parts[name] for name in SHARES))
    ranked = best(sessions, 2, lambda path: 0.5)
    assert [quality for _, quality in ranked] == sorted(map(ranking.quality, paths), reverse=True)[:2]
    assert sum(SHARES.values()) == pytest.approx(1.0)


def test_a_session_alone_has_a_quality_too(store):
    play(store)
    (row,) = rows(store, Query(best=1))
    assert row.quality == pytest.approx(1.0)


@given(st.lists(st.integers(1, 2**12), max_size=400))
def test_a_content_is_new_once(numbers):
    seen, known = Seen(), set()
    for number in numbers:
        assert seen.is_new(f"{number:016x}abc") is (number not in known)
        known.add(number)
    assert seen.repeats == len(numbers) - len(known)


def test_contents_are_known_however_many_they_are():
    seen = Seen()
    hashes = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(5000)]
    assert all(map(seen.is_new, hashes))
    assert not any(map(seen.is_new, hashes))


# The whole log ----------------------------------------------------------------------------------------


def test_every_session_is_read_once_however_many_pages_they_take(store, monkeypatch):
    monkeypatch.setattr("practicum.memory.ended.PAGE", 2)
    monkeypatch.setattr("practicum.memory.ended.MANY", 2)
    ids = play(store, tasks=tasks_of("flight", count=5), agent=[LOOK, GIVE_UP])
    ids += play(store, tasks=tasks_of("flight", count=5), agent=[GIVE_UP])
    sessions = EndedSessions(store, Which())
    assert [ended.session.id for ended in sessions.read()] == ids
    assert [path.id for path in sessions.paths()] == ids
    groups = list(sessions.by_task())
    assert sorted(ended.session.id for group in groups for ended in group) == sorted(ids)
    assert all(len({ended.session.task for ended in group}) == 1 for group in groups)
    assert sessions.count() == {"train": 10}
    for ended in sessions.read():
        assert len(ended.calls) == len(list(Sessions(store).steps(ended.session.id)))


def test_rows_of_a_file_are_those_of_the_log(store, tmp_path):
    play(store, tasks=tasks_of("flight", count=3))
    export(store, Order(), tmp_path / "rows.jsonl")
    assert [row.hash for row in read_rows(tmp_path / "rows.jsonl")] == [row.hash for row in rows(store)]
