"""Tools of the suite that ask the client something: by requests of their own, or by rounds of one call."""

from __future__ import annotations

from typing import Any

import mcp_types as types
from mcp.shared.exceptions import MCPError

from practicum.mcp_server.server import Context
from tests.conformance.contents import Answer, text, tool


def form(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


STRING, BOOLEAN = {"type": "string"}, {"type": "boolean"}

# The 2025 era: a request to the client while the call runs --------------------------------------------


@tool("Asks the client's model.", prompt=STRING)
async def sampling(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    capabilities = ctx.session.client_capabilities
    if capabilities is None or capabilities.sampling is None:
        return text("the client does not offer sampling", is_error=True)
    question = types.TextContent(text=(params.arguments or {})["prompt"])
    reply = await ctx.session.create_message(
        [types.SamplingMessage(role="user", content=question)],
        max_tokens=100,
        related_request_id=ctx.request_id,
    )
    return text(f"LLM response: {getattr(reply.content, 'text', reply.content)}")


async def _elicit(ctx: Context, message: str, schema: dict[str, Any], words: str) -> Answer:
    capabilities = ctx.session.client_capabilities
    if capabilities is None or capabilities.elicitation is None:
        return text("the client does not offer elicitation", is_error=True)
    reply = await ctx.session.elicit_form(message, schema, related_request_id=ctx.request_id)
    return text(f"{words}: action={reply.action}, content={reply.content}")


@tool("Asks the client's user.", message=STRING)
async def elicitation(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    schema = form(
        username={"type": "string", "description": "User's response"},
        email={"type": "string", "description": "User's email address"},
    )
    return await _elicit(ctx, (params.arguments or {})["message"], schema, "User response")


@tool("Asks with a default for every type.")
async def elicitation_sep1034_defaults(ctx: Context, _: types.CallToolRequestParams) -> Answer:
    schema = form(
        name={"type": "string", "default": "John Doe"},
        age={"type": "integer", "default": 30},
        score={"type": "number", "default": 95.5},
        status={"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        verified={"type": "boolean", "default": True},
    )
    return await _elicit(ctx, "Please check these", schema, "Elicitation completed")


def _titled(titles: list[str]) -> list[dict[str, str]]:
    return [{"const": f"value{number}", "title": title} for number, title in enumerate(titles, 1)]


@tool("Asks with an enum of every form.")
async def elicitation_sep1330_enums(ctx: Context, _: types.CallToolRequestParams) -> Answer:
    options = ["option1", "option2", "option3"]
    schema = form(
        untitledSingle={"type": "string", "enum": options},
        titledSingle={"type": "string", "oneOf": _titled(["First Option", "Second Option", "Third Option"])},
        legacyEnum={
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        untitledMulti={"type": "array", "items": {"type": "string", "enum": options}},
        titledMulti={
            "type": "array",
            "items": {"anyOf": _titled(["First Choice", "Second Choice", "Third Choice"])},
        },
    )
    return await _elicit(ctx, "Please choose", schema, "Elicitation completed")


# The 2026 era: the call answers what it needs, and is called again ------------------------------------


def ask_form(message: str, schema: dict[str, Any]) -> types.ElicitRequest:
    return types.ElicitRequest(params=types.ElicitRequestFormParams(message=message, requested_schema=schema))


def ask_model(question: str, max_tokens: int) -> types.CreateMessageRequest:
    message = types.SamplingMessage(role="user", content=types.TextContent(text=question))
    params = types.CreateMessageRequestParams(messages=[message], max_tokens=max_tokens)
    return types.CreateMessageRequest(params=params)


NAME = ask_form("What is your name?", form(name=STRING))
CONFIRM = ask_form("Please confirm", form(ok=BOOLEAN))
ROOTS = types.ListRootsRequest()


def need(state: str | None = None, **requests: Any) -> types.InputRequiredResult:
    return types.InputRequiredResult(input_requests=requests, request_state=state)


def reply(params: Any, key: str, kind: type[Any]) -> Any:
    """The client's reply of a kind under a key; None where it is not there, or is another kind."""
    found = (params.input_responses or {}).get(key)
    return found if isinstance(found, kind) else None


def filled_in(params: Any, key: str, field: str) -> Any:
    """A field of a form that the client's user has accepted."""
    found = reply(params, key, types.ElicitResult)
    return (found.content or {}).get(field) if found is not None and found.action == "accept" else None


@tool("Asks for a name.")
async def input_required_result_elicitation(_: Context, params: types.CallToolRequestParams) -> Answer:
    name = filled_in(params, "user_name", "name")
    return text(f"Hello, {name}!") if isinstance(name, str) else need(user_name=NAME)


@tool("Asks for a name, one frame at a time.")
async def streaming_elicitation(_: Context, params: types.CallToolRequestParams) -> Answer:
    name = filled_in(params, "user_name", "name")
    return text(f"Hello, {name}!") if isinstance(name, str) else need(user_name=NAME)


@tool("Asks the client's model.")
async def input_required_result_sampling(_: Context, params: types.CallToolRequestParams) -> Answer:
    said = reply(params, "capital_question", types.CreateMessageResult)
    if said is None:
        return need(capital_question=ask_model("What is the capital of France?", 100))
    return text(getattr(said.content, "text", str(said.content)))


@tool("Asks for the client's roots.")
async def input_required_result_list_roots(_: Context, params: types.CallToolRequestParams) -> Answer:
    found = reply(params, "client_roots", types.ListRootsResult)
    if found is None:
        return need(client_roots=ROOTS)
    return text("roots: " + ", ".join(str(root.uri) for root in found.roots))


@tool("Keeps its state with the client.")
async def input_required_result_request_state(_: Context, params: types.CallToolRequestParams) -> Answer:
    if params.request_state != "asked" or filled_in(params, "confirm", "ok") is None:
        return need("asked", confirm=CONFIRM)
    return text("state-ok")


@tool("Refuses a state that was changed on the way.")
async def input_required_result_tampered_state(_: Context, params: types.CallToolRequestParams) -> Answer:
    if params.request_state is None:
        return need("sealed", confirm=CONFIRM)
    return text("confirmed")


@tool("Asks for three things at once.")
async def input_required_result_multiple_inputs(_: Context, params: types.CallToolRequestParams) -> Answer:
    name = filled_in(params, "user_name", "name")
    greeting = reply(params, "greeting", types.CreateMessageResult)
    roots = reply(params, "client_roots", types.ListRootsResult)
    if name is None or greeting is None or roots is None:
        return need(
            "asked", user_name=NAME, greeting=ask_model("Generate a greeting", 50), client_roots=ROOTS
        )
    return text(f"{getattr(greeting.content, 'text', '')}, {name}: {len(roots.roots)} roots")


@tool("Asks twice.")
async def input_required_result_multi_round(_: Context, params: types.CallToolRequestParams) -> Answer:
    name = filled_in(params, "step1", "name")
    if params.request_state is None or (params.request_state == "1" and name is None):
        return need("1", step1=ask_form("Step 1: What is your name?", form(name=STRING)))
    colour = filled_in(params, "step2", "color")
    if colour is None:
        known = name if params.request_state == "1" else params.request_state
        return need(str(known), step2=ask_form("Step 2: What is your favorite color?", form(color=STRING)))
    return text(f"{params.request_state} likes {colour}")


@tool("Asks only for what the client offers.")
async def input_required_result_capabilities(ctx: Context, _: types.CallToolRequestParams) -> Answer:
    capabilities = ctx.session.client_capabilities or types.ClientCapabilities()
    requests: dict[str, Any] = {}
    if capabilities.sampling is not None:
        requests["greeting"] = ask_model("Generate a greeting", 50)
    if capabilities.elicitation is not None:
        requests["user_name"] = NAME
    return need(**requests) if requests else text("the client offers nothing to ask for")


@tool("Needs a client that offers sampling.")
async def missing_capability(ctx: Context, _: types.CallToolRequestParams) -> Answer:
    capabilities = ctx.session.client_capabilities
    if capabilities is None or capabilities.sampling is None:
        raise MCPError(
            types.MISSING_REQUIRED_CLIENT_CAPABILITY,
            "this tool needs sampling",
            data={"requiredCapabilities": {"sampling": {}}},
        )
    return text("the client offers sampling")


def asking_prompt(params: types.GetPromptRequestParams) -> types.GetPromptResult | types.InputRequiredResult:
    """The prompt that asks for its context."""
    context = filled_in(params, "user_context", "context")
    if context is None:
        schema = form(context=STRING)
        return need(user_context=ask_form("What context should the prompt use?", schema))
    message = types.PromptMessage(role="user", content=types.TextContent(text=f"Context: {context}"))
    return types.GetPromptResult(messages=[message])
