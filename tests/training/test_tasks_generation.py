"""Tasks made offline: they can be fulfilled, none is like another, and all scenarios have their share."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from benchmarks._retail_plain import PlainShop
from benchmarks.retail_tasks import apart, distinct, replayed
from practicum.envs import Episode, Task
from practicum.envs.errors import UsageError
from practicum.envs.retail.env import RetailEnv
from practicum.envs.retail.scenarios import SCENARIOS
from practicum.envs.retail.world import open_world
from practicum.training.tasks import (
    Pipeline,
    Recipe,
    Statistics,
    TaskRecord,
    generate,
    make_file,
    read_records,
    validate,
)
from practicum.training.tasks.committee import RuleCommittee
from practicum.training.tasks.pipeline import Attempt, attempts
from tests.envs.retail_records import FOLDER, needs_records

BOTH = pytest.mark.parametrize("mode", ["direct", "agentflow"])


@cache
def thousand(mode: Any) -> tuple[TaskRecord, ...]:
    return tuple(generate("", 1_000, mode=mode))


@BOTH
def test_each_of_a_thousand_tasks_is_served_by_whoever_makes_its_gold_calls(mode: Any) -> None:
    assert len(thousand(mode)) == 1_000
    assert [record.q for record in thousand(mode) if not replayed(record)] == []


@BOTH
def test_the_world_plays_gold_calls_as_plain_dictionaries_do(mode: Any) -> None:
    for record in thousand(mode)[:40]:
        episode, shop = Episode(env := RetailEnv(), Task("retail", 1, 0)), PlainShop.copy_of(open_world())
        for call in record.agt:
            assert episode.act(call["name"], call["arguments"]).error is None
            assert not shop.call(call["name"], call["arguments"]).startswith("Error")
        assert env.world() == {"users": shop.users, "orders": shop.orders, "products": shop.products}


@BOTH
def test_no_two_of_a_thousand_tasks_have_equal_gold_calls(mode: Any) -> None:
    assert distinct(thousand(mode)) == 1_000


@BOTH
def test_every_scenario_has_its_even_share_of_a_thousand_tasks(mode: Any) -> None:
    assert {record.scenario for record in thousand(mode)} == set(SCENARIOS)
    assert apart(thousand(mode)) <= 0.2


@BOTH
def test_a_record_says_how_it_was_made_and_what_its_check_found(mode: Any) -> None:
    for number, record in enumerate(thousand(mode)):
        row = record.as_json()
        assert row["success"] is True
        assert row["validation_report"] == {"valid": True, "missing": [], "suggestions": []}
        metadata = row["metadata"]
        assert (metadata["generation_method"], metadata["number"]) == (mode, number)
        assert metadata["turns"] >= 1
        assert 0.5 < metadata["confidence"] <= 1
        assert TaskRecord.from_json(row) == record


def test_equal_seeds_make_equal_tasks_and_a_longer_run_begins_with_the_shorter_one() -> None:
    assert generate("", 24) == list(thousand("direct")[:24])
    others = {str(record.agt) for record in generate("", 24, seed=1)}
    assert not others & {str(record.agt) for record in thousand("direct")[:24]}


def test_the_scenarios_that_are_asked_for_are_the_ones_that_are_made() -> None:
    made = generate("", 8, scenarios=["item_return", "address_change"])
    assert Counter(record.scenario for record in made) == {"item_return": 4, "address_change": 4}


def test_agentflow_looks_at_all_that_it_uses_and_direct_mode_does_not_always() -> None:
    committee = RuleCommittee(open_world(), 5)
    objections = {
        mode: Counter(
            review.reviewer
            for record in thousand(mode)[:240]
            for review in committee.review(record)
            if not review.approves
        )
        for mode in ("direct", "agentflow")
    }
    assert objections["agentflow"] == {}
    assert set(objections["direct"]) == {"plan"}


def test_agentflow_goes_on_over_turns_until_what_was_wanted_is_done() -> None:
    for record in thousand("agentflow")[:80]:
        assert 2 <= record.metadata["turns"] <= 5
        assert record.agt[0]["name"].startswith("find_user_id")


def test_too_few_turns_are_a_failure_with_its_reason_in_the_statistics() -> None:
    run = list(attempts(Pipeline(Recipe(mode="agentflow", turns=2)), range(8)))
    found = Statistics.of(run)
    assert found.made == 1  # to find a customer and to show an order takes two
    assert found.scenarios["order_inquiry"] == 1
    assert found.reasons == {"turns": 21}
    assert found.proposals == 22
    assert len(found.failed) == 7
    assert all(why[0].startswith("turns: not complete after 2 turns") for why in found.failed.values())


def test_attempts_come_back_from_their_json_as_they_were() -> None:
    run = list(attempts(Pipeline(Recipe(mode="agentflow", turns=2)), range(4)))
    assert [Attempt.from_json(attempt.as_json()) for attempt in run] == run


def test_finished_attempts_are_taken_as_they_are_and_not_repeated() -> None:
    pipeline = Pipeline(Recipe())
    run = list(attempts(pipeline, range(12)))
    assert list(attempts(pipeline, range(12), run[:7])) == run
    assert list(attempts(pipeline, range(7, 12), run[:7])) == run[7:]


def test_a_file_of_tasks_is_made_and_told_of_task_by_task(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    run = make_file(
        tmp_path / "t.jsonl", 3, Recipe(), progress=lambda done, total: told.append((done, total))
    )
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert read_records(tmp_path / "t.jsonl") == [attempt.record for attempt in run]
    assert [path.name for path in tmp_path.iterdir()] == ["t.jsonl"]


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        (".", "is a folder; name a file in it"),
        ("taken/tasks.json", "cannot write "),
        ("taken/deeper/tasks.json", "cannot write "),
        ("é" * 300, "cannot write "),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_made(
    name: str, complaint: str, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file")
    told: list[int] = []
    for resume in (False, True):
        with pytest.raises(UsageError) as refused:
            make_file(
                tmp_path / name, 3, Recipe(), resume=resume, progress=lambda done, total: told.append(done)
            )
        assert len(str(refused.value).splitlines()) == 1
        assert complaint in str(refused.value) or (resume and "cannot go on with" in str(refused.value))
    assert told == []


@needs_records
@BOTH
def test_tasks_are_made_of_the_records_of_a_peer_and_can_be_fulfilled_there(mode: Any) -> None:
    made = generate(FOLDER, 160, mode=mode, committee_size=5)
    assert len(made) == 160
    assert all(replayed(record, str(FOLDER)) for record in made)
    assert distinct(made) == 160
    assert apart(made) == 0
    assert all(validate(record).kinds for record in made)  # they are of no shipped customer


@pytest.mark.parametrize(
    ("recipe", "complaint"),
    [
        ({"mode": "fast"}, "mode 'fast'; expected direct or agentflow"),
        ({"committee_size": 6}, "a committee of 6 by rules; there are 5 such reviewers"),
        ({"committee_size": 0}, "committee_size is 0; expected 1 or more"),
        ({"seed": -1}, "seed is -1; expected 0 or more"),
        ({"turns": 0}, "turns is 0; expected 1 or more"),
        ({"max_iterations": 0}, "max_iterations is 0; expected 1 or more"),
        ({"scenarios": ["item_retrun"]}, "no scenario 'item_retrun'; did you mean 'item_return'?"),
        ({"scenarios": []}, "no scenarios; there are order_cancellation, "),
        ({"data": "nowhere"}, "no folder "),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused_in_a_line(
    recipe: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(UsageError) as refused:
        Pipeline(Recipe(**recipe))
    assert str(refused.value).startswith(complaint)


def test_a_recipe_says_in_json_all_that_its_tasks_depend_on() -> None:
    assert Recipe().as_json().keys() == asdict(Recipe()).keys()
