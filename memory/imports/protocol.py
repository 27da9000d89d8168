"""Importers: what turns records of another system into traces, and where they are found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from practicum.envs.errors import UsageError, in_one_line, nearest
from practicum.memory.imports.traces import Trace, Unreadable

GROUP = "practicum.importers"
M = TypeVar("M", bound=BaseModel)


class Importer(Protocol):
    """Turns records of another system into traces.

    A package adds one by an entry point of the group `practicum.importers` that names such a class.
    """

    name: str
    """What `--format` calls it; the environment of its sessions is `imported-NAME`."""
    expects: str
    """What a record is, in one line."""
    whole_file: bool
    """Whether a file is one record: the list of all values that it holds."""

    def recognises(self, record: Any) -> bool:
        """Whether the first value of a file looks like this format."""

    def traces(self, record: Any) -> Iterable[Trace]:
        """The sessions that a record tells of.

        Args:
            record: plain JSON, as it was parsed.

        Raises:
            Unreadable: it is not what it should be; says in one line what was expected.
        """


def importers() -> dict[str, Importer]:
    """Every importer by its name: ours, and those of installed plugins.

    Raises:
        UsageError: one cannot be loaded.
    """
    plugins = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    found = map(_load, [*OURS, *(point for point in plugins if point.name not in OURS.names)])
    return {importer.name: importer for importer in found}


OURS = EntryPoints(
    EntryPoint(name, f"practicum.memory.imports.{place}", GROUP)
    for name, place in {"tau": "tau:TauImporter", "sharegpt": "sharegpt:ShareGPTImporter"}.items()
)
"""The formats that come with the library."""


def _load(point: EntryPoint) -> Importer:
    try:
        importer: Importer = point.load()()
    except Exception as error:  # a plugin may fail in any way
        raise UsageError(f"the importer {point.name!r} cannot be loaded: {in_one_line(error)}") from error
    return importer


def importer_of(name: str | None, first: Any) -> Importer:
    """The importer of a format, or of what the first record of a file looks like.

    Raises:
        UsageError: there is no such format, the record looks like another one, or like none.
    """
    known = importers()
    fitting = [each.name for each in known.values() if each.recognises(first)]
    if name is None:
        if not fitting:
            raise UsageError(f"the first record is in no known form; --format takes {_listed(known)}")
        return known[fitting[0]]
    if name not in known:
        raise UsageError(f"no format {name!r}{nearest(name, known)}; there are {', '.join(known)}")
    if fitting and name not in fitting:
        raise UsageError(f"the first record looks like {fitting[0]}, not like {known[name].expects}")
    return known[name]


def _listed(known: Mapping[str, Importer]) -> str:
    return "; ".join(f"{name}, {importer.expects}" for name, importer in known.items())


def checked(model: type[M], record: Any) -> M:
    """A record as a model of its form.

    Raises:
        Unreadable: it does not fit; says where and what was expected.
    """
    try:
        return model.model_validate(record)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "record"
        raise Unreadable(f"{where}: {first['msg']}") from None
