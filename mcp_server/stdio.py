"""Serving over stdin and stdout: one client, one process. Only protocol leaves by stdout."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from mcp.server.stdio import _claim_fd, _open_stdin_diversion, _open_stdout_diversion

from practicum.mcp_server.lines import lines_of
from practicum.mcp_server.server import PracticumServer


async def serve_stdio(server: PracticumServer, at_end: Callable[[], None] = lambda: None) -> None:
    """Serve until the client closes its end; `at_end` is called then at once, maybe in another thread."""
    with _wire() as (stdin, stdout):
        async with lines_of(stdin, stdout, at_end=at_end) as (read_stream, write_stream):
            await server.run(read_stream, write_stream, server.create_initialization_options())


@contextmanager
def _wire() -> Iterator[tuple[int, int]]:
    """The client's descriptors; meanwhile what anybody prints goes to stderr, and nobody else reads stdin."""
    printed = sys.stdout
    stdin, give_stdin_back = _claim_fd(0, sys.stdin, "rb", _open_stdin_diversion)
    stdout, give_stdout_back = _claim_fd(1, sys.stdout, "wb", _open_stdout_diversion)
    try:
        yield stdin.fileno(), stdout.fileno()
    finally:
        with suppress(OSError, ValueError):
            printed.flush()
        for give_back in (give_stdout_back, give_stdin_back):
            if give_back is not None:
                give_back()
