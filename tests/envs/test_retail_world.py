"""Retail worlds: read from any folder or refused in a line, checked, and made anew byte for byte."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from practicum.envs import Episode, Task, UsageError
from practicum.envs.retail.consistency import STATUSES, check_folder, complaints
from practicum.envs.retail.env import RetailEnv
from practicum.envs.retail.generate import generate_world, main, write_world
from practicum.envs.retail.world import FILES, SHIPPED, World, open_world

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped world."""
    for name in FILES:
        shutil.copy(SHIPPED / f"{name}.json", tmp_path)
    return tmp_path


def _edit(folder: Path, name: str, change: Change) -> None:
    path = folder / f"{name}.json"
    records = json.loads(path.read_text(encoding="utf-8"))
    change(records)
    path.write_text(json.dumps(records), encoding="utf-8")


def _first(records: dict[str, Any]) -> Any:
    return next(iter(records.values()))


def test_the_shipped_world_is_as_large_and_as_mixed_as_it_says() -> None:
    world = open_world()
    assert len(world.users) >= 500
    assert len(world.orders) == 1000
    assert len(world.products) >= 50
    assert all(len(product["variants"]) > 1 for product in world.products.values())
    assert set(world.orders_by_status) == set(STATUSES)
    methods = [method for user in world.users.values() for method in user["payment_methods"].values()]
    assert {method["source"] for method in methods} == {"gift_card", "credit_card", "paypal"}
    assert any(method.get("balance", 0) > 0 for method in methods)


def test_the_shipped_world_is_consistent() -> None:
    assert complaints(open_world()) == []


def test_the_shipped_world_is_made_anew_byte_for_byte(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 0
    for name in FILES:
        assert (tmp_path / f"{name}.json").read_bytes() == (SHIPPED / f"{name}.json").read_bytes()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_generated_world_is_consistent_and_like_no_other(seed: int) -> None:
    made = generate_world(seed, users=60, orders=200)
    assert complaints(World(made["users"], made["orders"], made["products"], "")) == []
    assert made == generate_world(seed, users=60, orders=200)
    assert made != generate_world(seed + 1, users=60, orders=200)


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["a", "1", "2"]])
def test_the_generator_says_how_it_is_called(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("usage: ")


def test_a_written_world_can_be_played(tmp_path: Path) -> None:
    write_world(tmp_path / "made", seed=7)
    task = RetailEnv.make_task(0, data=str(tmp_path / "made"))
    episode = Episode(RetailEnv(), task)
    order_id = task.secret["actions"][1]["arguments"]["order_id"]
    assert episode.act("get_order_details", {"order_id": order_id}).result["status"] == "pending"
    assert order_id not in open_world().orders


def test_a_world_is_read_once_and_again_when_it_has_changed(folder: Path) -> None:
    first = open_world(str(folder))
    assert open_world(str(folder)) is first
    _edit(folder, "users", lambda users: users.pop(next(iter(users))))
    assert len(open_world(str(folder)).users) == len(first.users) - 1


def test_a_policy_in_the_folder_wins(folder: Path) -> None:
    assert open_world(str(folder)).policy == open_world().policy
    (folder / "policy.md").write_text("# Be kind\n", encoding="utf-8")
    assert RetailEnv.make_task(0, data=str(folder)).instruction.endswith("\n\n# Be kind\n")
    other = folder / "other.md"
    other.write_text("# Be quick\n", encoding="utf-8")
    assert RetailEnv.make_task(0, policy=str(other)).instruction.endswith("\n\n# Be quick\n")


def test_a_task_is_the_same_wherever_its_folder_lies(folder: Path, tmp_path_factory: Any) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "shop"
    shutil.copytree(folder, elsewhere)
    for name in ("users.json", "policy.md"):  # as an editor of another system saves them
        text = ((folder if name == "users.json" else SHIPPED) / name).read_text(encoding="utf-8")
        (elsewhere / name).write_text(text, encoding="utf-8-sig", newline="\r\n")
    here, there = (RetailEnv.make_task(3, data=str(place)) for place in (folder, elsewhere))
    assert (here.hash, here.split) == (there.hash, there.split)
    assert str(folder) not in json.dumps([here.params, here.instruction, here.secret])
    _edit(elsewhere, "products", lambda products: products.popitem())
    assert RetailEnv.make_task(3, data=str(elsewhere)).hash != here.hash


def test_a_task_whose_folder_was_changed_or_is_gone_says_so_in_a_line(tmp_path: Path) -> None:
    write_world(tmp_path / "shop", seed=8)
    made = RetailEnv.make_task(3, data=str(tmp_path / "shop"))
    task = Task.from_json(json.loads(json.dumps(made.as_json())))
    Episode(RetailEnv(), task)
    _edit(tmp_path / "shop", "products", lambda products: products.popitem())
    with pytest.raises(
        UsageError, match=r"/shop holds the retail world \w{12}, and what is played is \w{12}"
    ):
        Episode(RetailEnv(), task)
    (tmp_path / "shop").rename(tmp_path / "moved")
    with pytest.raises(UsageError, match=r"no folder .*/shop; a retail world is a folder with"):
        Episode(RetailEnv(), task)


def test_a_task_goes_on_in_the_folder_that_was_moved_once_that_has_been_read(tmp_path: Path) -> None:
    write_world(tmp_path / "shop", seed=9)
    task = RetailEnv.make_task(3, data=str(tmp_path / "shop"))
    (tmp_path / "shop").rename(tmp_path / "moved")
    with pytest.raises(UsageError, match="no folder"):
        Episode(RetailEnv(), task)
    moved = open_world(str(tmp_path / "moved"))
    assert Episode(RetailEnv(), task).env.state.desk.world is moved


def test_a_task_that_has_its_folder_among_its_params_is_played_too(folder: Path) -> None:
    params = {"scenario": "item_return", "data": str(folder), "policy": "/nowhere/policy.md"}
    assert Episode(RetailEnv(), Task("retail", 1, 0, params)).env.state.desk.world is open_world(str(folder))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("users", "{", "is no JSON"),
        ("users", "[]", "holds no users: the file"),
        ("users", '{"a": {"name": 1}}', "holds no users: a > name"),
        ("orders", '{"#W1": {"order_id": "#W1"}}', "holds no orders: #W1 > user_id: Field required"),
        ("products", '{"1": {"name": "x", "product_id": "1", "variants": {"2": {}}}}', "1 > variants > 2"),
        ("products", '{"1": {"name": NaN}}', "NaN is no number in JSON"),
        ("products", '{"1": {"name": 1e999}}', "1e999 is too large"),
        ("users", "[" * 100_000, "is no JSON"),
        ("orders", b"\xff", "cannot read"),
    ],
)
def test_a_bad_file_is_refused_in_a_line(folder: Path, name: str, text: str | bytes, said: str) -> None:
    path = folder / f"{name}.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError) as refused:
        open_world(str(folder))
    assert said in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_folder_or_file_is_named(folder: Path) -> None:
    with pytest.raises(UsageError, match="no folder /nowhere"):
        open_world("/nowhere")
    (folder / "orders.json").unlink()
    with pytest.raises(UsageError, match=r"no file .*orders\.json"):
        open_world(str(folder))


