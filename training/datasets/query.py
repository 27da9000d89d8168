"""Query: which sessions become rows, and how they are shown in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from practicum.envs.errors import UsageError
from practicum.envs.tasks import SPLITS
from practicum.memory.ended import LEARNABLE, Which
from practicum.training.transcripts import INSTRUCTION


@dataclass(frozen=True, kw_only=True)
class Query:
    """Which sessions, and how they are shown; whatever is None leaves out none.

    Sessions of evaluation and verification are never meant, nor what was forked from them.
    """

    env: str | None = None
    """Short name of the environment, or with its version."""
    purposes: tuple[str, ...] = LEARNABLE
    principal: str | None = None
    agent: str | None = None
    """What the name of the client or agent holds that played."""
    splits: tuple[str, ...] = ("train",)
    success: bool | None = None
    min_return: float | None = None
    since: float | None = None
    """Begun at that time or later, in seconds since 1970."""
    limit: int | None = None
    """At most so many examples."""
    best: int | None = None
    """Only the sessions of the highest quality, best first."""
    repeats: bool = False
    """Keep examples that teach the same as an earlier one."""
    system: str = INSTRUCTION
    """System message, with `{instruction}` for the task's instruction."""
    gap: float = 0.1
    """How far the values of two sessions must lie apart to make a pair where both came to the same end."""
    pairs_per_task: int = 8
    """At most so many pairs or labels come from one task."""
    step_pairs: bool = False
    """Pairs of next calls after the same beginning, rather than of whole sessions."""
    up_to: int | None = None
    """Only what had ended by that number; what has ended by now where None."""

    def __post_init__(self) -> None:
        _one_of("purpose", self.purposes, LEARNABLE)
        _one_of("split", self.splits, SPLITS)

    @property
    def which(self) -> Which:
        """The sessions that are meant."""
        same = {each.name for each in fields(Which)} & {each.name for each in fields(self)}
        return Which(**{name: getattr(self, name) for name in same}, client=self.agent)

    def pinned(self, up_to: int) -> Query:
        """The query over what had ended by a number, so that it means the same for ever."""
        return self if self.up_to is not None else replace(self, up_to=up_to)

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Query:
        """Read what `as_json` wrote.

        Raises:
            UsageError: it is none.
        """
        known = {each.name for each in fields(cls)}
        if strange := sorted(set(record) - known):
            raise UsageError(f"a query has no {strange[0]!r}; it has {', '.join(sorted(known))}")
        try:
            return _QUERY.validate_python(dict(record))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise UsageError(f"not a query: {where}: {first['msg']}") from None


_QUERY = TypeAdapter(Query)


def _one_of(what: str, given: tuple[str, ...], known: tuple[str, ...]) -> None:
    for word in given:
        if word not in known:
            raise UsageError(f"{what} {word!r} is none that rows are made of; there are {', '.join(known)}")
