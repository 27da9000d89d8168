"""Evaluation: figures that follow from the rollouts, differences by task, the same again for equal seeds."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations, count
from pathlib import Path

import pytest

from practicum.envs import UsageError
from practicum.envs.flight_booking_env import FlightBookingEnv
from practicum.memory import Log, Sessions, Store
from practicum.skills.suggestions import Suggestion
from practicum.training.agents import ChatAgent, Decision, SkilledAgent, scripted_agent
from practicum.training.agents.players import Casting
from practicum.training.evaluate import AgentReport, evaluate, evaluate_agent, measured
from practicum.training.llm import Reply, ScriptedChat, ToolRequest
from practicum.training.offers import SkillShelf
from practicum.training.rollouts import Stage, play, roll_out_all
from practicum.training.trials import FIGURES, MEASURES, Gold, Trial, trial_of
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


def test_equal_seeds_give_equal_reports_but_for_the_clock():
    reports = [
        evaluate(Stage(env=FlightBookingEnv), ["scripted", "random"], TASKS[:5], seed=seed, noise=0.3)
        for seed in (1, 1, 2)
    ]
    written = [json.dumps(without_seconds(report.as_json())) for report in reports]
    assert written[0] == written[1] != written[2]


def without_seconds(value):
    if isinstance(value, dict):
        return {name: without_seconds(each) for name, each in value.items() if not name.endswith("seconds")}
    return [without_seconds(each) for each in value] if isinstance(value, list) else value


def test_the_order_of_the_agents_and_of_the_tasks_changes_no_figure():
    there, back = (
        evaluate(Stage(env=FlightBookingEnv), names, tasks, noise=0.3)
        for names, tasks in ((["scripted", "random"], TASKS), (["random", "scripted"], TASKS[::-1]))
    )
    for name in there.agents:
        figures = [without_seconds(report.agents[name].as_json()["figures"]) for report in (there, back)]
        assert figures[0] == figures[1]


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
    ids = (f"{number:032x}" for number in count())  # by which suggestions are drawn
    stage = Stage(
        env=FlightBookingEnv, place="flight-v1", log=Log(store), purpose="evaluation", skills=shelf,
        new_id=lambda: next(ids),
    )  # fmt: skip
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


def test_rollouts_of_other_workers_are_measured_alike():
    class Elsewhere:
        """Plays where nobody looks."""

        def roll_out(self, stage, assignments, agent_for, name):
            return (play(stage, each, agent_for(each.task), name) for each in assignments)

    stage, names = Stage(env=FlightBookingEnv), ["scripted", "explorer"]
    here, there = (evaluate(stage, names, TASKS[:5], trials=2, workers=each) for each in (None, Elsewhere()))
    assert without_seconds(here.as_json()) == without_seconds(there.as_json())


def test_an_agent_that_nobody_knows_is_named_before_anything_is_played():
    with pytest.raises(UsageError, match="no agent is called 'scriptd'; did you mean 'scripted'"):
        evaluate(Stage(env=FlightBookingEnv), ["random", "scriptd"], TASKS)


# Trials --------------------------------------------------------------------------


def tried(successes: dict[str, list[int]]) -> AgentReport:
    """A report of trials that succeeded or did not, by task."""
    figures = dict.fromkeys(FIGURES)
    rows = [(task, each) for task, found in successes.items() for each in found]
    return AgentReport("a", tuple(Trial(task, figures | {"success": float(each)}) for task, each in rows))


def test_pass_k_is_the_share_of_the_choices_of_k_trials_that_all_succeed():
    successes = {"one": [1, 1, 1, 1], "two": [1, 0, 1, 0], "three": [0, 0, 0, 1], "four": [1, 1, 0, 1]}
    report = tried(successes)
    for k in (2, 3, 4):
        choices = [list(combinations(found, k)) for found in successes.values()]
        expected = sum(sum(map(all, each)) / len(each) for each in choices) / len(choices)
        assert report.figures[f"pass^{k}"].value == pytest.approx(expected)
    assert report.figures["success"].value == pytest.approx(10 / 16)
    assert "pass^5" not in report.figures


def test_pass_k_goes_up_to_ten_trials():
    passes = tried({"one": [1] * 300, "two": [1] * 299 + [0]}).passes
    assert (passes[0], passes[-1], len(passes)) == ("pass^2", "pass^10", 9)


def test_pass_k_leaves_out_tasks_with_fewer_trials():
    report = tried({"one": [1, 1], "two": [1], "three": [0, 1]})
    assert (report.figures["pass^2"].value, report.figures["pass^2"].n) == (0.5, 2)
    assert report.figures["success"].n == 3


def test_an_interval_rests_on_tasks_not_on_trials():
    once, often = (tried({f"{n}": [n % 2] * count for n in range(20)}) for count in (1, 8))
    assert once.figures["success"] == often.figures["success"]
    assert often.figures["success"].n == 20


def test_each_trial_has_draws_of_its_own_and_the_first_those_of_a_single_one():
    stage = Stage(env=FlightBookingEnv)
    once = evaluate(stage, ["random"], TASKS[:6]).agents["random"]
    often = evaluate(stage, ["random"], TASKS[:6], trials=3).agents["random"]
    returns = [[trial.figures["return"] for trial in often.trials[first : first + 6]] for first in (0, 6, 12)]
    assert returns[0] == [trial.figures["return"] for trial in once.trials]
    assert returns[0] != returns[1] != returns[2]
    assert {trial.task for trial in often.trials} == {task.hash for task in TASKS[:6]}
    assert "pass^3" in often.figures


def test_an_agent_that_learns_begins_anew_with_each_trial():
    cast = Casting("flight-v1").cast("explorer", "explorer", 2)
    first, again = (agent_for(TASKS[0]) for agent_for in cast.by_trial)
    assert first is cast.by_trial[0](TASKS[1])
    assert first is not again


# Calls ---------------------------------------------------------------------------


class Says:
    """Makes the calls that it is given, and then aborts."""

    def __init__(self, *calls):
        self.calls = calls

    def begin(self, instruction, observation, tools=()):
        self.left = [*self.calls, ("abort", {})]

    def decide(self, result, error=None):
        return Decision(*self.left.pop(0))


def test_a_valid_call_names_a_tool_and_fits_its_arguments():
    calls = [
        ("fly", {}),
        ("search_flights", {"x": 1}),
        ("search_flights", {}),
        ("select_flight", {"flight_id": "?"}),
    ]
    report = evaluate_agent("flight", Says(*calls), 3, name="says")
    assert report.agent == "says"
    assert report.figures["valid_calls"].value == pytest.approx(3 / 5)
    assert report.figures["decisions"].value == 5


def test_what_a_model_says_instead_of_a_call_is_no_valid_call():
    replies = ["Well.", Reply("", (ToolRequest("1", "abort", "no json"),)), Reply.calling("abort", {})]
    report = evaluate_agent("flight", lambda task: ChatAgent(ScriptedChat(list(replies))), TASKS[:2])
    assert report.figures["valid_calls"].value == pytest.approx(1 / 3)
    assert report.agent == "agent"


def test_tasks_with_gold_calls_have_scores_of_calls_and_others_none():
    by_plan = evaluate_agent("retail", "oracle", 3)
    assert {name: by_plan.figures[name].value for name in ("action_f1", "exact_action_match")} == {
        "action_f1": 1,
        "exact_action_match": 1,
    }
    assert evaluate_agent("flight", "scripted", 2).figures["action_f1"] is None


def test_a_teacher_plays_the_gold_calls_of_tasks_that_have_none():
    agents = ["scripted", "random"]
    report = evaluate(Stage(env=FlightBookingEnv), agents, TASKS, gold="scripted")
    same = report.agents["scripted"].figures
    for name in ("action_accuracy", "action_precision", "action_recall", "action_f1", "exact_action_match"):
        assert same[name].value == 1
        assert report.agents["random"].figures[name].value < 0.5


def test_a_teacher_who_fails_teaches_nothing():
    figures = evaluate_agent("flight", "scripted", 8, gold="random").figures
    assert figures["action_f1"] is None
    assert figures["success"].value == 1


def test_the_accuracy_of_actions_is_the_share_of_right_tools_whatever_the_arguments():
    search, pick = ("search_flights", {}), ("select_flight", {"flight_id": "?"})
    (rollout,) = evaluate_agent("flight", Says(search, pick), 1).rollouts
    gold = Gold(
        tuple({"name": name, "arguments": {}} for name in ("search_flights", "search_flights", "abort"))
    )
    figures = trial_of(rollout, lambda task: gold).figures
    assert figures["action_accuracy"] == pytest.approx(2 / 3)
    assert figures["argument_match"] == 1
    assert figures["exact_action_match"] == 0
