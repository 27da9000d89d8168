"""The figures of the skills benchmark are what their names say, and each part measures what it is said to."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import (
    _skills_heldout,
    _skills_lessons,
    _skills_loop,
    _skills_retail,
    _skills_retirement,
    _skills_scale,
)
from benchmarks import skills as benchmark
from benchmarks._skills_curves import smoothed
from benchmarks._skills_explorer import FIELDS, compared, sign_test
from benchmarks._skills_loop import EARLY, Played, User
from benchmarks._skills_tables import over, tables
from benchmarks._skills_teachers import TEACHERS
from practicum.envs import Episode, find
from practicum.envs.flight_booking_env import FlightBookingEnv
from practicum.memory import Log, Store
from practicum.memory.digests import Digests
from practicum.skills.digests import VERSION, fill_in
from practicum.skills.language import Skill
from practicum.training.agents import Playing
from practicum.training.agents.retail_oracle import OracleScript
from practicum.training.rollouts import Rollout, Stage, roll_out_all

FLIGHT = find("flight")
HAND = Played(decisions=8, success=True, regret=0.0, feasible=True)
SKILLED = replace(HAND, decisions=1, uses=1)
CONTROL = replace(HAND, control=True)


# Learning while playing ---------------------------------------------------------------------------------


def user(*later: Played) -> User:
    """One who played so after the early sessions, which were all by hand."""
    early = (HAND,) * EARLY
    return User((*early, *later), (*early, *(HAND for _ in later)), ())


def test_decisions_leave_out_the_control_group_and_decisions_all_do_not() -> None:
    found = _skills_loop.figures([user(SKILLED, CONTROL)])
    assert (found["decisions"], found["decisions_all"], found["decisions_by_hand"]) == (1, 4.5, 8)
    assert (found["decisions_difference"]["value"], found["decisions_all_difference"]["value"]) == (-7, -3.5)
    assert found["control_sessions"] == 1


def test_early_sessions_count_only_for_what_is_wrong_declined_or_failed() -> None:
    failed = replace(SKILLED, success=False, feasible=False, wrong=1, failure="crashed")
    found = _skills_loop.figures([User((failed, *(SKILLED,) * EARLY), (HAND,) * (EARLY + 1), ())])
    assert (found["success"], found["uses"]) == (1, 1)
    assert (found["done_but_wrong"], found["declined"], found["failures"]) == (1, 0, 1)


def test_regret_is_paired_where_both_ways_have_one() -> None:
    dear, nowhere = replace(SKILLED, regret=12.0), replace(SKILLED, regret=None)
    assert _skills_loop.figures([user(dear, nowhere)])["regret_difference"]["value"] == 12


def test_a_user_plays_every_task_both_ways_and_learns_meanwhile() -> None:
    sessions = _skills_loop.FIRST_ROUND
    found = _skills_loop.played(1, sessions)
    assert len(found.skilled) == len(found.by_hand) == sessions
    assert [after for after, _, _ in found.rounds] == [sessions]
    assert [one.feasible for one in found.skilled] == [other.feasible for other in found.by_hand]


def test_a_point_of_a_curve_is_the_mean_of_the_known_ones_just_before_it() -> None:
    assert smoothed([None, 2.0, 4.0, None, None, None, None, None]) == [None, 2, 3, 3, 3, 3, 4, None]


# Teachers and what they are held against ----------------------------------------------------------------


def lesson(tmp_path: Path, teacher: str, sessions: int) -> list[Rollout]:
    """What a teacher plays."""
    with closing(Store.open(tmp_path / "p.db")) as store:
        stage = Stage(env=TEACHERS[teacher].world, place="flight-v1", log=Log(store))
        tasks = FLIGHT.tasks(kind="book").split("train").take(sessions)
        return roll_out_all(stage, tasks, TEACHERS[teacher].agent, name="teacher")


def test_only_the_teacher_that_is_misjudged_has_wrong_labels(tmp_path: Path) -> None:
    sessions = {name: lesson(tmp_path, name, 60) for name in ("forgetful", "misjudged")}
    wrong = {name: sum(map(_skills_lessons.is_mislabelled, played)) for name, played in sessions.items()}
    assert wrong["forgetful"] == 0 < wrong["misjudged"]
    assert [one.steps[-1].tool for one in sessions["forgetful"]] == [
        other.steps[-1].tool for other in sessions["misjudged"]
    ]


def test_detours_lengthen_sessions(tmp_path: Path) -> None:
    steps = {name: sum(len(each.steps) for each in lesson(tmp_path, name, 10)) for name in TEACHERS}
    assert steps["detours"] > steps["noisy"] > steps["steady"]


def test_a_replay_does_its_own_task_and_substitutes_parameters_alone(tmp_path: Path) -> None:
    session = next(each for each in lesson(tmp_path, "steady", 10) if each.task.secret["feasible"])
    for rewrite in _skills_heldout.REPLAYS.values():
        assert _skills_heldout.replayed(session.task, session, rewrite)
    old, new = {"from": "OSL", "origin": "OSL", "day": 1}, {"from": "BGO", "origin": "TRD", "day": 2}
    call = {"from": "OSL", "to": "OSL-7", "day": 1, "is_late": True}
    made = {"from": "BGO", "to": "OSL-7", "day": 2, "is_late": True}
    assert _skills_heldout.substituted(call, old, new) == made


def test_a_skill_is_right_or_wrong_or_stops() -> None:
    skill = _skills_retirement.booking_skill()
    trials = [_skills_lessons.tried(*each) for each in _skills_lessons.takers([skill], 30)[0]]
    found = _skills_lessons.summary(trials)
    assert found["tasks"] == 30
    right, wrong, stopped = (
        round(30 * found["success"]),
        found["done_but_wrong"],
        sum(found["stops"].values()),
    )
    assert right + wrong + stopped == 30
    assert min(right, wrong, stopped) > 0
    assert found["success"] < found["success_with_agent"]


# Retail -------------------------------------------------------------------------------------------------


def test_what_skills_save_is_what_the_same_tasks_take_less_than_by_hand() -> None:
    found = _skills_retail.measured("thorough", sessions=150, test_tasks=24)
    assert (found["right"], found["success"], found["success_by_hand"]) == (150, 1, 1)
    assert (found["done_but_wrong"], found["precision"]) == (0, 1)
    assert found["decisions_by_hand"] - found["decisions"] == pytest.approx(found["saved"]["value"], abs=0.01)
    assert found["turns"] < found["decisions"] < found["decisions_by_hand"] - 3
    assert sum(skill["uses"] for skill in found["skills"]) == found["uses"] > 0


def test_a_skill_that_stops_is_of_no_help_and_the_agent_goes_on_by_hand() -> None:
    retail = find("retail")
    task = retail.tasks(scenario="item_exchange").take(1)[0]
    params = {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]}
    look = {"do": "call", "id": "a", "tool": "get_order_details", "args": {"order_id": {"param": "order_id"}}}
    other = {**look, "id": "b", "tool": "get_product_details", "args": {"product_id": {"const": "none"}}}
    for body, made in (((look, other), 1), ((other,), 0)):
        told = "Plays get_order_details, then get_product_details, typically 2 calls."
        skill = Skill("skill_stops", 1, "retail", 1, params, body, description=told)
        agent = _skills_retail.SkilledOracle(task, OracleScript)
        playing = Playing(Episode(retail(), task), agent, skills=[skill])
        steps = playing.play()
        assert steps[-1].outcome["success"]
        assert agent.served == [("skill_stops", False)]
        assert sum(step.via_skill is not None and not step.refused for step in steps) == made


# Scale --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a log of 15 real sessions, and one in which each has two copies."""
    path = tmp_path_factory.mktemp("logs")
    _skills_scale.logs(path, {"real": 15, "large": 45})
    return path


