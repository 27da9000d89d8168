"""What the conformance suite expects to be there under fixed names: plain tools, resources and prompts."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import anyio
import mcp_types as types
from mcp.shared.exceptions import MCPError

from practicum.mcp_server.server import Context

Answer = types.CallToolResult | types.InputRequiredResult
ToolRun = Callable[[Context, types.CallToolRequestParams], Awaitable[Answer]]

PNG = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108020000009077"
        "53de0000000c4944415408d763f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
    )
).decode()
WAV = base64.b64encode(
    bytes.fromhex(
        "524946462500000057415645666d74201000000001000100401f0000401f00000100080064617461010000008000"
    )
).decode()


@dataclass(frozen=True)
class FixedTool:
    """One tool that the suite calls by name."""

    description: str
    run: ToolRun
    schema: Mapping[str, Any]


TOOLS: dict[str, FixedTool] = {}


def tool(description: str, **properties: Mapping[str, Any]) -> Callable[[ToolRun], ToolRun]:
    """Register a coroutine as `test_` and its own name; every property is required."""

    def register(run: ToolRun) -> ToolRun:
        schema = {"type": "object", "properties": properties, "required": list(properties)}
        TOOLS[f"test_{run.__name__}"] = FixedTool(description, run, schema)
        return run

    return register


def text(words: str, *, is_error: bool = False) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text=words)], is_error=is_error)


def embedded(uri: str, mime_type: str, words: str) -> types.EmbeddedResource:
    return types.EmbeddedResource(
        resource=types.TextResourceContents(uri=uri, mime_type=mime_type, text=words)
    )


IMAGE = types.ImageContent(data=PNG, mime_type="image/png")


@tool("Text alone.")
async def simple_text(_: Context, __: types.CallToolRequestParams) -> Answer:
    return text("This is a simple text response for testing.")


@tool("An image.")
async def image_content(_: Context, __: types.CallToolRequestParams) -> Answer:
    return types.CallToolResult(content=[IMAGE])


@tool("A sound.")
async def audio_content(_: Context, __: types.CallToolRequestParams) -> Answer:
    return types.CallToolResult(content=[types.AudioContent(data=WAV, mime_type="audio/wav")])


@tool("A resource within the result.")
async def embedded_resource(_: Context, __: types.CallToolRequestParams) -> Answer:
    return types.CallToolResult(
        content=[embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")]
    )


@tool("Text, image and resource in one result.")
async def multiple_content_types(_: Context, __: types.CallToolRequestParams) -> Answer:
    mixed = embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}')
    return types.CallToolResult(
        content=[types.TextContent(text="Multiple content types test:"), IMAGE, mixed]
    )


@tool("Fails always.")
async def error_handling(_: Context, __: types.CallToolRequestParams) -> Answer:
    return text("This tool intentionally returns an error for testing", is_error=True)


async def _log(ctx: Context, words: str) -> None:
    await ctx.session.send_log_message("info", words, related_request_id=ctx.request_id)


@tool("Logs three times on the way.")
async def tool_with_logging(ctx: Context, _: types.CallToolRequestParams) -> Answer:
    await _log(ctx, "Tool execution started")
    await anyio.sleep(0.05)
    await _log(ctx, "Tool processing data")
    await anyio.sleep(0.05)
    await _log(ctx, "Tool execution completed")
    return text("logged three times")


@tool("Logs once, for those who asked for logs.")
async def logging_tool(ctx: Context, _: types.CallToolRequestParams) -> Answer:
    await _log(ctx, "working")
    return text("done")


@tool("Reports its progress.")
async def tool_with_progress(ctx: Context, _: types.CallToolRequestParams) -> Answer:
    for done in (0, 50, 100):
        await ctx.session.report_progress(done, 100)
        await anyio.sleep(0.02)
    return text("done")


@tool("Takes an argument that travels in a header too.", value={"type": "string", "x-mcp-header": "Value"})
async def custom_headers(_: Context, params: types.CallToolRequestParams) -> Answer:
    return text(json.dumps(params.arguments))


RICH_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
TOOLS["json_schema_2020_12_tool"] = FixedTool(
    "Tool with JSON Schema 2020-12 features", TOOLS["test_simple_text"].run, RICH_SCHEMA
)

# Resources --------------------------------------------------------------------------------------------

RESOURCES = [
    types.Resource(uri="test://static-text", name="static text", description="Text.", mime_type="text/plain"),
    types.Resource(
        uri="test://static-binary", name="static image", description="PNG.", mime_type="image/png"
    ),
    types.Resource(
        uri="test://watched-resource", name="watched", description="Text.", mime_type="text/plain"
    ),
]
TEMPLATE = types.ResourceTemplate(
    uri_template="test://template/{id}/data", name="data by id", mime_type="application/json"
)


def contents(uri: str) -> types.TextResourceContents | types.BlobResourceContents | None:
    """What lies at one of the suite's addresses."""
    if uri == "test://static-text":
        words = "This is the content of the static text resource."
        return types.TextResourceContents(uri=uri, mime_type="text/plain", text=words)
    if uri == "test://static-binary":
        return types.BlobResourceContents(uri=uri, mime_type="image/png", blob=PNG)
    if uri == "test://watched-resource":
        return types.TextResourceContents(uri=uri, mime_type="text/plain", text="watched")
    if uri.startswith("test://template/") and uri.endswith("/data"):
        number = uri.removeprefix("test://template/").removesuffix("/data")
        body = json.dumps({"id": number, "templateTest": True, "data": f"Data for ID: {number}"})
        return types.TextResourceContents(uri=uri, mime_type="application/json", text=body)
    return None


# Prompts ----------------------------------------------------------------------------------------------


def _prompt(name: str, description: str, *arguments: str) -> types.Prompt:
    listed = [
        types.PromptArgument(name=argument, description=argument, required=True) for argument in arguments
    ]
    return types.Prompt(name=name, description=description, arguments=listed)


PROMPTS = [
    _prompt("test_simple_prompt", "Text alone."),
    _prompt("test_prompt_with_arguments", "Two arguments.", "arg1", "arg2"),
    _prompt("test_prompt_with_embedded_resource", "A resource.", "resourceUri"),
    _prompt("test_prompt_with_image", "An image."),
    _prompt("test_input_required_result_prompt", "Asks for its context."),
]


def _said(*parts: Any) -> types.GetPromptResult:
    return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=part) for part in parts])


def prompt(name: str, given: Mapping[str, str]) -> types.GetPromptResult | None:
    """One of the suite's prompts, filled in."""
    try:
        if name == "test_simple_prompt":
            return _said(types.TextContent(text="This is a simple prompt for testing."))
        if name == "test_prompt_with_arguments":
            words = f"Prompt with arguments: arg1='{given['arg1']}', arg2='{given['arg2']}'"
            return _said(types.TextContent(text=words))
        if name == "test_prompt_with_embedded_resource":
            part = embedded(given["resourceUri"], "text/plain", "Embedded resource content for testing.")
            return _said(part, types.TextContent(text="Please process the embedded resource above."))
        if name == "test_prompt_with_image":
            return _said(IMAGE, types.TextContent(text="Please analyze the image above."))
    except KeyError as missing:
        raise MCPError(types.INVALID_PARAMS, f"{name}: argument {missing} is missing") from None
    return None
