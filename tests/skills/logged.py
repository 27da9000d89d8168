"""Sessions of flight-v1 for the log to hold, of calls that nobody played."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from practicum.envs import Task, find
from practicum.memory import Log, SessionStart, Store
from tests.memory.steps import a_step

FLIGHT = find("flight")
TASKS: Sequence[Task] = FLIGHT.tasks(kind="book").split("train").take(8)
CANCEL = FLIGHT.tasks(kind="cancel").split("train").take(1)[0]
LOOKS = ("search_flights", "filter_results")


def log_calls(
    store: Store, number: int, calls: Sequence[str], *, task: Task = TASKS[0], success: bool = True
) -> str:
    """Write an ended session; `*tool` is a skill's call, `tool!` a refused one. Returns its id."""
    session_id = f"{number:032x}"
    log = Log(store)
    log.start(SessionStart(id=session_id, env="flight-v1", task=task, started_at=1000.0 + number % 7))
    for turn, call in enumerate(calls, 1):
        tool = call.strip("*!")
        step = a_step(turn, tool=tool, read_only=False, result=None if call[-1] == "!" else shown(tool, turn))
        step = replace(step, error="not now" if call[-1] == "!" else None)
        step = replace(step, via_skill="skill_book" if call[0] == "*" else None)
        if turn == len(calls):
            step = replace(step, terminated=True, outcome={"success": success})
        log.append(session_id, step)
    return session_id


def shown(tool: str, turn: int) -> dict[str, object]:
    """A result; looks show a row that the booking is about."""
    return {"turn": turn, "flights": [{"id": "IB6123"}] if tool in LOOKS else []}
