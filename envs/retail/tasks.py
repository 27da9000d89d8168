"""Tasks of the retail world: drawn from a seed, made of a request, or read from records of τ-bench."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from practicum.envs.errors import UsageError
from practicum.envs.paths import at_home
from practicum.envs.retail.customers import SCRIPTED
from practicum.envs.retail.scenarios import SCENARIOS, Request, Scenario, draw_request, scenario_of
from practicum.envs.retail.scripts import script_of
from practicum.envs.retail.world import World, absolute, open_world
from practicum.envs.tasks import Task

GOAL = (
    "You serve a customer at the service desk of a shop. Find out who they are and what they want, and do it "
    "with your tools by the policy below. Talk to them with respond; they leave when they are served."
)
STEP_LIMIT = 50
_STREAM = 0x4E7A
"""Keeps the draws of tasks apart from those of the world."""


def make_retail_task(
    seed: int,
    *,
    scenario: Scenario | None = None,
    data: str = "",
    policy: str = "",
    customer: str = SCRIPTED,
) -> Task:
    """The task of a seed; where no scenario is given, the eight take turns.

    Raises:
        UsageError: the folder is no world, or nothing in it suits; the policy cannot be read.
    """
    world = open_world(data)
    random = np.random.default_rng((seed, _STREAM))
    request = draw_request(world, random, scenario or SCENARIOS[seed % len(SCENARIOS)])
    return task_of(request, world, seed=seed, data=data, policy=policy, customer=customer)


def task_of(
    request: Request,
    world: World,
    *,
    seed: int = 0,
    data: str = "",
    policy: str = "",
    customer: str = SCRIPTED,
    task_id: str = "",
) -> Task:
    """The task of a request.

    Args:
        request: drawn from the world.
        world: that of `data`.
        seed: of the task.
        data: as in `RetailEnv.begin`.
        policy: as in `RetailEnv.begin`.
        customer: as in `RetailEnv.begin`.
        task_id: a name for people; made of scenario and seed where empty.

    Raises:
        UsageError: the policy cannot be read.
    """
    secret = {
        "instruction": request.instruction,
        "user_id": request.user_id,
        "actions": [dict(call) for call in request.actions],
        "outputs": list(request.outputs),
        "customer": dict(request.customer),
    }
    settings = _Settings(request.scenario, data, policy, customer)
    name = task_id or f"retail-{request.scenario}-{seed}"
    return _task(world, seed, settings, secret, name)


def task_of_record(
    record: Mapping[str, Any], *, seed: int = 0, data: str = "", policy: str = "", customer: str = SCRIPTED
) -> Task:
    """The task of a record of τ-bench: `{task_id, user_id, instruction, outputs, actions}`.

    Its scripted customer wants what the gold actions change, and to be told the outputs.

    Raises:
        UsageError: the record lacks a field, or its user is not in the world.
    """
    world = open_world(data)
    missing = [name for name in ("user_id", "actions") if name not in record]
    if missing:
        raise UsageError(f"record {record.get('task_id')!r} is no retail task: it has no {missing[0]!r}")
    user_id, actions, outputs = record["user_id"], record["actions"], list(record.get("outputs", ()))
    if user_id not in world.users:
        raise UsageError(f"record {record.get('task_id')!r} is about {user_id!r}, whom the world lacks")
    calls = [{"name": call["name"], "arguments": dict(call["arguments"])} for call in actions]
    instruction = str(record.get("instruction", ""))
    knows = "zip" if "zip code" in instruction and "email" not in instruction else "email"
    question = "There are some things that I would like to know." if outputs else ""
    secret = {
        "instruction": instruction,
        "user_id": user_id,
        "actions": calls,
        "outputs": outputs,
        "customer": script_of(world, user_id, calls, question=question, outputs=outputs, knows=knows),
    }
    settings = _Settings(scenario_of(calls), data, policy, customer)
    return _task(world, seed, settings, secret, str(record.get("task_id", "")))


@dataclass(frozen=True)
class _Settings:
    """The settings of a task."""

    scenario: Scenario
    data: str
    policy: str
    customer: str

    def params(self, world: World) -> dict[str, str]:
        """What makes the task another one: of a folder its content, not where it lies."""
        params: dict[str, str] = {"scenario": self.scenario}
        if self.data:
            params["world"] = world.fingerprint
        if self.customer != SCRIPTED:
            params["customer"] = self.customer
        return params

    @property
    def places(self) -> dict[str, str]:
        """Where things lie; absolute, so that any process finds them."""
        given = {"data": self.data, "policy": self.policy}
        return {name: absolute(place) for name, place in given.items() if place}


def _task(world: World, seed: int, settings: _Settings, secret: Mapping[str, Any], name: str) -> Task:
    return Task(
        env="retail",
        version=1,
        seed=seed,
        params=settings.params(world),
        instruction=f"{GOAL}\n\n{policy_of(world, settings.policy)}",
        difficulty=_difficulty(secret),
        secret=secret,
        step_limit=STEP_LIMIT,
        id=name,
        places=settings.places,
    )


def policy_of(world: World, file: str = "") -> str:
    """The policy of a world, or of a file that takes its place.

    Raises:
        UsageError: the file cannot be read.
    """
    if not file:
        return world.policy
    try:
        return at_home(Path(file)).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the policy {file}: {' '.join(str(error).split())}") from None


def _difficulty(secret: Mapping[str, Any]) -> float:
    """Grows with the calls that are to be made and with changes of mind."""
    changes = sum("change" in wish for wish in secret["customer"]["wishes"])
    return round(min(1.0, 0.1 * len(secret["actions"]) + 0.1 * changes), 2)
