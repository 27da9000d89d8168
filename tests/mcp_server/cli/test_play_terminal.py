"""`practicum play` at a terminal: forms, hidden answers, tables, colours, completion, Ctrl-C and Ctrl-D."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from practicum.memory import Sessions, Store
from tests.mcp_server.cli.terminal import Terminal, at_terminal
from tests.mcp_server.clients import GATED, PARCELS

pytestmark = pytest.mark.integration

PROMPT = "\n> "


@pytest.fixture
def flight(db: Path) -> Iterator[Terminal]:
    """A person who plays the flight of seed 7."""
    with at_terminal("play", "flight", "--seed", "7", "--db", db) as terminal:
        yield terminal


def arguments(db: Path) -> list[dict[str, object]]:
    store = Store.open(db)
    sessions = Sessions(store)
    found = [dict(step.arguments) for step in sessions.steps(sessions.list(None)[0].id)]
    store.close()
    return found


def test_a_form_asks_for_each_argument_and_enter_leaves_one_out(flight: Terminal, db: Path) -> None:
    flight.answer(PROMPT, "search_flights")
    flight.until("from (text, may be left out): IATA code of the origin")
    flight.answer("from> ", "MEL")
    flight.answer("to> ", "")
    flight.answer("date> ", "")
    flight.until("page (whole number, default 1): Page of the results, from 1.")
    flight.answer("page> ", "two")
    flight.until("'two' does not fit page: expected a whole number")
    flight.answer("page> ", "2")
    flight.answer(PROMPT, "quit")
    assert flight.end() == 0
    assert arguments(db) == [{"from": "MEL", "page": 2}]


def test_what_is_needed_is_asked_for_again_and_a_dot_leaves_out_the_rest(flight: Terminal, db: Path) -> None:
    flight.answer(PROMPT, "filter_results")
    flight.answer("depart_after> ", "14:00")
    flight.answer("max_stops> ", ".")
    flight.answer(PROMPT, "apply_coupon")
    flight.answer("code> ", "")
    flight.until('code is needed; "" is an empty text, Ctrl-C goes back')
    flight.answer("code> ", "SKY10")
    flight.answer(PROMPT, "search_flights {}")
    flight.answer(PROMPT, "quit")
    assert flight.end() == 0
    assert arguments(db) == [{"depart_after": "14:00"}, {"code": "SKY10"}, {}]


def test_choices_are_listed_and_others_are_told(flight: Terminal, db: Path) -> None:
    flight.answer(PROMPT, "pay_in")
    flight.until("3   6   12")
    flight.answer("months> ", "5")
    flight.until("'5' does not fit months: expected one of 3, 6, 12")
    flight.answer("months> ", "6")
    flight.answer(PROMPT, "quit")
    assert flight.end() == 0
    assert arguments(db) == [{"months": 6}]


def test_a_secret_is_typed_without_being_seen(flight: Terminal, db: Path) -> None:
    flight.answer(PROMPT, "enter_card")
    flight.answer("card_token> ", "tok_4711")
    flight.answer(PROMPT, "history")
    flight.until('enter_card(card_token="[redacted]")')
    flight.answer(PROMPT, "quit")
    assert flight.end() == 0
    assert "tok_4711" not in flight.text
    assert arguments(db) == [{"card_token": "tok_4711"}]


def test_flights_are_a_table_and_rewards_have_colours(flight: Terminal) -> None:
    flight.answer(PROMPT, "search_flights {}")
    flight.until("price  depart  arrive   stops  airline  id")
    flight.until("654  10:35   21:45        1  QF       QF4516")
    flight.answer(PROMPT, "quit")
    flight.end()
    assert "\x1b[31m-0.01" in flight.raw


def test_no_color_is_kept(db: Path) -> None:
    with at_terminal("play", PARCELS, "--db", db, NO_COLOR="1") as terminal:
        terminal.answer(PROMPT, "look")
        terminal.until('"lockers": {')
        terminal.answer(PROMPT, "quit")
        terminal.end()
    assert "\x1b[3" not in terminal.raw


def test_tab_completes_tools_and_arguments(flight: Terminal, db: Path) -> None:
    flight.until(PROMPT)
    flight.type("filt\t max\t2\n")
    flight.answer(PROMPT, "quit")
    assert flight.end() == 0
    assert arguments(db) == [{"max_stops": 2}]


def test_ctrl_c_in_a_form_goes_back_and_at_the_prompt_keeps_the_session(flight: Terminal, db: Path) -> None:
    flight.answer(PROMPT, "apply_coupon")
    flight.until("code> ")
    flight.interrupt("broken off")
    flight.until(PROMPT)
    flight.interrupt("is kept: practicum play --resume")
    assert flight.end() == 0
    assert arguments(db) == []


def test_ctrl_d_keeps_the_session(flight: Terminal) -> None:
    flight.until(PROMPT)
    flight.type("\x04")
    flight.until("is kept: practicum play --resume")
    assert flight.end() == 0


def test_ctrl_c_in_a_long_call_leaves_it_to_the_world_and_play_goes_on(db: Path, tmp_path: Path) -> None:
    (tmp_path / "gated.py").write_text(GATED)
    gate = tmp_path / "gate"
    with at_terminal(
        "play", f"{tmp_path / 'gated.py'}:Gated", "--set", f"gate={gate}", "--db", db
    ) as terminal:
        terminal.answer(PROMPT, "wait")
        terminal.until("waiting")
        terminal.interrupt("broken off")
        gate.touch()
        terminal.answer(PROMPT, "wait")
        terminal.until("turn 2, reward")
        terminal.answer(PROMPT, "quit")
        assert terminal.end() == 0
    assert arguments(db) == [{}, {}]


PICKING = '''
from typing import Literal

from practicum.envs import Outcome, ToolEnv, action


class Picking(ToolEnv[dict]):
    """Pick."""

    name = "picking"

    def begin(self) -> dict:
        return {}

    @action
    def pick(
        self,
        colour: Literal["red", "green"],
        loud: bool,
        sizes: list[int],
        share: float = 0.5,
        name: str = "",
    ) -> str:
        """Pick something.

        Args:
            colour: Which colour.
        """
        return f"{colour} {loud} {sizes} {share} {name!r}"

    def is_done(self) -> bool:
        return False

    def outcome(self) -> Outcome:
        return Outcome(success=False)
'''


def test_each_type_of_answer_is_read_and_what_is_known_is_not_asked_for(db: Path, tmp_path: Path) -> None:
    (tmp_path / "picking.py").write_text(PICKING)
    with at_terminal("play", f"{tmp_path / 'picking.py'}:Picking", "--db", db) as terminal:
        terminal.answer(PROMPT, "pick")
        terminal.until("colour (one of these, needed): Which colour.")
        terminal.until("1 red   2 green")
        terminal.answer("colour> ", "3")
        terminal.until("'3' does not fit colour: expected one of 1 red, 2 green")
        terminal.answer("colour> ", "2")
        terminal.answer("loud> ", "maybe")
        terminal.until("'maybe' does not fit loud: expected yes or no")
        terminal.answer("loud> ", "y")
        terminal.answer("sizes> ", "1, two")
        terminal.until("'1, two' does not fit sizes: expected a list, with commas")
        terminal.answer("sizes> ", "1, 2")
        terminal.answer("share> ", "0.25")
        terminal.answer("name> ", '""')
        terminal.until("green True [1, 2] 0.25 ''")
        terminal.answer(PROMPT, "pick red sizes=[3]")
        terminal.answer("loud> ", "n")
        terminal.until("red False [3] 0.5 ''")
        terminal.answer(PROMPT, "quit")
        assert terminal.end() == 0