def test_copied_sessions_are_ingested_like_the_real_ones(folder: Path) -> None:
    outlines = {}
    for name in ("real", "large"):
        with closing(Store.open(folder / f"{name}.db")) as store:
            fill_in(store)
            outlines[name] = sorted(session.body for session in Digests(store, VERSION).read())
    assert sorted(outlines["real"] * 3) == outlines["large"]


def test_copied_sessions_have_tasks_and_values_of_their_own(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "large.db")) as connection:
        starts, tasks, cards = connection.execute(
            "SELECT count(*), count(DISTINCT task), count(DISTINCT body ->> '$.params.card_token')"
            " FROM session_starts JOIN tasks ON tasks.hash = session_starts.task"
        ).fetchone()
        paid = connection.execute(
            "SELECT sum(arguments ->> '$.card_token' = body ->> '$.params.card_token') * 1.0 / count(*)"
            " FROM steps JOIN session_starts ON id = session JOIN tasks ON tasks.hash = session_starts.task"
            " WHERE tool = 'enter_card' AND error IS NULL"
        ).fetchone()[0]
    assert (starts, tasks) == (45, 45)
    assert cards % 3 == 0 < cards
    assert paid > 0.9


def test_ingest_and_mining_are_measured_apart_and_together(folder: Path) -> None:
    found = _skills_scale.mined("real", folder, 1)
    both = found["ingest_real_s"] + found["mine_real_s"]
    assert found["from_nothing_real_s"] == pytest.approx(both, abs=0.02)
    assert 0 < found["ingest_real_mb"] <= found["from_nothing_real_mb"]


# Explorer, retirement -----------------------------------------------------------------------------------


def test_the_sign_test_is_two_sided_and_exact() -> None:
    assert (sign_test(7, 0), sign_test(0, 7), sign_test(3, 3), sign_test(0, 0)) == (0.016, 0.016, 1, 1)


def test_a_run_without_success_counts_as_the_cap() -> None:
    found = compared(FIELDS["flight_easy"], 1, 3)
    assert (found["explorer"], found["random"], found["random_cut_off"]) == (3, 3, 1)


def test_each_change_of_the_world_breaks_the_skill() -> None:
    skill = _skills_retirement.booking_skill()
    rates = {
        world: _skills_retirement.played(skill, world, 15, 0).mean()
        for world in (FlightBookingEnv, *_skills_retirement.CHANGES.values())
    }
    whole, *broken = rates.values()
    assert whole > 0.8
    assert max(broken) < 0.5


# The whole ----------------------------------------------------------------------------------------------


def test_no_part_writes_over_another_ones_figure() -> None:
    with pytest.raises(ValueError, match="two figures are called regret"):
        benchmark._joined({"regret": 0.0}, {"regret": 12.0})


def test_what_a_short_run_leaves_out_is_told() -> None:
    told = list(benchmark._left_out(["loop"], quick=True))
    assert told[-1] == benchmark.PARTS["loop"].short
    assert {line.split(":")[0] for line in told} == set(benchmark.PARTS)


def test_tables_have_no_ratio_to_nothing() -> None:
    assert (over(None, 2.0), over(1.0, 0.0), over(1.0, 2.0)) == (None, None, 0.5)
    found = _skills_loop.figures([user(SKILLED, CONTROL)])
    assert any(line.startswith("decisions_all") for line in tables("loop", found))
