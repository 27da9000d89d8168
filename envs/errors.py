"""The three sorts of error: told to the agent, told to the person at the keyboard, and the rest, a bug.

Exception
├── ActionError        the world refuses; the agent reads why
│   └── BadArguments   the door refuses; every bad argument is named
├── UnknownTool        no such action; takes no turn
├── EpisodeOver        the episode has ended; takes no turn
└── UsageError         one line and exit code 2
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ActionError(Exception):
    """The world refuses an action; nothing has changed, and the message tells the agent what to do."""


class BadArguments(ActionError):  # noqa: N818  # the agent reads what it gave
    """The arguments do not fit the action's schema; the message names each of them."""


class UnknownTool(Exception):  # noqa: N818  # says what was met
    """The environment has no action of that name."""


class EpisodeOver(Exception):  # noqa: N818  # says what was met
    """The episode has ended, so it takes no more actions."""


class UsageError(Exception):
    """The person at the keyboard asked for what cannot be done; the message is one line with the way out."""


MOST_SAID = 2000
"""Characters of what somebody is told; the rest of a longer message is what they sent themselves."""


def shortened(text: str, most: int = MOST_SAID) -> str:
    """A text of at most `most` characters, and how long it was where it was longer."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"


def whole(text: str) -> str:
    """A text with a question mark for each half of a surrogate pair, which has no form in UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def in_one_line(error: BaseException) -> str:
    """What an error of somebody else's code says of itself, its kind first."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the known word nearest to `word`, or nothing."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {found[0]!r}?" if found else ""
