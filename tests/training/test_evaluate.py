"""Evaluation: figures that follow from the rollouts, differences by task, the same again for equal seeds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from practicum.envs import UsageError
from practicum.envs.flight_booking_env import FlightBookingEnv
from practicum.memory import Log, Sessions, Store
from practicum.skills.suggestions import Suggestion
from practicum.training.agents import SkilledAgent, scripted_agent
from practicum.training.evaluate import MEASURES, compared, difference, evaluate, measured
from practicum.training.rollouts import SkillShelf, Stage, roll_out_all
from tests.skills.flights import CANCEL, GIVE_UP, LOOK
from tests.training.test_rollouts import published
from tests.training.test_skilled import playing


@pytest.fixture
def store(tmp_path: Path):
    opened = Store.open(tmp_path / "practicum.db")
    yield opened
    opened.close()


TASKS = FlightBookingEnv.tasks().split("test").take(12)


def test_the_figures_are_the_means_over_the_rollouts():
    report = evaluate(Stage(env=FlightBookingEnv), ["scripted", "random"], TASKS, noise=0.1)
    for agent in report.agents.values():
        for name, measure in MEASURES.items():
            values = [value for value in map(measure, agent.rollouts) if value is not None]
            found = agent.figures[name]
            assert (found is None) == (values == [])
            if found is not None:
                assert (found.value, found.n) == (pytest.approx(sum(values) / len(values)), len(values))
                assert found.low <= found.value <= found.high
    scripted, by_chance = report.agents["scripted"].figures, report.agents["random"].figures
    assert scripted["success"].value == 1
    assert by_chance["success"].value < 0.5


def test_agents_are_compared_task_by_task():
    report = evaluate(Stage(env=FlightBookingEnv), ["scripted", "random"], TASKS)
    figures = report.differences["scripted", "random"]
    one, two = (report.agents[name].rollouts for name in ("scripted", "random"))
    expected = sum(a.total_reward - b.total_reward for a, b in zip(one, two, strict=True)) / len(TASKS)
    assert figures["return"].value == pytest.approx(expected)
    assert figures["success"].low > 0
    assert figures["regret"] is None
    assert difference(one, one, MEASURES["steps"]).high == 0
    assert difference(one, reversed(two), MEASURES["return"]) == figures["return"]
    assert compared({"a": report.agents["scripted"]}) == {}


def test_equal_seeds_give_equal_reports():
    reports = [
        evaluate(Stage(env=FlightBookingEnv), ["scripted", "random"], TASKS[:5], seed=seed, noise=0.3)
        for seed in (1, 1, 2)
    ]
    written = [json.dumps(report.as_json()) for report in reports]
    assert written[0] == written[1] != written[2]


def skilled_on(kinds, suggested):
    """Rollouts as if a skill had been suggested for some tasks."""
    tasks = [FlightBookingEnv.make_task(seed, kind=kind, feasible=True) for seed, kind in enumerate(kinds)]
    stage = Stage(env=FlightBookingEnv)
    plain = roll_out_all(stage, tasks, lambda task: SkilledAgent(scripted_agent("flight")), name="skilled")
    return [
        replace(each, steps=tuple(p.steps), decisions=p.decisions, uses=tuple(p.uses))
        for each, p in zip(
            plain,
            (playing(seed, suggested=suggested, kind=kind, feasible=True) for seed, kind in enumerate(kinds)),
            strict=True,
        )
    ]


def test_stops_and_wrong_ends_are_counted_for_each_run_of_a_skill():
    rollouts = [
        *skilled_on(["cancel", "book"], CANCEL.name),
        *skilled_on(["book", "book"], LOOK.name),
        *skilled_on(["cancel"], GIVE_UP.name),
    ]
    report = measured("skilled", rollouts)
    assert report.stops == {"refused": 2, "precondition": 1}
    assert report.figures["stop_rate"].value == pytest.approx(3 / 5)
    assert report.figures["done_but_wrong"].value == pytest.approx(1 / 5)
    by_hand = sum(each.decisions for each in rollouts) - 5
    assert report.figures["explore_exploit"].value == pytest.approx(5 / by_hand)


def test_without_skills_there_is_no_stop_rate():
    figures = measured("scripted", skilled_on(["cancel"], None)).figures
    assert figures["stop_rate"] is figures["done_but_wrong"] is None
    assert figures["explore_exploit"].value == 0


def test_decisions_leave_the_control_group_out_and_decisions_all_do_not():
    used, by_hand = skilled_on(["cancel"], CANCEL.name)[0], skilled_on(["book"], None)[0]
    control = replace(by_hand, suggestion=Suggestion(None, control=True))
    figures = measured("skilled", [used, control]).figures
    assert figures["decisions"].value == 1
    assert figures["decisions_all"].value == pytest.approx((1 + by_hand.decisions) / 2)


def test_evaluation_is_logged_as_such_and_teaches_the_bandit_nothing(store):
    published(store, CANCEL)
    shelf = SkillShelf.of(store)
    stage = Stage(env=FlightBookingEnv, place="flight-v1", log=Log(store), purpose="evaluation", skills=shelf)
    told = []
    report = evaluate(
        stage,
        ["scripted", "skilled"],
        FlightBookingEnv.tasks().split("test").take(40),
        progress=lambda done, total: told.append((done, total)),
    )
    sessions = Sessions(store).list("local", limit=200)
    assert {session.purpose for session in sessions} == {"evaluation"}
    assert len(sessions) == 80
    assert all(each.suggestion is None for each in report.agents["scripted"].rollouts)
    drawn = [each.suggestion for each in report.agents["skilled"].rollouts]
    assert not any(suggestion.control for suggestion in drawn)
    assert {s.skill for s in drawn} == {None, CANCEL.name}
    assert shelf.suggestions.past("local", "flight", 1).sessions == 0
    assert told == [(n, 80) for n in range(1, 81)]


def test_an_agent_that_nobody_knows_is_named_before_anything_is_played():
    with pytest.raises(UsageError, match="no agent is called 'scriptd'; did you mean 'scripted'"):
        evaluate(Stage(env=FlightBookingEnv), ["random", "scriptd"], TASKS)
