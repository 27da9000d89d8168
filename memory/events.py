"""Events: what happened that is no step, read back."""

from __future__ import annotations

from typing import Any

from practicum.memory.rows import load
from practicum.memory.store import Store


def newest_event(store: Store, kind: str) -> dict[str, Any] | None:
    """The body of the last event of a kind; None where there was none."""
    sql = "SELECT body FROM events WHERE kind = ? ORDER BY number DESC LIMIT 1"
    rows = store.read(sql, (kind,))
    return load(rows[0]["body"]) if rows else None
