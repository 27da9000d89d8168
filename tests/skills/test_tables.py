"""Tables: rows as they were seen last, whatever a world shows where they should be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from practicum.skills.interpreter import Finish, Situation, run
from practicum.skills.known import Known, Seen
from practicum.skills.language import Skill
from tests.skills.programs import JSON, Json

FLIGHTS = {
    "seen": "/flights",
    "key": "id",
    "with": {"date": "/date"},
    "updates": [{"at": "/cart", "key": "of"}],
}


def rows_of(*results: Json) -> list[Any]:
    """The rows of what was shown, one result after the other."""
    known = Known({}, None)
    for result in results:
        known.learn(Seen("", "search", {}, result, None))
    return list(known.table(FLIGHTS).rows.values())


def page(date: Json, price: int = 9) -> dict[str, Json]:
    return {"date": date, "flights": [{"id": "A1", "price": price}]}


def test_rows_are_told_apart_by_their_surroundings_and_seen_as_they_were_last():
    assert rows_of(page("1 May"), page("2 May"), page("1 May", 7)) == [
        {"id": "A1", "price": 7, "date": "1 May"},
        {"id": "A1", "price": 9, "date": "2 May"},
    ]


def test_what_is_told_of_a_row_elsewhere_is_known_of_it():
    cart = {"date": "1 May", "cart": [{"of": "A1", "price": 5, "size": 3}, {"of": ["A1"], "price": 4}]}
    assert rows_of(page("1 May"), cart) == [{"id": "A1", "price": 5, "date": "1 May"}]


@pytest.mark.parametrize("date", [["1 May"], {"day": 1}])
def test_surroundings_with_parts_tell_no_rows_apart(date):
    assert rows_of(page(date), page(date, 7)) == [{"id": "A1", "price": 7}]


def test_what_is_bound_where_surroundings_are_missing_is_json():
    select = {"do": "select", "id": "best", "from": FLIGHTS}
    skill = Skill("skill_any", 1, "any", 1, {"type": "object"}, (select,))
    with pytest.raises(StopIteration) as end:
        next(run(skill, {}, Situation({}, {"flights": [{"id": "A1"}]})))
    finish: Finish = end.value.value
    assert finish.finished
    assert json.loads(json.dumps(finish.as_json()))["bindings"] == {"best": {"id": "A1"}}


@given(JSON, JSON, JSON)
def test_whatever_a_world_shows_it_has_rows(flights, date, cart):
    rows_of({"flights": flights, "date": date, "cart": cart}, {"flights": [{"id": "A1"}], "cart": [cart]})
