"""How sessions end: rewards, violations, kinds of task, and regret against every purchase there is."""

import datetime as dt
import itertools
import re

import pytest

from practicum.envs import Episode
from practicum.envs.flight.bookings import FARE_PERCENT
from practicum.envs.flight.timetable import timetable
from practicum.envs.flight_booking_env import FlightBookingEnv


def test_a_ticket_within_the_constraints_earns_every_term_once(visit):
    site = visit(budget=5000, depart_after=None, max_stops=None)
    site.buy()
    assert [step.terms for step in site.steps] == [
        {"step": -0.01},
        {"cart": 0.02, "step": -0.01},
        {"payment": 0.05, "step": -0.01},
        {"step": -0.01},
        {"step": -0.01, "solved": 1.0},
    ]
    assert site.outcome["success"] is True
    assert site.outcome["violations"] == []
    assert site.episode.total_reward == pytest.approx(1.02)


def test_each_broken_constraint_costs_once_and_there_is_no_success(visit):
    site = visit(budget=1, depart_after="23:59", max_stops=-1)
    step = site.buy()
    assert site.outcome["violations"] == ["budget", "depart_after", "max_stops"]
    assert step.terms["violation"] == pytest.approx(-0.9)
    assert "solved" not in step.terms
    assert site.outcome["success"] is False


@pytest.mark.parametrize(
    ("search", "kinds"),
    [
        ({"from_": "LAX"}, ["route"]),
        ({"date": "2025-10-16"}, ["date"]),
        ({"to": "LIS", "date": "2025-11-16"}, ["route", "date"]),
    ],
)
def test_another_route_or_day_is_a_violation(visit, card, search, kinds):
    site = visit(budget=5000, depart_after=None, max_stops=None)
    site.call("search_flights", **search)
    site.call("add_to_cart", flight_id=site.page["flights"][0]["id"])
    site.call("proceed_to_payment")
    site.call("enter_card", card_token=card)
    site.call("confirm_payment")
    assert site.outcome["violations"] == kinds


def test_a_flexible_day_is_no_violation(visit, card):
    site = visit(budget=5000, depart_after=None, max_stops=None, flex_days=1)
    assert site.page["constraints"]["flex_days"] == 1
    site.call("search_flights", date="2025-10-14")
    site.call("add_to_cart", flight_id=site.page["flights"][0]["id"])
    site.call("proceed_to_payment")
    site.call("enter_card", card_token=card)
    site.call("confirm_payment")
    assert site.outcome["success"] is True


def test_paying_at_once_where_instalments_are_wanted_is_a_violation(visit):
    site = visit(budget=5000, depart_after=None, max_stops=None, instalments=6)
    assert site.page["constraints"]["instalments"] == 6
    site.buy()
    assert site.outcome["violations"] == ["instalments"]


def test_abort_is_right_exactly_where_nothing_feasible_is_left(visit):
    for budget, right in ((5000, False), (10, True)):
        site = visit(budget=budget)
        step = site.call("abort")
        assert site.outcome["success"] is right
        assert ("solved" in step.terms) is right
        assert site.outcome["regret"] is None


def test_an_episode_cut_short_is_no_success_and_earns_no_end(visit):
    site = visit(step_limit=2)
    site.call("search_flights")
    step = site.call("search_flights")
    assert step.truncated
    assert step.terms == {"step": -0.01}
    assert (site.outcome["success"], site.outcome["ticketed"], site.outcome["declined"]) == (
        False,
        False,
        False,
    )


# Regret


def _brute_force(task):
    """The least that any purchase which breaks nothing costs, by trying them all in the world itself."""
    params = task.params
    offered = re.findall(
        r"Coupon (\w+):", "\n".join(Episode(FlightBookingEnv(), task).opening.observation["messages"])
    )
    flex = params["flex_days"]
    days = sorted({_shift(params["date"], shift) for shift in range(-flex, flex + 1)})
    prices = [
        price
        for day, code in itertools.product(days, [None, *offered])
        for flight_id in timetable(task.seed, params["origin"], params["destination"], day).by_id
        if (price := _buy(task, day, flight_id, code)) is not None
    ]
    return min(prices, default=None)


def _shift(date, days):
    return str(dt.date.fromisoformat(date) + dt.timedelta(days=days))


