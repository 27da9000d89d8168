"""Progress: a client that asked for it hears, while a long call is being played, that it is."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import anyio
from mcp.server.context import ServerRequestContext

from practicum.envs import Step

T = TypeVar("T")
Context = ServerRequestContext[Any, Any]

EVERY_S = 2.0
"""Seconds between two notices."""


class CallCount:
    """Counts the calls of a skill's run, for the client that waits for it."""

    def __init__(self) -> None:
        self._calls = 0
        self._last = ""
        self._news = anyio.Event()

    def hear(self, step: Step) -> None:
        """Count a call that was played."""
        self._calls, self._last = self._calls + 1, step.tool
        self._news.set()

    async def report(self, ctx: Context) -> None:
        """Send the count as progress whenever it has grown."""
        while True:
            await self._news.wait()
            self._news = anyio.Event()
            await ctx.session.report_progress(self._calls, message=f"{self._last} was played")


async def reporting(
    ctx: Context, work: Awaitable[T], report: Callable[[Context], Coroutine[Any, Any, None]]
) -> T:
    """Await `work`, and send its client meanwhile what `report` sends."""
    error: Exception | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(report, ctx)
        try:
            result = await work
        except Exception as raised:  # noqa: BLE001  # handed on below, outside the task group
            error = raised
        tasks.cancel_scope.cancel()
    if error is not None:
        raise error
    return result


async def seconds_gone(ctx: Context, *, every_s: float = EVERY_S) -> None:
    """Send the seconds gone by as progress, again and again."""
    began = time.monotonic()
    while True:
        await anyio.sleep(every_s)
        await ctx.session.report_progress(round(time.monotonic() - began, 3), message="still being played")
