"""What every action does, and when it is refused."""

import pytest

from practicum.envs.flight.airports import AIRPORTS
from practicum.envs.flight.pages import PAGE_ROWS


def test_search_shows_the_flights_of_a_route_and_day(visit):
    site = visit()
    page = site.call("search_flights", from_="LHR", to="JFK", date="2026-03-01").result
    assert page["view"] == "search_results"
    assert page["forms"]["from"] == "LHR"
    assert page["messages"][0].startswith(f"{len(page['flights'])} flights LHR-JFK on 2026-03-01")
    assert [row["price"] for row in page["flights"]] == sorted(row["price"] for row in page["flights"])


def test_codes_may_be_written_small(visit):
    assert visit().call("search_flights", from_="lhr", to=" jfk").result["forms"]["to"] == "JFK"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"from_": "XXX"}, "no airport 'XXX'"),
        ({"to": "MADD"}, "did you mean 'MAD'"),
        ({"from_": "MAD"}, "from and to are both MAD"),
        ({"date": "15.10.2025"}, "expected YYYY-MM-DD"),
        ({"date": "2031-01-01"}, "from 2025-01-01 to 2027-12-31"),
        ({"page": 9}, "there is no page 9"),
        ({"page": 0}, "there is no page 0"),
        ({"seats": 2}, "there is no argument 'seats'"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(visit, arguments, why):
    assert why in visit().refused("search_flights", **arguments)


def test_long_results_come_in_pages(visit):
    site = visit()
    long = next(
        page
        for code in AIRPORTS
        if code not in ("SFO", "MAD")
        and (page := site.call("search_flights", from_="SFO", to=code).result)["messages"][0].endswith(
            "page 1 of 2."
        )
    )
    assert len(long["flights"]) == PAGE_ROWS
    rest = site.call("search_flights", from_="SFO", to=long["forms"]["to"], page=2).result["flights"]
    count = int(long["messages"][0].split()[0])
    assert len({row["id"] for row in long["flights"] + rest}) == count == PAGE_ROWS + len(rest)
    assert site.call("filter_results", page=2).result["flights"] == rest


def test_a_filter_keeps_exactly_what_fits_and_replaces_the_one_before(visit):
    site = visit()
    rows = site.call("search_flights").result["flights"]
    kept = site.call("filter_results", depart_after="10:00", max_stops=1).result["flights"]
    assert kept == [row for row in rows if row["depart"] >= "10:00" and row["stops"] <= 1]
    airline = rows[0]["airline"]
    of_airline = site.call("filter_results", airline=airline).result["flights"]
    assert of_airline == [row for row in rows if row["airline"] == airline]
    assert site.call("filter_results").result["flights"] == rows
    assert site.call("filter_results", airline="XX").result["flights"] == []


@pytest.mark.parametrize(
    ("arguments", "why"),
    [({"depart_after": "9:00"}, "expected HH:MM"), ({"max_stops": -1}, "expected 0 or more")],
)
def test_a_filter_that_makes_no_sense_is_refused(visit, arguments, why):
    site = visit()
    site.call("search_flights")
    assert why in site.refused("filter_results", **arguments)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [("filter_results", {}), ("select_flight", {"flight_id": "IB1"}), ("add_to_cart", {"flight_id": "IB1"})],
)
def test_nothing_can_be_done_with_results_before_a_search(visit, tool, arguments):
    assert "search_flights comes first" in visit().refused(tool, **arguments)


def test_select_flight_tells_details_and_changes_nothing(visit):
    site = visit()
    row = site.call("search_flights").result["flights"][3]
    before = site.env.world()
    step = site.call("select_flight", flight_id=row["id"])
    assert step.read_only
    assert step.result["flights"] == [row]
    assert "fare" in step.result["messages"][0]
    assert "SFO-" in step.result["messages"][0]
    assert site.env.world() == before


def test_the_cart_holds_one_flight(visit):
    site = visit()
    first, second = (row["id"] for row in site.call("search_flights").result["flights"][:2])
    page = site.call("add_to_cart", flight_id=first).result
    assert page["view"] == "cart"
    assert page["cart"]["items"] == [{"flight_id": first, "price": page["cart"]["total"]}]
    assert first in site.refused("add_to_cart", flight_id=second)


def test_an_unknown_flight_is_refused_with_the_nearest_one(visit):
    site = visit()
    flight_id = site.call("search_flights").result["flights"][0]["id"]
    assert f"did you mean '{flight_id}'" in site.refused("add_to_cart", flight_id=flight_id + "9")


