"""Replay: a session is its log, and a world that answers otherwise is found out."""

from __future__ import annotations

import hashlib
import json
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from practicum.envs import DomainProfile, Episode, UsageError, find, register_domain
from practicum.envs.errors import EpisodeOver
from practicum.envs.outside import Answer, LiveOutside
from practicum.memory import (
    Divergence,
    Log,
    SessionRecorder,
    Sessions,
    SessionStart,
    Store,
    new_session_id,
    rebuild,
)
from practicum.memory.replay import ReplayReport, play_calls, replay, replay_all

names = st.sampled_from(["P0", "P1", "P2", "L0", "L1", "L2", "", 3])
calls = st.one_of(
    st.tuples(st.just("look"), st.just({})),
    st.tuples(st.just("store"), st.fixed_dictionaries({"parcel": names, "locker": names})),
    st.tuples(st.just("take_out"), st.fixed_dictionaries({}, optional={"parcel": names, "size": names})),
)


def tamper(store: Store, sql: str) -> None:
    """Change what is written, as somebody with the file in a hex editor could."""
    for row in store.read("SELECT name FROM sqlite_master WHERE name LIKE '%_refuses_update'"):
        store.connection.execute(f"DROP TRIGGER {row['name']}")
    store.connection.execute(sql)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 99), script=st.lists(calls, max_size=12))
def test_any_episode_replays_and_goes_on_as_if_nothing_had_happened(sessions, begin, seed, script):
    session_id, episode = begin(seed)
    for tool, arguments in script:
        if not episode.over:
            episode.act(tool, arguments)
    assert replay(sessions, session_id) == ReplayReport(session_id, episode.turn)
    again = rebuild(sessions, sessions.get(session_id, None))
    assert again.env.world() == episode.env.world()
    assert (again.turn, again.last, again.total_reward) == (episode.turn, episode.last, episode.total_reward)
    if not episode.over:
        assert again.play("look", {}) == episode.play("look", {})


def test_a_rebuilt_episode_stands_where_it_was_told_to(sessions, begin, solve):
    session_id, episode = begin()
    solve(episode)
    session = sessions.get(session_id, None)
    assert [rebuild(sessions, session, last=turn).turn for turn in range(episode.turn + 1)] == list(
        range(episode.turn + 1)
    )


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("result = '\"P0 is nowhere\"'", "log"),
        (f"result = '1', result_hash = '{hashlib.sha256(b'1').hexdigest()}'", "result"),
        ("error = 'no'", "error"),
        ("reward = reward + 1e-9", "reward"),
        ("terms = '{}'", "terms"),
        ("terminated = 1", "terminated"),
        ("truncated = 1", "truncated"),
        ("read_only = 1", "read_only"),
        ("outcome = '{}'", "outcome"),
        ("tool = 'sell'", "call"),
        ("outside = '[[\"chat\",1]]'", "outside"),
    ],
)
def test_the_first_step_that_differs_is_named(store, sessions, begin, solve, change, what):
    session_id, episode = begin()
    solve(episode)
    tamper(store, f"UPDATE steps SET {change} WHERE turn = 3")
    report = replay(sessions, session_id)
    assert (report.steps, report.divergence.turn, report.divergence.what) == (2, 3, what)
    assert str(report.divergence).startswith("turn 3: ")
    with pytest.raises(Divergence):
        rebuild(sessions, sessions.get(session_id, None))


def test_answers_from_outside_are_served_back_and_nobody_is_asked(sessions, log, oracle):
    session_id, episode = begin_oracle(log, oracle)
    said = [episode.act("ask").result for _ in range(2)]
    again = rebuild(sessions, sessions.get(session_id, None))
    assert again.env.state.words == episode.env.state.words
    assert isinstance(again.env.outside, LiveOutside)
    assert again.play("ask", {}).result not in said


def begin_oracle(log, oracle):
    """A session of the oracle whose start holds what it was told at its beginning."""
    env = find(oracle)()
    task = env.make_task(1)
    session_id = new_session_id()
    episode = Episode(env, task, recorder=SessionRecorder(log, session_id))
    log.start(SessionStart(id=session_id, env=oracle, task=task, outside=episode.opening.outside))
    return session_id, episode


