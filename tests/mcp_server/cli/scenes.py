"""Scenes in which the messages of docs/troubleshooting.md are provoked, by the heading of their entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from practicum.memory import Store
from tests.mcp_server.cli.conftest import Practicum


@dataclass(frozen=True)
class Scene:
    """What a message is provoked with."""

    practicum: Practicum
    db: Path
    folder: Path
    monkeypatch: pytest.MonkeyPatch
    caplog: pytest.LogCaptureFixture

    def store(self, **options: float) -> Store:
        return Store.open(self.db, **options)

    def written(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.write_text(text, encoding="utf-8")
        return file


Provoke = Callable[[Scene], str]
PROVOKED: dict[str, Provoke] = {}


def provokes(heading: str) -> Callable[[Provoke], Provoke]:
    def add(provoke: Provoke) -> Provoke:
        PROVOKED[heading] = provoke
        return provoke

    return add
