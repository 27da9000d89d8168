"""Conditions: what was always so is needed, what was wrong is barred, and nothing is asked for in vain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from practicum.envs import find
from practicum.skills.conditions import barred, expected, limits_kept, needed, preconditions
from practicum.skills.flow import Example, Feature
from practicum.skills.guards import EITHER
from practicum.skills.ingest import Event, Trace
from practicum.skills.mining import mine
from practicum.skills.values import MISSING
from tests.skills.by_hand import by_hand, tries

FEE, MOST = {"ref": "last", "path": "/fee"}, {"param": "most"}
LOOKED = Feature({"missing": {"row": "page", "path": ""}}, 2.0, binding=(True,))
HELD = Feature({"all": []}, 2.0, binding=(False,))
BELOW = Feature({"le": [FEE, MOST]}, 4.0, binding=EITHER)
ABOVE = Feature({"ge": [FEE, MOST]}, 4.0, binding=EITHER)
LOOSE = Feature({"truthy": {"ref": "last", "path": "/open"}}, 1.0)


def paid(*columns: tuple[Any, ...], name: str = "pay") -> list[Example]:
    """Decisions for a call with these values of the features."""
    return [Example(values, name, session) for session, values in enumerate(columns)]


def opened(params: dict[str, Any], opening: Any = None, *tools: str, shown: Any = None) -> Trace:
    """A session of these calls, none of which tells anything but what is shown."""
    events = tuple(Event(tool, {}, shown, None, False, None, n) for n, tool in enumerate(tools, 1))
    world = ("session", "local", "flight", 1, f"task {sorted(params.items())}")
    return Trace(*world, params, opening, events, True, None, {"success": True}, events)


# Needed -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("so", "of", "is_needed"), [(20, 20, True), (17, 20, True), (16, 20, False)])
def test_a_last_call_needs_what_was_so_nearly_whenever_it_was_made(so, of, is_needed):
    examples = paid(*[(True,)] * so, *[(False,)] * (of - so)) + paid(*[(False,)] * 50, name="look")
    assert list(needed("pay", examples, [LOOKED])) == ([(LOOKED, True)] if is_needed else [])


def test_what_cannot_be_told_was_not_so():
    assert list(needed("pay", paid(*[(True,)] * 8, *[(MISSING,)] * 2), [LOOKED])) == []


def test_a_guard_binds_on_the_side_that_it_is_told_to_and_on_no_other():
    examples = paid(*[(False, True, True)] * 9)
    assert list(needed("pay", examples, [LOOKED, HELD, LOOSE])) == []
    assert list(needed("pay", paid(*[(True, False, False)] * 9), [LOOKED, HELD, LOOSE])) == [
        (LOOKED, True),
        (HELD, False),
    ]


def test_a_call_that_was_never_made_needs_nothing():
    assert list(needed("pay", [], [LOOKED])) == []
    assert list(needed("pay", paid((True,), name="look"), [LOOKED])) == []


@pytest.mark.parametrize(
    ("below", "above", "kept"),
    [
        (True, False, [(ABOVE, False)]),
        (False, True, [(BELOW, False)]),
        (True, True, [(BELOW, True), (ABOVE, True)]),
    ],
)
def test_of_both_sides_of_a_limit_the_one_is_needed_that_stops_at_equality(below, above, kept):
    assert list(needed("pay", paid(*[(below, above)] * 9), [BELOW, ABOVE])) == kept


# Barred -----------------------------------------------------------------------------------------------


def test_the_cheapest_guard_that_was_otherwise_where_it_went_wrong_bars_the_call():
    examples = paid(*[(True, False, "clean")] * 30)
    features = [BELOW, HELD, Feature({"ref": "last", "path": "/state"}, 3.0)]
    assert barred("pay", examples, features, (True, False, "soiled")) == (features[2], "clean")
    assert barred("pay", examples, features, (False, True, "soiled")) == (HELD, False)
    assert barred("pay", examples, features, (False, MISSING, "clean")) == (HELD, False)


def test_nothing_bars_a_call_where_all_was_as_ever():
    assert barred("pay", paid(*[(True,)] * 30), [BELOW], (True,)) is None
    assert barred("pay", [], [BELOW], (False,)) is None


@pytest.mark.parametrize(("so", "bars"), [(19, True), (18, False)])
def test_only_what_was_so_in_nearly_all_examples_bars(so, bars):
    examples = paid(*[(True,)] * so, *[(MISSING,)] * (20 - so))
    assert (barred("pay", examples, [BELOW], (False,)) is not None) == bars


def test_where_a_program_is_bars_nothing():
    after = Feature({"after": True}, 0.0)
    assert barred("pay", paid(*[("take",)] * 30), [after], ("look",)) is None


# Limits -----------------------------------------------------------------------------------------------


def test_a_limit_that_all_sessions_kept_is_a_precondition_and_the_strictest_is_enough():
    sessions = [opened({"most": 9 - n}, {"fee": 3}) for n in range(3)]
    open_fee = {"ref": "open", "path": "/fee"}
    assert list(limits_kept(sessions, [LOOSE, BELOW, ABOVE])) == [{"not": {"ge": [open_fee, MOST]}}]
    at_it = [*sessions, opened({"most": 3}, {"fee": 3})]
    assert list(limits_kept(at_it, [LOOSE, BELOW, ABOVE])) == [{"le": [open_fee, MOST]}]
    above = [*at_it, opened({"most": 2}, {"fee": 3})]
    assert list(limits_kept(above, [BELOW, ABOVE])) == []
    assert list(limits_kept([*sessions, opened({"most": 9}, {})], [BELOW, ABOVE])) == []


def test_it_is_the_first_observation_that_counts_and_not_what_was_shown_later():
    later = [opened({"most": 5}, {"fee": 1}, "look", "pay", shown={"fee": 8})] * 3
    assert list(limits_kept(later, [BELOW])) == [{"le": [{"ref": "open", "path": "/fee"}, MOST]}]


def test_who_saw_only_cancellations_within_the_limit_cancels_no_others():
    flight = find("flight")
    tasks = flight.tasks(kind="cancel").split("train").take(30)
    within = [t for t in by_hand("flight", tasks) if t.played[-1].tool == "cancel_booking"]
    program = mine(within, flight)
    assert program is not None
    limits = [pred for pred in program.pre if "max_fee" in str(pred)]
    assert limits == [{"not": {"ge": [{"ref": "open", "path": "/booking/fee"}, {"param": "max_fee"}]}}]
    fresh = list(flight.tasks(kind="cancel").split("verify").take(40))
    assert set(tries(program, "flight", fresh)) == {"done", "precondition"}


# Preconditions ----------------------------------------------------------------------------------------


def conditions(sessions: list[Trace], body: Any = ()) -> list[Any]:
    return list(preconditions(sessions, find("flight"), body))


def test_the_sort_of_task_is_a_precondition_where_all_sessions_were_of_one():
    cancel, book = opened({"kind": "cancel"}), opened({"kind": "book"})
    assert conditions([cancel] * 3) == [{"eq": [{"param": "kind"}, {"const": "cancel"}]}]
    assert conditions([cancel, cancel, book]) == []


def asked(count: int, of: int) -> list[Trace]:
    """Sessions of which some asked for instalments."""
    return [opened({"months": 3 if n < count else None}, None, "confirm_payment") for n in range(of)]


def test_what_no_part_of_a_program_is_for_is_left_to_agents_where_hardly_any_task_asked_for_it():
    unasked = [{"not": {"truthy": {"param": "months"}}}]
    assert conditions(asked(0, 20)) == unasked
    assert conditions(asked(2, 20)) == unasked
    assert conditions(asked(3, 20)) == []
    used = [{"do": "call", "id": "a", "tool": "a", "args": {"months": {"param": "months"}}}]
    assert conditions(asked(2, 20), used) == []
    assert conditions(asked(0, 20), used) == unasked


def test_sessions_that_declined_say_nothing_of_what_is_done():
    declined = [replace(each, played=(), events=()) for each in asked(10, 10)]
    assert conditions([*asked(0, 10), *declined]) == [{"not": {"truthy": {"param": "months"}}}]


# Expected ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("calls", "is_expected"), [(8, True), (7, False)])
def test_a_control_field_with_one_value_after_all_calls_is_expected(calls, is_expected):
    sessions = [opened({}, None, "pay", shown={"view": "paid", "of": None}) for _ in range(calls)]
    found = expected(sessions, [["pay"]] * calls, ("/view", "/of", "/gone"))
    paid_then = {"eq": [{"ref": "last", "path": "/view"}, {"const": "paid"}]}
    assert found == ({"pay": {"expect": [paid_then]}} if is_expected else {})
    other = opened({}, None, "pay", shown={"view": "open"})
    assert expected([*sessions, other], [["pay"]] * (calls + 1), ("/view",)) == {}
    assert expected(sessions, [[""]] * calls, ("/view",)) == {}
