"""Which sessions did the same job, and which of them mining reads."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from practicum.memory import Store
from practicum.skills.candidates import Candidate, Variant, candidates, variant_of
from practicum.skills.digests import fill_in
from practicum.skills.segments import Occurrence, Segment, segments
from tests.skills.logged import CANCEL, TASKS, log_calls

BOOK = ("add_to_cart", "proceed_to_payment", "enter_card", "confirm_payment")
RETRY = (*BOOK, "enter_card", "confirm_payment")
COUPON = ("add_to_cart", "apply_coupon", "proceed_to_payment", "enter_card", "confirm_payment")
DECLINE = ("abort",)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "practicum.db")
    yield opened
    opened.close()


def found(store: Store, most: int = 150) -> list[Candidate]:
    fill_in(store)
    return candidates(store, most=most)


def test_sessions_with_one_goal_are_one_candidate_with_what_declined_beside_them(store: Store) -> None:
    booked = [log_calls(store, number, BOOK) for number in range(3)]
    declined = log_calls(store, 10, DECLINE, task=TASKS[1])
    wrong = log_calls(store, 11, BOOK, success=False)
    log_calls(store, 12, ("cancel_booking",), task=CANCEL)
    booking, cancelling = found(store)
    assert (booking.goal, booking.tools) == ("book_flight", set(BOOK))
    assert (booking.successes, booking.declines, booking.failures, booking.tasks) == (3, 1, 1, 1)
    assert set(booking.sample) == {*booked, declined}
    assert booking.failed == (wrong,)
    assert (cancelling.goal, cancelling.successes, cancelling.declines) == ("cancel_booking", 1, 0)


def test_declines_are_not_read_where_tasks_of_their_sort_have_several_goals(store: Store) -> None:
    log_calls(store, 1, BOOK)
    log_calls(store, 2, ("cancel_booking",))
    declined = log_calls(store, 3, DECLINE)
    assert [candidate.declines for candidate in found(store)] == [1, 1]
    assert not [candidate for candidate in found(store) if declined in candidate.sample]


def test_sessions_that_only_declined_or_failed_are_no_candidate(store: Store) -> None:
    log_calls(store, 1, DECLINE)
    log_calls(store, 2, BOOK, success=False)
    assert found(store) == []


def test_an_empty_log_has_neither_candidates_nor_segments(store: Store) -> None:
    assert (found(store), segments(store, "flight")) == ([], [])


def test_a_candidate_is_named_by_its_goal_however_many_declined(store: Store) -> None:
    for number in range(9):
        log_calls(store, number, DECLINE)
    log_calls(store, 9, BOOK)
    assert [candidate.goal for candidate in found(store, most=1)] == ["book_flight"]


def test_tasks_of_another_environment_version_are_another_candidate(store: Store) -> None:
    for number, version in enumerate((1, 2)):
        log_calls(store, number, BOOK, task=replace(TASKS[0], version=version))
    assert {candidate.env_version for candidate in found(store)} == {1, 2}


def test_a_session_that_a_skill_brought_to_its_end_is_counted_and_not_read(store: Store) -> None:
    by_hand = log_calls(store, 1, BOOK)
    log_calls(store, 2, [f"*{call}" for call in BOOK])
    finished = log_calls(store, 3, ["*add_to_cart", *BOOK[1:]])
    [booking] = found(store)
    assert (booking.successes, booking.by_skill) == (2, 1)
    assert set(booking.sample) == {by_hand, finished}
    assert booking.finished == (finished,)


def test_loops_are_rolled_up_and_refusals_left_out_of_a_variant(store: Store) -> None:
    log_calls(store, 1, ("add_to_cart", "enter_card!", *BOOK[1:]))
    log_calls(store, 2, ("add_to_cart", "add_to_cart", *BOOK[1:]))
    log_calls(store, 3, RETRY)
    [booking] = found(store)
    assert booking.variants == (Variant(BOOK, 3),)
    assert variant_of("abab") == ("a", "b")
    assert variant_of("xaabaab") == ("x", "a", "b")


def test_every_variant_and_different_tasks_come_into_a_small_sample(store: Store) -> None:
    for number in range(40):
        log_calls(store, number, BOOK, task=TASKS[0])
    others = {log_calls(store, 100 + number, BOOK, task=task) for number, task in enumerate(TASKS[1:4])}
    rare = log_calls(store, 200, COUPON)
    [booking] = found(store, most=10)
    assert len(booking.sample) == 10
    assert {*others, rare} <= set(booking.sample)


WAYS = (BOOK, RETRY, COUPON, DECLINE, ["*add_to_cart", *BOOK[1:]], ("search_flights", *BOOK))
Made = tuple[int, int, int, bool]
MADE: st.SearchStrategy[list[Made]] = st.lists(
    st.tuples(
        st.integers(0, 2**64), st.integers(0, len(WAYS) - 1), st.integers(0, len(TASKS) - 1), st.booleans()
    ),
    min_size=1,
    max_size=25,
    unique_by=lambda made: made[0],
)


@settings(max_examples=15, deadline=None)
@given(MADE, st.integers(1, 8), st.randoms(use_true_random=False))
def test_what_is_found_does_not_depend_on_the_order_of_sessions(
    tmp_path_factory: pytest.TempPathFactory, made: list[Made], most: int, chance: random.Random
) -> None:
    def learned(sessions: Sequence[Made]) -> tuple[list[Candidate], list[Segment]]:
        store = Store.open(tmp_path_factory.mktemp("log") / "practicum.db")
        for number, way, task, success in sessions:
            log_calls(store, number, WAYS[way], task=TASKS[task], success=success)
        both = found(store, most), segments(store, "flight")
        store.close()
        return both

    assert learned(made) == learned(chance.sample(made, len(made)))


# Segments ---------------------------------------------------------------------------------------------

PAYING = ("proceed_to_payment", "enter_card", "confirm_payment")


def test_a_stretch_that_otherwise_different_sessions_share_is_a_segment(store: Store) -> None:
    beginnings = (("add_to_cart",), ("add_to_cart", "apply_coupon"), ("add_to_cart", "remove_from_cart"))
    for number in range(12):
        log_calls(store, number, (*beginnings[number % 3], f"note_{number}", *PAYING))
    fill_in(store)
    [segment] = segments(store, "flight")
    assert (segment.calls, segment.support) == (PAYING, 12)
    assert segment.utility == 12 * 2 * 250 - 12 * 200
    assert Occurrence(f"{0:032x}", 3, 5) in segment.occurrences


def test_a_call_that_is_repeated_counts_once_and_all_its_turns_belong_to_it(store: Store) -> None:
    for number in range(6):
        looks = ["add_note"] * (1 + number % 3)
        log_calls(store, number, (f"begin_{number}", *looks, "close_note", f"end_{number}"))
    fill_in(store)
    [segment] = segments(store, "flight")
    assert segment.calls == ("add_note", "close_note")
    assert {(each.first_turn, each.last_turn) for each in segment.occurrences} == {(2, 3), (2, 4), (2, 5)}


def test_a_refusal_may_be_part_of_a_segment(store: Store) -> None:
    for number in range(6):
        log_calls(store, number, (f"begin_{number}", "enter_card!", *PAYING))
    fill_in(store)
    assert [segment.calls for segment in segments(store, "flight")] == [("enter_card!", *PAYING)]


def test_no_segment_goes_across_a_skills_call(store: Store) -> None:
    for number in range(6):
        log_calls(store, number, (f"begin_{number}", "add_to_cart", "*proceed_to_payment", "confirm_payment"))
    fill_in(store)
    assert segments(store, "flight") == []


def test_what_few_sessions_share_is_not_worth_a_tool(store: Store) -> None:
    for number in range(40):
        stretch = PAYING[:2] if number < 8 else ()
        log_calls(store, number, (f"begin_{number}", *stretch, f"end_{number}"))
    fill_in(store)
    assert segments(store, "flight") == []
