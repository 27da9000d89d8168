"""For any order of calls, repeats, restarts and processes: the log is the session, a turn is stepped once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from practicum.envs import ActionError, Episode, find
from practicum.mcp_server.calls import Call, Caller, Played
from practicum.mcp_server.choosing import OpenRequest
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.served import serve_environments
from practicum.memory import Sessions, Store

ME = Caller()
FLIGHT = find("flight")
CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("search_flights", {}),
    ("filter_results", {"max_stops": 1}),
    ("filter_results", {"max_stops": "one"}),
    ("add_to_cart", {"flight_id": "XX0"}),
    ("proceed_to_payment", {}),
    ("restart", {}),
)
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("call"), st.integers(0, len(CALLS) - 1), st.booleans()),
        st.tuples(st.just("again"), st.integers(0, 30), st.just(False)),
        st.tuples(st.just("restart"), st.just(0), st.just(False)),
        st.tuples(st.just("other process"), st.integers(0, len(CALLS) - 1), st.booleans()),
    ),
    max_size=14,
)


@contextmanager
def _two_processes() -> Iterator[tuple[Store, Store]]:
    with tempfile.TemporaryDirectory() as folder:
        first, second = (Store.open(Path(folder) / "log.db") for _ in range(2))
        yield first, second
        first.close()
        second.close()


class Life:
    """A session, and what its clients were told."""

    def __init__(self, first: Store, second: Store) -> None:
        self.stores = (first, second)
        self.practices = [Practice(store, serve_environments(["flight"])) for store in self.stores]
        self.told: list[Played] = []
        self.session_id = ""

    async def begin(self, seed: int) -> None:
        self.session_id = (await self.practices[0].open(ME, OpenRequest("flight", seed=seed))).session.id

    async def happens(self, kind: str, number: int, numbered: bool) -> None:
        if kind == "restart":
            self.practices[0] = Practice(self.stores[0], serve_environments(["flight"]))
        elif kind == "again" and self.told:
            await self.repeat(self.told[number % len(self.told)])
        elif kind in ("call", "other process"):
            turn = len(self.told) + 1 if numbered else None
            await self.call(self.practices[kind == "other process"], Call(*CALLS[number % len(CALLS)], turn))

    async def call(self, practice: Practice, call: Call) -> None:
        played = await practice.act(ME, self.session_id, call)
        assert isinstance(played, Played)
        assert played.step.turn == len(self.told) + 1
        self.told.append(played)

    async def repeat(self, earlier: Played) -> None:
        step = earlier.step
        again = await self.practices[0].act(ME, self.session_id, Call(step.tool, step.arguments, step.turn))
        assert isinstance(again, Played)
        assert again.step == step


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 500), events=EVENTS)
def test_the_log_holds_what_the_clients_were_told_whatever_happens_between_the_calls(
    seed: int, events: list[tuple[str, int, bool]]
) -> None:
    async def live() -> None:
        with _two_processes() as stores:
            life = Life(*stores)
            await life.begin(seed)
            for event in events:
                await life.happens(*event)
            logged = list(Sessions(stores[1]).steps(life.session_id))
            assert logged == [played.step for played in life.told]
            assert logged == _without_interruption(seed, life.told)

    anyio.run(live)


def _without_interruption(seed: int, told: list[Played]) -> list[Any]:
    episode = Episode(FLIGHT(), FLIGHT.make_task(seed))
    return [episode.act(played.step.tool, played.step.arguments) for played in told]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 500), turns=st.integers(0, 6), number=st.integers(0, 5), ahead=st.integers(-3, 4))
def test_a_turn_that_is_not_next_is_never_played(seed: int, turns: int, number: int, ahead: int) -> None:
    async def live() -> None:
        with _two_processes() as stores:
            life = Life(*stores)
            await life.begin(seed)
            for turn in range(turns):
                await life.call(life.practices[0], Call(*CALLS[turn % len(CALLS)]))
            call = Call(*CALLS[number], turn=turns + 1 + ahead)
            was = life.told[turns + ahead].step if -turns <= ahead < 0 else None
            equal = was is not None and call.equals(was.tool, was.arguments)
            try:
                await life.practices[0].act(ME, life.session_id, call)
                answered = True
            except ActionError:
                answered = False
            assert answered == (ahead == 0 or equal)
            assert len(list(Sessions(stores[1]).steps(life.session_id))) == turns + (ahead == 0)

    anyio.run(live)