def _buy(task, day, flight_id, code):
    """What a purchase costs, None where it is impossible or breaks a constraint."""
    episode = Episode(FlightBookingEnv(), task)
    episode.act("search_flights", {"date": day})
    if not episode.act("add_to_cart", {"flight_id": flight_id}).result["cart"]["items"]:
        return None
    episode.act("proceed_to_payment")
    if code is not None and episode.act("apply_coupon", {"code": code}).refused:
        return None
    months = task.params["instalments"]
    while not episode.over:
        paid = episode.act("enter_card", {"card_token": task.params["card_token"]}).result
        if found := re.search(r"code is (\d+)", paid["messages"][0]):
            episode.act("submit_3ds", {"code": found[1]})
        episode.act(*(("pay_in_instalments", {"months": months}) if months else ("confirm_payment", {})))
    outcome = episode.last.outcome
    return None if outcome["violations"] or not outcome["ticketed"] else outcome["price_paid"]


@pytest.mark.parametrize("seed", range(16))
def test_the_best_price_is_what_brute_force_finds(seed):
    task = FlightBookingEnv.make_task(seed, kind="book", difficulty=0.8)
    best = _brute_force(task)
    assert task.secret == {"best_price": best, "feasible": best is not None}


def test_regret_is_the_price_paid_less_the_best_price(visit):
    free = {
        "origin": "SFO",
        "destination": "MAD",
        "date": "2025-10-15",
        "budget": 5000,
        "depart_after": None,
        "max_stops": None,
        "flex_days": 0,
        "instalments": 0,
        "card_token": "tok_4242424242",
    }
    best = _brute_force(visit(3, **free).task)
    for row in range(4):
        site = visit(3, **free)
        site.buy(row)
        assert site.outcome["regret"] == site.outcome["price_paid"] - best >= 0


def test_the_best_price_is_in_no_outcome(visit):
    site = visit(budget=5000)
    site.call("abort")
    assert "best_price" not in site.outcome
    assert visit(3).env.rewards["violation"] == -0.3


def test_a_task_without_its_secret_is_judged_alike():
    task = FlightBookingEnv.make_task(8, kind="book")
    outcomes = []
    for played in (task, task.from_json(task.as_json() | {"secret": {}})):
        episode = Episode(FlightBookingEnv(), played)
        outcomes.append(episode.act("abort").outcome)
    assert outcomes[0] == outcomes[1]


# Coupons


def _coupon_visits(visit, pattern):
    """Visits in whose world a coupon is told that fits the pattern, with its parts."""
    for seed in range(400):
        site = visit(seed)
        told = (re.fullmatch(pattern, message) for message in site.page["messages"])
        found = next(filter(None, told), None)
        if found is not None:
            yield site, found


def test_a_coupon_takes_its_percentage_off_rounded_down(visit):
    site, found = next(_coupon_visits(visit, r"Coupon (\w+): (\d+)% off\."))
    site.to_cart()
    price = site.page["cart"]["total"]
    page = site.call("apply_coupon", code=found[1]).result
    assert page["cart"]["total"] == price - int(price * int(found[2]) / 100)
    assert page["cart"]["coupon"] == found[1]
    assert "takes one" in site.refused("apply_coupon", code=found[1])


def test_a_coupon_with_a_minimum_is_refused_below_it(visit):
    refused = taken = 0
    for site, found in itertools.islice(
        _coupon_visits(visit, r"Coupon (\w+): \d+% off prices of (\d+) or more\."), 20
    ):
        site.to_cart()
        if site.page["cart"]["total"] >= int(found[2]):
            taken += not site.call("apply_coupon", code=found[1]).refused
        else:
            refused += "does not fit" in site.refused("apply_coupon", code=found[1])
    assert refused > 0
    assert taken > 0
    assert refused + taken == 20


def test_a_coupon_of_an_airline_is_good_for_that_one_alone(visit):
    refused = taken = 0
    for site, found in itertools.islice(
        _coupon_visits(visit, r"Coupon (\w+): \d+% off on (\w+) flights\."), 20
    ):
        flight_id = site.to_cart(row=2)
        if flight_id.startswith(found[2]):
            taken += not site.call("apply_coupon", code=found[1]).refused
        else:
            refused += "does not fit" in site.refused("apply_coupon", code=found[1])
    assert refused > 0
    assert refused + taken == 20


def test_an_unknown_coupon_and_one_without_a_flight_are_refused(visit):
    site, found = next(_coupon_visits(visit, r"Coupon (\w+): (\d+)% off\."))
    assert "cart is empty" in site.refused("apply_coupon", code=found[1])
    site.to_cart()
    assert f"did you mean '{found[1]}'" in site.refused("apply_coupon", code=found[1] + "X")


