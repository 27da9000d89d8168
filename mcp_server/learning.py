"""Learning: while the server serves, a child process of low priority makes skills of what was played."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress

import anyio
import anyio.to_thread
from anyio.abc import Process

from practicum.envs.errors import in_one_line, shortened
from practicum.memory import Store
from practicum.memory.leases import unread

logger = logging.getLogger(__name__)

CHILD = "practicum.mcp_server.learning_child"
BUSY_ELSEWHERE = 75
"""Exit code of a child that found another process learning; `EX_TEMPFAIL` of sysexits.h."""
LEAST_REST_S = 2.0
"""Rest between two rounds."""
REST_PER_WORK = 3.0
"""Rest for each second that a round took: learning gets a quarter of one core at most."""
LONG_REST_S = 60.0
"""Rest after a round that failed, or while another process learns."""
END_WAIT_S = 3.0
"""How long a child may take to give its lease back when the server ends."""
LONGEST_ERROR = 4096


class Learning:
    """Has what sessions have left made into skills, a round at a time, each in a process of its own.

    A round begins after a session has ended, if the log holds anything that no round has read. It ends with
    this process, however that ends.

    Args:
        store: the log.
        envs: short names of the environments to learn in.
    """

    def __init__(self, store: Store, envs: Iterable[str]) -> None:
        self._store = store
        self._envs = frozenset(envs)
        self._ended = anyio.Event()

    def wake(self) -> None:
        """A session has ended."""
        self._ended.set()

    async def run(self) -> None:
        """Learn until cancelled."""
        while True:
            await self._ended.wait()
            self._ended = anyio.Event()
            began = time.monotonic()
            try:
                code = await self._round()
            except Exception as error:  # noqa: BLE001  # the server's edge: it goes on without learning
                logger.warning("learning failed: %s", in_one_line(error))
                code = 1
            took_s = time.monotonic() - began
            await anyio.sleep(LONG_REST_S if code else max(LEAST_REST_S, REST_PER_WORK * took_s))
            if code == BUSY_ELSEWHERE:
                self.wake()

    def _has_something(self) -> bool:
        return any(each.env in self._envs for each in unread(self._store))

    async def _round(self) -> int:
        """One round, where there is something to learn from; its exit code."""
        if not await anyio.to_thread.run_sync(self._has_something):
            return 0
        process = await anyio.open_process(
            [sys.executable, "-m", CHILD, str(self._store.path), *sorted(self._envs)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in a terminal is for the server, which ends its child itself
            creationflags=getattr(subprocess, "IDLE_PRIORITY_CLASS", 0),
        )
        try:
            said = await _last_words(process)
            code = await process.wait()
        finally:
            with anyio.CancelScope(shield=True):
                await _see_ended(process)
        if code not in (0, BUSY_ELSEWHERE):
            logger.warning("learning failed: %s", said or f"exit code {code}")
        return code


async def _last_words(process: Process) -> str:
    """The last line that a process says on stderr until it closes it."""
    assert process.stderr is not None
    said = b""
    async for part in process.stderr:
        said = (said + part)[-LONGEST_ERROR:]
    lines = said.decode(errors="replace").strip().splitlines()
    return shortened(lines[-1]) if lines else ""


async def _see_ended(process: Process) -> None:
    """See that a process has ended: the end of its stdin asks it to."""
    assert process.stdin is not None
    with suppress(OSError, anyio.BrokenResourceError):
        await process.stdin.aclose()
    with anyio.move_on_after(END_WAIT_S):
        await process.wait()
    if process.returncode is None:
        process.kill()
    await process.aclose()
