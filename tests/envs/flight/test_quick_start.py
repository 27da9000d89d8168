"""The document's quick start, action encoding and observation."""

import json
import warnings

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env

from practicum.envs import ToolCall
from practicum.envs.check import check
from practicum.envs.flight_booking_env import FlightBookingEnv

VERBS = [
    "search_flights",
    "filter_results",
    "select_flight",
    "add_to_cart",
    "proceed_to_payment",
    "enter_card",
    "confirm_payment",
    "apply_coupon",
    "restart",
    "abort",
    "remove_from_cart",
    "submit_3ds",
    "pay_in_instalments",
    "cancel_booking",
    "request_refund",
]


def test_the_documents_loop_searches_until_the_step_limit():
    env = FlightBookingEnv(seed=42)
    obs, info = env.reset()
    assert obs["view"] == "search_results"
    done = trunc = False
    total, steps = 0.0, 0
    while not (done or trunc):
        obs, reward, done, trunc, info = env.step({"verb": 0, "payload": ""})
        total += reward
        steps += 1
    assert (done, trunc, steps) == (False, True, 50)
    assert total == pytest.approx(-0.5)
    assert info["error"] is None
    assert obs["flights"]


def test_verbs_are_the_documents_in_its_order_and_then_ours():
    assert list(FlightBookingEnv.actions) == VERBS


def test_the_observation_is_the_documents_dictionary():
    env = FlightBookingEnv(
        seed=7, kind="book", flex_days=0, instalments=0, budget=900, depart_after="10:00", max_stops=1
    )
    env.reset()
    obs, *_ = env.step({"verb": 0, "payload": '{"from": "SFO", "to": "MAD", "date": "2025-10-15"}'})
    assert {"view", "forms", "flights", "cart", "payment_state", "constraints", "messages"} <= set(obs)
    assert {k: obs["forms"][k] for k in ("from", "to", "date")} == {
        "from": "SFO",
        "to": "MAD",
        "date": "2025-10-15",
    }
    assert obs["constraints"] == {"budget": 900, "depart_after": "10:00", "max_stops": 1}
    assert {"needs_3ds": False, "attempts": 0}.items() <= obs["payment_state"].items()
    assert {"items": [], "total": 0}.items() <= obs["cart"].items()
    for row in obs["flights"]:
        assert list(row) == ["id", "price", "depart", "arrive", "stops", "airline"]
        assert row["id"].startswith(row["airline"])


@pytest.mark.parametrize(
    "payload",
    [
        "SFO",
        '["SFO", "MAD"]',
        '{"from": "SFO", "to": "MAD", "date": ""}',
        {"from": "SFO"},
        [{"from": "SFO"}],
        "",
        None,
    ],
)
def test_a_payload_may_be_a_word_a_list_or_a_dictionary(payload):
    env = FlightBookingEnv(kind="book", origin="SFO", destination="MAD")
    env.reset(seed=3)
    obs, *_, info = env.step({"verb": 0, "payload": payload})
    assert info["error"] is None
    assert (obs["forms"]["from"], obs["forms"]["to"]) == ("SFO", "MAD")


@pytest.mark.parametrize(
    "payload", ['{"depart_after": "10:00", "max_stops": 1}', '[{"depart_after": "10:00", "max_stops": 1}]']
)
def test_filter_results_takes_the_documents_dictionary(payload):
    env = FlightBookingEnv(kind="book")
    env.reset(seed=3)
    env.step({"verb": 0, "payload": ""})
    obs, *_ = env.step({"verb": 1, "payload": payload})
    assert all(row["depart"] >= "10:00" and row["stops"] <= 1 for row in obs["flights"])


def test_the_documents_example_flow_books_without_select_flight():
    env = FlightBookingEnv(seed=5, difficulty=0.0, feasible=True, kind="book", flex_days=0, instalments=0)
    obs, _ = env.reset()
    wish = {
        name: value for name, value in obs["constraints"].items() if name != "budget" and value is not None
    }
    env.step(ToolCall("search_flights"))
    obs, *_ = env.step(ToolCall("filter_results", wish))
    cheapest = min(obs["flights"], key=lambda row: row["price"])
    env.step(ToolCall("add_to_cart", {"flight_id": cheapest["id"]}))
    env.step(ToolCall("proceed_to_payment"))
    env.step(ToolCall("enter_card", {"card_token": obs["forms"]["card_token"]}))
    obs, reward, done, trunc, info = env.step(ToolCall("confirm_payment"))
    assert (obs["view"], done, trunc) == ("receipt", True, False)
    assert info["terms"] == {"step": -0.01, "solved": 1.0}
    assert reward == pytest.approx(0.99)


def test_after_a_refused_call_the_observation_is_the_page_as_it_stands():
    env = FlightBookingEnv(seed=5)
    env.reset()
    before, *_ = env.step({"verb": 0, "payload": ""})
    obs, *_, info = env.step({"verb": 6, "payload": ""})
    assert "no card" in info["error"]
    assert obs == before


def test_gymnasiums_checker_passes():
    with warnings.catch_warnings(action="ignore"):  # it warns of spaces that are not boxes
        check_env(FlightBookingEnv(), skip_render_check=True)


def test_gymnasium_makes_it_by_id():
    env = gymnasium.make("practicum/flight-v1", disable_env_checker=True)
    obs, info = env.reset(seed=1)
    assert json.loads(json.dumps(obs)) == obs
    assert info["task"]["env"] == "flight-v1"


def test_the_contract_check_finds_nothing():
    assert check(FlightBookingEnv) == []
