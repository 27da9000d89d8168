"""The server under test: `PracticumServer` itself, with what the suite expects by name added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import mcp_types as types
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.subscriptions import PromptsListChanged

from practicum.envs import Outcome, Record, ToolEnv, action
from practicum.mcp_server.http import bind_http
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.served import Served
from practicum.mcp_server.server import SERVER_NAME, Context, PracticumServer
from practicum.memory import Store
from tests.conformance import asking, contents
from tests.conformance.contents import TOOLS, Answer, text, tool


@dataclass
class Lamp(Record):
    """What the fixture's world holds."""

    lit: bool = False


class LampEnv(ToolEnv[Lamp]):
    """Light the lamp."""

    name, version = "lamp", 1

    def begin(self) -> Lamp:
        return Lamp()

    @action
    def light(self) -> str:
        """Light the lamp."""
        self.state.lit = True
        return "lit"

    def is_done(self) -> bool:
        return self.state.lit

    def outcome(self) -> Outcome:
        return Outcome(success=self.state.lit)


class ConformanceServer(PracticumServer):
    """Every request goes through the real server; the suite's own names are answered here."""

    def __init__(self, store: Store, base_url: str) -> None:
        lamp = Served(LampEnv, f"{__name__}:LampEnv")
        super().__init__(Practice(store, {"lamp": lamp}), bind_http(base_url=base_url))
        self.get_tool_input_schema = self._schema
        self.middleware.append(
            RequestStateBoundary(RequestStateSecurity.ephemeral(), default_audience=SERVER_NAME)
        )
        self.add_request_handler("completion/complete", types.CompleteRequestParams, self._complete)
        self.add_request_handler("logging/setLevel", types.SetLevelRequestParams, self._accept)
        self.add_request_handler("resources/subscribe", types.SubscribeRequestParams, self._accept)
        self.add_request_handler("resources/unsubscribe", types.UnsubscribeRequestParams, self._accept)
        tool("Says that the tools have changed.")(self.trigger_tool_change)
        tool("Says that the prompts have changed.")(self.trigger_prompt_change)

    def _schema(self, name: str) -> Mapping[str, Any] | None:
        return TOOLS[name].schema if name in TOOLS else self.catalogue.schema(name)

    async def _accept(self, _: Context, __: Any) -> types.EmptyResult:
        return types.EmptyResult()

    async def _complete(self, _: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        known = [word for word in ("paris", "park", "party") if word.startswith(params.argument.value)]
        return types.CompleteResult(
            completion=types.Completion(values=known, total=len(known), has_more=False)
        )

    async def trigger_tool_change(self, _: Context, __: types.CallToolRequestParams) -> Answer:
        await self.notices.tools_changed("local")
        return text("said")

    async def trigger_prompt_change(self, _: Context, __: types.CallToolRequestParams) -> Answer:
        await self.notices.bus("local").publish(PromptsListChanged())
        return text("said")

    async def _list_tools(self, ctx: Context, params: Any) -> types.ListToolsResult:
        listed = await super()._list_tools(ctx, params)
        fixed = [
            types.Tool(name=name, description=each.description, input_schema=dict(each.schema))
            for name, each in TOOLS.items()
        ]
        return types.ListToolsResult(tools=[*listed.tools, *fixed])

    async def _call_tool(self, ctx: Context, params: types.CallToolRequestParams) -> Any:
        if params.name in TOOLS:
            return await TOOLS[params.name].run(ctx, params)
        return await super()._call_tool(ctx, params)

    async def _list_resources(self, ctx: Context, params: Any) -> types.ListResourcesResult:
        listed = await super()._list_resources(ctx, params)
        return types.ListResourcesResult(resources=[*listed.resources, *contents.RESOURCES])

    async def _list_resource_templates(self, ctx: Context, params: Any) -> types.ListResourceTemplatesResult:
        listed = await super()._list_resource_templates(ctx, params)
        return types.ListResourceTemplatesResult(
            resource_templates=[*listed.resource_templates, contents.TEMPLATE]
        )

    async def _read_resource(self, ctx: Context, params: Any) -> types.ReadResourceResult:
        found = contents.contents(str(params.uri))
        if found is not None:
            return types.ReadResourceResult(contents=[found])
        return await super()._read_resource(ctx, params)

    async def _list_prompts(self, ctx: Context, params: Any) -> types.ListPromptsResult:
        listed = await super()._list_prompts(ctx, params)
        return types.ListPromptsResult(prompts=[*listed.prompts, *contents.PROMPTS])

    async def _get_prompt(self, ctx: Context, params: types.GetPromptRequestParams) -> Any:
        if params.name == "test_input_required_result_prompt":
            return asking.asking_prompt(params)
        return contents.prompt(params.name, params.arguments or {}) or await super()._get_prompt(ctx, params)