def test_a_coupon_leaves_the_cart_with_its_flight(visit):
    site, found = next(_coupon_visits(visit, r"Coupon (\w+): (\d+)% off\."))
    flight_id = site.to_cart()
    full = site.page["cart"]["total"]
    site.call("apply_coupon", code=found[1])
    site.call("remove_from_cart")
    assert site.call("add_to_cart", flight_id=flight_id).result["cart"] == {
        "items": [{"flight_id": flight_id, "price": full}],
        "total": full,
        "coupon": None,
    }


# Cancelling and refunds


def _flight_of(fare, seed=1):
    flights = timetable(seed, "SFO", "MAD", "2025-10-15").cheapest_first
    return next(flight for flight in flights if flight.fare == fare)


@pytest.mark.parametrize("fare", ["flex", "standard", "light"])
@pytest.mark.parametrize("hours", [24, 25])
def test_the_fee_follows_the_fare_and_the_first_day_is_free(visit, fare, hours):
    flight = _flight_of(fare)
    site = visit(kind="cancel", booked_flight=flight.id, hours_since_booking=hours)
    booking = site.page["booking"]
    fee = 0 if hours == 24 else -(-flight.price * FARE_PERCENT[fare] // 100)
    assert (booking["price"], booking["fee"], booking["refund"]) == (flight.price, fee, flight.price - fee)
    assert site.page["view"] == "receipt"


def test_cancelling_within_the_limit_is_solved(visit):
    flight = _flight_of("standard")
    site = visit(kind="cancel", booked_flight=flight.id, max_fee=5000)
    booking_id = site.page["booking"]["id"]
    assert booking_id in site.refused("cancel_booking", booking_id="BK000000")
    assert "only a cancelled" in site.refused("request_refund", booking_id=booking_id)
    step = site.call("cancel_booking", booking_id=booking_id)
    assert step.terminated
    assert step.terms == {"step": -0.01, "solved": 1.0}
    assert site.outcome["booking_status"] == "cancelled"


def test_cancelling_above_the_limit_is_a_violation_and_abort_is_right(visit):
    flight = _flight_of("light")
    for tool, success in (("cancel_booking", False), ("abort", True)):
        site = visit(kind="cancel", booked_flight=flight.id, max_fee=5)
        site.call(tool, **({"booking_id": site.page["booking"]["id"]} if tool == "cancel_booking" else {}))
        assert site.outcome["success"] is success
        assert site.outcome["violations"] == ([] if success else ["fee"])


def test_a_refund_needs_a_cancelled_booking_and_pays_back_what_the_fare_leaves(visit):
    flight = _flight_of("standard")
    site = visit(kind="refund", booked_flight=flight.id, min_refund=10)
    booking = site.page["booking"]
    step = site.call("cancel_booking", booking_id=booking["id"])
    assert not step.terminated
    assert "already" in site.refused("cancel_booking", booking_id=booking["id"])
    step = site.call("request_refund", booking_id=booking["id"])
    assert step.terminated
    assert step.result["messages"] == [f"{booking['refund']} is paid back for {booking['id']}."]
    assert site.outcome["success"] is True


def test_giving_up_a_ticket_that_cannot_be_refunded_is_a_violation(visit):
    site = visit(kind="refund", booked_flight=_flight_of("light").id, min_refund=10)
    booking_id = site.page["booking"]["id"]
    site.call("cancel_booking", booking_id=booking_id)
    assert "nothing is paid back" in site.refused("request_refund", booking_id=booking_id)
    site.call("abort")
    assert (site.outcome["success"], site.outcome["violations"]) == (False, ["refund"])


def test_declining_what_could_be_done_is_no_success(visit):
    for kind, limit in (("cancel", {"max_fee": 5000}), ("refund", {"min_refund": 1})):
        site = visit(kind=kind, booked_flight=_flight_of("flex").id, **limit)
        site.call("abort")
        assert (site.outcome["success"], site.outcome["violations"]) == (False, [])


def test_nothing_can_be_bought_in_a_visit_about_a_booking(visit):
    site = visit(kind="cancel")
    rows = site.call("search_flights").result["flights"]
    assert "booking at hand" in site.refused("add_to_cart", flight_id=rows[0]["id"])
    assert site.call("restart").result["view"] == "receipt"
