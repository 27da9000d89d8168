"""Imported visits in their world: played where it is here, kept as they were told, replayed."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from practicum.envs import UsageError
from practicum.memory import Sessions, Store, recall, replay, replay_all
from practicum.memory.imports import destination
from tests.memory import import_samples as samples
from tests.memory.import_samples import SHAREGPT, TAU, imported, only, tau_visit, visit


def test_a_visit_to_our_desk_replays_with_every_step_as_it_was(store):
    episode, steps = visit(3)
    tally = imported(store, tau_visit(3), env="retail")
    assert (tally.imported, tally.agreeing, tally.diverging) == ({"retail-v1": 1}, 1, 0)
    session, again = only(store)
    assert [(s.tool, s.arguments, s.terms, s.read_only, s.error) for s in again] == [
        (s.tool, s.arguments, s.terms, s.read_only, s.error) for s in steps
    ]
    assert [s.result for s in again[:-1]] == [s.result for s in steps[:-1]]
    assert again[-1].result == "Thank you, bye! ###STOP###"
    assert session.outcome == {
        **again[-1].outcome,
        "reward": 1.0,
        "trial": 0,
        "judged": session.outcome["judged"],
    }
    assert again[-1].outcome == steps[-1].outcome
    assert session.task.secret["actions"] == episode.task.secret["actions"]
    assert replay(Sessions(store), session.id).agrees


def test_a_visit_that_came_out_otherwise_is_kept_as_told_and_replay_names_the_turn(store):
    run = tau_visit(3)
    place = next(i for i, message in enumerate(run["traj"]) if message["role"] == "tool")
    run["traj"][place]["content"] = '{"order_id": "#W0"}'
    tally = imported(store, run, env="retail")
    assert (tally.agreeing, tally.diverging) == (0, 1)
    session, steps = only(store)
    turn = next(step.turn for step in steps if step.result == {"order_id": "#W0"})
    report = replay(Sessions(store), session.id)
    assert str(report.divergence).startswith(f'turn {turn}: result was {{"order_id":"#W0"}}, replayed it is')


def test_a_verdict_that_the_world_does_not_share_stands_and_replay_names_it(store):
    imported(store, tau_visit(3) | {"reward": 0.0}, env="retail")
    session, _ = only(store)
    assert session.success is False
    divergence = replay(Sessions(store), session.id).divergence
    assert divergence is not None
    assert divergence.what == "outcome"


def test_a_tool_that_the_agent_made_up_is_kept_and_where_the_visit_diverges(store):
    run = tau_visit(3)
    run["traj"][2:2] = [
        samples.called("look_around", {}),
        samples.seen("look_around", "Unknown action look_around"),
    ]
    imported(store, run, env="retail")
    session, steps = only(store)
    assert (steps[0].tool, steps[0].result) == ("look_around", "Unknown action look_around")
    divergence = replay(Sessions(store), session.id).divergence
    assert divergence is not None
    assert (divergence.turn, divergence.what) == (1, "call")


def test_a_visit_that_was_cut_off_replays_as_far_as_it_went(store):
    run = tau_visit(3) | {"reward": 0.0}
    run["traj"] = run["traj"][:-2]
    run["info"]["reward_info"] = None
    assert imported(store, run, env="retail").agreeing == 1
    session, steps = only(store)
    assert (session.success, session.reason, steps[-1].done) == (False, "cut off", False)


def test_conversations_of_the_desk_replay_with_and_without_a_verdict(store):
    episode, steps = visit(3)
    record = samples.as_sharegpt(steps, episode.opening.observation)
    record["conversations"].pop()  # as such records are: the last word is the assistant's
    assert imported(store, record, env="retail").agreeing == 1
    assert imported(store, record | {"id": "other"}, env="retail", right=True).agreeing == 1
    right, unknown = Sessions(store).list(None)
    assert (right.success, unknown.success) == (True, None)
    assert all(report.agrees for report in replay_all(store))


def test_records_of_another_world_are_left_out_and_counted(store):
    foreign = tau_visit(3)
    foreign["info"]["task"]["user_id"] = "nobody_1"
    tally = imported(store, TAU, foreign, tau_visit(4), env="retail")
    assert tally.imported == {"retail-v1": 1}
    assert tally.elsewhere == {
        "retail-v1 has no tool 'move_booking'": 1,
        "the shop's records, whose folder --data names, lack the customer": 1,
    }
    assert not tally.complete


def test_an_environment_without_a_way_to_play_traces_keeps_them_unplayed(store, parcels):
    assert imported(store, TAU, env=parcels).imported == {parcels: 1}
    assert not only(store)[0].replayable


def test_sessions_without_a_world_are_told_apart_in_a_replay_of_all(store):
    imported(store, TAU)
    (report,) = replay_all(store)
    assert (report.agrees, report.playable) == (False, False)
    assert "another system recorded it" in str(report.problem)


def test_what_a_customer_of_a_conversation_said_is_recalled(store):
    imported(store, SHAREGPT, TAU)
    assert recall(store, "ferry FB12", principal="local")[0].env_id == "imported-sharegpt-v1"


@pytest.mark.parametrize("env", [None, "flight"])
def test_a_folder_of_records_is_for_the_desk_alone(env):
    with pytest.raises(UsageError, match="--data is the folder of a shop's records, for --env retail"):
        destination(env, "shop")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 200))
def test_any_visit_that_is_told_in_the_form_of_tau_bench_replays(tmp_path_factory, seed):
    store = Store.open(tmp_path_factory.mktemp("db") / "p.db")
    assert imported(store, tau_visit(seed), env="retail").agreeing == 1
    assert all(report.agrees for report in replay_all(store))
    store.close()
