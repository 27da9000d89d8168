"""Tools: what every client is offered: the core tools and the served actions."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from practicum.envs import Action, UsageError
from practicum.envs.lint import HANDLE_ARGUMENTS, LONGEST_NAME, lint_tool
from practicum.mcp_server.served import Served

SESSION_ID = {"type": "string", "description": "Session id from open_session."}
TURN = {
    "type": "integer",
    "minimum": 1,
    "description": "Number this call will have: the last result's turn + 1. Makes a repeat safe; optional.",
}
HANDLE = HANDLE_ARGUMENTS
MANY = 40
"""Above so many listed tools some clients cut the list."""


@dataclass(frozen=True)
class ToolCard:
    """One tool as it is listed."""

    name: str
    description: str
    schema: Mapping[str, Any]
    read_only: bool = False
    destructive: bool = False
    idempotent: bool = False
    open_world: bool = False
    """Whether it reaches beyond the world that is practised in."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """What is told of it beside what agents read."""

    @classmethod
    def of(cls, action: Action, name: str | None = None) -> ToolCard:
        """The card of an action, under its own name or another."""
        return cls(
            name or action.name,
            action.description,
            action.schema,
            action.read_only,
            action.destructive,
            action.idempotent,
        )

    def with_handle(self) -> ToolCard:
        """The same tool with the arguments that name a session and a turn."""
        properties = {**self.schema["properties"], "session_id": SESSION_ID, "turn": TURN}
        return replace(self, schema={**self.schema, "properties": properties})

    def without_handle(self) -> ToolCard:
        """The same tool for a client whose session is known from its connection."""
        properties = {
            name: schema for name, schema in self.schema["properties"].items() if schema is not SESSION_ID
        }
        properties = {name: schema for name, schema in properties.items() if schema is not TURN}
        return replace(self, schema={**self.schema, "properties": properties})

    def problems(self) -> list[str]:
        """What keeps clients from using it; nothing, when it is fit to be listed."""
        free = ("arguments",) if self.name == "run_skill" else ()
        return lint_tool(self.name, self.description, self.schema, open_objects=free)


@dataclass(frozen=True)
class EnvTool:
    """A served action under its listed name."""

    card: ToolCard
    env: str
    action: Action

    def clashes(self) -> list[str]:
        """Arguments of its own that have the name of a handle's."""
        own = [name for name in HANDLE if name in self.action.parameters]
        return [f"{self.card.name}: the argument {name!r} is the server's own; rename it" for name in own]


def env_tools(envs: Mapping[str, Served], taken: Iterable[str]) -> dict[str, EnvTool]:
    """The actions of the environments as tools; a name that is not unique gets the environment's in front.

    Args:
        envs: by short name.
        taken: names that are in use already.
    """
    counts: dict[str, int] = dict.fromkeys(taken, 1)
    for served in envs.values():
        for name in served.env_class.actions:
            counts[name] = counts.get(name, 0) + 1
    tools: dict[str, EnvTool] = {}
    for short, served in envs.items():
        for name, action in served.env_class.actions.items():
            listed = name if counts[name] == 1 else _with_prefix(short, name, taken=counts | tools)
            tools[listed] = EnvTool(ToolCard.of(action, listed), short, action)
    return tools


def _with_prefix(env: str, name: str, *, taken: Collection[str]) -> str:
    """An action's name with its environment's in front, as tools write it: `cart_pole` for `gym:CartPole`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", env.removeprefix("gym:")).lower()
    prefix = re.sub(r"[^a-z0-9]+", "_", words).strip("_")[: max(1, LONGEST_NAME - len(name) - 4)]
    prefix = prefix if prefix[:1].isalpha() else f"e{prefix}"
    listed = (f"{prefix}{number}_{name}" for number in ("", *range(2, 100)))
    return next(each for each in listed if each not in taken)


@dataclass
class Catalogue:
    """The tools of one server that are there from the start, in their order."""

    envs: Mapping[str, Served]
    core: Mapping[str, ToolCard]
    actions: dict[str, EnvTool] = field(init=False)
    """Every served action by its listed name."""
    actions_of: dict[str, dict[str, EnvTool]] = field(init=False)
    """By environment: its actions by the names that a client bound to it sees."""

    def __post_init__(self) -> None:
        self.actions = env_tools(self.envs, self.core)
        self.actions_of = {name: env_tools({name: served}, self.core) for name, served in self.envs.items()}
        problems = [problem for card in self.listed() for problem in card.problems()]
        problems += [problem for tool in self.actions.values() for problem in tool.clashes()]
        if problems:
            raise UsageError(
                f"a tool cannot be served: {problems[0]}; `practicum check` names all that is wrong"
            )

    def listed(self) -> list[ToolCard]:
        """What a client sees that names its sessions itself, skills aside."""
        core = (card for card in self.core.values() if card.name != "next_task")
        return [*core, *(tool.card.with_handle() for tool in self.actions.values())]

    def listed_clean(self, env: str, core: Iterable[str]) -> list[ToolCard]:
        """What a client bound to one session sees, skills aside: some core tools, the actions, no handles."""
        cleaned = (self.core[name].without_handle() for name in core)
        return [*cleaned, *(tool.card for tool in self.actions_of[env].values())]

    def takes(self, name: str, env: str) -> bool:
        """Whether one of these tools has a name, for a client bound to an environment or for any other."""
        return name in self.core or name in self.actions or name in self.actions_of.get(env, {})

    def schema(self, name: str) -> Mapping[str, Any] | None:
        """The input schema of a tool, whatever the binding."""
        tool = self.actions.get(name)
        card = tool.card if tool else self.core.get(name)
        return card.schema if card else None


def fingerprint_of(cards: Iterable[ToolCard]) -> str:
    """16 hex digits over names, descriptions and schemas, in order."""
    rows = [[card.name, card.description, card.schema] for card in cards]
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()[:16]
