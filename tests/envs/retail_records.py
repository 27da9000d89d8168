"""The retail records of a peer, where they are at hand: its tasks and wrong calls, with its own results."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "tau_retail"

needs_records = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no records of τ-bench at {FOLDER}")


@cache
def records(name: str) -> tuple[dict[str, Any], ...]:
    """Those of train.jsonl or fuzz.jsonl, in their order."""
    lines = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(json.loads(line) for line in lines)


def agrees(call: dict[str, Any], result: Any, error: str | None) -> bool:
    """Whether a call came out as it did at the peer's; one refusal of `calculate` is like another."""
    expected = call["result"]
    if expected.startswith("Error: "):
        return error is not None and (call["name"] == "calculate" or f"Error: {error}" == expected)
    if error is not None or isinstance(result, str):
        return error is None and bool(result == expected)
    return bool(result == json.loads(expected))


class WorldHash:
    """The hash of a whole world, by the rule of the records' own README, a record rendered once."""

    def __init__(self) -> None:
        self._rendered: dict[int, tuple[Any, str]] = {}

    def of(self, world: dict[str, Any]) -> str:
        parts = (f"{_text(kind)}:{self._object(world[kind])}" for kind in sorted(world))
        return hashlib.sha256(f"{{{','.join(parts)}}}".encode()).hexdigest()

    def _object(self, kept: dict[str, Any]) -> str:
        return f"{{{','.join(f'{_text(key)}:{self._record(kept[key])}' for key in sorted(kept))}}}"

    def _record(self, record: Any) -> str:
        if id(record) not in self._rendered:
            rounded = json.loads(json.dumps(record), parse_float=lambda digits: round(float(digits), 2))
            self._rendered[id(record)] = (record, _text(rounded))
        return self._rendered[id(record)][1]


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
