"""Serving over HTTP: `/mcp` for all sessions, `/env/…/mcp` for one each, `/health`, `/metrics`."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any

import uvicorn
from mcp.server.auth.middleware.bearer_auth import AuthorizationContext
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from practicum import __version__
from practicum.envs import UsageError
from practicum.mcp_server.auth import Tokens, bearer
from practicum.mcp_server.bindings import Binding, Scoped
from practicum.mcp_server.calls import Caller
from practicum.mcp_server.guard import Access, Guard, UnderWay, refuse, user
from practicum.mcp_server.heads import HEADER_BYTES, http_protocol
from practicum.mcp_server.metrics import MEDIA_TYPE, Metrics
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.server import Bind, Context, PracticumServer, caller_of
from practicum.mcp_server.unfinished import Patience, Unfinished
from practicum.memory import EPISODE_OVER, Outline, hash_token

GRACE_S = 60.0
"""How long a scoped endpoint answers after its session has ended, so that a lost result can be fetched."""
SCOPED = "/env/{env:path}/s/{session_id}/mcp"
BACKLOG = 2048
"""Connections that may wait to be accepted."""
MOST_CONNECTIONS = 8192
"""Connections at once; each further request is answered 503."""
MOST_TRANSPORT_SESSIONS_EACH = 5000
"""Of the 10,000 that the SDK keeps for clients of the 2025 era, those that one principal may have open."""


def bind_http(*, base_url: str, hide_rewards: bool = False) -> Bind:
    """Requests by their address: a scoped endpoint names its session, any other request does it itself.

    Args:
        base_url: where the server listens; clients are told the address by which they reach it.
        hide_rewards: keep rewards and outcomes from every client.
    """

    def bind(ctx: Context) -> Binding:
        scope = ctx.request.scope if ctx.request is not None else {}
        state = scope.get("state", {})
        caller = caller_of(ctx, state.get("practicum_caller") or Caller())
        url = _reached_at(ctx.request) if ctx.request is not None else base_url
        session: Outline | None = state.get("practicum_session")
        if session is None:
            return Binding(caller, hide_rewards, url)
        return Scoped(caller, hide_rewards, url, session.id, session.env)

    return bind


def _reached_at(request: Request) -> str:
    """The server's address as this client knows it; a proxy on this machine says how it was asked."""
    return f"{request.scope['scheme']}://{request.headers['host']}"


class SharedTransportSessions(StreamableHTTPSessionManager):
    """The SDK's, where no principal takes every place from the others."""

    def _admit_session(self, requestor: AuthorizationContext | None) -> Any:
        subject = None if requestor is None else requestor["subject"]
        taken = sum(owner["subject"] == subject for owner in self._session_owners.values())
        return None if taken >= MOST_TRANSPORT_SESSIONS_EACH else super()._admit_session(requestor)


class McpEndpoint:
    """The ASGI application of one or many MCP endpoints, which share one session manager."""

    def __init__(self, manager: StreamableHTTPSessionManager) -> None:
        self._manager = manager

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        await self._manager.handle_request(scope, receive, send)


