"""Examples: rows, pairs and groups as a run's settings ask for them, of the log or of a file.

They are of the train split alone, and none is of a session of evaluation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from practicum.envs.errors import UsageError
from practicum.envs.paths import at_home
from practicum.memory.preferences import Preferences
from practicum.memory.store import Store
from practicum.training.datasets import Group, Pair, Row, Selection, kept_scores
from practicum.training.datasets.export import KEPT
from practicum.training.datasets.formats import Example
from practicum.training.datasets.making import Preferred, from_file, from_log, read_preferences
from practicum.training.datasets.seen import Seen
from practicum.training.trainers.layers import prompt
from practicum.training.trainers.settings import TrainerSettings

T = TypeVar("T")


def read_rows(settings: TrainerSettings, store: Store | None) -> list[Row]:
    """The rows that are meant.

    Raises:
        UsageError: there are none, or a file of them cannot be read.
    """
    found = _read(settings, store, "sft")
    return _some([each for each in found if isinstance(each, Row)], settings, "row")


def read_pairs(settings: TrainerSettings, store: Store | None) -> list[Pair]:
    """The pairs that are meant.

    Raises:
        UsageError: as `read_rows`.
    """
    found = _read(settings, store, "dpo")
    return _some([each for each in found if isinstance(each, Pair)], settings, "pair")


def read_groups(settings: TrainerSettings, store: Store | None) -> list[Group]:
    """The groups that are meant.

    Raises:
        UsageError: as `read_rows`.
    """
    found = _read(settings, store, "grpo")
    return _some([each for each in found if isinstance(each, Group)], settings, "group")


def _read(settings: TrainerSettings, store: Store | None, form: str) -> Iterator[Example]:
    query = settings.query(prompt(settings.agent_prompt))
    if settings.train_file is not None:
        if settings.preferences is not None:
            raise UsageError("preferences are about sessions of the log; leave out train_file, or them")
        return from_file(at_home(Path(settings.train_file)), form, query, Seen())
    if store is None:
        raise UsageError("there is nothing to learn from: name a log (--db) or a file of rows (--train-file)")
    selection = Selection(store, query, kept_scores(store) if settings.scores else None)
    return from_log(selection, form, _preferences(settings, store) if form == "dpo" else None)


def _preferences(settings: TrainerSettings, store: Store) -> Iterable[Preferred] | None:
    if settings.preferences is None:
        return None
    if settings.preferences == KEPT:
        return Preferences(store).read()
    return read_preferences(at_home(Path(settings.preferences)))


def _some(found: list[T], settings: TrainerSettings, what: str) -> list[T]:
    if found:
        return found
    if settings.train_file is not None:
        raise UsageError(f"{settings.train_file} holds no {what} of the train split")
    filters = ("env", "success", "min_return", "agent", "best")
    asked = [f"{name}={value}" for name in filters if (value := getattr(settings, name)) is not None]
    more = {
        "row": "`practicum rollout` plays some",
        "pair": "they need two sessions of one task that came out differently",
        "group": "they need several sessions of one task",
    }[what]
    among = f" among those of {', '.join(asked)}" if asked else ""
    raise UsageError(f"the log holds no {what} of the train split to learn from{among}; {more}")
