"""Where `practicum play` reads from: a terminal with history and completion, or the lines of a pipe."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from types import ModuleType

from practicum.envs.errors import UsageError

Complete = Callable[[str, str], list[str]]
"""The words that may follow: the line so far and the word begun in, whole words out."""


class Keyboard:
    """Reads lines.

    Args:
        complete: completes words on a terminal.
        plain: read lines as from a pipe, even on a terminal.
    """

    def __init__(self, complete: Complete, *, plain: bool = False) -> None:
        self.is_terminal = not plain and sys.stdin.isatty() and sys.stdout.isatty()
        self._readline = _with_completion(complete) if self.is_terminal else None

    def line(self, prompt: str) -> str:
        """The next line, without its end.

        Raises:
            EOFError: there is none.
            UsageError: it is no text.
        """
        try:
            if self.is_terminal:
                return input(prompt)
            line = sys.stdin.readline()
        except UnicodeDecodeError as error:
            raise UsageError(f"what comes from stdin is not UTF-8: {error.reason}") from None
        if not line:
            raise EOFError
        return line.rstrip("\n")

    def hidden(self, prompt: str) -> str:
        """The next line, which is not shown and not kept."""
        return getpass.getpass(prompt) if self.is_terminal else self.line(prompt)

    def forget_last(self) -> None:
        """Take the last line out of the history."""
        if self._readline is not None and (count := self._readline.get_current_history_length()):
            self._readline.remove_history_item(count - 1)


def _with_completion(complete: Complete) -> ModuleType | None:
    """The readline module, set up, where Python has it; the history stays in memory."""
    try:
        import readline
    except ImportError:
        return None

    def completer(word: str, number: int) -> str | None:
        line = readline.get_line_buffer()[: readline.get_endidx()]
        found = [each for each in complete(line, word) if each.startswith(word)]
        return found[number] if number < len(found) else None

    readline.set_completer(completer)
    readline.set_completer_delims(" ")
    is_libedit = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if is_libedit else "tab: complete")
    return readline
