"""A store in tmp_path, and servers over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from practicum.mcp_server.bindings import Binding
from practicum.mcp_server.calls import Caller
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.served import serve_environments
from practicum.mcp_server.server import Bind, PracticumServer, bind_handle, caller_of
from practicum.memory import Store
from tests.mcp_server.clients import PARCELS
from tests.mcp_server.people import Clock


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "practicum.db"


@pytest.fixture
def store(db: Path) -> Iterator[Store]:
    opened = Store.open(db)
    yield opened
    opened.close()


@pytest.fixture
def practise(store: Store) -> Callable[..., Practice]:
    """Make the sessions of a server, parcels by default; each is like another process on the same file."""

    def practise(*envs: str, settings: Any = None, task_file: Path | None = None, **options: Any) -> Practice:
        served = serve_environments(envs or [PARCELS], settings=settings, task_file=task_file)
        return Practice(store, served, **options)

    return practise


@pytest.fixture
def serve(practise: Callable[..., Practice]) -> Callable[..., PracticumServer]:
    """Make a server for clients in memory."""

    def serve(
        *envs: str, bind: Bind | None = None, hide_rewards: bool = False, **options: Any
    ) -> PracticumServer:
        default = bind_handle(alone=True, hide_rewards=hide_rewards)
        return PracticumServer(practise(*envs, **options), bind or default, look_every_s=0.01)

    return serve


class Somebody:
    """A binding whose principal the test chooses, call by call."""

    def __init__(self) -> None:
        self.principal = "local"

    def __call__(self, ctx: Any) -> Binding:
        return Binding(caller_of(ctx, Caller(self.principal)))


@pytest.fixture
def somebody() -> Somebody:
    return Somebody()


@pytest.fixture
def clock() -> Clock:
    return Clock()
