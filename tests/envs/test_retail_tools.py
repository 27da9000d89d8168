"""The tools of retail-v1: they refuse in their own words, change what they say, and keep sessions apart."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practicum.envs import ActionError, Episode, Step
from practicum.envs.retail.env import RetailEnv
from practicum.envs.retail.tools.calculator import calculate
from practicum.envs.retail.world import open_world

TOOLS = {
    *("find_user_id_by_email", "find_user_id_by_name_zip", "get_user_details", "get_order_details"),
    *("get_product_details", "list_all_product_types", "calculate", "think", "transfer_to_human_agents"),
    *("cancel_pending_order", "modify_pending_order_address", "modify_pending_order_items"),
    *("modify_pending_order_payment", "modify_user_address", "return_delivered_order_items"),
    *("exchange_delivered_order_items", "respond"),
}


class Desk:
    """An episode with short calls."""

    def __init__(self, **settings: Any) -> None:
        self.env = RetailEnv()
        self.episode = Episode(self.env, RetailEnv.make_task(0, **settings))

    def call(self, tool: str, **arguments: Any) -> Any:
        step = self.step(tool, **arguments)
        assert step.error is None, step.error
        return step.result

    def step(self, tool: str, **arguments: Any) -> Step:
        return self.episode.act(tool, arguments)

    def refused(self, tool: str, **arguments: Any) -> str:
        before = self.env.world()
        step = self.step(tool, **arguments)
        assert self.env.world() == before
        return str(step.error)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def _order(status: str, source: str = "") -> dict[str, Any]:
    """An order of the shipped world, paid by a kind of method."""
    world = open_world()
    orders = (world.orders[order_id] for order_id in world.orders_by_status[status])
    return dict(next(o for o in orders if o["payment_history"][0]["payment_method_id"].startswith(source)))


def test_there_are_the_sixteen_tools_and_respond() -> None:
    assert set(RetailEnv.actions) == TOOLS
    assert set(RetailEnv.profile().tools) == TOOLS


def test_a_cancelled_order_gives_a_gift_card_its_money_back_at_once(desk: Desk) -> None:
    order = _order("pending", "gift_card")
    (paid,) = order["payment_history"]
    before = open_world().users[order["user_id"]]["payment_methods"][paid["payment_method_id"]]["balance"]
    after = desk.call("cancel_pending_order", order_id=order["order_id"], reason="no longer needed")
    assert (after["status"], after["cancel_reason"]) == ("cancelled", "no longer needed")
    assert after["payment_history"] == [paid, {**paid, "transaction_type": "refund"}]
    methods = desk.call("get_user_details", user_id=order["user_id"])["payment_methods"]
    assert methods[paid["payment_method_id"]]["balance"] == pytest.approx(before + paid["amount"])


def test_what_one_session_changes_no_other_sees(desk: Desk) -> None:
    order = _order("pending")
    desk.call("cancel_pending_order", order_id=order["order_id"], reason="ordered by mistake")
    assert Desk().call("get_order_details", order_id=order["order_id"])["status"] == "pending"
    assert open_world().orders[order["order_id"]]["status"] == "pending"
    desk.episode.env.reset(seed=0)
    assert desk.env.world()["orders"][order["order_id"]]["status"] == "pending"


def test_what_a_tool_shows_cannot_change_the_shop(desk: Desk) -> None:
    order = _order("delivered")
    shown = desk.call("get_order_details", order_id=order["order_id"])
    shown["items"].clear()
    shown["address"]["zip"] = "0"
    assert desk.call("get_order_details", order_id=order["order_id"]) == order


def test_a_user_who_has_moved_is_found_at_the_new_zip_alone(desk: Desk) -> None:
    user_id, user = next(iter(open_world().users.items()))
    address = {**user["address"], "zip": "00001"}
    desk.call("modify_user_address", user_id=user_id, **address)
    name = {key: user["name"][key].upper() for key in ("first_name", "last_name")}
    assert desk.call("find_user_id_by_name_zip", **name, zip="00001") == user_id
    assert desk.refused("find_user_id_by_name_zip", **name, zip=user["address"]["zip"]) == "user not found"


def test_modified_items_are_settled_and_lock_the_order(desk: Desk) -> None:
    world, order = open_world(), _order("pending", "credit_card")
    item = order["items"][0]
    variants = world.products[item["product_id"]]["variants"].values()
    new = next(v for v in variants if v["available"] and v["item_id"] != item["item_id"])
    method = order["payment_history"][0]["payment_method_id"]
    swap = {"item_ids": [item["item_id"]], "new_item_ids": [new["item_id"]], "payment_method_id": method}
    after = desk.call("modify_pending_order_items", order_id=order["order_id"], **swap)
    assert after["items"][0]["item_id"] == new["item_id"]
    assert after["payment_history"][1]["amount"] == pytest.approx(abs(new["price"] - item["price"]))
    locked = desk.refused("cancel_pending_order", order_id=order["order_id"], reason="no longer needed")
    assert locked == "non-pending order cannot be cancelled"


def test_a_record_as_text_leaves_nothing_out_and_is_shorter_than_its_json(desk: Desk) -> None:
    world = open_world()
    orders = [_order(status) for status in world.orders_by_status]
    records = [*orders, *list(world.users.values())[:20], *list(world.products.values())[:20]]
    for record in [*records, world.product_types]:
        text = RetailEnv.render_text(record)
        assert len(text) < len(json.dumps(record))
        assert [leaf for leaf in _leaves(record) if leaf not in text] == []


def _leaves(value: Any) -> Iterator[str]:
    """What stands in a record, where it is no yes or no."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _leaves(part)
    elif not isinstance(value, bool):
        yield str(value)


