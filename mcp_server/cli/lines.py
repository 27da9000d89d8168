"""What a typed line means in `practicum play`: a tool by name, number or beginning, and its arguments."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from practicum.envs import Action
from practicum.envs.errors import UsageError, nearest
from practicum.memory.redact import REDACTED

Actions = Mapping[str, Action]


def read_line(line: str, actions: Actions) -> tuple[Action, dict[str, Any]]:
    """Read `tool name=value …`, or `tool {"name": value}`; bare values go to the arguments in their order.

    Raises:
        UsageError: no such tool, quotes are open, a value has no name before its `=`, or there are too many.
    """
    word, _, rest = line.partition(" ")
    action = chosen_tool(word, actions)
    if rest.strip().startswith("{"):
        return action, _object(rest)
    arguments: dict[str, Any] = {}
    names = iter(action.parameters)
    for part in _words(rest):
        name, equals, value = part.partition("=")
        if equals and not name:
            raise UsageError(f"{part!r} has no name before its =; write name=value")
        if not equals:
            name, value = next(names, ""), part
            if not name:
                raise UsageError(f"{action.name} takes no such argument: {part!r}")
        arguments[name] = _value(value, action.schema["properties"].get(name, {}))
    return action, arguments


def chosen_tool(word: str, actions: Actions) -> Action:
    """The tool that a word means: its name, its number in the menu, or a beginning that no other has.

    Raises:
        UsageError: none, or more than one.
    """
    if word in actions:
        return actions[word]
    if word.isascii() and word.isdigit() and 1 <= int(word) <= len(actions):
        return list(actions.values())[int(word) - 1]
    begun = [name for name in actions if name.startswith(word)]
    if len(begun) == 1:
        return actions[begun[0]]
    if begun:
        raise UsageError(f"{word!r} begins {', '.join(begun)}; type more of one")
    raise UsageError(f"there is no tool {word!r}{nearest(word, actions)}; `tools` lists them")


def masked(action: Action, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as they may be shown, without those that are secret."""
    return {name: REDACTED if name in action.secrets else value for name, value in arguments.items()}


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"not JSON: {error}") from None
    assert isinstance(found, dict)  # it begins with a brace
    return found


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError(f"cannot read that: {error}") from None


def _value(text: str, schema: Mapping[str, Any]) -> Any:
    if schema.get("type") == "string":
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
