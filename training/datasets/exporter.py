"""DatasetExporter: an export in one line of Python, from a log or from files of rows."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from practicum.envs.errors import UsageError
from practicum.memory import Store, default_path
from practicum.training.datasets.export import Order, export
from practicum.training.datasets.query import Query

Manifest = dict[str, Any]


class DatasetExporter:
    """Exports what was played.

    Args:
        trajectories: the log, the folder in which it is, or a JSONL file of rows; the default log where None.
        filters: as the fields of `Query`.

    Raises:
        UsageError: there is nothing there, or no such filter.
    """

    def __init__(self, trajectories: str | Path | None = None, **filters: Any) -> None:
        self._source = _source(default_path() if trajectories is None else Path(trajectories))
        self._query = Query.from_json(filters)

    def export_sft(self, path: str | Path) -> Manifest:
        """Write rows for supervised training; returns the manifest that stands beside the file."""
        return self.export(path, "sft")

    def export_dpo(self, path: str | Path, preferences: str | Path | None = None) -> Manifest:
        """Write pairs; of what a file prefers, or of what the sessions of a task came to."""
        return self.export(path, "dpo", preferences=None if preferences is None else str(preferences))

    def export(self, path: str | Path, form: str, **order: Any) -> Manifest:
        """Write any format.

        Args:
            path: of the file.
            form: one of `FORMATS`.
            order: other fields of an `Order`.

        Raises:
            UsageError: as `export.export`.
        """
        given: Mapping[str, Any] = {"form": form, "query": self._query, **order}
        if self._source.suffix in (".jsonl", ".json"):
            return export(None, Order(**given, train_file=str(self._source)), Path(path))
        with closing(Store.open_existing(self._source)) as store:
            return export(store, Order(**given), Path(path))


def _source(place: Path) -> Path:
    if not place.is_dir():
        return place
    found = sorted(place.glob("*.db"))
    if len(found) != 1:
        raise UsageError(f"{place} holds {len(found)} logs (*.db), expected one; name the file")
    return found[0]