def test_a_refusal_is_in_the_peer_s_words(desk: Desk) -> None:
    pending, delivered = _order("pending")["order_id"], _order("delivered")["order_id"]
    assert desk.refused("get_order_details", order_id=pending[1:]) == "order not found"
    assert desk.refused("get_user_details", user_id="nobody") == "user not found"
    assert desk.refused("get_product_details", product_id="0") == "product not found"
    assert desk.refused("cancel_pending_order", order_id=pending, reason="too dear") == "invalid reason"
    swap = {"item_ids": ["1"], "new_item_ids": [], "payment_method_id": "paypal_0"}
    assert desk.refused("exchange_delivered_order_items", order_id=delivered, **swap) == "1 not found"
    back = {"item_ids": [], "payment_method_id": "paypal_0"}
    refused = desk.refused("return_delivered_order_items", order_id=delivered, **back)
    assert refused == "payment method not found"


def test_a_payment_that_a_card_cannot_bear_changes_nothing(desk: Desk) -> None:
    world = open_world()
    for order_id in world.orders_by_status["pending"]:
        order = world.orders[order_id]
        (paid,) = order["payment_history"]
        for key, method in world.users[order["user_id"]]["payment_methods"].items():
            if (
                method["source"] == "gift_card"
                and method["balance"] < paid["amount"]
                and key != paid["payment_method_id"]
            ):
                arguments = {"order_id": order_id, "payment_method_id": key}
                refused = desk.refused("modify_pending_order_payment", **arguments)
                assert refused == "insufficient gift card balance to pay for the order"
                return
    raise AssertionError("no such card in the world")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("(1 + 2) * 3.5", "10.5"),
        ("10.5 / 3", "3.5"),
        ("7 // 2 - -1", "4.0"),
        ("  2 ** 3", "8.0"),
        ("2 ** -1", "0.5"),
        (".5 + 1.", "1.5"),
        ("1 / 3", "0.33"),
        ("1 ** 99999999", "1.0"),
    ],
)
def test_arithmetic_is_worked_out(expression: str, value: str) -> None:
    assert calculate(expression) == value


@pytest.mark.parametrize(
    "expression",
    [
        *(
            "",
            "7 -",
            "1 2",
            "()",
            "1(2)",
            "...",
            "__import__('os')",
            "a",
            "1e9",
            "1 % 2",
            "1 if 1 else 2",
            "1,2",
        ),
        *("9**9**9**9", "2 ** 999999999", "(9**999)**9", "9.9 ** 9999", "1 / 0", "0 ** -1", "(-8) ** 0.5"),
        *(
            "9" * 400 + ".0",
            "1" + "0" * 300 + ".0*" + "9" * 150,
            "9" * 501,
            "-" * 400 + "1",
            "(" * 250 + "1" + ")" * 250,
            "1\n+1",
            "007",
        ),
    ],
)
def test_what_is_no_arithmetic_or_too_much_of_it_is_refused(expression: str) -> None:
    with pytest.raises(ActionError):
        calculate(expression)


@given(
    st.recursive(
        st.integers(0, 10**6).map(str) | st.floats(0, 1000, allow_nan=False).map(lambda x: f"{x:.3f}"),
        lambda part: st.tuples(part, st.sampled_from(["+", "-", "*", "/"]), part).map(
            lambda x: f"({' '.join(x)})"
        ),
        max_leaves=12,
    )
)
def test_arithmetic_agrees_with_python_s_own(expression: str) -> None:
    try:
        expected = str(round(float(eval(expression, {"__builtins__": {}})), 2))
    except ZeroDivisionError:
        with pytest.raises(ActionError, match="division by zero"):
            calculate(expression)
    else:
        assert calculate(expression) == expected


@given(st.text(alphabet="0123456789+-*/(). ", max_size=30))
def test_any_text_of_the_allowed_characters_is_worked_out_or_refused(expression: str) -> None:
    with contextlib.suppress(ActionError):
        float(calculate(expression))
