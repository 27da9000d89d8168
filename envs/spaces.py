"""Gymnasium spaces for tool calls and for JSON, which Gymnasium's own spaces cannot hold."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import gymnasium
import numpy as np

from practicum.envs.actions import Action, ToolCall
from practicum.envs.errors import BadArguments

WORDS = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel")
"""What sampled text arguments are made of."""


class JsonSpace(gymnasium.Space[Any]):
    """Every plain JSON value; samples are small objects."""

    def sample(self, mask: Any = None, probability: Any = None) -> Any:
        """A small object."""
        return {"word": str(self.np_random.choice(WORDS)), "number": int(self.np_random.integers(100))}

    def contains(self, x: Any) -> bool:
        """Whether `x` is plain JSON."""
        if isinstance(x, Mapping):
            return all(isinstance(key, str) and self.contains(value) for key, value in x.items())
        if isinstance(x, list | tuple):
            return all(self.contains(value) for value in x)
        if isinstance(x, float):
            return math.isfinite(x)
        return x is None or isinstance(x, str | int)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JsonSpace)

    __hash__ = None  # type: ignore[assignment]  # spaces are mutable: they own a generator


class CallSpace(gymnasium.Space[Any]):
    """Valid calls of an environment's actions; samples have the form `{"verb": i, "payload": json}`."""

    def __init__(self, actions: Mapping[str, Action], seed: int | None = None) -> None:
        super().__init__(None, None, seed)
        self.actions = tuple(actions.values())

    def sample(self, mask: Any = None, probability: Any = None) -> dict[str, Any]:
        """A call that the door lets in: any verb, arguments by its schema."""
        verb = int(self.np_random.integers(len(self.actions)))
        return {"verb": verb, "payload": json.dumps(sample_arguments(self.actions[verb], self.np_random))}

    def contains(self, x: Any) -> bool:
        """Whether `x` is a call, in any of the three forms, that the door lets in."""
        try:
            call = read_call(x, self.actions)
            self._by_name(call.tool).bind(call.arguments)
        except (BadArguments, KeyError):
            return False
        return True

    def _by_name(self, name: str) -> Action:
        return {action.name: action for action in self.actions}[name]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CallSpace):
            return False
        return [(a.name, a.schema) for a in self.actions] == [(a.name, a.schema) for a in other.actions]

    __hash__ = None  # type: ignore[assignment]  # spaces are mutable: they own a generator


class HasSchema(Protocol):
    """An action, or a tool as agents know it."""

    @property
    def schema(self) -> Mapping[str, Any]:
        """JSON schema of the arguments: a flat object."""


def sample_arguments(
    action: HasSchema, random: np.random.Generator, *, words: Sequence[str] = WORDS
) -> dict[str, Any]:
    """Arguments that fit the action's schema: the required ones, and each optional one half of the time.

    Text is one of `words`, whatever its schema demands of length or pattern.
    """
    required = set(action.schema.get("required", ()))
    return {
        name: _sample_value(schema, random, words)
        for name, schema in action.schema["properties"].items()
        if name in required or random.random() < 0.5
    }


def text_values(value: Any) -> Iterator[str]:
    """Every text in plain JSON, keys left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from text_values(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from text_values(part)


def _sample_value(schema: Mapping[str, Any], random: np.random.Generator, words: Sequence[str]) -> Any:
    if "enum" in schema:
        return schema["enum"][int(random.integers(len(schema["enum"])))]
    match schema.get("type"):
        case "integer":
            return _sample_integer(schema, random)
        case "number":
            return float(random.uniform(*_bounds(schema, 1e-6)))
        case "boolean":
            return bool(random.integers(2))
        case "array":
            fewest = schema.get("minItems", 0)
            count = int(random.integers(fewest, min(schema.get("maxItems", fewest + 3), fewest + 3) + 1))
            return [_sample_value(schema["items"], random, words) for _ in range(count)]
        case "object":
            return {}
        case _:
            return words[int(random.integers(len(words)))]


def _sample_integer(schema: Mapping[str, Any], random: np.random.Generator) -> int:
    low, high = _bounds(schema, 1)
    step: int = schema.get("multipleOf", 1)
    return step * int(random.integers(math.ceil(low / step), math.floor(high / step) + 1))


def _bounds(schema: Mapping[str, Any], nudge: float) -> tuple[float, float]:
    """Lowest and highest number that the schema allows; an open end lies 100 away from the other."""
    low = schema.get("minimum", schema.get("exclusiveMinimum", -math.inf) + nudge)
    high = schema.get("maximum", schema.get("exclusiveMaximum", math.inf) - nudge)
    if low == -math.inf:
        low = min(0, high - 100)
    return low, low + 100 if high == math.inf else high


def read_call(action: Any, actions: tuple[Action, ...]) -> ToolCall:
    """Read a Gymnasium action.

    It is a `ToolCall`, `{"verb": i, "payload": text}` or `{"tool": name, "params": {…}}`.
    A payload is a JSON object of arguments, a JSON array of them in the signature's order, or the first one
    alone, as JSON or as bare text; an empty payload is a call without arguments.

    Raises:
        BadArguments: it has none of these forms.
    """
    if isinstance(action, ToolCall):
        return action
    if isinstance(action, Mapping) and "tool" in action:
        arguments = action.get("params", {})
        if isinstance(action["tool"], str) and isinstance(arguments, Mapping):
            return ToolCall(action["tool"], arguments)
    verb = action.get("verb") if isinstance(action, Mapping) else None
    if isinstance(verb, int | np.integer) and not isinstance(verb, bool):
        if not 0 <= verb < len(actions):
            raise BadArguments(f"verb {verb} is out of range; verbs go from 0 to {len(actions) - 1}")
        return ToolCall(actions[int(verb)].name, _read_payload(action.get("payload"), actions[int(verb)]))
    raise BadArguments(
        "an action is a ToolCall, {'verb': i, 'payload': text} or {'tool': name, 'params': {…}}, "
        f"not {action!r}"
    )


def _read_payload(payload: Any, action: Action) -> Mapping[str, Any]:
    value = _decoded(payload, action) if isinstance(payload, str) else payload
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], Mapping):
        value = value[0]
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return value
    values = value if isinstance(value, list) else [value]
    if len(values) > len(action.parameters):
        raise BadArguments(
            f"{action.name} takes {len(action.parameters)} arguments, the payload has {len(values)}"
        )
    return dict(zip(action.parameters, values, strict=False))


def _decoded(payload: str, action: Action) -> Any:
    if not payload.strip():
        return None
    try:
        value = json.loads(payload)
    except ValueError:
        return payload
    first = action.schema["properties"][action.parameters[0]] if action.parameters else {}
    wants_text = first.get("type") == "string"
    return payload if wants_text and not isinstance(value, str | list | dict) else value
