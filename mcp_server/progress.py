"""Progress: a client that asked for it hears, while a long call is being played, that it is."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import Any, TypeVar

import anyio
from mcp.server.context import ServerRequestContext

T = TypeVar("T")

EVERY_S = 2.0
"""Seconds between two notices."""


async def reporting(
    ctx: ServerRequestContext[Any, Any], work: Awaitable[T], *, every_s: float = EVERY_S
) -> T:
    """Await `work`, sending its client the seconds gone by as progress."""
    error: Exception | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_report, ctx, every_s)
        try:
            result = await work
        except Exception as raised:  # noqa: BLE001  # handed on below, outside the task group
            error = raised
        tasks.cancel_scope.cancel()
    if error is not None:
        raise error
    return result


async def _report(ctx: ServerRequestContext[Any, Any], every_s: float) -> None:
    began = time.monotonic()
    while True:
        await anyio.sleep(every_s)
        await ctx.session.report_progress(round(time.monotonic() - began, 3), message="still being played")
