"""Making: the examples of a format, from the log, from a file of examples, or from a file of preferences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from practicum.envs.errors import UsageError
from practicum.memory.preferences import Preference
from practicum.training.datasets.examples import (
    Pair,
    groups_of,
    label_of,
    pair_of,
    session_pairs,
    step_pairs,
)
from practicum.training.datasets.files import read_groups, read_labels, read_pairs, read_rows, records
from practicum.training.datasets.formats import ROW_FORMATS, Example
from practicum.training.datasets.query import Query
from practicum.training.datasets.row import Row
from practicum.training.datasets.seen import Seen
from practicum.training.datasets.selection import Selection


@dataclass(frozen=True, slots=True)
class NamedPreference:
    """A preference as a file names it: by the ids of two sessions in the log."""

    chosen: str
    rejected: str
    kind: str = "preference"
    margin: float = 1.0


Preferred = Preference | NamedPreference | Pair
"""Which of two sessions is better, or a pair as it is."""


def from_log(
    selection: Selection, form: str, preferences: Iterable[Preferred] | None = None
) -> Iterator[Example]:
    """The examples of a format from the log.

    Args:
        selection: what is asked for.
        form: one of `FORMATS`.
        preferences: which session is better, or pairs as they are, for `dpo` instead of what the log tells.
    """
    query = selection.query
    if preferences is not None:
        found: Iterator[Example] = _preferred(selection, preferences)
    elif form in ROW_FORMATS:
        return selection.rows()
    elif form == "kto":
        found = (label for row in selection.rows() if (label := label_of(row)))
    else:
        found = _of_tasks(selection.by_task(), form, query)
    return islice(_once(found, selection.seen, query), query.limit)


def from_file(file: Path, form: str, query: Query, seen: Seen) -> Iterator[Example]:
    """The examples of a format from a file in this or another one; what is in another split is left out.

    Rows become pairs and groups by the tasks that they name, for which all are held in memory.

    Raises:
        UsageError: a line is no example; names it.
    """
    own = _READERS.get(form)
    if own is not None and _is_own(file, form):
        found: Iterator[Example] = own(file)
    elif form in ROW_FORMATS:
        found = read_rows(file)
    elif form == "kto":
        found = (label for row in read_rows(file) if (label := label_of(row)))
    else:
        found = _of_tasks(_by_task(read_rows(file)), form, query)
    meant = (each for each in found if each.split in (None, *query.splits))
    return islice(_once(meant, seen, query), query.limit)


def _of_tasks(tasks: Iterable[list[Row]], form: str, query: Query) -> Iterator[Example]:
    for rows in tasks:
        if form == "grpo":
            yield from groups_of(rows)
        else:
            make = step_pairs if query.step_pairs else session_pairs
            yield from make(rows, gap=query.gap, most=query.pairs_per_task)


def _by_task(rows: Iterable[Row]) -> Iterable[list[Row]]:
    tasks: dict[str, list[Row]] = {}
    for row in rows:
        if row.task_hash is not None:
            tasks.setdefault(row.task_hash, []).append(row)
    return tasks.values()


def _once(examples: Iterable[Example], seen: Seen, query: Query) -> Iterator[Example]:
    return (each for each in examples if query.repeats or seen.is_new(each.hash))


# Preferences ------------------------------------------------------------------------------------------


def _preferred(selection: Selection, preferences: Iterable[Preferred]) -> Iterator[Pair]:
    """The pairs of preferences whose sessions are meant, and part after beginning alike."""
    for each in preferences:
        if isinstance(each, Pair):
            yield each
            continue
        rows = selection.named(each.chosen, each.rejected)
        if len(rows) == 2:
            better, worse = rows[each.chosen], rows[each.rejected]
            try:
                pair = pair_of(better, worse, kind=each.kind, margin=each.margin)
            except ValueError as error:
                raise UsageError(
                    f"no preference: {error}; two of different tasks cannot be compared"
                ) from None
            if pair is not None:
                yield pair


def read_preferences(file: Path) -> Iterator[NamedPreference | Pair]:
    """The preferences of a JSONL file: `{chosen, rejected}` with the ids of sessions, or lines of `dpo`.

    Raises:
        UsageError: a line is none; names it.
    """
    if _is_own(file, "dpo"):
        yield from read_pairs(file)
        return
    for number, record in records(file):
        try:
            yield _PREFERENCE.validate_python(record)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "record"
            expected = "expected the ids of two sessions as chosen and rejected"
            raise UsageError(f"{file}:{number}: {where}: {first['msg']}; {expected}") from None


_PREFERENCE = TypeAdapter(NamedPreference)


def _is_own(file: Path, form: str) -> bool:
    """Whether the first line of a file is of a format."""
    _, first = next(records(file), (0, {}))
    return all(isinstance(first.get(name), kind) for name, kind in _MARKS[form].items())


_MARKS: Mapping[str, Mapping[str, type[Any]]] = {
    "dpo": {"chosen": list, "rejected": list},
    "kto": {"completion": list, "label": bool},
    "grpo": {"completions": list},
}
_READERS: Mapping[str, Callable[[Path], Iterator[Example]]] = {
    "dpo": read_pairs,
    "kto": read_labels,
    "grpo": read_groups,
}
