"""Lenses: what each reviewer of a committee by rules looks at in a task, and what they object to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from practicum.envs import Episode
from practicum.envs.errors import UsageError
from practicum.envs.retail.env import RetailEnv
from practicum.envs.retail.tools import CHANGES
from practicum.envs.retail.world import Row, World
from practicum.training.agents.playing import Playing
from practicum.training.agents.retail_oracle import oracle_agent
from practicum.training.tasks.records import Call, TaskRecord, key_of
from practicum.training.tasks.translation import task_from

Options = Mapping[str, str]
"""What tells an item from others of its product."""
LONGEST_PLAN = 15
"""Gold calls that a visit has room for."""
ONCE = ("modify_pending_order_items", "return_delivered_order_items", "exchange_delivered_order_items")
"""Changes of items, of which an order takes one."""
_REASON_WORDS = {"no longer needed": "no longer need", "ordered by mistake": "mistake"}
_SYSTEM_ID = re.compile(r"\b\d{10}\b")

Lens = Callable[[TaskRecord, World, str], Iterator[str]]
"""Objections to a task, in a world of a folder."""


def _story(record: TaskRecord, world: World, data: str) -> Iterator[str]:
    """The customer must be able to say all that the calls need, and nothing that only the shop knows."""
    said = record.q.lower()
    for call in record.agt:
        missing = [word for word in _words_for(call, world) if word.lower() not in said]
        yield from (f"the customer never says {word!r}, which {call['name']} needs" for word in missing)
    yield from (
        f"the customer names {found}, an id of the shop's own" for found in _SYSTEM_ID.findall(record.q)
    )


def _words_for(call: Call, world: World) -> Iterator[str]:
    """What a customer has to say so that they can be found, or a change can be made."""
    arguments = call["arguments"]
    if call["name"].startswith("find_user_id"):
        yield from arguments.values()
    if call["name"] in CHANGES:
        spoken = ("order_id", "payment_method_id", "address1")
        yield from (arguments[key] for key in spoken if key in arguments)
        yield from dict.fromkeys(item["name"] for item in _items_of(call, world))
        if "reason" in arguments:
            yield _REASON_WORDS.get(arguments["reason"], arguments["reason"])


def _items_of(call: Call, world: World) -> list[Row]:
    """The items of an order that a call is about."""
    order = world.orders.get(call["arguments"].get("order_id", ""), {})
    wanted = set(call["arguments"].get("item_ids", ()))
    return [item for item in order.get("items", ()) if item["item_id"] in wanted]


def _match(record: TaskRecord, world: World, data: str) -> Iterator[str]:
    """Whoever follows the plan must be able to serve the customer, and with their yes."""
    try:
        task = task_from(record, data=data)
    except UsageError as error:
        yield str(error)
        return
    episode = Episode(RetailEnv(), task)
    steps = Playing(episode, oracle_agent(task)).play()
    reply = ""
    for step in steps:
        if step.tool == "respond":
            reply = str(step.result).lower()
        elif step.tool in CHANGES and not reply.startswith("yes"):
            yield f"the customer does not say yes to {step.tool}"
    if not (steps[-1].outcome or {}).get("success"):
        yield f"the plan was followed for {len(steps)} steps, and the visit did not succeed"


def _plan(record: TaskRecord, world: World, data: str) -> Iterator[str]:
    """An agent must look at what it uses before it uses it, and do nothing twice."""
    made: set[str] = set()
    shown: set[str] = set()
    for call in record.agt:
        key = key_of([call])
        if key in made:
            yield f"{call['name']} is called twice with the same arguments"
        made.add(key)
        if call["name"] in CHANGES:
            unseen = [used for used in _used_by(call) if used not in shown]
            yield from (f"{call['name']} uses {used}, which was not looked at" for used in unseen)
        shown.update(_shown_by(call, world))


def _used_by(call: Call) -> list[str]:
    """Ids of records that a change rests on."""
    arguments = call["arguments"]
    single = [arguments[key] for key in ("order_id", "user_id", "payment_method_id") if key in arguments]
    return [*single, *arguments.get("new_item_ids", ())]


def _shown_by(call: Call, world: World) -> Iterator[str]:
    """Ids of what a lookup shows: the record, and in it payment methods or variants."""
    arguments = call["arguments"]
    match call["name"]:
        case "get_user_details":
            yield arguments["user_id"]
            yield from world.users.get(arguments["user_id"], {}).get("payment_methods", ())
        case "get_order_details":
            order = world.orders.get(arguments["order_id"], {})
            yield arguments["order_id"]
            yield from (payment["payment_method_id"] for payment in order.get("payment_history", ()))
        case "get_product_details":
            yield from world.products.get(arguments["product_id"], {}).get("variants", ())


def _policy(record: TaskRecord, world: World, data: str) -> Iterator[str]:
    """Customers are identified before all else, an order's items are changed once, a visit has its limits."""
    first = record.agt[0]["name"]
    if not first.startswith("find_user_id"):
        yield f"the plan begins with {first}, before it is known who the customer is"
    swapped = Counter(call["arguments"].get("order_id") for call in record.agt if call["name"] in ONCE)
    yield from (f"items of order {each} are changed {n} times" for each, n in swapped.items() if n > 1)
    if len(record.agt) > LONGEST_PLAN:
        yield f"{len(record.agt)} gold calls; a visit has room for {LONGEST_PLAN}"


def _clarity(record: TaskRecord, world: World, data: str) -> Iterator[str]:
    """What the customer says of the items that are swapped or returned must fit no others."""
    said = record.q.lower()
    for call in record.agt:
        if call["name"] in ONCE:
            for name, options, others in _described(call, world):
                if any(not _is_told_apart(options, other, said) for other in others):
                    yield f"what the customer says of {name} fits several items"


def _described(call: Call, world: World) -> Iterator[tuple[str, Options, list[Options]]]:
    """Items of a call and those that are wanted instead, each with what it could be taken for."""
    order = world.orders.get(call["arguments"]["order_id"], {})
    old, new = call["arguments"]["item_ids"], call["arguments"].get("new_item_ids", ())
    for item in _items_of(call, world):
        left = [each for each in order["items"] if each["item_id"] not in old]
        yield item["name"], item["options"], [x["options"] for x in left if x["name"] == item["name"]]
        variants = world.products.get(item["product_id"], {}).get("variants", {})
        offered = [each for key, each in variants.items() if each["available"] and key not in (*old, *new)]
        for wanted in (variants[each] for each in new if each in variants):
            yield item["name"], wanted["options"], [each["options"] for each in offered]


def _is_told_apart(options: Options, other: Options, said: str) -> bool:
    """Whether an option is said that the other does not have."""
    return any(value != other.get(key) and value.lower() in said for key, value in options.items())


LENSES: Mapping[str, Lens] = {
    "story": _story,
    "match": _match,
    "plan": _plan,
    "policy": _policy,
    "clarity": _clarity,
}
"""What each reviewer looks at, in the order in which they are asked to sit."""
