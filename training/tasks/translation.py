"""From a task record to the task that an agent plays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from practicum.envs import Episode, Task
from practicum.envs.errors import ActionError, UsageError
from practicum.envs.retail.customers import SCRIPTED
from practicum.envs.retail.desk import Desk
from practicum.envs.retail.env import RetailEnv
from practicum.envs.retail.scenarios import SCENARIOS, Request, scenario_of
from practicum.envs.retail.tasks import task_of, task_of_record
from practicum.envs.retail.tools import apply_call
from practicum.envs.retail.world import World, absolute, open_world
from practicum.training.tasks.records import Call, TaskRecord

MOST_STEPS = 10_000
"""Calls that a fresh desk takes; no plan has so many."""


def task_from(
    record: TaskRecord, *, place: int = 0, data: str = "", policy: str = "", customer: str = SCRIPTED
) -> Task:
    """The task of a record, whose customer is the record's script or one that is made of its gold calls.

    Args:
        record: with calls that can be made in the world.
        place: the task's seed where the record has none.
        data: folder of the world; empty for the shipped one.
        policy: file of the policy; empty for that of the world.
        customer: kind of customer.

    Raises:
        UsageError: nobody can tell whose task it is, or the world lacks what it speaks of.
    """
    world = open_world(data)
    user_id = owner_of(record, world)
    if user_id not in world.users:
        raise UsageError(f"task {record.q[:40]!r} is about {user_id!r}, whom the world lacks")
    settings: dict[str, Any] = {"data": data, "policy": policy, "customer": customer}
    seed = int(record.metadata.get("seed", place))
    made = _with_script(record, world, user_id, seed, settings) or _of_calls(record, user_id, seed, settings)
    secret = {**made.secret, "instruction": record.q}
    return replace(made, secret=secret, id=made.id or f"retail-{seed}")


def fresh_desk(data: str = "") -> Episode:
    """A visit of nobody to the untouched world of a folder; gold calls are made in it as an agent's are."""
    places = {"data": absolute(data)} if data else {}
    return Episode(RetailEnv(), Task("retail", 1, 0, step_limit=MOST_STEPS, places=places))


def _with_script(
    record: TaskRecord, world: World, user_id: str, seed: int, settings: Mapping[str, Any]
) -> Task | None:
    script = record.metadata.get("customer")
    if script is None:
        return None
    scenario = next((each for each in SCENARIOS if each == record.scenario), scenario_of(record.agt))
    request = Request(scenario, user_id, record.agt, script, record.ogt)
    return task_of(request, world, seed=seed, **settings)


def _of_calls(record: TaskRecord, user_id: str, seed: int, settings: Mapping[str, Any]) -> Task:
    row = {
        "user_id": user_id,
        "instruction": record.q,
        "outputs": record.ogt,
        "actions": record.agt,
        "task_id": f"retail-{scenario_of(record.agt)}-{seed}",
    }
    return task_of_record(row, seed=seed, **settings)


def owner_of(record: TaskRecord, world: World) -> str:
    """The user whom a record is about: as it says, else as its first call tells; empty where none does."""
    said = record.metadata.get("user_id")
    return str(said) if said else next(iter(users_of(record.agt, world)), "")


def users_of(calls: Sequence[Call], world: World) -> list[str]:
    """The users whom calls are about, each once: named, found by a lookup, or owner of an order."""
    found = (_user_of(call, world) for call in calls)
    return list(dict.fromkeys(user_id for user_id in found if user_id))


def _user_of(call: Call, world: World) -> str:
    arguments = call["arguments"]
    if isinstance(named := arguments.get("user_id"), str):
        return named
    if isinstance(order_id := arguments.get("order_id"), str):
        return str(world.orders.get(order_id, {}).get("user_id", ""))
    if call["name"].startswith("find_user_id"):
        try:
            return str(apply_call(Desk(world), call["name"], arguments))
        except (ActionError, TypeError, AttributeError):
            return ""
    return ""
