"""What mining reads of a session: the calls that mattered, from an episode at hand or from the log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from practicum.envs import Episode, ListRecorder, Step, find
from practicum.envs.wrappers import FAILED
from practicum.memory import Log, SessionRecorder, SessionStart, Store, forget, new_session_id
from practicum.memory.digests import DigestingRecorder, Digests
from practicum.skills import digests
from practicum.skills.digests import Outline, digest_of, fill_in, read_outline
from practicum.skills.ingest import Trace, read_trace, read_traces, trace_of
from practicum.training.agents import play_episode, scripted_agent
from tests.memory.steps import a_step

FLIGHT = find("flight")
RETAIL = find("retail")
ORDERS = Path(__file__).parents[2] / "envs" / "retail" / "orders.json"
WISH = {"kind": "book", "feasible": True}
BOOKING = next(task.seed for task in FLIGHT.tasks(**WISH).split("train"))
CALM = {"p_3ds": 0.0, "p_payment_fails": 0.0, "p_sold_out": 0.0, "p_shuffled": 0.0, "p_price_change": 0.0}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "practicum.db")
    yield opened
    opened.close()


def booking() -> Episode:
    task = FLIGHT.make_task(3, kind="book", depart_after=None, max_stops=None, flex_days=0, **CALM)
    return Episode(FLIGHT(), task)


def played(episode: Episode, *calls: tuple[str, dict[str, Any]]) -> list[Step]:
    return [episode.act(tool, arguments) for tool, arguments in calls]


def tools(trace: Trace) -> list[str]:
    return [event.tool for event in trace.events]


def of_calls(*calls: tuple[str, dict[str, Any]]) -> list[str]:
    episode = booking()
    return tools(trace_of(episode, played(episode, *calls)))


def ids_of(page: int = 1) -> list[str]:
    rows = booking().act("search_flights", {"page": page}).result["flights"]
    return [row["id"] for row in rows]


SEARCH = ("search_flights", {})
ADD = ("add_to_cart", {"flight_id": ids_of()[0]})
ANOTHER = ("add_to_cart", {"flight_id": ids_of()[1]})
REMOVE = ("remove_from_cart", {})
PAY = ("proceed_to_payment", {})


def test_a_call_that_the_schema_refused_is_dropped() -> None:
    assert of_calls(("search_flights", {"day": "Monday"}), SEARCH, ADD) == ["search_flights", "add_to_cart"]


def test_a_refusal_by_the_world_is_kept_with_its_words() -> None:
    episode = booking()
    trace = trace_of(episode, played(episode, PAY, SEARCH, ADD))
    assert trace.events[0].error == "the cart is empty; add_to_cart puts a flight in"
    assert tools(trace) == ["proceed_to_payment", "search_flights", "add_to_cart"]


def test_a_call_that_failed_on_its_way_is_dropped() -> None:
    episode = booking()
    lost = a_step(1, tool="search_flights", result=None, error=FAILED)
    steps = [lost, *(replace(step, turn=step.turn + 1) for step in played(episode, SEARCH, ADD))]
    assert tools(trace_of(episode, steps)) == ["search_flights", "add_to_cart"]


def test_a_look_or_a_refusal_that_is_repeated_at_once_is_there_once() -> None:
    assert of_calls(SEARCH, SEARCH, PAY, PAY, ADD) == ["search_flights", "proceed_to_payment", "add_to_cart"]


def test_a_search_that_is_made_again_after_another_is_kept() -> None:
    other = ("search_flights", {"date": "2026-01-01"})
    assert of_calls(SEARCH, other, SEARCH, ADD) == [*["search_flights"] * 3, "add_to_cart"]


def test_a_change_that_was_taken_back_is_dropped_with_what_took_it_back() -> None:
    assert of_calls(SEARCH, ANOTHER, REMOVE, ADD) == ["search_flights", "add_to_cart"]


def test_what_is_changed_after_somebody_was_asked_takes_nothing_back() -> None:
    episode = Episode(RETAIL(), RETAIL.make_task(0))
    order_id, order = next(
        (each, order)
        for each, order in json.loads(ORDERS.read_text(encoding="utf-8")).items()
        if order["status"] == "pending"
    )
    send_to = {**order["address"], "order_id": order_id}
    calls = (
        ("modify_pending_order_address", {**send_to, "address1": "12 Elm Street"}),
        ("respond", {"message": "Or shall it go to 14 Elm Street?"}),
        ("modify_pending_order_address", {**send_to, "address1": "14 Elm Street"}),
    )
    steps = played(episode, *calls)
    assert not any(step.refused for step in steps)
    assert tools(trace_of(episode, steps)) == [tool for tool, _ in calls]


def test_a_change_that_left_a_trace_in_the_world_is_kept_with_what_took_it_back() -> None:
    task = FLIGHT.make_task(
        3, kind="book", depart_after=None, max_stops=None, **CALM | {"p_price_change": 1.0}
    )
    episode = Episode(FLIGHT(), task)
    steps = played(episode, SEARCH, ADD, PAY, REMOVE, ANOTHER)
    assert tools(trace_of(episode, steps)) == [step.tool for step in steps]


def test_a_pair_that_is_made_again_at_once_is_a_retry_and_kept() -> None:
    assert of_calls(SEARCH, ADD, REMOVE, ADD, REMOVE, ANOTHER) == [
        "search_flights",
        "add_to_cart",
        "remove_from_cart",
        "add_to_cart",
    ]


def test_every_page_looked_at_before_a_choice_is_kept() -> None:
    pages = [("search_flights", {"page": page}) for page in (1, 2)]
    assert of_calls(*pages, ADD) == ["search_flights", "search_flights", "add_to_cart"]


def test_a_look_after_the_last_choice_is_dropped() -> None:
    details = ("select_flight", ADD[1])
    assert of_calls(SEARCH, ADD, details, PAY) == ["search_flights", "add_to_cart", "proceed_to_payment"]


def test_a_look_at_what_is_changed_next_is_kept() -> None:
    details = ("select_flight", ADD[1])
    assert of_calls(SEARCH, details, ADD) == ["search_flights", "select_flight", "add_to_cart"]


def test_what_was_looked_at_before_a_task_was_declined_is_kept() -> None:
    assert of_calls(SEARCH, ("filter_results", {"max_stops": 0}), ("abort", {})) == [
        "search_flights",
        "filter_results",
        "abort",
    ]


def test_a_search_that_only_showed_what_the_opening_shows_is_dropped() -> None:
    task = FLIGHT.make_task(5, kind="cancel", feasible=True)
    episode = Episode(FLIGHT(), task)
    mine = {"booking_id": episode.opening.observation["booking"]["id"]}
    steps = played(episode, SEARCH, ("cancel_booking", mine))
    assert tools(trace_of(episode, steps)) == ["cancel_booking"]


def test_a_skill_that_ended_before_its_first_call_is_no_event() -> None:
    episode = booking()
    noted = episode.note("skill_book_flight", {}, {"stop": "precondition"})
    assert tools(trace_of(episode, [noted, *played(episode, SEARCH, ADD)])) == [
        "search_flights",
        "add_to_cart",
    ]


# From the log -----------------------------------------------------------------------------------------


def log_session(
    store: Store, seed: int, noise: float, *, digested: bool = False, wish: Any = None, **start: Any
) -> str:
    task = FLIGHT.make_task(seed, **(wish or {}))
    session_id = new_session_id()
    log = Log(store)
    log.start(SessionStart(id=session_id, env="flight-v1", task=task, **start))
    recorder: Any = SessionRecorder(log, session_id)
    if digested:
        recorder = DigestingRecorder(recorder, store, session_id, make=digest_of("flight-v1"))
    play_episode(Episode(FLIGHT(), task, recorder=recorder), scripted_agent("flight", seed=seed, noise=noise))
    return session_id


def train_seeds(count: int) -> list[int]:
    return [task.seed for task in FLIGHT.tasks().split("train").take(count)]


def outlines(store: Store) -> dict[str, Outline]:
    return {found.session: read_outline(found.body) for found in Digests(store, digests.VERSION).read()}


@pytest.mark.parametrize("seed", train_seeds(3))
def test_the_trace_of_a_session_is_that_of_its_episode(store: Store, seed: int) -> None:
    session_id = log_session(store, seed, 0.2)
    recorder = ListRecorder()
    episode = Episode(FLIGHT(), FLIGHT.make_task(seed), recorder=recorder)
    play_episode(episode, scripted_agent("flight", seed=seed, noise=0.2))
    assert read_trace(store, session_id) == trace_of(episode, recorder.steps, session=session_id)


def test_an_unknown_session_has_no_trace(store: Store) -> None:
    known = log_session(store, train_seeds(1)[0], 0.0)
    assert read_trace(store, "0" * 32) is None
    assert [trace.session for trace in read_traces(store, ["0" * 32, known])] == [known]


def test_a_session_of_a_world_that_is_gone_has_a_trace_without_an_opening(store: Store) -> None:
    task = replace(FLIGHT.make_task(1), env="gone")
    session_id = new_session_id()
    Log(store).start(SessionStart(id=session_id, env="gone-v1", task=task))
    Log(store).append(session_id, a_step(1, tool="add_note", read_only=False))
    trace = read_trace(store, session_id)
    assert trace is not None
    assert (trace.opening, tools(trace)) == (None, ["add_note"])


@settings(max_examples=10, deadline=None)
@given(st.sampled_from(train_seeds(200)), st.sampled_from([0.0, 0.05, 0.3]))
def test_the_recorder_and_the_mining_make_the_same_digest(
    tmp_path_factory: pytest.TempPathFactory, seed: int, noise: float
) -> None:
    store = Store.open(tmp_path_factory.mktemp("log") / "practicum.db")
    at_the_end = log_session(store, seed, noise, digested=True)
    afterwards = log_session(store, seed, noise)
    assert set(outlines(store)) == {at_the_end}
    assert fill_in(store) == 1
    found = outlines(store)
    assert found[at_the_end] == found[afterwards]
    store.close()


def test_an_outline_tells_the_goal_and_no_value(store: Store) -> None:
    session_id = log_session(store, BOOKING, 0.0, wish=WISH)
    fill_in(store)
    [found] = Digests(store, digests.VERSION).read()
    outline = read_outline(found.body)
    trace = read_trace(store, session_id)
    assert trace is not None
    assert outline.goal == "book_flight"
    assert outline.turns == tuple(event.turn for event in trace.events)
    values = [str(value) for event in trace.events for value in event.arguments.values()]
    assert not [value for value in values if len(value) > 2 and value in found.body]


def test_only_judged_practice_and_imports_of_the_train_split_are_learned_from(store: Store) -> None:
    test_seed = FLIGHT.tasks().split("test").take(1)[0].seed
    seed = train_seeds(1)[0]
    log_session(store, test_seed, 0.0)
    log_session(store, seed, 0.0, purpose="evaluation")
    log_session(store, seed, 0.0, purpose="verification")
    cut_short = new_session_id()
    Log(store).start(SessionStart(id=cut_short, env="flight-v1", task=FLIGHT.make_task(seed)))
    Log(store).close(cut_short, "given up")
    wanted = {log_session(store, seed, 0.0), log_session(store, seed, 0.0, purpose="import")}
    assert fill_in(store) == 2
    assert set(outlines(store)) == wanted


def test_one_principals_sessions_are_read_alone(store: Store) -> None:
    mine = log_session(store, train_seeds(1)[0], 0.0, principal="ada")
    log_session(store, train_seeds(1)[0], 0.0, principal="bob")
    fill_in(store)
    known = Digests(store, digests.VERSION)
    assert [found.session for found in known.read("ada")] == [mine]
    assert len(list(known.read())) == 2


def test_digests_of_other_rules_are_made_anew(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    log_session(store, train_seeds(1)[0], 0.0)
    assert (fill_in(store), fill_in(store)) == (1, 0)
    monkeypatch.setattr(digests, "VERSION", digests.VERSION + 1)
    assert not outlines(store)
    assert fill_in(store) == 1
    assert len(outlines(store)) == 1


def test_forgetting_a_session_forgets_its_digest(store: Store) -> None:
    kept, gone = (log_session(store, seed, 0.0) for seed in train_seeds(2))
    fill_in(store)
    forget(store, [gone])
    assert set(outlines(store)) == {kept}
    assert store.read("SELECT count(*) AS n FROM digests") == [{"n": 1}]


def steps_by(skill: str | None, *names: str, first: int = 1) -> Iterable[Step]:
    for turn, name in enumerate(names, first):
        yield a_step(turn, tool=name, read_only=False, via_skill=skill)


@pytest.mark.parametrize(
    ("by_skill", "by_hand", "expected"),
    [(("add_to_cart", "confirm_payment"), (), True), (("add_to_cart",), ("confirm_payment",), False)],
    ids=["a skill's", "by hand"],
)
def test_whose_last_change_it_was_decides_whose_session_it_is(
    by_skill: tuple[str, ...], by_hand: tuple[str, ...], expected: bool
) -> None:
    opening = booking().opening
    steps = [*steps_by("skill_book", *by_skill), *steps_by(None, *by_hand, first=len(by_skill) + 1)]
    found = read_outline(digest_of("flight-v1")(opening, steps).body)
    assert found.by_skill is expected
