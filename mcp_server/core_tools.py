"""The core tools: list, open, read and close sessions, and the way to skills; declared as actions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

import anyio.to_thread
from pydantic import Field

from practicum.envs import Action, ActionError, Step, ToolEnv, action
from practicum.envs.actions import collect_actions
from practicum.mcp_server.bindings import Binding
from practicum.mcp_server.calls import Opened, Pending, Ran, SkillCall
from practicum.mcp_server.choosing import OpenRequest
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.results import CAP, compact, read_on, step_body
from practicum.mcp_server.served import Served, find_served
from practicum.mcp_server.skill_answers import (
    BY_HAND,
    no_skill,
    playable,
    run_body,
    run_tool,
    skill_body,
    suggestion_body,
)
from practicum.mcp_server.skill_tools import Shelf
from practicum.mcp_server.tools import SESSION_ID, TURN, Catalogue, ToolCard
from practicum.memory import LogUnavailable, Session, redactor_of, sessions_like
from practicum.skills.suggestions import found_first

LARGEST = 2**53 - 1
"""The largest integer that every JSON reader keeps whole."""
Count = Annotated[int, Field(ge=1, le=LARGEST)]
Limit = Annotated[int, Field(ge=1, le=100)]
Index = Annotated[int, Field(ge=0, le=LARGEST)]
Tries = Annotated[int, Field(ge=1, le=100)]
Body = dict[str, Any]
T = TypeVar("T")

ROOM_FOR_MORE = 200
"""Characters that are left for what stands around a list of sessions."""


@dataclass(frozen=True)
class CoreTools:
    """One call of a core tool: what it may reach, and on whose behalf."""

    practice: Practice
    catalogue: Catalogue
    shelf: Shelf
    binding: Binding
    hear: Callable[[Step], None]
    """Told of each call that a skill makes."""

    @action(read_only=True)
    async def list_environments(self) -> Body:
        """List the environments to practise in, with their goals, tools and skills. Read this first."""
        principal = self.binding.caller.principal
        found = [
            {**describe(served), "skills": list(self.shelf.tools(principal, served.name))}
            for served in self.practice.served.values()
        ]
        if len(compact(found)) > CAP:
            found = [{**each, "tools": [tool["name"] for tool in each["tools"]]} for each in found]
        return {"environments": found}

    @action
    async def open_session(
        self,
        env: str | None = None,
        task: str | None = None,
        seed: Index | None = None,
        split: Literal["train", "verify", "test"] | None = None,
        purpose: Literal["practice", "evaluation"] = "practice",
        from_session: str | None = None,
        at_turn: Index | None = None,
        scoped: bool = False,
        min_try: Tries = 1,
    ) -> Body:
        """Begin a session: gives session_id, the instruction, the first observation and maybe a suggestion.

        Without task, seed or split it is the next training task that you have not played. With from_session
        it goes on from another session's first at_turn turns.

        Args:
            env: Environment to practise in; may be left out where only one is served.
            task: Id or hash of a task.
            seed: Seed of a task.
            split: Which tasks to draw from.
            purpose: With evaluation, rewards are hidden and the log is never trained on.
            from_session: Session to go on from, instead of a task.
            at_turn: How many turns of from_session to keep; all of them if left out.
            scoped: Also give an HTTP endpoint and a token for this session alone.
            min_try: Send the first min_try - 1 final answers back for a check.
        """
        if scoped and self.binding.base_url is None:
            raise ActionError("scoped needs HTTP: start the server with `practicum serve --http`")
        _at_most_one({"task": task, "seed": seed, "split": split, "from_session": from_session})
        if from_session is not None:
            if min_try != 1:
                raise ActionError("min_try is settled when a session begins; leave it out with from_session")
            opened = await self.practice.open_fork(
                self.binding.caller, from_session, at_turn, purpose=purpose, scoped=scoped
            )
        elif at_turn is not None:
            raise ActionError("at_turn goes with from_session; leave it out to begin a task")
        else:
            asked = OpenRequest(self._env(env), task, seed, split, purpose, scoped, min_try)
            opened = await self.practice.open(self.binding.caller, asked)
        return self._opened(opened)

    def _env(self, env: str | None) -> str:
        if env is not None:
            return env
        if len(self.practice.served) == 1:
            return next(iter(self.practice.served))
        raise ActionError(f"env is missing; this server has {', '.join(self.practice.served)}")

    @action(read_only=True)
    async def list_sessions(
        self,
        env: str | None = None,
        limit: Limit = 20,
        before: str | None = None,
        query: str | None = None,
    ) -> Body:
        """List your sessions, newest first; with query those whose tasks are nearest to it, nearest first.

        Args:
            env: Only this environment.
            limit: At most so many.
            before: Only sessions older than this one, by its id.
            query: What the task was about, in any words.
        """
        _at_most_one({"before": before, "query": query})
        principal, sessions = self.binding.caller.principal, self.practice.sessions
        if query is not None:
            found = await _told(
                lambda: sessions_like(sessions, query, principal=principal, env=env, limit=limit)
            )
            return {"sessions": _fitting(map(self._brief, found))}
        if before is not None:
            self.practice.session(self.binding.caller, before)
        found = sessions.list(principal, env, limit=limit, before=before)
        shown = _fitting(map(self._brief, found))
        more = {"more": {"before": shown[-1]["session_id"]}} if len(shown) < len(found) else {}
        return {"sessions": shown, **more}

    @action(read_only=True)
    async def get_session(
        self,
        session_id: str | None = None,
        turn: Index | None = None,
        path: str | None = None,
        offset: Index = 0,
    ) -> Body:
        """Show a session as it stands, one of its turns, or the rest of a long value that was cut.

        Args:
            session_id: Session id from open_session.
            turn: A turn of the session; 0 is how it began.
            path: Where the long value stands, such as /result, as the `more` of a cut result says.
            offset: Character, item or entry to begin at, as `more` says.
        """
        session_id = self.binding.session_id if session_id is None else session_id
        session = self.practice.session(self.binding.caller, session_id)
        if path is not None:
            return await self._read_on(session, session.steps if turn is None else turn, path, offset)
        if turn is None:
            return self._standing(session)
        if turn == 0:
            return {"session_id": session.id, "turn": 0, **await self._beginning(session)}
        step = self._step(session, turn)
        body = step_body(session, step, hide_rewards=self.binding.hides(session))
        by = {} if step.via_skill is None else {"via_skill": step.via_skill}
        return {"tool": step.tool, "arguments": self._arguments(session, step), **by, **body}

    async def _read_on(self, session: Session, turn: int, path: str, offset: int) -> Body:
        try:
            part = read_on(await self._whole(session, turn), turn, path, offset)
        except LookupError as error:
            raise ActionError(f"{error} in turn {turn}; the `more` of a cut result names the paths") from None
        return {"session_id": session.id, **part}

    async def _whole(self, session: Session, turn: int) -> Body:
        """All that any result shows of a turn, uncut, at the paths where it shows it."""
        if turn == 0:
            return await self._beginning(session)
        step = self._step(session, turn)
        body = step_body(session, step, hide_rewards=self.binding.hides(session))
        told = {"instruction": session.task.instruction, "params": dict(session.task.params)}
        ran = self.practice.ran_until(session, turn)
        run = {} if ran is None else self._ran(ran)
        own = self._arguments(session, step)
        return {**told, **run, **body, "arguments": own, "observation": step.result, "last": body}

    def _arguments(self, session: Session, step: Step) -> Any:
        """What a call was given, without secrets; only what the world said is told again as it was."""
        return redactor_of(self.practice.sessions, session).value(step.arguments)

    async def _beginning(self, session: Session) -> Body:
        heard = next((answer.value for answer in session.outside), "")
        observation = await self.practice.live.opening(session) if session.replayable else heard
        return {
            "instruction": session.task.instruction,
            "params": dict(session.task.params),
            "observation": observation,
        }

    def _step(self, session: Session, turn: int) -> Step:
        step = self.practice.sessions.step(session.id, turn)
        if step is None:
            raise ActionError(f"session {session.id} has no turn {turn}; it has {session.steps}")
        return step

    @action(destructive=True, idempotent=True)
    async def close_session(self, session_id: str | None = None) -> Body:
        """End a session before its task is done. Its log is kept.

        Args:
            session_id: Session id from open_session.
        """
        return self._brief(await self.practice.close(self.binding.caller, session_id))

    @action(read_only=True)
    async def search_skills(self, query: str, env: str | None = None, limit: Limit = 10) -> Body:
        """Find skills: verified programs that do a whole job in one call. run_skill runs them.

        Those come first that did what past tasks like this one asked for.

        Args:
            query: What you want done.
            env: Only this environment.
            limit: At most so many.
        """
        principal, practice = self.binding.caller.principal, self.practice
        env = None if env is None else find_served(practice.served, env).name
        entries = playable(practice, principal, env)
        if not entries:
            return {"skills": [], "note": f"No skill{f' of {env}' if env else ''} yet; {BY_HAND}."}
        found = await _told(lambda: found_first(practice.store, entries, query, principal=principal, env=env))
        return {"skills": _fitting(map(skill_body, found[:limit]))}

    @action
    async def run_skill(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        session_id: str | None = None,
        turn: Count | None = None,
    ) -> Body:
        """Run a skill by name in an open session: plays all its calls, or stops where it does not know on.

        A stop tells what is done and what is left; go on by hand from there.

        Args:
            name: Skill name, from search_skills or a suggestion.
            arguments: The skill's arguments; those left out are the task's own.
            session_id: Session id from open_session.
            turn: Number the skill's first call will have.
        """
        caller = self.binding.caller
        tool = self.shelf.find(name, caller.principal)
        if tool is None:
            raise ActionError(no_skill(name, playable(self.practice, caller.principal)))
        session_id = self.binding.session_id if session_id is None else session_id
        given = {name: value for name, value in (arguments or {}).items() if value is not None}
        call = SkillCall(tool.entry.skill, given, turn, self.hear)
        ran = await run_tool(self.practice, caller, session_id, tool, call)
        if isinstance(ran, Pending):
            return {"session_id": ran.session.id, "turn": ran.turn, "pending": True}
        return self._ran(ran)

    def _ran(self, ran: Ran) -> Body:
        hidden = self.binding.hides(ran.session)
        return run_body(ran, redactor_of(self.practice.sessions, ran.session), hide_rewards=hidden)

    @action
    async def next_task(self) -> Body:
        """Close the task at hand and begin the next one: gives its instruction and first observation."""
        return self._opened(await self.binding.next_task(self.practice))

    def _opened(self, opened: Opened) -> Body:
        """What a client is told of a session that has just begun."""
        session, episode = opened.session, opened.episode
        env = session.task.env
        actions = [name for name, tool in self.catalogue.actions.items() if tool.env == env]
        body: Body = {
            "session_id": session.id,
            "turn": episode.turn,
            "env": session.task.env_id,
            "instruction": session.task.instruction,
            "params": session.task.params,
            "observation": episode.opening.observation if episode.last is None else episode.last.result,
            "tools": [*actions, *self.shelf.tools(self.binding.caller.principal, env)],
            "suggestion": suggestion_body(self.practice.suggested(opened), session.task.params),
        }
        if opened.token is not None:
            body["url"] = f"{self.binding.base_url}/env/{env}/s/{session.id}/mcp"
            body["token"] = opened.token
        return body

    def _brief(self, session: Session) -> Body:
        body: Body = {
            "session_id": session.id,
            "env": session.task.env_id,
            "purpose": session.purpose,
            "turn": session.steps,
            "open": session.ended_at is None,
            "started_at": session.started_at,
        }
        if not self.binding.hides(session):
            body["return"] = session.total_reward
            if session.outcome is not None:
                body["outcome"] = session.outcome
        return body

    def _standing(self, session: Session) -> Body:
        shown = {"instruction": session.task.instruction, "params": session.task.params}
        last = self.practice.sessions.step(session.id, session.steps) if session.steps else None
        step = {"last": step_body(session, last, hide_rewards=self.binding.hides(session))} if last else {}
        return {**self._brief(session), **shown, **step}


def _fitting(bodies: Iterable[Body]) -> list[Body]:
    """As many of the bodies as fit into a result; the first without its outcome if that is too long alone."""
    shown: list[Body] = []
    room = CAP - ROOM_FOR_MORE
    for body in bodies:
        if len(compact(body)) > room and not shown:
            body = {key: value for key, value in body.items() if key != "outcome"}  # noqa: PLW2901  # it is cut
        room -= len(compact(body)) + 1
        if room < 0:
            break
        shown.append(body)
    return shown


async def _told(search: Callable[[], list[T]]) -> list[T]:
    """Search in a worker thread, for it may have much to index, and tell the agent where the log fails."""
    try:
        return await anyio.to_thread.run_sync(search)
    except LogUnavailable as error:
        raise ActionError(str(error)) from None


def _at_most_one(chosen: Mapping[str, Any]) -> None:
    given = [name for name, value in chosen.items() if value is not None]
    if len(given) > 1:
        raise ActionError(f"{' and '.join(given)} exclude each other; give one of them, or none")


def describe(served: Served) -> Body:
    """What an environment is about, for somebody who has never seen it."""
    env: type[ToolEnv[Any]] = served.env_class
    return {
        "name": served.name,
        "version": env.version,
        "goal": inspect.cleandoc(env.__doc__ or ""),
        "domain": env.domain,
        "tools": [{"name": name, "description": tool.description} for name, tool in env.actions.items()],
        "rewards": dict(env.rewards),
    }


CORE_ACTIONS: Mapping[str, Action] = collect_actions(CoreTools)


def core_cards(envs: Mapping[str, Served]) -> dict[str, ToolCard]:
    """The core tools as they are listed, with the served environments' names."""
    return {name: _card(core, envs) for name, core in CORE_ACTIONS.items()}


def _card(core: Action, envs: Mapping[str, Served]) -> ToolCard:
    properties = dict(core.schema["properties"])
    if "env" in properties:
        properties["env"] = {**properties["env"], "enum": list(envs)}
    if "session_id" in properties:
        properties["session_id"] = SESSION_ID
    if core.name == "run_skill":
        properties["turn"] = TURN
    card = ToolCard.of(core)
    return ToolCard(
        card.name,
        card.description,
        {**core.schema, "properties": properties},
        card.read_only,
        card.destructive,
        card.idempotent,
    )
