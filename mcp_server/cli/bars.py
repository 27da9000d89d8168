"""Progress bars for long work: on stderr, where that is a terminal and no JSON is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from practicum.mcp_server.cli.consoles import remarks

Progress = Callable[[int, int], None]
"""Told how many of how many are done."""


@contextmanager
def progress_bar(what: str, *, as_json: bool = False) -> Iterator[Progress]:
    """Give the work a function to tell how far it is; the bar goes when the work is done."""
    if as_json or not remarks.is_terminal:
        yield lambda done, total: None
        return
    from rich import progress

    with progress.Progress(console=remarks, transient=True) as shown:
        bar = shown.add_task(what, total=None)
        yield lambda done, total: shown.update(bar, completed=done, total=total)
