"""Traces: what another system wrote of one session, in the words of this one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

DEEPEST = 100
"""Lists and objects within each other that a trace may hold; who reads the log follows them all."""
RESPOND = "respond"
"""The tool that stands for the assistant's words; its argument is `message`."""


class Unreadable(ValueError):  # noqa: N818  # says what a record is
    """A record is not what its format says: in one line what was expected, and what was found."""


@dataclass(frozen=True, slots=True)
class TracedCall:
    """One call of a trace and what came of it."""

    tool: str
    arguments: Mapping[str, Any]
    result: Any = None
    """Plain JSON; of a `respond` what was answered; None where that was not recorded."""
    error: str | None = None
    """Why the call was refused."""
    thought: str | None = None
    """The assistant's words beside the call."""


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What another system wrote of one session."""

    calls: tuple[TracedCall, ...]
    instruction: str = ""
    """What the assistant was told before it began."""
    opening: str = ""
    """What it was told first by whoever it talked to."""
    tools: tuple[Any, ...] = ()
    """The tools that it was offered, as plain JSON in the form of the source."""
    secret: Mapping[str, Any] = field(default_factory=dict)
    """What it was not told, in the keys that tasks have: `instruction`, `user_id`, `actions` (the gold plan,
    `[{name, arguments}]`), `outputs`."""
    success: bool | None = None
    """None where the source does not say."""
    ended: bool = False
    """Whether it came to an end of its own, and was not cut off or left open."""
    reason: str = "imported"
    """Why it stopped, where it did not come to an end of its own."""
    task_id: str = ""
    """What the source calls the task."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Further facts of the source about how it went, such as its reward."""
    agent: str | None = None
    """Who played, where the source says."""
    agent_version: str | None = None

    @cached_property
    def hash(self) -> str:
        """Content hash: 64 hex digits over everything; equal traces have equal ones, in whatever file."""
        text = json.dumps(_fields(self), default=_fields, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def check(self) -> Trace:
        """The trace itself, where everybody can read what it holds.

        Raises:
            Unreadable: its values are nested too deeply.
        """
        told = [value for call in self.calls for value in (call.arguments, call.result)]
        level: list[Any] = [*told, self.secret, self.details, *self.tools]
        for _ in range(DEEPEST):
            level = [part for value in level for part in _parts(value)]
            if not level:
                return self
        raise Unreadable(f"more than {DEEPEST} lists or objects stand within each other")

    @property
    def named_tools(self) -> frozenset[str]:
        """The tools of its world, as far as it names them: those offered, or else planned, or else called."""
        offered = frozenset(filter(None, map(_name, self.tools)))
        planned = frozenset(filter(None, map(_name, self.secret.get("actions", ()))))
        return offered or planned or frozenset(call.tool for call in self.calls) - {RESPOND}


def _fields(value: Trace | TracedCall) -> dict[str, Any]:
    """The fields of a value, none of them copied: a trace may be megabytes."""
    return {each.name: getattr(value, each.name) for each in fields(value)}


def _parts(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _name(tool: Any) -> str:
    """The name of a tool, as a plain object or in the form of OpenAI's."""
    if not isinstance(tool, Mapping):
        return ""
    inner = tool.get("function", tool)
    return str(inner.get("name", "")) if isinstance(inner, Mapping) else ""


def read_result(text: str) -> tuple[Any, str | None]:
    """What a tool answered: its result, a JSON object or list where the text is one, or why it refused."""
    if text.startswith("Error:"):
        return None, text.removeprefix("Error:").strip()
    if text.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(text, parse_constant=_refuse), None
        except (ValueError, RecursionError):
            return text, None
    return text, None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")
