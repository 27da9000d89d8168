"""Validation: whether a task can be fulfilled, found by making its gold calls in a fresh world."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from practicum.envs.episodes import compact_json
from practicum.envs.errors import ActionError
from practicum.envs.retail.desk import Desk
from practicum.envs.retail.env import RetailEnv
from practicum.envs.retail.scenarios import SCENARIOS, scenario_of
from practicum.envs.retail.tools import CHANGES
from practicum.envs.retail.verdicts import is_said
from practicum.envs.retail.world import World, open_world
from practicum.training.tasks.faults import Fault, Validation
from practicum.training.tasks.records import Call, TaskRecord, as_record, checked, key_of
from practicum.training.tasks.references import query_faults, reference_faults, wish_faults
from practicum.training.tasks.translation import fresh_desk, owner_of, users_of

TALK = ("respond", "think")
"""Tools of the conversation, which no gold plan holds."""
OF_THE_USER = ("user_missing", "several_users", "order_foreign", "payment_foreign", "query_foreign")
"""Faults that a check without user ids leaves out."""
_REFUSALS: Mapping[str, re.Pattern[str]] = {
    kind: re.compile(words)
    for kind, words in {
        "user_missing": r"^user not found",
        "order_status": r"^non-(pending|delivered) order",
        "payment_unsuitable": r"payment method|gift card|payment for",
        "product_missing": r"^product not found",
    }.items()
}
"""Which kind of fault a refusal of the world is, by its words."""


@dataclass(frozen=True)
class Run:
    """What came of the gold calls."""

    refusals: tuple[tuple[Call, str], ...]
    """Calls that the world refused, and in which words."""
    results: tuple[Any, ...]
    changed: bool
    """Whether a user or an order is different afterwards."""
    unplayed: int
    """Calls after the one that ended the visit."""


def validate(
    task: TaskRecord | Mapping[str, Any],
    *,
    data: str = "",
    user_ids: bool = True,
    others: Collection[str] = (),
) -> Validation:
    """Check a task: what it refers to, what its gold calls do, and that it is no repeat.

    Args:
        task: of the retail world, a record or its JSON.
        data: folder of the world; empty for the shipped one.
        user_ids: whether users, and what belongs to them, are checked.
        others: `key_of` the gold calls of the tasks that there are already.

    Raises:
        UsageError: the world cannot be read, or the JSON is no record.
    """
    world, record = open_world(data), as_record(task)
    faults = [*_form(record), *(_content(record, world, data) if record.agt else ())]
    if record.agt and key_of(record.agt) in others:
        faults.append(Fault("repeat", "another task has the same gold calls"))
    return Validation.of(each for each in faults if user_ids or each.kind not in OF_THE_USER)


def validate_all(
    records: Sequence[TaskRecord],
    *,
    data: str = "",
    user_ids: bool = True,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[TaskRecord]:
    """Records in their order, each with its `validation_report` and `success`; repeats of earlier ones fail.

    Raises:
        UsageError: the world cannot be read.
    """
    keys: set[str] = set()
    found = []
    for done, record in enumerate(records, 1):
        found.append(checked(record, validate(record, data=data, user_ids=user_ids, others=keys).as_json()))
        keys.add(key_of(record.agt))
        progress(done, len(records))
    return found


def _form(record: TaskRecord) -> Iterator[Fault]:
    """Whether there are calls, of tools that there are, with arguments that they take."""
    if not record.agt:
        yield Fault("no_calls", "there are no gold calls")
    for call in record.agt:
        yield from _call_form(call)


def _call_form(call: Call) -> Iterator[Fault]:
    name = call["name"]
    if name in TALK:
        yield Fault("not_gold", f"{name} is said or thought, not looked up or done")
    elif name not in RetailEnv.actions:
        yield Fault("unknown_tool", f"there is no tool {name!r}")
    else:
        try:
            RetailEnv.actions[name].bind(call["arguments"])
        except ActionError as error:
            yield Fault("bad_arguments", f"{name}: {error}")


def _content(record: TaskRecord, world: World, data: str) -> Iterator[Fault]:
    user_id = owner_of(record, world)
    yield from _user_faults(record, world, user_id)
    referred = {id(call): list(reference_faults(call, world, user_id)) for call in record.agt}
    for faults in referred.values():
        yield from faults
    yield from query_faults(record, world, user_id)
    yield from wish_faults(record)
    run = run_gold(record.agt, world, data)
    for call, words in run.refusals:
        kind, is_told = _kind_of(words), referred[id(call)] or list(_call_form(call))
        if not is_told or kind == "order_status":
            yield Fault(kind, f"{call['name']} is refused: {words}")
    if run.unplayed:
        yield Fault("after_the_end", f"{run.unplayed} calls follow the one that ends the visit")
    if record.scenario in SCENARIOS and record.scenario != (found := scenario_of(record.agt)):
        yield Fault("other_scenario", f"the calls are of {found}, not of {record.scenario}")
    yield from _effects(record, run)


def _user_faults(record: TaskRecord, world: World, user_id: str) -> Iterator[Fault]:
    if user_id not in world.users:
        yield Fault("user_missing", f"there is no user {user_id!r}" if user_id else "no call tells the user")
    named = [other for other in users_of(record.agt, world) if other != user_id]
    for other in named:
        if other not in world.users:
            yield Fault("user_missing", f"there is no user {other!r}")
    if named:
        yield Fault("several_users", f"the calls are about {', '.join(map(repr, named))} beside {user_id!r}")


def run_gold(calls: Iterable[Call], world: World, data: str = "") -> Run:
    """Make calls in a fresh world, through the same door as an agent's."""
    episode = fresh_desk(data)
    refusals, results, unplayed = [], [], 0
    for call in calls:
        if call["name"] not in RetailEnv.actions or call["name"] in TALK:
            continue
        if episode.over:
            unplayed += 1
            continue
        step = episode.play(call["name"], call["arguments"])
        if step.error is not None:
            refusals.append((call, step.error))
        results.append(step.result)
    desk: Desk = episode.env.state.desk
    return Run(tuple(refusals), tuple(results), bool(desk.differs_from(Desk(world))), unplayed)


def _kind_of(refusal: str) -> str:
    return next((kind for kind, words in _REFUSALS.items() if words.search(refusal)), "refused")


def _effects(record: TaskRecord, run: Run) -> Iterator[Fault]:
    """Whether the calls do what such a task is about: change something, or show what is to be told."""
    changes = any(call["name"] in CHANGES for call in record.agt)
    hands_over = any(call["name"] == "transfer_to_human_agents" for call in record.agt)
    if changes and not run.changed:
        yield Fault("unchanged", "the gold calls leave every record as it was")
    if not changes and not record.ogt and not hands_over:
        yield Fault("not_told", "nothing changes, and nothing is to be told")
    shown = compact_json(run.results).decode() if record.ogt else ""
    for output in record.ogt:
        if not is_said(output, [shown]) and output not in _counts(run.results):
            yield Fault("output_unfounded", f"no gold call shows {output!r}")


def _counts(results: Iterable[Any]) -> set[str]:
    """How many there are of what the results list: product types, items, variants, available ones, orders."""
    found: set[int] = set()
    for result in results:
        if isinstance(result, Mapping):
            listed = [result, *(result[key] for key in ("items", "variants", "orders") if key in result)]
            found |= {len(each) for each in listed}
            found.add(sum(each["available"] for each in result.get("variants", {}).values()))
    return {str(count) for count in found}