class ScopedEndpoint:
    """`/env/{env}/s/{session}/mcp`: lets in whoever holds the session's token.

    Where the server has tokens the session's principal must still have one: with the last of them its
    endpoints end.
    """

    def __init__(
        self,
        practice: Practice,
        endpoint: McpEndpoint,
        *,
        tokens: Tokens | None,
        refusals: Counter[str],
        under_way: UnderWay,
    ) -> None:
        self._practice = practice
        self._endpoint = endpoint
        self._refusals = refusals
        self._tokens = tokens
        self._under_way = under_way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request, or refuse it."""
        session = self._admitted(Request(scope))
        if session is None:
            self._refusals["session_token"] += 1
            error = "unknown session, wrong token, or the session has ended"
            await refuse(401, error, scope, receive, send)
            return
        principal, tokens = session.principal, self._tokens
        limits = None if tokens is None else tokens.limits_of(principal)
        caller = Caller(principal, limits=limits)
        known = {"practicum_session": session, "practicum_caller": caller}
        scope["state"] = {**scope.get("state", {}), **known}
        scope["user"] = user(session.id, principal)
        if tokens is None:
            await self._endpoint(scope, receive, send)
        else:
            app = self._under_way.limited(self._endpoint, principal, lambda: tokens.admits(principal))
            await app(scope, receive, send)

    def _admitted(self, request: Request) -> Outline | None:
        token = bearer(request.headers.get("authorization", ""))
        session = self._practice.sessions.by_token(hash_token(token)) if token else None
        path = request.path_params
        if session is None or session.id != path["session_id"] or session.env != path["env"]:
            return None
        if self._tokens is not None and not self._tokens.admits(session.principal):
            return None
        return None if _long_ended(session) else session


def _long_ended(session: Outline) -> bool:
    if session.ended_at is None:
        return False
    return session.reason != EPISODE_OVER or time.time() - session.ended_at > GRACE_S


def http_app(
    server: PracticumServer,
    *,
    json_response: bool = False,
    stateless: bool = False,
    access: Access | None = None,
) -> Starlette:
    """The Starlette application around a server.

    Args:
        server: what is served.
        json_response: plain JSON answers instead of event streams.
        stateless: no transport sessions for clients of the 2025 era, so that any replica answers any request.
        access: who may reach it; anybody on this machine where None.
    """
    access = access or Access()
    practice = server.practice
    kind = StreamableHTTPSessionManager if access.tokens is None else SharedTransportSessions
    manager = kind(
        app=server,
        json_response=json_response,
        stateless=stateless,
        security_settings=_GUARDED,
        max_request_body_size=access.max_body,
    )
    metrics, under_way = Metrics(server), UnderWay()
    endpoint, refusals = McpEndpoint(manager), metrics.refused_requests
    scoped = ScopedEndpoint(practice, endpoint, tokens=access.tokens, refusals=refusals, under_way=under_way)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        async with manager.run(), under_way.watching(access.tokens):
            yield

    guard = Middleware(Guard, access=access, refusals=refusals, under_way=under_way)
    watched = _watched(practice, metrics, guarded=access.tokens is not None)
    routes = [*watched, Route("/mcp", endpoint), Route(SCOPED, scoped)]
    return Starlette(routes=routes, middleware=[*_cross_origin(access), guard], lifespan=lifespan)


def _watched(practice: Practice, metrics: Metrics, *, guarded: bool) -> list[Route]:
    """What those ask who look after the server; where there are tokens, strangers hear that it is up."""

    async def health(_: Request) -> JSONResponse:
        more = {} if guarded else {"version": __version__, "live_sessions": len(practice.live)}
        return JSONResponse({"status": "ok", **more})

    async def exposed(_: Request) -> PlainTextResponse:
        return PlainTextResponse(metrics.text(), media_type=MEDIA_TYPE)

    return [Route("/health", health), Route("/metrics", exposed)]


_GUARDED = TransportSecuritySettings(enable_dns_rebinding_protection=False)
"""The guard has looked at host and origin before the transport sees a request."""


def _cross_origin(access: Access) -> list[Middleware]:
    """What lets a browser show an answer to a page of another host that may ask."""
    if not access.origins:
        return []
    exposed = ["Mcp-Session-Id", "WWW-Authenticate"]
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=access.origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=exposed,
        )
    ]


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listening_socket(host: str, port: int, *, guarded: bool = False) -> socket.socket:
    """A socket that takes connections from now on; they wait until somebody serves it.

    Args:
        host: name or address.
        port: 0 for any that is free.
        guarded: whether every request will need a token, so that other machines may reach it.

    Raises:
        UsageError: other machines would get in, the address is not on this machine, or the port is taken.
    """
    if not guarded and not is_loopback(host):
        raise UsageError(
            f"--host {host} would let other machines in: add --auth tokens.yaml "
            "(`practicum token NAME --auth tokens.yaml` makes it), or leave --host out for this machine only"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named asyncio sends each answer at once, and does not wait for the client's ACK.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise UsageError(
            f"port {port} on {host} cannot be used ({error.strerror}); choose another with --port"
        ) from None
    return sock


class _Wire(uvicorn.Server):
    """uvicorn's server; passes on that it is told to stop, and waits for no client without end."""

    def __init__(self, config: uvicorn.Config, at_end: Callable[[], None], patience: Patience) -> None:
        super().__init__(config)
        self._at_end = at_end
        self._unfinished = Unfinished(patience)

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second."""
        if counter % 10 == 0:
            self._unfinished.end_overdue(self.server_state.connections)
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Come to an end, by a signal."""
        if not self.should_exit:
            self._at_end()
        super().handle_exit(sig, frame)


async def serve_http(
    app: Starlette,
    sock: socket.socket,
    at_end: Callable[[], None] = lambda: None,
    *,
    patience: Patience | None = None,
) -> None:
    """Serve on a bound socket until the process is told to stop.

    Args:
        app: what to serve.
        sock: as `listening_socket` makes it.
        at_end: called as soon as the process is told to stop.
        patience: how long a client may take to send a request.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        http=http_protocol(),
        ws="none",
        timeout_graceful_shutdown=5,
        limit_concurrency=MOST_CONNECTIONS,
        h11_max_incomplete_event_size=HEADER_BYTES,
    )
    await _Wire(config, at_end, patience or Patience()).serve(sockets=[sock])
