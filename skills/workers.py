"""Workers: where episodes that do not depend on each other are played, here or in other processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from practicum.envs.registry import EnvClass, find

Item = TypeVar("Item")
Result = TypeVar("Result")
Lost = Callable[[Item, str], Result]
"""Makes the result of an item whose process was lost every time, from why."""


class Workers(Protocol):
    """Where work is done that can be done anywhere."""

    def map(
        self, work: Callable[[Item], Result], items: Iterable[Item], *, lost: Lost[Item, Result] | None = None
    ) -> Iterator[Result]:
        """What `work` makes of each item, in the order of the items.

        An item is taken when its work is handed out, which may be some items before its result is asked for;
        what was handed out and never asked for is dropped.

        Args:
            work: depends on nothing but the item; elsewhere it is a copy, and so is what it closes over.
            items: drawn one by one.
            lost: what stands for an item whose process was lost every time that it was tried.

        Raises:
            UsageError: a process was lost every time, and `lost` is None.
        """


class Here:
    """In this process, each item when its result is asked for."""

    def map(
        self, work: Callable[[Item], Result], items: Iterable[Item], *, lost: Lost[Item, Result] | None = None
    ) -> Iterator[Result]:
        """As `Workers.map`; nothing gets lost."""
        return map(work, items)


HERE = Here()


@dataclass(frozen=True)
class Findable:
    """An environment that goes to another process as the name by which it is found there."""

    known: EnvClass | None
    """The class, in this process."""
    name: str
    """As `find` takes it."""

    @property
    def env_class(self) -> EnvClass:
        """The class.

        Raises:
            UsageError: it is not found.
        """
        return self.known or find(self.name)

    def __reduce__(self) -> tuple[Any, ...]:
        return Findable, (None, self.name)
