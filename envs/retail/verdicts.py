"""How a visit to the service desk is judged: by what the shop's records are in the end, and what was said."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from practicum.envs.errors import ActionError, UsageError
from practicum.envs.records import noting
from practicum.envs.retail.desk import Desk
from practicum.envs.retail.tools import CHANGES
from practicum.envs.retail.visits import Visit
from practicum.envs.retail.world import World
from practicum.envs.rewards import Outcome

TRANSFER = "transfer_to_human_agents"
_NUMBER = re.compile(r"(?:(?<![\w.])-)?\d+(?:\.\d+)?")
"""A hyphen between two numbers, as in `5-10`, is no sign."""


def judge(visit: Visit, secret: Mapping[str, Any]) -> Outcome:
    """How a visit stands: success is a proper end with the gold database and every required output said.

    Violations of the policy: `other_customer` (a record of somebody else was changed) and
    `needless_transfer` (handed over although the customer could have been served).
    """
    actions = secret.get("actions", ())
    wants_transfer = any(call["name"] == TRANSFER for call in actions)
    same = not visit.desk.differs_from(gold_desk(visit.desk.world, actions))
    missing = unsaid(secret.get("outputs", ()), visit.said)
    broken = {"other_customer": visit.foreign, "needless_transfer": visit.transferred and not wants_transfer}
    return Outcome(
        success=(visit.left or visit.transferred) and same and not missing,
        violations=tuple(kind for kind, is_broken in broken.items() if is_broken),
        details={"database": same, "outputs": not missing, "transferred": visit.transferred},
    )


def check_secret(secret: Mapping[str, Any]) -> None:
    """See that a visit can be judged by a secret; what is told names no part of it.

    Raises:
        UsageError: it cannot.
    """
    for number, call in enumerate(secret.get("actions", ()), 1):
        parts = (call.get("name"), call.get("arguments")) if isinstance(call, Mapping) else ()
        if not parts or not isinstance(parts[0], str) or not isinstance(parts[1], Mapping):
            raise UsageError(f"gold call {number} of the task is not {{name, arguments}}")
    if not all(isinstance(output, str) for output in secret.get("outputs", ())):
        raise UsageError("a required output of the task is no text")


def gold_desk(world: World, actions: Iterable[Mapping[str, Any]]) -> Desk:
    """The desk that the gold actions lead to; one that is refused changes nothing."""
    desk = Desk(world)
    changing = [(CHANGES[call["name"]], call["arguments"]) for call in actions if call["name"] in CHANGES]
    for change, arguments in changing:
        with noting() as changes:
            try:
                change(desk, **arguments)
            except (ActionError, TypeError):
                changes.take_back()
    return desk


def is_said(output: str, messages: Iterable[str]) -> bool:
    """Whether one of the messages tells a required output.

    A number is told by an equal number, however it is written (`946.7`, `$946.70`, `1,946.70`); a text by
    standing there, upper and lower case alike.
    """
    wanted = output.lower().replace(",", "")
    texts = [message.lower().replace(",", "") for message in messages]
    if _NUMBER.fullmatch(wanted):
        found = (Decimal(number) for text in texts for number in _NUMBER.findall(text))
        return Decimal(wanted) in found
    return any(wanted in text for text in texts)


def unsaid(outputs: Sequence[str], messages: Sequence[str]) -> list[str]:
    """The required outputs that no message tells."""
    return [output for output in outputs if not is_said(output, messages)]
