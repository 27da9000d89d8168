"""A person at a terminal: a command in a pseudo-terminal, keys in, screen out."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.mcp_server.clients import PATIENCE_S, command

OVERLOOKED_S = 3.0
COLOUR = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """What a person types and sees."""

    def __init__(self, child: subprocess.Popen[bytes], keys: int) -> None:
        self.child = child
        self._keys = keys
        self.raw = ""
        self._seen = 0

    @property
    def text(self) -> str:
        """All that has been shown, without its colours."""
        return COLOUR.sub("", self.raw)

    def type(self, keys: str) -> None:
        os.write(self._keys, keys.encode())

    def until(self, shown: str) -> str:
        """Wait until something is shown that was not there yet; gives what stands before it."""
        deadline = time.monotonic() + PATIENCE_S
        while (place := self.text.find(shown, self._seen)) < 0:
            assert time.monotonic() < deadline, self.text[self._seen :]
            assert self._read(), f"{shown!r} was not shown: {self.text[self._seen :]!r}"
        before = self.text[self._seen : place]
        self._seen = place + len(shown)
        return before

    def answer(self, shown: str, keys: str) -> str:
        """Wait for a prompt, and type a line."""
        before = self.until(shown)
        self.type(keys + "\n")
        return before

    def interrupt(self, shown: str) -> None:
        """Press Ctrl-C, and wait until something is shown.

        Python's readline overlooks a Ctrl-C that comes between its prompt and its wait for a key, until the
        line ends; so Enter follows where nothing happens.
        """
        self.type("\x03")
        if not self._is_ready(OVERLOOKED_S):
            self.type("\n")
        self.until(shown)

    def end(self) -> int:
        """Read on until the command has ended; its exit code."""
        while self._read():
            pass
        return self.child.wait(timeout=PATIENCE_S)

    def _read(self) -> bool:
        try:
            found = os.read(self._keys, 65536) if self._is_ready(PATIENCE_S) else b""
        except OSError:  # the other end is closed
            found = b""
        self.raw += found.decode(errors="replace").replace("\r\n", "\n")
        return bool(found)

    def _is_ready(self, within_s: float) -> bool:
        return bool(select.select([self._keys], [], [], within_s)[0])


def _as_at_a_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # whoever runs the tests may ignore it


@contextmanager
def at_terminal(*arguments: str | Path, **variables: str) -> Iterator[Terminal]:
    """Run a command in a terminal of 120 columns."""
    keys, screen = os.openpty()
    termios.tcsetwinsize(screen, (40, 120))
    known = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS")}
    with subprocess.Popen(
        command(*map(str, arguments)),
        stdin=screen, stdout=screen, stderr=screen, start_new_session=True,
        preexec_fn=_as_at_a_terminal,
        env=known | {"TERM": "xterm-256color"} | variables,
    ) as child:  # fmt: skip
        os.close(screen)
        try:
            yield Terminal(child, keys)
        finally:
            child.kill()
            os.close(keys)
