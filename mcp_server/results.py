"""Results: what a played step looks like to a client, cut where it is too long to read at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from practicum.envs import Step
from practicum.memory import Session

CAP = 16_000
"""Characters of one result; what is longer is read on by get_session."""
SLICE = 12_000
"""Characters of a long text, as JSON, that get_session gives at once."""


def step_body(session: Session, step: Step, *, hide_rewards: bool) -> dict[str, Any]:
    """The structured result of a step; rewards and outcome are left out where they are hidden."""
    body: dict[str, Any] = {"session_id": session.id, "turn": step.turn}
    if step.error is None:
        body["result"] = step.result
    else:
        body["error"] = step.error
    if not hide_rewards:
        body["reward"] = round(step.reward, 6)
        body["terms"] = step.terms
    body["terminated"] = step.terminated
    body["truncated"] = step.truncated
    if step.outcome is not None and not hide_rewards:
        body["outcome"] = step.outcome
    return body


def compact(body: Any) -> str:
    """The shortest JSON text of a body."""
    return to_json(body).decode()


def capped(body: dict[str, Any], turn: int) -> tuple[dict[str, Any], str]:
    """A body of at most `CAP` characters, and its JSON text.

    The longest texts and lists below `result` and `error` are cut; `more` says for each how to read on.
    """
    text = compact(body)
    if len(text) <= CAP:
        return body, text
    room = CAP // 2
    while True:
        more: list[dict[str, Any]] = []
        cut = {key: _cut(value, f"/{key}", room, turn, more) for key, value in body.items()}
        cut["more"] = more[0] if len(more) == 1 else more
        text = compact(cut)
        if len(text) <= CAP or room < 32:
            return cut, text
        room //= 2


def _cut(value: Any, path: str, room: int, turn: int, more: list[dict[str, Any]]) -> Any:
    if isinstance(value, str) and len(value) > room:
        more.append({"turn": turn, "path": path, "offset": room, "length": len(value)})
        return value[:room]
    if isinstance(value, Mapping):
        return {
            key: _cut(item, f"{path}/{_escape(str(key))}", room, turn, more) for key, item in value.items()
        }
    if isinstance(value, list):
        return _cut_list(value, path, room, turn, more)
    return value


def _cut_list(value: list[Any], path: str, room: int, turn: int, more: list[dict[str, Any]]) -> list[Any]:
    kept: list[Any] = []
    size = 0
    for index, item in enumerate(value):
        size += len(compact(item))
        if size > room and kept:
            more.append({"turn": turn, "path": path, "offset": index, "length": len(value)})
            break
        kept.append(_cut(item, f"{path}/{index}", room, turn, more))
    return kept


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def read_on(body: Mapping[str, Any], path: str, offset: int) -> dict[str, Any]:
    """The part of a body that a `more` points at.

    Args:
        body: the uncapped body of the turn.
        path: a JSON pointer.
        offset: the first character of a text or item of a list.

    Returns:
        `value`, and `next_offset` where there is more.

    Raises:
        LookupError: the path leads nowhere.
    """
    value = _at(body, path)
    if isinstance(value, str):
        part: Any = value[offset : offset + SLICE]
        end = offset + len(part)
    elif isinstance(value, list):
        part, size = [], 0
        for item in value[offset:]:
            size += len(compact(item))
            if size > SLICE and part:
                break
            part.append(item)
        end = offset + len(part)
    else:
        return {"path": path, "value": value}
    rest = {"next_offset": end} if end < len(value) else {}
    return {"path": path, "offset": offset, "length": len(value), "value": part, **rest}


def _at(value: Any, path: str) -> Any:
    for part in path.strip("/").split("/") if path.strip("/") else []:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            raise LookupError(f"nothing at {path!r}")
    return value