def test_a_world_that_asks_outside_for_something_else_diverges(store, sessions, log, oracle):
    session_id, episode = begin_oracle(log, oracle)
    episode.act("ask")
    episode.act("ask")
    tamper(store, "UPDATE steps SET outside = '[[\"clock\",1]]' WHERE turn = 2")
    report = replay(sessions, session_id)
    assert (report.divergence.turn, report.divergence.what) == (2, "outside")


def test_a_world_that_asks_more_at_its_beginning_diverges_before_the_first_turn(sessions, begin, oracle):
    session_id, _ = begin(env=oracle)
    report = replay(sessions, session_id)
    assert (report.steps, report.divergence.turn, report.divergence.what) == (0, 0, "outside")


def test_a_world_that_asks_less_than_it_did_diverges(log, sessions, begin):
    session_id, _ = begin(outside=(Answer("chat", "hello"),))
    report = replay(sessions, session_id)
    assert (report.divergence.turn, report.divergence.what) == (0, "outside")


def test_final_answers_that_were_sent_back_are_sent_back_again(sessions, begin, monkeypatch):
    register_domain(DomainProfile("lockers", ending_tools=frozenset({"store"})))
    session_id, episode = begin(min_try=3, settings={"parcels": 1})
    monkeypatch.setattr(find(sessions.get(session_id, None).env), "domain", "lockers")
    answers = [episode.act("store", {"parcel": "P0", "locker": "L0"}) for _ in range(3)]
    assert [step.terminated for step in answers] == [False, False, True]
    assert replay(sessions, session_id).agrees


def test_a_session_that_cannot_be_replayed_is_reported_in_one_line(
    sessions, begin, store, parcels, monkeypatch
):
    gone, _ = begin()
    imported, _ = begin(replayable=False)
    later, _ = begin()
    tamper(store, f"UPDATE session_starts SET env = 'nowhere-v1' WHERE id = '{gone}'")
    monkeypatch.setattr(find(parcels), "version", 2)
    problems = {session_id: replay(sessions, session_id).problem for session_id in (gone, imported, later)}
    assert "no environment 'nowhere-v1'" in problems[gone]
    assert "another system recorded it" in problems[imported]
    assert "was played in parcels-v1" in problems[later]
    assert not any("\n" in problem for problem in problems.values())
    with pytest.raises(UsageError, match="no session"):
        replay(sessions, "0" * 32)


def test_a_whole_file_is_replayed_oldest_first(store, begin, solve):
    ids = [begin(seed)[0] for seed in range(3)]
    solve(begin(9)[1])
    tamper(store, f"UPDATE session_starts SET env = 'nowhere-v1' WHERE id = '{ids[1]}'")
    seen = []
    reports = list(replay_all(store, lambda done, total: seen.append((done, total))))
    assert [report.session for report in reports][:3] == ids
    assert [report.agrees for report in reports] == [True, False, True, True]
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_session_written_by_one_process_is_rebuilt_by_another(path, begin, solve):
    session_id, episode = begin()
    solve(episode)
    with closing(Store.open(path)) as other:
        session = Sessions(other).get(session_id, "local")
        assert rebuild(Sessions(other), session).env.world() == episode.env.world()
        Log(other).event("verified", {"session": session_id})


# Foreign records --------------------------------------------------------------------------------------


def played(place, /, *records, **settings_):
    return list(play_calls([json.dumps(record) for record in records], place, settings_))


