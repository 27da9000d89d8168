"""Sessions as a person sees them in `practicum sessions`: a table, and how they did together."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean

from rich.table import Column, Table
from rich.text import Text

from practicum.envs.errors import shortened
from practicum.mcp_server.cli.consoles import console
from practicum.memory import Session

BEGINNING = 12
"""Characters of an id that a table shows; every command takes a beginning that is unique."""
COLOURS = {"success": "green", "failure": "red", "crashed": "red", "open": "yellow"}
"""Of the ends of sessions, on a terminal that has colours."""
COLUMNS = ("session", "environment", "started", "turns", "return", "end")
WHOLE = ("session", "turns", "return", "end")
"""Those that stand on one line even where there is little room."""
ROOMY = 80
"""Characters in which the columns fit."""
OURS = "practicum "
"""How the names of our own clients begin; a list leaves it out."""
OWNER = "local"
"""Whoever plays without a token."""
LONGEST_TASK = 160
"""Characters of an instruction that a table shows."""


def print_sessions(sessions: Iterable[Session]) -> None:
    """The sessions; whose they are is shown where they are not all the owner's."""
    listed = list(sessions)
    whose = any(each.principal != OWNER for each in listed)
    table = _table((*COLUMNS, "client", *(["principal"] if whose else [])))
    for each in listed:
        table.add_row(*_row(each), *([Text(each.principal)] if whose else []))
    console.print(table)


def print_tasks(sessions: Iterable[Session], instruction: Callable[[Session], str]) -> None:
    """The sessions by what they were about; `instruction` gives it as it may be shown."""
    table = _table(("session", "environment", "end", "task"))
    for each in sessions:
        about = shortened(" ".join(instruction(each).split()), LONGEST_TASK)
        table.add_row(each.id[:BEGINNING], Text(each.task.env_id), _end(each), Text(about))
    console.print(table)


def ending(session: Session) -> str:
    """How a session ended, or that it is open."""
    if session.ended_at is None:
        return "open"
    if session.outcome is None:
        return session.reason or "ended"
    return "success" if session.outcome.get("success") else "failure"


def counted(number: int) -> str:
    """`1 session`, `2 sessions`."""
    return "1 session" if number == 1 else f"{number} sessions"


def together(sessions: Iterable[Session]) -> str:
    """How those that came to an end did: success, violations, turns, regret; nothing where none did."""
    ended = [each for each in sessions if each.outcome is not None]
    if not ended:
        return ""
    outcomes = [each.outcome or {} for each in ended]
    right = sum(bool(outcome.get("success")) for outcome in outcomes)
    broken = sum(bool(outcome.get("violations")) for outcome in outcomes)
    regrets = [outcome["regret"] for outcome in outcomes if outcome.get("regret") is not None]
    parts = [
        f"{len(ended)} ended: success {right / len(ended):.0%}",
        f"violations {broken / len(ended):.0%}",
        f"{fmean(each.steps for each in ended):.1f} turns on average",
        *([f"regret {fmean(regrets):.2f} on average"] if regrets else []),
    ]
    return ", ".join(parts)


def _table(names: Sequence[str]) -> Table:
    whole = WHOLE if console.width < ROOMY else COLUMNS
    columns = [Column(name, no_wrap=name in whole, overflow="fold") for name in names]
    return Table(*columns, box=None, pad_edge=False)


def _row(session: Session) -> tuple[Text, ...]:
    started = datetime.datetime.fromtimestamp(session.started_at, tz=datetime.UTC).astimezone()
    words = (session.id[:BEGINNING], session.task.env_id, f"{started:%Y-%m-%d %H:%M}", str(session.steps))
    client = (session.client_name or "-").removeprefix(OURS)
    return (*map(Text, words), Text(f"{session.total_reward:.2f}"), _end(session), Text(client))


def _end(session: Session) -> Text:
    end = ending(session)
    return Text(end, style=COLOURS.get(end, ""))
