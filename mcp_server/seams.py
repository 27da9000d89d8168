"""Seams: what the MCP SDK 2.3 leaves to be done, each with a test that fails when the SDK changes.

- A probe (`server/discover`) followed by `initialize` on one stream: Claude Code and Copilot send just that.
- `tools.listChanged` for clients of the handshake era.
- Notices of changed tools to clients of both eras.
- `instructions` that depend on the connection.
- An answer to a line that is no JSON-RPC message.
- No spans where nobody collects them, and no copies of results that nobody changes.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import anyio
from mcp.server._otel import OpenTelemetryMiddleware
from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.models import InitializationOptions
from mcp.server.runner import modern_error_data, modern_on_request
from mcp.server.session import ServerSession
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged
from mcp.shared._context_streams import ContextReceiveStream
from mcp.shared.inbound import InboundLadderRejection, classify_inbound_request
from mcp.shared.message import SessionMessage
from mcp.shared.transport_context import TransportContext
from mcp_types import (
    PARSE_ERROR,
    SERVER_INFO_META_KEY,
    ErrorData,
    JSONRPCError,
    JSONRPCRequest,
    JSONRPCResponse,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
)
from mcp_types.methods import validate_client_request
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from opentelemetry import trace
from pydantic_core import from_json, to_json

from practicum.mcp_server.lines import Unreadable
from practicum.mcp_server.results import Answer

NOTICE_WAIT_S = 5.0
"""How long a notice may take to be written to one client before that client misses it."""


class EraServer(Server[Any]):
    """The SDK's server, for clients of both eras."""

    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        """As the SDK's, with `tools.listChanged` advertised."""
        options = notification_options or NotificationOptions(tools_changed=True)
        return super().create_initialization_options(options, experimental_capabilities, extensions)

    async def run(
        self,
        read_stream: Any,
        write_stream: Any,
        initialization_options: InitializationOptions,
        raise_exceptions: bool = False,  # the SDK's signature
    ) -> None:
        """Serve one stream pair; probes ahead of the first other request do not decide the era."""
        async with after_probes(self, read_stream, write_stream) as rest:
            await super().run(rest, write_stream, initialization_options, raise_exceptions)


@asynccontextmanager
async def after_probes(server: Server[Any], read_stream: Any, write_stream: Any) -> AsyncIterator[Any]:
    """Answer `server/discover` requests at the head of a stream, and yield the stream of all that follows."""
    first = await _answer_probes(server, read_stream, write_stream)
    send, receive = anyio.create_memory_object_stream[Any](0)

    async def relay() -> None:
        async with send:
            if first is None:
                return
            await send.send((_context_of(read_stream), first))
            with contextlib.suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
                async for item in _readable(read_stream, write_stream):
                    await send.send((_context_of(read_stream), item))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(relay)
        try:
            yield ContextReceiveStream(receive)
        finally:
            tasks.cancel_scope.cancel()
            receive.close()


async def _readable(read_stream: Any, write_stream: Any) -> AsyncIterator[SessionMessage]:
    """The messages of a stream; a line that is none is answered with a parse error, as the SDK does not."""
    async for item in read_stream:
        if isinstance(item, SessionMessage):
            yield item
            continue
        answer = item.answer if isinstance(item, Unreadable) else _NO_MESSAGE
        await write_stream.send(SessionMessage(answer))


_NO_MESSAGE = JSONRPCError(
    jsonrpc="2.0",
    id=None,
    error=ErrorData(code=PARSE_ERROR, message="Parse error: a line must be one JSON-RPC message"),
)


def _context_of(stream: Any) -> Any:
    context = getattr(stream, "last_context", None)
    return context if context is not None else contextvars.copy_context()


async def _answer_probes(server: Server[Any], read_stream: Any, write_stream: Any) -> Any:
    """Answer probes until something else comes; returns that, or None at the end of the stream."""
    with contextlib.suppress(anyio.ClosedResourceError):
        async for item in _readable(read_stream, write_stream):
            message = item.message
            if not (isinstance(message, JSONRPCRequest) and message.method == "server/discover"):
                return item
            await write_stream.send(SessionMessage(await _answer_probe(server, message)))
    return None


async def _answer_probe(server: Server[Any], request: JSONRPCRequest) -> JSONRPCResponse | JSONRPCError:
    context: Any = _ProbeContext(request.id)
    route = classify_inbound_request({"method": request.method, "params": request.params})
    if isinstance(route, InboundLadderRejection):
        return JSONRPCError(
            jsonrpc="2.0",
            id=request.id,
            error=ErrorData(code=route.code, message=route.message, data=route.data),
        )
    try:
        result = await modern_on_request(server, {})(context, request.method, request.params)
    except Exception as error:  # noqa: BLE001  # the SDK's ladder turns any of them into its wire form
        return JSONRPCError(jsonrpc="2.0", id=request.id, error=modern_error_data(error))
    return JSONRPCResponse(jsonrpc="2.0", id=request.id, result=result)