def test_remove_from_cart_empties_it_and_shows_the_results_again(visit):
    site = visit()
    assert "empty" in site.refused("remove_from_cart")
    site.to_payment()
    page = site.call("remove_from_cart").result
    assert page["view"] == "search_results"
    assert page["flights"]
    assert page["cart"] == {"items": [], "total": 0, "coupon": None}


def test_payment_needs_a_cart_a_page_and_a_card(visit, card):
    site = visit()
    assert "cart is empty" in site.refused("proceed_to_payment")
    assert "payment page" in site.refused("enter_card", card_token=card)
    site.to_cart()
    assert "payment page" in site.refused("enter_card", card_token=card)
    site.call("proceed_to_payment")
    assert "already" in site.refused("proceed_to_payment")
    assert "no card" in site.refused("confirm_payment")
    assert "no card" in site.refused("pay_in_instalments", months=3)
    assert "no 3DS code" in site.refused("submit_3ds", code="1")


def test_only_the_customers_card_is_accepted(visit, card):
    site = visit()
    assert site.page["forms"]["card_token"] == card
    site.to_payment()
    why = site.refused("enter_card", card_token="tok_1111111111")
    assert "not accepted" in why
    assert "tok_1111111111" not in why
    assert site.call("enter_card", card_token=card).result["payment_state"]["card_entered"]
    assert "already" in site.refused("enter_card", card_token=card)


def test_the_card_token_is_marked_as_secret(visit):
    schema = visit().env.actions["enter_card"].schema
    assert schema["properties"]["card_token"]["writeOnly"] is True


def test_leaving_the_payment_page_forgets_the_card(visit, card):
    site = visit()
    site.to_payment()
    site.call("enter_card", card_token=card)
    site.call("search_flights")
    assert "no card" in site.refused("confirm_payment")


def test_confirming_issues_a_ticket_and_ends_the_session(visit):
    site = visit()
    step = site.buy()
    assert step.terminated
    assert step.result["view"] == "receipt"
    assert step.result["booking"]["status"] == "ticketed"
    assert step.result["booking"]["price"] == site.steps[1].result["cart"]["total"]
    assert site.outcome["ticketed"] is True


@pytest.mark.parametrize(("months", "percent"), [(3, 2), (6, 4), (12, 7)])
def test_instalments_cost_a_fee_that_is_part_of_the_price_paid(visit, card, months, percent):
    site = visit()
    site.to_payment()
    site.call("enter_card", card_token=card)
    total = site.page["cart"]["total"]
    site.call("pay_in_instalments", months=months)
    fee = -(-total * percent // 100)
    assert site.outcome["price_paid"] == total + fee


def test_instalments_come_over_3_6_or_12_months(visit):
    assert "one of 3, 6, 12" in visit().refused("pay_in_instalments", months=4)


def test_restart_goes_back_to_the_beginning_but_earns_nothing_again(visit):
    site = visit()
    opening = site.page
    assert site.to_cart()
    assert site.steps[-1].terms == {"cart": 0.02, "step": -0.01}
    site.call("search_flights", from_="LHR", to="JFK")
    assert site.call("restart").result == opening
    site.to_cart()
    assert site.steps[-1].terms == {"step": -0.01}


def test_abort_ends_the_session(visit):
    site = visit()
    step = site.call("abort")
    assert step.terminated
    assert site.outcome["declined"] is True


def test_there_is_no_booking_to_cancel_in_a_book_task(visit):
    assert "no booking" in visit().refused("cancel_booking", booking_id="BK1")
    assert "no booking" in visit().refused("request_refund", booking_id="BK1")


def test_text_has_one_row_a_line_with_the_id_last(visit):
    site = visit()
    step = site.call("search_flights")
    rows = step.result["flights"]
    lines = step.text.splitlines()
    assert lines[0] == "view search_results"
    assert [line.split()[-1] for line in lines[2 : 2 + len(rows)]] == [row["id"] for row in rows]
    assert lines[2].split()[0] == str(rows[0]["price"])


def test_text_shows_cart_payment_and_receipt(visit):
    site = visit()
    site.buy()
    cart, payment, receipt = (step.text for step in (site.steps[1], site.steps[3], site.steps[4]))
    assert f"total {site.steps[1].result['cart']['total']}" in cart
    assert "payment card entered, 0 failed" in payment
    assert receipt.splitlines()[-2].startswith("booking ticketed")
    assert site.env.render_text("words") == "words"
