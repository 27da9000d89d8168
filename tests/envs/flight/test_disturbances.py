"""Bad luck: 3DS, failing payments, sold-out flights, shuffled results and changing prices."""

import re

import pytest

from practicum.envs import Task
from practicum.envs.flight.timetable import timetable
from practicum.envs.flight_booking_env import FlightBookingEnv


def _code(page):
    return re.search(r"code is (\d{6})", page["messages"][0])[1]


def test_3ds_is_asked_for_and_its_code_comes_in_the_messages(visit, card):
    site = visit(p_3ds=1.0)
    site.to_payment()
    page = site.call("enter_card", card_token=card).result
    assert page["payment_state"]["needs_3ds"] is True
    assert "3DS code" in site.refused("confirm_payment")
    page = site.call("submit_3ds", code=_code(page)).result
    assert (page["view"], page["payment_state"]["needs_3ds"]) == ("payment", False)
    assert site.call("confirm_payment").terminated


def test_a_wrong_code_fails_the_payment_and_the_world_moves_on(visit, card):
    site = visit(p_3ds=1.0)
    site.to_payment()
    first = _code(site.call("enter_card", card_token=card).result)
    step = site.call("submit_3ds", code=f"{(int(first) + 1) % 10**6:06d}")
    assert step.error is None
    assert step.terms == {"payment_failed": -0.05, "step": -0.01}
    assert step.result["view"] == "error"
    assert step.result["payment_state"] == {"needs_3ds": False, "attempts": 1, "card_entered": False}
    second = _code(site.call("enter_card", card_token=card).result)
    assert second != first
    site.call("submit_3ds", code=second)
    assert site.call("confirm_payment").terminated


def test_a_failed_payment_shows_the_error_view_and_can_be_tried_again(visit, card):
    seed = next(s for s in range(50) if _failures(visit(s, p_payment_fails=0.5), card) == 1)
    site = visit(seed, p_payment_fails=0.5)
    site.to_payment()
    site.call("enter_card", card_token=card)
    step = site.call("confirm_payment")
    assert step.error is None
    assert step.terms == {"payment_failed": -0.05, "step": -0.01}
    assert (step.result["view"], step.result["payment_state"]["attempts"]) == ("error", 1)
    assert step.result["cart"]["items"]
    site.call("enter_card", card_token=card)
    assert site.call("confirm_payment").result["view"] == "receipt"


def _failures(site, card):
    site.to_payment()
    for failures in range(20):
        site.call("enter_card", card_token=card)
        if site.call("confirm_payment").terminated:
            return failures
    return 20


def test_a_payment_that_always_fails_never_ends(visit, card):
    assert _failures(visit(p_payment_fails=1.0), card) == 20


def test_a_sold_out_flight_leaves_the_results_without_a_penalty(visit):
    site = visit(p_sold_out=1.0)
    rows = site.call("search_flights").result["flights"]
    step = site.call("add_to_cart", flight_id=rows[0]["id"])
    assert step.terms == {"step": -0.01}
    assert step.result["view"] == "search_results"
    assert "sold out" in step.result["messages"][0]
    assert step.result["flights"] == rows[1:]
    assert "sold out" in site.refused("add_to_cart", flight_id=rows[0]["id"])
    assert site.call("select_flight", flight_id=rows[0]["id"]).result["flights"] == []


def test_refused_calls_do_not_move_luck(visit, card):
    endings = []
    for refusals in (0, 5):
        site = visit(4, p_3ds=0.5, p_payment_fails=0.5, p_sold_out=0.5)
        for _ in range(refusals):
            site.call("confirm_payment")
        site.call("search_flights")
        for row in list(site.page["flights"]):
            if site.call("add_to_cart", flight_id=row["id"]).result["cart"]["items"]:
                break
        site.call("proceed_to_payment")
        endings.append(site.call("enter_card", card_token=card).result)
    assert endings[0] == endings[1]


def test_results_come_shuffled_and_stay_in_their_order(visit):
    sorted_rows = visit().call("search_flights").result["flights"]
    site = visit(p_shuffled=1.0)
    shuffled = site.call("search_flights").result["flights"]
    assert shuffled != sorted_rows
    assert sorted(shuffled, key=lambda row: (row["price"], row["id"])) == sorted_rows
    assert site.call("search_flights").result["flights"] == shuffled


def test_a_price_changes_on_the_way_to_the_payment_page(visit):
    site = visit(p_price_change=1.0)
    flight_id = site.to_cart()
    listed = site.page["cart"]["total"]
    page = site.call("proceed_to_payment").result
    changed = page["cart"]["items"][0]["price"]
    assert changed > listed
    assert page["messages"] == [f"The price of {flight_id} has changed from {listed} to {changed}."]
    rows = site.call("remove_from_cart").result["flights"]
    assert next(row["price"] for row in rows if row["id"] == flight_id) == changed
    assert [row["price"] for row in rows] == sorted(row["price"] for row in rows)
    site.call("add_to_cart", flight_id=flight_id)
    assert site.call("proceed_to_payment").result["messages"] == []


@pytest.mark.parametrize("name", ["p_3ds", "p_payment_fails", "p_sold_out", "p_shuffled", "p_price_change"])
def test_disturbances_come_as_often_as_their_probability_says(name, card):
    tried = 300
    met = sum(_meets(name, seed, card) for seed in range(tried))
    assert 0.2 < met / tried < 0.4  # 0.3, five standard errors either way


def _meets(name, seed, card):
    calm = dict.fromkeys(["p_3ds", "p_payment_fails", "p_sold_out", "p_shuffled", "p_price_change"], 0.0)
    env = FlightBookingEnv()
    env.reset(options={"task": Task("flight", 1, seed, calm | {name: 0.3})})
    page = env.step({"verb": 0})[0]
    prices = [row["price"] for row in page["flights"]]
    page = env.step({"verb": 3, "payload": page["flights"][0]["id"]})[0]
    if name == "p_shuffled":
        return prices != sorted(prices)
    if name == "p_sold_out":
        return page["cart"]["items"] == []
    page = env.step({"verb": 4})[0]
    if name == "p_price_change":
        return page["cart"]["total"] != prices[0]
    page = env.step({"verb": 5, "payload": card})[0]
    return (
        page["payment_state"]["needs_3ds"] if name == "p_3ds" else env.step({"verb": 6})[0]["view"] == "error"
    )


@pytest.mark.parametrize("seed", range(12))
def test_the_hint_about_the_days_around_is_true(visit, seed):
    hint = visit(seed).call("search_flights").result["messages"][-1]
    cheapest = {
        day: min(flight.price for flight in timetable(seed, "SFO", "MAD", day).by_id.values())
        for day in ("2025-10-14", "2025-10-15", "2025-10-16")
    }
    found = re.fullmatch(
        r"Tip: prices fall a day (\w+): from (\d+) on (\S+), against (\d+) on 2025-10-15\.", hint
    )
    if found is None:
        assert hint == "Tip: no day next to this one has lower prices."
        assert min(cheapest.values()) == cheapest["2025-10-15"]
        return
    day = {"earlier": "2025-10-14", "later": "2025-10-16"}[found[1]]
    assert found[3] == day
    assert int(found[2]) == cheapest[day] == min(cheapest.values()) < cheapest["2025-10-15"] == int(found[4])


def test_hints_can_be_switched_off(visit):
    assert len(visit(hints=False).call("search_flights").result["messages"]) == 1