@dataclass
class _ProbeContext:
    """The least that a request needs to be dispatched; a probe sends nothing back but its answer."""

    request_id: Any
    transport: TransportContext = field(
        default_factory=lambda: TransportContext(kind="stdio", can_send_request=False)
    )
    message_metadata: None = None
    can_send_request: bool = False
    cancel_requested: anyio.Event = field(default_factory=anyio.Event)

    async def notify(self, method: str, params: Mapping[str, Any] | None, opts: Any = None) -> None:
        """Nothing."""

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Nothing."""


def without_idle_tracing(middleware: Sequence[ServerMiddleware[Any]]) -> list[ServerMiddleware[Any]]:
    """The middleware, less the SDK's OpenTelemetry spans where this process has nobody to collect them.

    A span is made of every request, collector or not: a twentieth of a call.
    """
    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return list(middleware)
    return [each for each in middleware if not isinstance(each, OpenTelemetryMiddleware)]


def plain_call(ctx: ServerRequestContext[Any, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """Name and arguments of a tool call of the 2026 era that holds nothing else; None for other requests.

    Raises:
        ValidationError: it is none by the protocol's schema.
    """
    params, version = ctx.params, ctx.protocol_version
    if ctx.method != "tools/call" or version not in MODERN_PROTOCOL_VERSIONS or not params:
        return None
    if not params.keys() <= _PLAIN:
        return None
    if type(params.get("name")) is str and type(params.get("arguments", {})) is dict:
        _check_meta(version, to_json(params.get("_meta")))
    else:
        validate_client_request(ctx.method, version, params)
    return params["name"], params.get("arguments") or {}


_PLAIN = frozenset({"_meta", "name", "arguments"})


@lru_cache(maxsize=256)
def _check_meta(version: str, meta: bytes) -> None:
    """See that what a call says of its client is well-formed; a client says the same with every call.

    Raises:
        ValidationError: it is not.
    """
    validate_client_request("tools/call", version, {"name": "any", "_meta": from_json(meta)})


def plain_result(answer: Answer, server_info: Mapping[str, Any]) -> dict[str, Any]:
    """An answer as the 2026 era has it on the wire."""
    return {
        "content": [{"type": "text", "text": answer.text}],
        "structuredContent": answer.body,
        "isError": answer.is_refusal,
        "resultType": "complete",
        "_meta": {SERVER_INFO_META_KEY: server_info},
    }


class ToolNotices:
    """Tells connected clients of both eras that their principal's tools have changed.

    Args:
        principal_of: on whose behalf a request comes.
    """

    def __init__(self, principal_of: Callable[[ServerRequestContext[Any, Any]], str]) -> None:
        self._principal_of = principal_of
        self._buses: dict[str, InMemorySubscriptionBus] = {}
        self._listeners: dict[str, ListenHandler] = {}
        self._listening = 0
        self._handshaken: WeakKeyDictionary[ServerSession, str] = WeakKeyDictionary()
        self._somebody = anyio.Event()

    def bus(self, principal: str) -> InMemorySubscriptionBus:
        """What a principal's clients of the 2026 era listen to."""
        return self._buses.setdefault(principal, InMemorySubscriptionBus())

    async def listen(
        self, ctx: ServerRequestContext[Any, Any], params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        """Handler of `subscriptions/listen`, for the 2026 era."""
        principal = self._principal_of(ctx)
        handler = self._listeners.setdefault(principal, ListenHandler(self.bus(principal)))
        self._listening += 1
        self._somebody.set()
        try:
            return await handler(ctx, params)
        finally:
            self._listening -= 1

    async def watch(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Middleware: remembers each client of the 2025 era once it has shaken hands."""
        result = await call_next(ctx)
        if ctx.method == "notifications/initialized":
            session = ctx.session
            connection = session._connection  # the SDK has no public way to hear of its end
            self._handshaken[session] = self._principal_of(ctx)
            connection.exit_stack.callback(self._handshaken.pop, session, None)
            connection.state["practicum_session"] = session
            self._somebody.set()
        return result

    async def somebody(self) -> None:
        """Wait until there is a client that can hear a notice."""
        while not self._listening and not self._handshaken:
            self._somebody = anyio.Event()
            await self._somebody.wait()

    async def tools_changed(self, principal: str) -> None:
        """Send the notice to every client of a principal that can hear it."""
        await self.bus(principal).publish(ToolsListChanged())
        for session, whose in list(self._handshaken.items()):
            if whose == principal:
                with anyio.move_on_after(NOTICE_WAIT_S):
                    await session.send_tool_list_changed()
