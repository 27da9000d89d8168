"""People with limits of their own, and a clock that a test moves."""

from __future__ import annotations

from typing import Any

from mcp.client import Client

from practicum.mcp_server.bindings import Binding
from practicum.mcp_server.calls import Caller
from practicum.mcp_server.limits import Limits
from practicum.mcp_server.server import caller_of
from tests.mcp_server.clients import call


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class People:
    """A binding for whomever the test names, each with limits of its own."""

    def __init__(self, **limits: Limits) -> None:
        self.name = next(iter(limits))
        self.limits = limits

    def __call__(self, ctx: Any) -> Binding:
        return Binding(caller_of(ctx, Caller(self.name, limits=self.limits[self.name])))


async def opened(client: Client, **arguments: Any) -> str:
    return str((await call(client, "open_session", **arguments))["session_id"])