def test_foreign_calls_are_answered_bare_and_the_world_is_hashed(parcels, begin):
    calls = [
        {"name": "look", "arguments": {}},
        {"name": "store", "arguments": {"parcel": "P0", "locker": "L9"}},
        {"name": "store", "arguments": {"parcel": 1, "locker": "L0"}},
        {"name": "teleport", "arguments": {}},
        {"name": "take_out", "arguments": {"parcel": "P0"}},
    ]
    [line] = played(parcels, {"task_id": "t1", "actions": calls, "seed": 5}, parcels=2)
    env = find(parcels)()
    env.reset(options={"task": find(parcels).make_task(5, parcels=2)})
    world = json.dumps(env.world(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert line["task_id"] == "t1"
    assert line["results"][0] == env.world()
    assert line["results"][1] == "Error: no locker 'L9'; look lists them"
    assert line["results"][2].startswith("Error: bad arguments: 'parcel' is 1")
    assert line["results"][3].startswith("Error: parcels-v1 has no tool 'teleport'")
    assert line["results"][4] == "Error: 'P0' is in no locker"
    assert line["final_sha256"] == hashlib.sha256(world.encode()).hexdigest()


def test_neither_an_ending_nor_the_step_limit_stops_foreign_calls(parcels):
    look = {"name": "look", "arguments": {}}
    store = {"name": "store", "arguments": {"parcel": "P0", "locker": "L0"}}
    [line] = played(
        parcels, {"task_id": 1, "actions": [store, *[look] * 70], "params": {"parcels": 1}}, parcels=9
    )
    assert line["results"][0] == "P0 is in L0; 0 left"
    assert len(line["results"]) == 71
    assert line["results"][-1]["stored"] == {"P0": "L0"}


def test_a_world_that_cuts_itself_off_does_not_stop_foreign_calls(parcels, monkeypatch):
    monkeypatch.setattr(find(parcels), "is_cut_off", lambda self: True)
    look = {"name": "look", "arguments": {}}
    [line] = played(parcels, {"task_id": 1, "actions": [look, look]})
    assert line["results"][0] == line["results"][1]
    assert "parcels" in line["results"][0]


def test_a_world_that_ends_all_the_same_answers_so(parcels, monkeypatch):
    def over(self, action):
        raise EpisodeOver("the world is no more")

    monkeypatch.setattr(find(parcels), "step", over)
    [line] = played(parcels, {"task_id": 1, "actions": [{"name": "look"}]})
    assert line["results"] == ["Error: the world is no more"]


@pytest.mark.parametrize("name", ["seed", "self", "cls"])
def test_a_parameter_that_no_world_can_take_is_refused(parcels, name):
    record = {"task_id": "t1", "actions": [], "params": {name: 1}}
    with pytest.raises(UsageError, match=f"record 't1': no parameter is called '{name}'"):
        played(parcels, record)
    with pytest.raises(UsageError, match=f"no parameter is called '{name}'"):
        list(play_calls(['{"task_id": "t1", "actions": []}'], parcels, {name: 1}))


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_that_no_task_has_is_named(parcels, seed):
    with pytest.raises(UsageError, match="line 1 is no record of calls: seed: "):
        played(parcels, {"task_id": 1, "actions": [], "seed": seed})


def test_every_record_begins_from_the_first_world(parcels):
    record = {
        "task_id": 1,
        "actions": [{"name": "store", "arguments": {"parcel": "P0", "locker": "L0"}}],
        "params": {"parcels": 1},
    }
    first, second = played(parcels, record, record)
    assert first == second


@pytest.mark.parametrize(
    "line", ["[]", "{", '{"task_id": 1}', '{"task_id": 1, "actions": [{"arguments": {}}]}']
)
def test_a_line_that_is_no_record_is_named(parcels, line):
    with pytest.raises(UsageError, match=r"^line 2 is no record of calls: "):
        list(play_calls(['{"task_id": 1, "actions": []}', line], parcels, {}))


def test_floats_are_rounded_to_two_places_before_hashing(parcels, monkeypatch):
    worlds = iter([{"price": 1.234, "count": 1}, {"count": 1, "price": 1.2349}, {"price": 1.24, "count": 1}])
    monkeypatch.setattr(find(parcels), "world", lambda self: next(worlds))
    first, second, third = (
        line["final_sha256"] for line in played(parcels, *[{"task_id": n, "actions": []} for n in range(3)])
    )
    assert first == second != third
    assert first == hashlib.sha256(b'{"count":1,"price":1.23}').hexdigest()
