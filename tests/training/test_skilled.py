"""SkilledAgent: one decision where the skill does the job, by hand from where it stops otherwise."""

from __future__ import annotations

import pytest

from practicum.envs import Episode, ListRecorder
from practicum.envs.flight_booking_env import FlightBookingEnv
from practicum.training.agents import (
    Decision,
    Playing,
    RandomAgent,
    SkilledAgent,
    Tool,
    agent_kind,
    play_episode,
    scripted_agent,
)
from tests.skills.flights import CANCEL, GIVE_UP, LOOK, a_skill, call

SKILLS = (CANCEL, LOOK, GIVE_UP)


def playing(seed=3, suggested=None, agent=None, *, skills=SKILLS, max_steps=None, **settings) -> Playing:
    recorder = ListRecorder()
    episode = Episode(FlightBookingEnv(), FlightBookingEnv.make_task(seed, **settings), recorder=recorder)
    agent = agent or SkilledAgent(scripted_agent("flight"))
    played = Playing(
        episode, agent, skills=skills, suggested=suggested, recorder=recorder, max_steps=max_steps
    )
    played.play()
    assert [step for step in recorder.steps if not step.noted] == played.steps
    return played


def succeeded(played: Playing) -> bool:
    return bool(played.episode.last.outcome["success"])


def test_a_skill_that_does_the_job_is_one_decision():
    played = playing(suggested=CANCEL.name, kind="cancel", feasible=True)
    assert succeeded(played)
    assert played.decisions == 1
    (use,) = played.uses
    assert (use.turn, use.success, use.finish.finished, use.is_wrong) == (1, True, True, False)
    assert "steps" not in use.told
    assert [step.via_skill for step in played.steps] == [CANCEL.name]


@pytest.mark.parametrize("seed", range(12))
def test_where_a_skill_stops_the_other_agent_goes_on_from_what_it_did(seed):
    played = playing(seed, suggested=LOOK.name, kind="book", difficulty=0.8)
    alone = play_episode(
        Episode(FlightBookingEnv(), FlightBookingEnv.make_task(seed, kind="book", difficulty=0.8)),
        scripted_agent("flight"),
    )
    (use,) = played.uses
    assert use.finish.stop.reason == "refused"
    assert [step["tool"] for step in use.told["steps"]] == ["search_flights", "apply_coupon"]
    assert succeeded(played)
    assert played.decisions == 1 + len(played.steps) - 2
    assert len(played.steps) <= len(alone) + 1


def test_the_steps_of_the_skill_are_not_made_again():
    played = playing(3, suggested=LOOK.name, kind="book", difficulty=0.0, feasible=True)
    searches = [step.arguments for step in played.steps if step.tool == "search_flights"]
    assert len({str(sorted(each.items())) for each in searches}) == len(searches)


def test_without_a_suggestion_all_is_done_by_hand():
    played = playing(kind="cancel", feasible=True)
    assert succeeded(played)
    assert played.uses == []
    assert played.decisions == len(played.steps)


def test_a_skill_that_is_not_called_for_costs_a_decision_and_is_noted():
    played = playing(suggested=CANCEL.name, kind="book", difficulty=0.0, feasible=True)
    (use,) = played.uses
    assert (use.finish.stop.reason, use.finish.calls, use.told["steps"]) == ("precondition", 0, [])
    assert succeeded(played)
    assert played.decisions == len(played.steps) + 1
    assert played.episode.turn == len(played.steps) + 1


def test_done_but_wrong_is_seen():
    played = playing(suggested=GIVE_UP.name, kind="cancel", feasible=True)
    assert not succeeded(played)
    assert [use.is_wrong for use in played.uses] == [True]


def test_an_agent_at_random_can_take_over_as_well():
    played = playing(suggested=LOOK.name, agent=SkilledAgent(RandomAgent(1)), kind="book")
    assert played.uses
    assert played.decisions >= 2


def test_it_takes_over_in_the_middle_without_beginning_anew():
    task = FlightBookingEnv.make_task(3, kind="cancel", feasible=True)
    agent = SkilledAgent(scripted_agent("flight"))
    opening = Episode(FlightBookingEnv(), task).opening.observation
    agent.begin(task.instruction, opening, [Tool.of_skill(CANCEL, suggested=True)])
    agent.follow(Decision("search_flights"), None, "refused")
    assert agent.decide(None, "refused").tool == "cancel_booking"


class Insistent:
    """Always makes the same call."""

    def __init__(self, tool):
        self.tool = tool
        self.told = []
        self.ends = []

    def begin(self, instruction, observation, tools=()):
        self.tools = [tool.name for tool in tools]

    def decide(self, result, error=None):
        self.told.append((result, error))
        return Decision(self.tool)

    def end(self, result, error, outcome):
        self.ends.append((result, error, outcome))


def test_a_tool_that_there_is_not_costs_decisions_and_ends_in_time():
    agent = Insistent("fly")
    played = playing(agent=agent, max_steps=5)
    assert (played.steps, played.decisions) == ([], 20)
    assert "no tool 'fly'" in agent.told[-1][1]


def test_a_skill_is_cut_off_at_the_limit_of_steps():
    many = a_skill("skill_many", *[call(f"c{n}", "search_flights", {}, may_refuse=True) for n in range(9)])
    agent = Insistent("skill_many")
    played = playing(agent=agent, skills=[many], max_steps=4)
    assert len(played.steps) == 4
    assert played.uses[0].finish.stop.reason == "over"
    assert not played.episode.over


def test_an_agent_that_learns_is_told_the_end_once():
    agent = Insistent("abort")
    playing(agent=agent, kind="cancel", feasible=True)
    ((result, error, outcome),) = agent.ends
    assert error is None
    assert result is not None
    assert outcome["success"] is False


def test_what_is_read_and_said_is_counted_in_bytes():
    by_hand = playing(3, kind="book", difficulty=0.5)
    skilled = playing(3, suggested=CANCEL.name, kind="cancel", feasible=True)
    assert by_hand.size > 4 * skilled.size > 0


def test_agents_are_known_by_name():
    assert agent_kind("skilled").uses_skills
    assert isinstance(agent_kind("skilled").make("no_script", 1, 0.0), SkilledAgent)
