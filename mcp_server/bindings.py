"""Bindings: three ways for a client to reach its session: by a handle, by an endpoint, or by the process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio

from practicum.envs import ActionError
from practicum.mcp_server.calls import Caller, Opened
from practicum.mcp_server.choosing import OpenRequest
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.skill_tools import Shelf
from practicum.mcp_server.tools import HANDLE, Catalogue, EnvTool, ToolCard
from practicum.memory import Session

NEWCOMER = (
    "Practicum is a practice ground. Call open_session first: it gives a session_id, an instruction and a "
    "first observation. Then do the task by calling the environment's tools with that session_id. "
    "What worked before becomes a skill that does the whole job in one call: open_session suggests one, "
    "search_skills finds them, run_skill runs them. "
    "Every call of a session and its result is logged in {db} on the server's machine; "
    "`practicum sessions` lists the log, `practicum forget SESSION` deletes a session for good."
)


@dataclass
class Binding:
    """How one request reaches its session. This one: the client names it in each call."""

    caller: Caller
    hide_rewards: bool = False
    base_url: str | None = None
    """Where this server is reached over HTTP."""
    session_id: str | None = None
    """The session that the connection itself names."""

    def hides(self, session: Session) -> bool:
        """Whether rewards and outcome of a session are kept from the client."""
        return self.hide_rewards or session.purpose == "evaluation"

    @property
    def way_on(self) -> str:
        """What a client does whose session has ended."""
        return "open_session begins another, from_session forks it at an earlier turn"

    def admits(self, session_id: str) -> bool:
        """Whether this connection may see a session of its principal's."""
        return bool(session_id)

    def cards(self, catalogue: Catalogue, shelf: Shelf) -> list[ToolCard]:
        """The tools to list, the caller's skills at the end."""
        skills = shelf.tools(self.caller.principal).values()
        return [*catalogue.listed(), *(tool.card.with_handle() for tool in skills)]

    def core(self, catalogue: Catalogue) -> tuple[str, ...]:
        """The core tools that may be called."""
        return tuple(name for name in catalogue.core if name != "next_task")

    def actions(self, catalogue: Catalogue) -> Mapping[str, EnvTool]:
        """The actions that may be called, by listed name."""
        return catalogue.actions

    async def before_core(self, practice: Practice, card: ToolCard, arguments: Mapping[str, Any]) -> None:
        """See that a core tool may be called like this here; the tool itself checks the rest.

        Raises:
            ActionError: it may not.
        """

    async def handle(
        self, practice: Practice, arguments: Mapping[str, Any]
    ) -> tuple[str | None, int | None, dict[str, Any]]:
        """Split arguments into session id, turn, and what is the action's own.

        Raises:
            ActionError: the handle arguments are of the wrong type.
        """
        own = {name: value for name, value in arguments.items() if name not in HANDLE}
        session_id, turn = arguments.get("session_id"), arguments.get("turn")
        if session_id is not None and not isinstance(session_id, str):
            raise ActionError(f"'session_id' is {session_id!r}, expected a string")
        if isinstance(turn, float) and turn.is_integer():
            turn = int(turn)
        if turn is not None and not (type(turn) is int and 1 <= turn < 2**53):
            raise ActionError(f"'turn' is {turn!r}, expected an integer; turns begin at 1")
        return session_id, turn, own

    async def instructions(self, practice: Practice) -> str:
        """What a newcomer is told."""
        return NEWCOMER.format(db=practice.store.path)

    async def next_task(self, practice: Practice) -> Opened:
        """Begin the next task, where the connection is bound to one task at a time."""
        raise ActionError("open_session begins a task on this connection")


@dataclass
class Scoped(Binding):
    """An endpoint of its own: the address names the session, the tools are clean."""

    env: str = ""

    @property
    def way_on(self) -> str:
        """Nothing: the connection ends with its session."""
        return "this endpoint ends with it"

    def admits(self, session_id: str) -> bool:
        """The one session, no other of the principal's."""
        return session_id == self.session_id

    def cards(self, catalogue: Catalogue, shelf: Shelf) -> list[ToolCard]:
        """The environment's tools and skills, without handle arguments."""
        skills = shelf.tools(self.caller.principal, self.env).values()
        return [*catalogue.listed_clean(self.env, self.core(catalogue)), *(tool.card for tool in skills)]

    def core(self, catalogue: Catalogue) -> tuple[str, ...]:
        """What makes sense with one session."""
        return ("get_session", "search_skills", "run_skill")

    async def before_core(self, practice: Practice, card: ToolCard, arguments: Mapping[str, Any]) -> None:
        """The session is known: nobody names another one here."""
        clean = card.without_handle().schema["properties"]
        for name in HANDLE:
            if name in arguments and name not in clean:
                raise ActionError(f"there is no argument {name!r} here; this connection knows its session")

    def actions(self, catalogue: Catalogue) -> Mapping[str, EnvTool]:
        """The environment's own actions."""
        return catalogue.actions_of[self.env]

    async def handle(
        self, practice: Practice, arguments: Mapping[str, Any]
    ) -> tuple[str | None, int | None, dict[str, Any]]:
        """The session is known; every argument is the action's own."""
        return self.session_id, None, dict(arguments)

    async def instructions(self, practice: Practice) -> str:
        """The task itself."""
        return practice.session(self.caller, self.session_id).task.instruction


@dataclass
class Bound(Scoped):
    """One process, one episode at a time; the first begins when somebody asks for it, `next_task` goes on."""

    seed: int | None = None
    lock: anyio.Lock = field(default_factory=anyio.Lock)

    @property
    def way_on(self) -> str:
        """The next task."""
        return "next_task begins another"

    def core(self, catalogue: Catalogue) -> tuple[str, ...]:
        """What makes sense with one session at a time."""
        return ("get_session", "search_skills", "run_skill", "next_task")

    async def handle(
        self, practice: Practice, arguments: Mapping[str, Any]
    ) -> tuple[str | None, int | None, dict[str, Any]]:
        """The session at hand; every argument is the action's own."""
        await self.begin(practice)
        return self.session_id, None, dict(arguments)

    async def instructions(self, practice: Practice) -> str:
        """The task at hand, and how to go on; why there is none, where none could begin."""
        try:
            await self.begin(practice)
        except ActionError as error:
            return f"No task has begun: {error}. {log_note(practice)}"
        task = practice.session(self.caller, self.session_id).task
        return (
            f"{task.instruction}\n\nWhen the task has ended, next_task begins another. {log_note(practice)}"
        )

    async def before_core(self, practice: Practice, card: ToolCard, arguments: Mapping[str, Any]) -> None:
        """There is a session to speak of."""
        await super().before_core(practice, card, arguments)
        if card.name != "next_task":
            await self.begin(practice)

    async def begin(self, practice: Practice) -> None:
        """See that there is a session."""
        async with self.lock:
            if self.session_id is None:
                await self._open(practice)

    async def next_task(self, practice: Practice) -> Opened:
        """Close the session at hand and begin the next."""
        async with self.lock:
            if self.session_id is not None:
                await practice.close(self.caller, self.session_id)
                self.seed = None if self.seed is None else self.seed + 1
            return await self._open(practice)

    async def _open(self, practice: Practice) -> Opened:
        opened = await practice.open(self.caller, OpenRequest(self.env, seed=self.seed, every_split=True))
        self.session_id = opened.session.id
        return opened


def log_note(practice: Practice) -> str:
    """What is logged, where, and how to delete it."""
    path = practice.store.path
    return f"Every call and result is logged in {path}; `practicum forget SESSION` deletes a session."
