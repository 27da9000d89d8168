"""Serving over HTTP: `/mcp` for everybody on this machine, `/env/…/mcp` for one session each, `/health`."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from practicum import __version__
from practicum.envs import UsageError
from practicum.mcp_server.bindings import Binding, Scoped
from practicum.mcp_server.calls import Caller
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.server import Bind, Context, PracticumServer, caller_of
from practicum.memory import EPISODE_OVER, Session, hash_token

LOOPBACK = ("127.0.0.1", "localhost", "::1")
GRACE_S = 60.0
"""How long a scoped endpoint answers after its session has ended, so that a lost result can be fetched."""
BACKLOG = 2048
"""Connections that may wait to be accepted."""


def bind_http(*, base_url: str, hide_rewards: bool = False) -> Bind:
    """Requests by their address: a scoped endpoint names its session, any other request does it itself."""

    def bind(ctx: Context) -> Binding:
        state = ctx.request.scope.get("state", {}) if ctx.request is not None else {}
        session: Session | None = state.get("practicum_session")
        if session is None:
            return Binding(caller_of(ctx, Caller()), hide_rewards, base_url)
        caller = caller_of(ctx, Caller(session.principal))
        return Scoped(caller, hide_rewards, base_url, session.id, session.task.env)

    return bind


class McpEndpoint:
    """The ASGI application of one or many MCP endpoints, which share one session manager."""

    def __init__(self, manager: StreamableHTTPSessionManager) -> None:
        self._manager = manager

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        await self._manager.handle_request(scope, receive, send)


class ScopedEndpoint:
    """`/env/{env}/s/{session}/mcp`: lets in whoever holds the session's token."""

    def __init__(self, practice: Practice, endpoint: McpEndpoint) -> None:
        self._practice = practice
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request, or refuse it."""
        session = self._admitted(Request(scope))
        if session is None:
            body = {"error": "unknown session, wrong token, or the session has ended"}
            response = JSONResponse(body, status_code=401, headers={"WWW-Authenticate": "Bearer"})
            await response(scope, receive, send)
            return
        scope["state"] = {**scope.get("state", {}), "practicum_session": session}
        await self._endpoint(scope, receive, send)

    def _admitted(self, request: Request) -> Session | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return None
        session = self._practice.sessions.by_token(hash_token(token.strip()))
        path = request.path_params
        if session is None or session.id != path["session_id"] or session.task.env != path["env"]:
            return None
        return None if _long_ended(session) else session


def _long_ended(session: Session) -> bool:
    if session.ended_at is None:
        return False
    return session.reason != EPISODE_OVER or time.time() - session.ended_at > GRACE_S


def http_app(server: PracticumServer, *, json_response: bool = False, stateless: bool = False) -> Starlette:
    """The Starlette application around a server.

    Args:
        server: what is served.
        json_response: plain JSON answers instead of event streams.
        stateless: no transport sessions for clients of the 2025 era, so that any replica answers any request.
    """
    manager = StreamableHTTPSessionManager(
        app=server, json_response=json_response, stateless=stateless, security_settings=_loopback_only()
    )
    endpoint = McpEndpoint(manager)
    scoped = ScopedEndpoint(server.practice, endpoint)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        async with manager.run():
            yield

    async def health(_: Request) -> JSONResponse:
        return JSONResponse(
            {"status": "ok", "version": __version__, "live_sessions": len(server.practice.live)}
        )

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/mcp", endpoint),
            Route("/env/{env}/s/{session_id}/mcp", scoped),
        ],
        lifespan=lifespan,
    )


def _loopback_only() -> TransportSecuritySettings:
    """Refuses requests whose Host or Origin is not this machine: a web page elsewhere may have sent them."""
    hosts = [f"{host}{port}" for host in ("127.0.0.1", "localhost", "[::1]") for port in ("", ":*")]
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=hosts,
        allowed_origins=[f"http://{host}" for host in hosts],
    )


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that takes connections from now on; they wait until somebody serves it.

    Raises:
        UsageError: the address is not on this machine, or the port is taken.
    """
    if host not in LOOPBACK:
        raise UsageError(
            f"--host {host} would let other machines in; Practicum serves this machine only: use 127.0.0.1"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
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


async def serve_http(app: Starlette, sock: socket.socket) -> None:
    """Serve on a bound socket until the process is told to stop."""
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=5
    )
    await uvicorn.Server(config).serve(sockets=[sock])
