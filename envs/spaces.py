"""Gymnasium spaces for tool calls and for JSON, which Gymnasium's own spaces cannot hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np

from practicum.envs.actions import Action, ToolCall
from practicum.envs.errors import BadArguments

WORDS = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel")
"""What sampled text arguments are made of."""


class JsonSpace(gymnasium.Space[Any]):
    """Every plain JSON value; samples are small objects."""

    def sample(self, mask: Any = None, probability: Any = None) -> Any:  # noqa: ARG002  # Gymnasium's signature
        """A small object."""
        return {"word": str(self.np_random.choice(WORDS)), "number": int(self.np_random.integers(100))}

    def contains(self, x: Any) -> bool:
        """Whether `x` is plain JSON."""
        if isinstance(x, Mapping):
            return all(isinstance(key, str) and self.contains(value) for key, value in x.items())
        if isinstance(x, list | tuple):
            return all(self.contains(value) for value in x)
        return x is None or isinstance(x, str | int | float | bool)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JsonSpace)

    __hash__ = None  # type: ignore[assignment]  # spaces are mutable: they own a generator


class CallSpace(gymnasium.Space[Any]):
    """Valid calls of an environment's actions; samples have the form `{"verb": i, "payload": json}`."""

    def __init__(self, actions: Mapping[str, Action], seed: int | None = None) -> None:
        super().__init__(None, None, seed)
        self.actions = tuple(actions.values())

    def sample(self, mask: Any = None, probability: Any = None) -> dict[str, Any]:  # noqa: ARG002  # Gymnasium's
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
        return isinstance(other, CallSpace) and [a.schema for a in self.actions] == [a.schema for a in other.actions]

    __hash__ = None  # type: ignore[assignment]  # spaces are mutable: they own a generator


def sample_arguments(action: Action, random: np.random.Generator) -> dict[str, Any]:
    """Arguments that fit the action's schema: the required ones, and each optional one half of the time."""
    required = set(action.schema["required"])
    return {
        name: _sample_value(schema, random)
        for name, schema in action.schema["properties"].items()
        if name in required or random.random() < 0.5
    }


def _sample_value(schema: Mapping[str, Any], random: np.random.Generator) -> Any:
    if "enum" in schema:
        return schema["enum"][int(random.integers(len(schema["enum"])))]
    low, high = schema.get("minimum", 0), schema.get("maximum", 100)
    match schema.get("type"):
        case "integer":
            return int(random.integers(low, high + 1))
        case "number":
            return float(random.uniform(low, high))
        case "boolean":
            return bool(random.integers(2))
        case "array":
            return [_sample_value(schema.get("items", {}), random) for _ in range(int(random.integers(4)))]
        case "object":
            return {}
        case _:
            return str(random.choice(WORDS))


def read_call(action: Any, actions: tuple[Action, ...]) -> ToolCall:
    """Read a Gymnasium action: a `ToolCall`, `{"verb": i, "payload": text}` or `{"tool": name, "params": {…}}`.

    A payload is a JSON object of arguments, a JSON array of them in the signature's order, or the bare text of the
    first one; an empty payload is a call without arguments.

    Raises:
        BadArguments: it has none of these forms.
    """
    if isinstance(action, ToolCall):
        return action
    if isinstance(action, Mapping) and "tool" in action:
        arguments = action.get("params", {})
        if isinstance(action["tool"], str) and isinstance(arguments, Mapping):
            return ToolCall(action["tool"], arguments)
    if isinstance(action, Mapping) and isinstance(action.get("verb"), int | np.integer):
        verb = int(action["verb"])
        if not 0 <= verb < len(actions):
            raise BadArguments(f"verb {verb} is out of range; verbs go from 0 to {len(actions) - 1}")
        return ToolCall(actions[verb].name, _read_payload(action.get("payload", ""), actions[verb]))
    raise BadArguments(
        f"an action is a ToolCall, {{'verb': i, 'payload': text}} or {{'tool': name, 'params': {{…}}}}, not {action!r}"
    )


def _read_payload(payload: Any, action: Action) -> Mapping[str, Any]:
    value = payload
    if isinstance(payload, str):
        if not payload.strip():
            return {}
        try:
            value = json.loads(payload)
        except ValueError:
            value = [payload]
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], Mapping):
        value = value[0]
    if isinstance(value, Mapping):
        return value
    values = value if isinstance(value, list) else [payload]
    if len(values) > len(action.parameters):
        raise BadArguments(f"{action.name} takes {len(action.parameters)} arguments, the payload has {len(values)}")
    return dict(zip(action.parameters, values, strict=False))
