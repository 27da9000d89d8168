"""The MCP server: the SDK's low-level server with Practicum's handlers. Translates; decides nothing."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import anyio
import mcp_types as types
from mcp.server.caching import CacheHint
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError

from practicum import __version__
from practicum.envs import ActionError
from practicum.envs.errors import UnknownTool, in_one_line
from practicum.mcp_server import prompts, resources
from practicum.mcp_server.bindings import Binding
from practicum.mcp_server.calls import Call, Caller, Pending, Played
from practicum.mcp_server.core_tools import CORE_ACTIONS, CoreTools, core_cards
from practicum.mcp_server.learning import Learning
from practicum.mcp_server.limits import LimitReached
from practicum.mcp_server.live import SessionOver
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.progress import CallCount, reporting, seconds_gone
from practicum.mcp_server.results import Answer, accepted, capped, refused, step_body
from practicum.mcp_server.seams import EraServer, ToolNotices, plain_call, plain_result, without_idle_tracing
from practicum.mcp_server.skill_tools import Shelf
from practicum.mcp_server.tools import Catalogue, ToolCard

logger = logging.getLogger(__name__)

SERVER_NAME = "practicum"
SHOWING = ("open_session", "next_task", "get_session", "run_skill")
"""Core tools that show what may be long."""
LOOK_EVERY_S = 2.0
"""How often a server looks for new skills: one small query."""
THOUGHT = "practicum/thought"
"""Key in a call's `_meta` for the agent's own words."""

Context = ServerRequestContext[Any, Any]
Bind = Callable[[Context], Binding]


class PracticumServer(EraServer):
    """Serves one `Practice` to clients of both eras.

    Args:
        practice: the sessions.
        bind: tells, for each request, how it reaches its session.
        look_every_s: how often to look whether a list of skills has changed, while a client could hear of it.
        learning: makes skills of what is played; None where nobody does here.
    """

    def __init__(
        self,
        practice: Practice,
        bind: Bind,
        *,
        look_every_s: float = LOOK_EVERY_S,
        learning: Learning | None = None,
    ) -> None:
        self.practice = practice
        self.catalogue = Catalogue(practice.served, core_cards(practice.served))
        self.shelf = Shelf(practice.library, practice.served, self.catalogue)
        self.notices = ToolNotices(lambda ctx: bind(ctx).caller.principal)
        practice.show(self.shelf.fingerprint)
        self._bind = bind
        self._look_every_s = look_every_s
        self._learning = learning
        super().__init__(
            SERVER_NAME,
            version=__version__,
            title="Practicum",
            description="A practice ground for tool-using agents",
            instructions="",
            cache_hints={"tools/list": CacheHint(ttl_ms=0)},
            lifespan=self._lifespan,
            get_tool_input_schema=self._schema_with_headers,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_list_resources=self._list_resources,
            on_list_resource_templates=self._list_resource_templates,
            on_read_resource=self._read_resource,
            on_list_prompts=self._list_prompts,
            on_get_prompt=self._get_prompt,
            on_subscriptions_listen=self.notices.listen,
        )
        self._stamp = self.server_info_stamp
        self.middleware = without_idle_tracing(self.middleware)
        self.middleware.append(self.notices.watch)
        self.middleware.append(self._instruct)
        self.middleware.append(self._call_plainly)

    @asynccontextmanager
    async def _lifespan(self, _: Any) -> AsyncIterator[dict[str, Any]]:
        async with self.practice, anyio.create_task_group() as tasks:
            logger.info("started: %s on %s", ", ".join(self.practice.served), self.practice.store.path)
            tasks.start_soon(self._tell_news)
            if self._learning is not None:
                self.practice.turns.on_end = self._learning.wake
                tasks.start_soon(self._learning.run)
            try:
                yield {}
            finally:
                tasks.cancel_scope.cancel()
                logger.info("stopped")

    async def _tell_news(self) -> None:
        """Tell clients when their list of skills has changed, whichever process changed it."""
        while True:
            await self.notices.somebody()
            await anyio.sleep(self._look_every_s)
            try:
                for principal in self.shelf.news_for():
                    await self.notices.tools_changed(principal)
            except Exception as error:  # noqa: BLE001  # the server's edge: it goes on without this notice
                logger.warning("no notice of changed skills could be sent: %s", in_one_line(error))

    async def _instruct(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        """Middleware: instructions depend on the connection, the SDK has one text for all."""
        result = await call_next(ctx)
        if ctx.method in ("initialize", "server/discover") and isinstance(result, dict):
            return {**result, "instructions": await self._bind(ctx).instructions(self.practice)}
        return result

    # Tools ------------------------------------------------------------------------------------------------

    async def _list_tools(self, ctx: Context, _: Any) -> types.ListToolsResult:
        return types.ListToolsResult(
            tools=[wire_tool(card) for card in self._bind(ctx).cards(self.catalogue, self.shelf)]
        )

    def _schema_with_headers(self, name: str) -> Mapping[str, Any] | None:
        """The schema of a tool with arguments that travel in HTTP headers too, for the SDK to compare."""
        schema = self.catalogue.schema(name) or {"properties": {}}
        return schema if any("x-mcp-header" in each for each in schema["properties"].values()) else None

    async def _call_plainly(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        """Middleware, the innermost: the SDK would take the result apart and put it together four times."""
        plain = plain_call(ctx)
        if plain is None or self.catalogue.schema(plain[0]) is None:
            return await call_next(ctx)
        return plain_result(await self._answer(ctx, *plain), self._stamp)

    async def _call_tool(self, ctx: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        answer = await self._answer(ctx, params.name, params.arguments or {})
        return types.CallToolResult(
            content=[types.TextContent(text=answer.text)],
            structured_content=dict(answer.body),
            is_error=answer.is_refusal,
        )

    async def _answer(self, ctx: Context, name: str, arguments: Mapping[str, Any]) -> Answer:
        binding = self._bind(ctx)
        try:
            called = await self._called(ctx, binding, name, arguments)
        except SessionOver as over:
            logger.debug("%s was refused: %s", name, over)
            return refused(f"{over}; {binding.way_on}")
        except LimitReached as limit:
            logger.debug("%s was refused: %s", name, limit)
            return refused(str(limit), **limit.facts())
        except ActionError as refusal:
            logger.debug("%s was refused: %s", name, refusal)
            return refused(str(refusal))
        except MCPError:
            raise
        except Exception as error:  # the server's edge: a bug is told in one line, and logged
            logger.exception("%s failed", name)
            return refused(f"{name} failed on the server ({type(error).__name__}); its log says more")
        if called is None:
            known = [card.name for card in binding.cards(self.catalogue, self.shelf)]
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {name}", data={"tools": known})
        return called

    async def _called(
        self, ctx: Context, binding: Binding, name: str, arguments: Mapping[str, Any]
    ) -> Answer | None:
        if name in binding.core(self.catalogue):
            await binding.before_core(self.practice, self.catalogue.core[name], arguments)
            return await self._call_core(ctx, binding, name, arguments)
        if name in binding.actions(self.catalogue):
            return await self._call_action(ctx, binding, name, arguments)
        if self.shelf.find(name, binding.caller.principal) is not None:
            session_id, turn, own = await binding.handle(self.practice, arguments)
            handle = {"session_id": session_id, "turn": turn}
            return await self._call_core(
                ctx, binding, "run_skill", {"name": name, "arguments": own, **handle}
            )
        return None

    async def _call_core(
        self, ctx: Context, binding: Binding, name: str, arguments: Mapping[str, Any]
    ) -> Answer:
        core, count = CORE_ACTIONS[name], CallCount()
        tools = CoreTools(self.practice, self.catalogue, self.shelf, binding, count.hear)
        work = core.function(tools, **core.bind(arguments))
        body = await (reporting(ctx, work, count.report) if name == "run_skill" else work)
        if name not in SHOWING:
            return accepted(body)
        shown, text = capped(body, body["turn"])
        if name == "run_skill":
            self.practice.answered(binding.caller, len(text))
        return Answer(shown, text)

    async def _call_action(
        self, ctx: Context, binding: Binding, name: str, arguments: Mapping[str, Any]
    ) -> Answer:
        session_id, turn, own = await binding.handle(self.practice, arguments)
        tool = binding.actions(self.catalogue)[name]
        thought = ctx.meta.get(THOUGHT) if ctx.meta else None
        call = Call(tool.action.name, own, turn, thought if isinstance(thought, str) else None)
        task = self.practice.session_task(binding.caller, session_id)
        if task.env != tool.env:
            raise ActionError(f"this session plays {task.env}; {name} belongs to {tool.env}")
        waits = self.practice.served[tool.env].env_class.waits(task)
        playing = self.practice.act(binding.caller, session_id, call)
        try:
            played = await (reporting(ctx, playing, seconds_gone) if waits else playing)
        except UnknownTool as error:
            raise ActionError(str(error)) from None
        return self._played(binding, played)

    def _played(self, binding: Binding, played: Played | Pending) -> Answer:
        if isinstance(played, Pending):
            return accepted({"session_id": played.session.id, "turn": played.turn, "pending": True})
        body = step_body(played.session, played.step, hide_rewards=binding.hides(played.session))
        known = played.step.result_json if "result" in body else None
        shown, text = capped(body, played.step.turn, known)
        self.practice.answered(binding.caller, len(text))
        return Answer(shown, text, played.step.refused)

    # Resources and prompts --------------------------------------------------------------------------------

    async def _list_resources(self, ctx: Context, params: Any) -> types.ListResourcesResult:
        return resources.listed(self.practice, self._bind(ctx), params.cursor if params else None)

    async def _list_resource_templates(self, _: Context, __: Any) -> types.ListResourceTemplatesResult:
        return resources.templates()

    async def _read_resource(
        self, ctx: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        return resources.read(self.practice, self._bind(ctx), str(params.uri))

    async def _list_prompts(self, _: Context, __: Any) -> types.ListPromptsResult:
        return prompts.listed()

    async def _get_prompt(self, ctx: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        return prompts.filled(self.practice, self._bind(ctx), params.name, params.arguments or {})


def wire_tool(card: ToolCard) -> types.Tool:
    """A tool as MCP lists it, all four annotations explicit."""
    schema = {key: value for key, value in card.schema.items() if value != []}
    return types.Tool(
        name=card.name,
        description=card.description,
        input_schema=schema,
        annotations=types.ToolAnnotations(
            read_only_hint=card.read_only,
            destructive_hint=card.destructive,
            idempotent_hint=card.idempotent,
            open_world_hint=card.open_world,
        ),
        _meta=dict(card.meta) or None,
    )


def caller_of(ctx: Context, caller: Caller) -> Caller:
    """The caller with what the client says of itself."""
    params = ctx.session.client_params
    info = params.client_info if params else None
    return replace(
        caller,
        client_name=info.name if info else "",
        client_version=info.version if info else "",
        protocol_version=ctx.protocol_version,
    )


def bind_handle(*, alone: bool, hide_rewards: bool = False) -> Bind:
    """Requests that name their session themselves, all of the principal `local`."""

    def bind(ctx: Context) -> Binding:
        return Binding(caller_of(ctx, Caller(alone=alone)), hide_rewards)

    return bind


def bind_fixed(binding: Binding) -> Bind:
    """Every request reaches the one session of the process."""

    def bind(ctx: Context) -> Binding:
        binding.caller = caller_of(ctx, binding.caller)
        return binding

    return bind
