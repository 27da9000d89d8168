"""Results: what a played step looks like to a client, cut where it is too long to read at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from pydantic_core import PydanticSerializationError, to_json

from practicum.envs import Step
from practicum.envs.errors import shortened, whole
from practicum.memory import Session

CAP = 16_000
"""Characters of one result; what is longer is read on by get_session."""
LEAST_ROOM = 64
"""Values are cut down to this and no further."""


class Answer(NamedTuple):
    """What a tool call is answered, before any protocol words it."""

    body: Mapping[str, Any]
    text: str
    """The body as JSON."""
    is_refusal: bool = False


def accepted(body: Mapping[str, Any]) -> Answer:
    """An answer of few words."""
    return Answer(body, compact(body))


def refused(message: str, **facts: Any) -> Answer:
    """A call that was not played, told to the agent, with what a program reads of it."""
    body = {"error": shortened(message), **facts}
    return Answer(body, compact(body), is_refusal=True)


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
    return to_json(body, inf_nan_mode="null").decode()


def readable(body: Any) -> str:
    """Its JSON text, a question mark for each half of a surrogate pair."""
    return _as_text(body)[1]


def capped(body: dict[str, Any], turn: int, result_json: bytes | None = None) -> tuple[dict[str, Any], str]:
    """A body of at most `CAP` characters, and its JSON text.

    The longest texts, lists and objects in it are cut; `more` says for each how get_session reads on.

    Args:
        body: what is shown.
        turn: which turn it is of.
        result_json: the JSON of `body["result"]`, where it has been made before.
    """
    if result_json is None or any(sign in result_json for sign in _NOT_SHOWN_SO):
        body, text = _as_text(body)
    else:
        text = compact({**body, "result": _HERE}).replace(_HERE_JSON, result_json.decode(), 1)
    if len(text) <= CAP:
        return body, text
    return _fitted(
        turn, lambda cutter: {key: cutter.cut(value, f"/{_escape(key)}") for key, value in body.items()}
    )


_HERE = "\0result\0"
_HERE_JSON = compact(_HERE)
"""Stands for a result, in a body whose texts before it are ids and numbers."""
_NOT_SHOWN_SO = (b"NaN", b"Infinity", b"\\ud")
"""What may stand in the log's JSON and not in a client's."""


def read_on(body: Mapping[str, Any], turn: int, path: str, offset: int) -> dict[str, Any]:
    """The part of a body that a `more` points at, with a `more` of its own where it is long.

    Args:
        body: the whole body of the turn.
        turn: which one.
        path: a JSON pointer.
        offset: the first character of a text, item of a list, or entry of an object.

    Raises:
        LookupError: the path leads nowhere.
    """
    value = _as_text(_at(body, path))[0]
    place = {"turn": turn, "path": path, "offset": offset}
    return _fitted(turn, lambda cutter: {**place, "value": cutter.cut(value, path, offset)})[0]


@dataclass
class _Cutter:
    """Cuts values down to a room in characters, and notes where."""

    turn: int
    room: int
    more: list[dict[str, Any]] = field(default_factory=list)

    def cut(self, value: Any, path: str, offset: int = 0) -> Any:
        if isinstance(value, str):
            return self._cut_text(value, path, offset)
        if isinstance(value, Mapping):
            return dict(self._kept(list(value.items()), path, offset, lambda item: _escape(str(item[0]))))
        if isinstance(value, list):
            numbered = list(enumerate(value))
            return [item for _, item in self._kept(numbered, path, offset, lambda item: str(item[0]))]
        return value

    def _cut_text(self, value: str, path: str, offset: int) -> str:
        end = offset + self.room
        if end < len(value):
            self._note(path, end, len(value))
        return value[offset:end]

    def _kept(
        self, items: list[tuple[Any, Any]], path: str, offset: int, name: Callable[[tuple[Any, Any]], str]
    ) -> list[tuple[Any, Any]]:
        """The first items that fit from `offset` on; one that is too long by itself is cut."""
        kept: list[tuple[Any, Any]] = []
        size = 0
        for index, item in enumerate(islice(items, offset, None), offset):
            size += len(compact(item))
            if size > self.room and kept:
                self._note(path, index, len(items))
                break
            value = item[1] if size <= self.room else self.cut(item[1], f"{path}/{name(item)}")
            kept.append((item[0], value))
        return kept

    def _note(self, path: str, offset: int, length: int) -> None:
        self.more.append({"turn": self.turn, "path": path, "offset": offset, "length": length})


def _fitted(turn: int, make: Callable[[_Cutter], dict[str, Any]]) -> tuple[dict[str, Any], str]:
    """What `make` makes with as much room as keeps it within `CAP`, and its text."""
    room = CAP // 2
    while True:
        cutter = _Cutter(turn, room)
        body = make(cutter)
        if cutter.more:
            body["more"] = cutter.more[0] if len(cutter.more) == 1 else cutter.more
        text = compact(body)
        if len(text) <= CAP or room <= LEAST_ROOM:
            return body, text
        room //= 2


def _as_text(body: Any) -> tuple[Any, str]:
    """A value and its JSON; half a surrogate pair, which has no place in UTF-8, becomes a question mark."""
    try:
        return body, compact(body)
    except PydanticSerializationError:
        body = _made_whole(body)
        return body, compact(body)


def _made_whole(value: Any) -> Any:
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, Mapping):
        return {_made_whole(key): _made_whole(item) for key, item in value.items()}
    return [_made_whole(item) for item in value] if isinstance(value, list) else value


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _at(value: Any, path: str) -> Any:
    for part in path.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            raise LookupError(f"nothing at {path!r}")
    return value