def test_a_world_without_what_a_scenario_needs_says_so(folder: Path) -> None:
    _edit(folder, "orders", lambda orders: [order.update(status="processed") for order in orders.values()])
    with pytest.raises(UsageError, match="holds nothing for 'item_return'"):
        RetailEnv.make_task(0, data=str(folder), scenario="item_return")


TAMPERINGS: dict[str, tuple[str, Change, str]] = {
    "a foreign user": ("orders", lambda o: _first(o).update(user_id="nobody_1"), "whom there is not"),
    "an unknown status": ("orders", lambda o: _first(o).update(status="lost"), "is 'lost'"),
    "another id": ("orders", lambda o: _first(o).update(order_id="#W0"), "has the order_id '#W0'"),
    "no items": ("orders", lambda o: _first(o).update(items=[]), "has no items"),
    "an unknown product": (
        "orders",
        lambda o: _first(o)["items"][0].update(product_id="0"),
        "of product '0', which there is not",
    ),
    "an unknown item": ("orders", lambda o: _first(o)["items"][0].update(item_id="0"), "does not come as"),
    "other options": ("orders", lambda o: _first(o)["items"][0].update(options={}), "other options"),
    "a negative price": ("orders", lambda o: _first(o)["items"][0].update(price=-1.0), "at the price -1.0"),
    "a foreign payment": (
        "orders",
        lambda o: _first(o)["payment_history"][0].update(payment_method_id="paypal_0"),
        "'paypal_0', which its user does not have",
    ),
    "a wrong total": (
        "orders",
        lambda o: _first(o)["payment_history"][0].update(amount=1.0),
        "is paid with 1.00 in total",
    ),
    "no delivery": (
        "orders",
        lambda o: next(x for x in o.values() if x["status"] == "delivered").update(fulfillments=[]),
        "not what was ordered",
    ),
    "a foreign return": (
        "orders",
        lambda o: next(x for x in o.values() if x["status"] == "return requested").update(return_items=["0"]),
        "return_items that are not in it",
    ),
    "a missing order": ("orders", lambda o: o.pop(next(iter(o))), "which there is not"),
    "no payment method": ("users", lambda u: _first(u).update(payment_methods={}), "has no payment method"),
    "an order twice": ("users", lambda u: _twice(u), "2 times"),
    "an unlisted order": ("users", lambda u: [user.update(orders=[]) for user in u.values()], "not among"),
    "an overdrawn card": ("users", lambda u: _card(u).update(balance=-1), "with the balance -1"),
    "an unknown source": ("users", lambda u: _card(u).update(source="cash"), "is a 'cash'"),
    "another source": ("users", lambda u: _card(u).update(source="paypal"), "which its id does not say"),
    "another method id": ("users", lambda u: _card(u).update(id="x"), "has the id 'x'"),
    "a shared address": ("users", lambda u: [user.update(email="a@b.c") for user in u.values()], "500 users"),
    "another product id": ("products", lambda p: _first(p).update(product_id="0"), "has the product_id '0'"),
    "another variant id": ("products", lambda p: _variant(p).update(item_id="0"), "has the item_id '0'"),
    "a negative offer": ("products", lambda p: _variant(p).update(price=-2.0), "costs -2.0"),
    "one name twice": ("products", lambda p: [x.update(name="X") for x in p.values()], "are called 'X'"),
    "one item twice": (
        "products",
        lambda p: list(p.values())[1]["variants"].update(_first(p)["variants"]),
        "has too",
    ),
}


def _card(users: dict[str, Any]) -> Any:
    methods = (method for user in users.values() for method in user["payment_methods"].values())
    return next(method for method in methods if method["source"] == "gift_card")


def _twice(users: dict[str, Any]) -> None:
    user = next(user for user in users.values() if user["orders"])
    user["orders"].append(user["orders"][0])


def _variant(products: dict[str, Any]) -> Any:
    return _first(_first(products)["variants"])


@pytest.mark.parametrize("kind", TAMPERINGS)
def test_each_kind_of_tampering_is_found_and_named(folder: Path, kind: str) -> None:
    name, change, said = TAMPERINGS[kind]
    assert check_folder(folder) == []
    _edit(folder, name, change)
    assert any(said in line for line in check_folder(folder))
