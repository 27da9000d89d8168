"""The servers that the serving benchmark compares with: each gives a constant result for every tool.

    python -m benchmarks._serve_peers sdk|fastmcp|raw CONSTANTS.json [PORT]

Without a port they serve stdio (the SDK's alone). Over HTTP all run under uvicorn, as `practicum serve` does.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import anyio


def sdk_server(constants: Mapping[str, Any]) -> Any:
    """The SDK's low-level server; told the schemas, so that it need not list its tools at every call."""
    import mcp_types as types
    from mcp.server.lowlevel import Server

    tools = {name: types.Tool(name=name, input_schema=entry["schema"]) for name, entry in constants.items()}
    results = {
        name: types.CallToolResult(
            content=[types.TextContent(text=entry["text"])], structured_content=entry["structured"]
        )
        for name, entry in constants.items()
    }

    async def list_tools(_: Any, __: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=list(tools.values()))

    async def call_tool(_: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        return results[params.name]

    return Server(
        "peer",
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        get_tool_input_schema=lambda name: constants[name]["schema"],
    )


def sdk_app(constants: Mapping[str, Any]) -> Any:
    """The SDK's server over HTTP."""
    return sdk_server(constants).streamable_http_app(json_response=True)


def fastmcp_app(constants: Mapping[str, Any]) -> Any:
    """A server of fastmcp over HTTP, its tools declared by functions as its users do."""
    from fastmcp import FastMCP

    server: Any = FastMCP("peer")
    for name, entry in constants.items():
        server.tool(_fastmcp_tool(entry), name=name, output_schema=None)
    return server.http_app(json_response=True, stateless_http=True)


def _fastmcp_tool(entry: Mapping[str, Any]) -> Callable[..., Awaitable[Any]]:
    from fastmcp.tools.base import ToolResult

    result = ToolResult(content=entry["text"], structured_content=entry["structured"])

    async def tool(
        session_id: str, turn: int, flight_id: str = "", max_stops: int = 0, card_token: str = ""
    ) -> Any:
        return result

    return tool


def raw_app(constants: Mapping[str, Any]) -> Any:
    """Starlette and JSON-RPC by hand, without any of MCP's checks: the floor."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    async def answer(request: Request) -> Response:
        message = json.loads(await request.body())
        entry = constants[message["params"]["name"]]
        content = [{"type": "text", "text": entry["text"]}]
        result = {"content": content, "structuredContent": entry["structured"], "resultType": "complete"}
        body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}, separators=(",", ":"))
        return Response(body, media_type="application/json")

    return Starlette(routes=[Route("/mcp", answer, methods=["POST"])])


APPS = {"sdk": sdk_app, "fastmcp": fastmcp_app, "raw": raw_app}


async def serve_stdio(server: Any) -> None:
    from mcp.server.stdio import stdio_server

    async with stdio_server() as (read_stream, write_stream):
        await server.run(read_stream, write_stream, server.create_initialization_options())


def main() -> None:
    kind, constants = sys.argv[1], json.loads(Path(sys.argv[2]).read_bytes())
    if len(sys.argv) == 3:
        anyio.run(serve_stdio, sdk_server(constants))
        return
    import uvicorn

    port = int(sys.argv[3])
    uvicorn.run(
        APPS[kind](constants), port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=5
    )


if __name__ == "__main__":
    main()
