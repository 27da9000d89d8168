"""Rollouts: episodes that agents play, kept in the log as sessions, or not; a bad one is a result."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from practicum.envs import Outcome, ToolEnv, action
from practicum.envs.flight_booking_env import FlightBookingEnv
from practicum.memory import Log, Sessions, Store, replay
from practicum.memory.played import played_after
from practicum.skills.library import Library
from practicum.training.agents import Decision, RandomAgent, SkilledAgent, scripted_agent
from practicum.training.rollouts import SkillShelf, Stage, collect, roll_out, roll_out_all
from tests.skills.flights import CANCEL, LOOK


@pytest.fixture
def store(tmp_path: Path):
    opened = Store.open(tmp_path / "practicum.db")
    yield opened
    opened.close()


class Fragile(ToolEnv[dict]):
    """Breaks at the second touch."""

    name = "fragile"
    closed = 0

    def close(self) -> None:
        type(self).closed += 1

    def begin(self) -> dict:
        return {"touched": 0}

    @action
    def touch(self) -> str:
        """Touch it."""
        self.state["touched"] += 1
        if self.state["touched"] == 2:
            raise RuntimeError("it\nbroke")
        return "ok"

    def is_done(self) -> bool:
        return False

    def outcome(self) -> Outcome:
        return Outcome(False)


def published(store: Store, *skills) -> Library:
    library = Library(store)
    for skill in skills:
        library.add(skill, "local")
        assert library.verified(skill, hits=20, misses=0, about={})
        assert library.publish(skill)
    return library


def test_collect_plays_tasks_of_the_train_split_one_after_the_other():
    told = []
    played = collect(
        "flight", scripted_agent("flight"), 6, progress=lambda done, total: told.append((done, total))
    )
    assert [each.task for each in played] == FlightBookingEnv.tasks().split("train").take(6)
    assert all(each.success and each.failure is None and each.session is None for each in played)
    assert [each.decisions for each in played] == [len(each.steps) for each in played]
    assert told == [(n, 6) for n in range(1, 7)]


def test_collect_stops_at_the_limit_of_steps_and_adds_the_reward_of_a_function():
    plain, shaped = (
        collect(FlightBookingEnv, RandomAgent(1, avoid=frozenset({"abort"})), 3, 4, reward)
        for reward in (None, lambda steps: 0.5 * len(steps))
    )
    assert [len(each.steps) for each in plain] == [4, 4, 4]
    assert all(each.outcome == {} and not each.success for each in plain)
    for one, other in zip(plain, shaped, strict=True):
        assert other.total_reward - one.total_reward == pytest.approx(0.5 * (1 + 2 + 3 + 4))
        assert [step.terms["shaped"] for step in other.steps] == [0.5, 1.0, 1.5, 2.0]


def test_a_logged_rollout_is_a_session_that_replays(store):
    task = FlightBookingEnv.make_task(5)
    stage = Stage(env=FlightBookingEnv, place="flight-v1", log=Log(store), purpose="evaluation")
    played = roll_out(stage, task, scripted_agent("flight"), "scripted")
    session = Sessions(store).get(played.session, "local")
    assert (session.task, session.purpose, session.env) == (task, "evaluation", "flight-v1")
    assert session.client_name == "practicum rollout: scripted"
    assert session.outcome == played.outcome
    assert tuple(Sessions(store).steps(session.id)) == played.steps
    assert replay(Sessions(store), session.id).divergence is None


def test_an_episode_that_is_cut_off_is_closed_in_the_log(store):
    stage = Stage(env=FlightBookingEnv, place="flight-v1", log=Log(store), max_steps=2)
    played = roll_out(stage, FlightBookingEnv.make_task(5), scripted_agent("flight"), "scripted")
    session = Sessions(store).get(played.session, "local")
    assert (session.steps, session.reason, session.outcome) == (2, "cut off", None)


def test_a_world_that_fails_costs_its_own_rollout_only(store):
    class Toucher:
        def begin(self, instruction, observation, tools=()):
            pass

        def decide(self, result, error=None):
            return Decision("touch")

    stage = Stage(env=Fragile, place="fragile-v1", log=Log(store))
    played = roll_out_all(stage, Fragile.tasks().take(2), lambda task: Toucher(), name="toucher")
    assert [each.failure for each in played] == ["RuntimeError: it broke"] * 2
    assert [len(each.steps) for each in played] == [1, 1]
    assert {Sessions(store).get(each.session, "local").reason for each in played} == {"crashed"}
    assert Fragile.closed == 2


def test_skills_are_offered_suggested_and_their_uses_kept(store):
    library = published(store, CANCEL, LOOK)
    stage = Stage(
        env=FlightBookingEnv, place="flight-v1", log=Log(store), skills=SkillShelf(library, shelf(store))
    )
    tasks = FlightBookingEnv.tasks(kind="cancel", feasible=True).take(40)
    played = roll_out_all(stage, tasks, lambda task: SkilledAgent(scripted_agent("flight")), name="skilled")
    assert played[0].suggestion.control
    assert all(each.success for each in played)
    used = [each for each in played if each.uses]
    assert 5 < len(used) == sum(each.suggestion.skill is not None for each in played)
    assert all(each.decisions == 1 for each in used)
    uses = library.uses(CANCEL, limit=100)
    assert {use.session for _, use in uses} == {each.session for each in used}
    assert all(use.success and use.calls == 1 for _, use in uses)
    ended = list(played_after(store, 0, principal="local", env="flight", version=1))
    assert [(c.skill is not None, c.decisions) for c in ended] == [
        (bool(each.uses), each.decisions) for each in played
    ]


def shelf(store):
    return SkillShelf.of(store).suggestions


def test_a_skill_that_ends_before_its_first_call_is_in_the_log_too(store):
    published(store, CANCEL)

    class Obstinate:
        def begin(self, instruction, observation, tools=()):
            self.calls = iter([CANCEL.name, "abort"])

        def decide(self, result, error=None):
            return Decision(next(self.calls))

    stage = Stage(env=FlightBookingEnv, place="flight-v1", log=Log(store), skills=SkillShelf.of(store))
    played = roll_out(stage, FlightBookingEnv.make_task(3, kind="book"), Obstinate(), "obstinate")
    steps = list(Sessions(store).steps(played.session))
    assert [(step.turn, step.tool, step.noted) for step in steps] == [
        (1, CANCEL.name, True),
        (2, "abort", False),
    ]
    assert replay(Sessions(store), played.session).divergence is None
    assert json.dumps(played.uses[0].told)


def test_equal_ids_and_seeds_play_alike():
    def ids():
        return iter(f"{n:032x}" for n in range(9)).__next__

    runs = [
        [
            [(step.tool, step.arguments) for step in each.steps]
            for each in roll_out_all(
                Stage(env=FlightBookingEnv, new_id=ids()),
                FlightBookingEnv.tasks().take(5),
                lambda task: scripted_agent("flight", seed=task.seed, noise=0.3),
                name="scripted",
            )
        ]
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
