"""Worlds that wait: a long call is played in a task of its own, and collected by the same call again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import anyio
import anyio.abc

from practicum.envs import ActionError
from practicum.mcp_server.calls import Call, Pending, SkillCall
from practicum.mcp_server.live import Live, Running

T = TypeVar("T")

PENDING_AFTER_S = 25.0
"""A call longer than this answers `pending`; the same call with the same turn collects it."""


class LongCalls:
    """The calls that are played aside, so that a client which cannot wait may come back for the result.

    Args:
        pending_after_s: how long a client waits before it is told `pending`.
    """

    def __init__(self, pending_after_s: float) -> None:
        self._pending_after_s = pending_after_s
        self._tasks: anyio.abc.TaskGroup | None = None

    async def __aenter__(self) -> LongCalls:
        self._tasks = await anyio.create_task_group().__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._tasks is not None
        self._tasks.cancel_scope.cancel()
        await self._tasks.__aexit__(None, None, None)

    async def act(self, live: Live, call: Call | SkillCall, play: Callable[[], Awaitable[T]]) -> T | Pending:
        """Play a call, or collect the one that is being played.

        Args:
            live: the session.
            call: tells whether it is the one that is being played.
            play: plays it to its end.

        Raises:
            ActionError: another call is being played, or as the call itself raises.
        """
        running = live.running
        if running is not None and running.is_for(call):
            return cast("T | Pending", await self._collect(live, running))
        if running is not None and not await self._done_in_time(running):
            raise ActionError(
                f"turn {running.turn} ({running.call.tool}) is still being played; "
                f"the same call with turn={running.turn} collects it"
            )
        if live.running is not None and live.running is not running:
            return await self.act(live, call, play)
        live.running = self._started(live, call, play)
        return cast("T | Pending", await self._collect(live, live.running))

    def _started(self, live: Live, call: Call | SkillCall, play: Callable[[], Awaitable[object]]) -> Running:
        following = live.episode.turn + 1 if live.episode is not None else live.session.steps + 1
        running = Running(call.turn or following, call)

        async def played() -> None:
            try:
                running.came = await play()
            except Exception as error:  # noqa: BLE001  # carried to whoever collects the call
                running.error = error
            running.done.set()

        assert self._tasks is not None, "enter Practice before a waiting world is played"
        self._tasks.start_soon(played)
        return running

    async def _done_in_time(self, running: Running) -> bool:
        with anyio.move_on_after(self._pending_after_s):
            await running.done.wait()
        return running.done.is_set()

    async def _collect(self, live: Live, running: Running) -> Any:
        if not await self._done_in_time(running):
            running.told = True
            return Pending(live.session, running.turn)
        if live.running is running:
            live.running = None
        if running.error is not None:
            raise running.error
        return running.came
