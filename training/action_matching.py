"""Action matching: a reward for calls held against the gold calls of a task.

+1.0 for each call with the name of a gold call, +0.5 where its arguments are right too, +0.5 where these
calls stand in the order of the gold ones, -0.3 for each call that is none of them, -0.4 for each argument
that a tool requires and a call leaves out (source: APIGen-MT).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from practicum.envs.normalise import same_arguments
from practicum.envs.tasks import Task

NAME, ARGUMENTS, ORDER, WRONG, MISSING = 1.0, 0.5, 0.5, -0.3, -0.4
GOLD = "actions"
"""Where the gold calls stand in the secret of a task."""
Call = tuple[str, Mapping[str, Any]]
"""A tool, and the arguments it is called with."""
Fits = Callable[[Call, Call], bool]


@dataclass(frozen=True)
class Matching:
    """Calls against gold calls, counted."""

    names: int
    """Calls that have a gold call of their name; each gold call has one of them at most."""
    arguments: int
    """Those whose arguments are the gold call's."""
    in_order: bool
    """Whether the calls that match stand in the order of their gold calls; without any, no."""
    wrong: int
    """Calls of no gold call's name that is left."""
    missing: int
    """Required arguments that calls leave out."""

    @property
    def reward(self) -> float:
        """The sum of what each is worth."""
        gained = NAME * self.names + ARGUMENTS * self.arguments + ORDER * self.in_order
        return gained + WRONG * self.wrong + MISSING * self.missing


def gold_calls(task: Task) -> list[Call] | None:
    """The gold calls of a task; None where it has none."""
    given = task.secret.get(GOLD)
    return None if given is None else [(each["name"], each["arguments"]) for each in given]


def match(
    calls: Sequence[Call],
    gold: Sequence[Call],
    schemas: Mapping[str, Mapping[str, Any]],
    *,
    uncounted: Collection[str] = (),
) -> Matching:
    """Hold calls against gold calls.

    Each call takes the first gold call that is left of its name, before all one with its arguments.

    Args:
        calls: as they were made, in order.
        gold: in order.
        schemas: JSON schema of the arguments of each tool, by its name.
        uncounted: tools whose calls are neither right nor wrong, such as those of talking.
    """
    counted = [call for call in calls if call[0] not in uncounted]
    expected = [call for call in gold if call[0] not in uncounted]

    def alike(call: Call, wanted: Call) -> bool:
        return _same_name(call, wanted) and same_arguments(call[1], wanted[1], schemas.get(call[0], {}))

    places = _places(counted, expected, (alike, _same_name))
    taken = [place for place in places if place is not None]
    pairs = [(call, expected[at]) for call, at in zip(counted, places, strict=True) if at is not None]
    return Matching(
        names=len(taken),
        arguments=sum(alike(call, wanted) for call, wanted in pairs),
        in_order=bool(taken) and taken == sorted(taken),
        wrong=len(counted) - len(taken),
        missing=sum(
            len(set(schemas.get(tool, {}).get("required", ())) - set(given)) for tool, given in counted
        ),
    )


def _places(calls: Sequence[Call], gold: Sequence[Call], enough: Iterable[Fits]) -> list[int | None]:
    """The place of the gold call that each call takes: those that are alike come first."""
    left = dict(enumerate(gold))
    places: list[int | None] = [None] * len(calls)
    for is_enough in enough:
        for number, call in enumerate(calls):
            if places[number] is None:
                at = next((at for at, wanted in left.items() if is_enough(call, wanted)), None)
                if at is not None:
                    places[number] = at
                    del left[at]
    return places


def _same_name(call: Call, wanted: Call) -> bool:
    return call[0] == wanted[0]
