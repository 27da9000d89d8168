"""Guard: what a request over HTTP must be, by host, origin, token and size, before anything else reads it."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.transport_security import DEFAULT_MAX_REQUEST_BODY_SIZE
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from practicum.mcp_server.auth import Tokens, bearer
from practicum.mcp_server.calls import Caller

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
OPEN_PATH = "/health"
"""What answers without a token."""
SCOPED_PATH = "/env/"
"""What asks for a token of its own."""
MOST_EACH = 6144
"""Requests of one principal that are answered at once, streams included: a quarter of all connections is
left to the others."""
WATCH_S = 1.0
"""How soon a request that is being answered ends after its token has."""


@dataclass(frozen=True)
class Access:
    """Who may reach a server over HTTP, by which name, with how much."""

    tokens: Tokens | None = None
    """Whose bearers may; None for everybody who reaches the port."""
    hosts: tuple[str, ...] = ()
    """Names, with a port or for any, by which the server is reached besides those of this machine."""
    origins: tuple[str, ...] = ()
    """Origins of other hosts' pages that may ask, such as `https://example.com`."""
    by_address: bool = False
    """Whether any address in numbers may stand as the host; a page cannot make a name look like one."""
    max_body: int = DEFAULT_MAX_REQUEST_BODY_SIZE
    """Bytes of one request."""

    def admits_host(self, host: str) -> bool:
        """Whether the server is reached by this `Host`."""
        name = host_name(host)
        if name in LOOPBACK or name in self.hosts or host in self.hosts:
            return True
        return self.by_address and _is_address(name)

    def admits_origin(self, origin: str, host: str) -> bool:
        """Whether a page of this `Origin` may ask: one of the server's own hosts, or of those named."""
        scheme, _, place = origin.partition("://")
        name = host_name(place)
        own = name in LOOPBACK or name in self.hosts or place in (host, *self.hosts)
        return origin in self.origins or (scheme in ("http", "https") and bool(name) and own)


def host_name(host: str) -> str:
    """A `Host` without its port; empty where it is none."""
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        return host
    return name if port.isdecimal() and (":" not in name or name.endswith("]")) else ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


class Guard:
    """ASGI middleware around a whole server.

    Args:
        app: what it guards.
        access: whom and what it lets through.
        refusals: counts refused requests, by reason.
        under_way: where requests stand while they are being answered.
    """

    def __init__(self, app: ASGIApp, *, access: Access, refusals: Counter[str], under_way: UnderWay) -> None:
        self._app = app
        self._access = access
        self._refusals = refusals
        self._under_way = under_way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it in one line."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = _headers(scope)
        refusal = self._stranger(headers) or self._too_large(headers)
        if refusal is not None:
            await self._refuse(*refusal, scope, receive, send)
        elif self._access.tokens is None or scope["path"] == OPEN_PATH:
            await self._app(scope, receive, send)
        else:
            await self._with_token(self._access.tokens, headers, scope, receive, send)

    def _stranger(self, headers: dict[str, str]) -> tuple[int, str, str] | None:
        """Why a request may have been made by a page elsewhere, whose name leads to this machine."""
        host, origin = headers.get("host", "").lower(), headers.get("origin")
        if not self._access.admits_host(host):
            return 421, "host", f"this server is not reached as {host!r}; --allow-host names further hosts"
        if origin is not None and not self._access.admits_origin(origin.lower(), host):
            return 403, "origin", f"pages of {origin!r} may not ask; --allow-origin names those that may"
        return None

    def _too_large(self, headers: dict[str, str]) -> tuple[int, str, str] | None:
        """Why a request is refused by its stated length; the transport counts one that states none."""
        length, most = headers.get("content-length", "0"), self._access.max_body
        if not length.isdecimal() or (len(length) < _DIGITS and int(length) <= most):
            return None
        return 413, "body", f"the request has {length} bytes and may have {most}; --max-body sets that"

    async def _with_token(
        self, tokens: Tokens, headers: dict[str, str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        tokens.refresh()
        if scope["path"].startswith(SCOPED_PATH):
            await self._app(scope, receive, send)
            return
        token = bearer(headers.get("authorization", ""))
        known = tokens.known(token) if token else None
        if known is None:
            reason, error = _UNKNOWN if token else _MISSING
            await self._refuse(401, reason, error, scope, receive, send)
            return
        caller = Caller(known.principal, alone=True, limits=known.limits)
        scope["state"] = {**scope.get("state", {}), "practicum_caller": caller}
        scope["user"] = user(known.principal, known.principal)
        app = self._under_way.limited(self._app, known.principal, lambda: tokens.still(known))
        await app(scope, receive, send)

    async def _refuse(
        self, status: int, reason: str, error: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._refusals[reason] += 1
        await refuse(status, error, scope, receive, send)


_MISSING = ("token_missing", "this server needs a token: Authorization: Bearer TOKEN")
_UNKNOWN = ("token_unknown", "the token is unknown, has expired or has been removed")


async def refuse(status: int, error: str, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request with an error of one line."""
    headers = {"WWW-Authenticate": 'Bearer realm="practicum"'} if status == 401 else None  # HTTP's
    await JSONResponse({"error": error}, status_code=status, headers=headers)(scope, receive, send)


def user(credential: str, principal: str) -> AuthenticatedUser:
    """Who makes a request, as the SDK compares it with who made the transport session."""
    return AuthenticatedUser(AccessToken(token="", client_id=credential, scopes=[], subject=principal))


def _headers(scope: Scope) -> dict[str, str]:
    """Those that the guard reads; of a header that stands twice nothing is left, so that it is refused."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        if name in _READ:
            key = name.decode()
            found[key] = "" if key in found else value.decode("latin-1")
    return found


_DIGITS = 20
"""Of a length that no integer of 64 bits has."""
_READ = frozenset({b"host", b"origin", b"authorization", b"content-length"})


class UnderWay:
    """Requests that are being answered, each ended when what let it in is no longer good."""

    def __init__(self) -> None:
        self._requests: dict[anyio.CancelScope, Callable[[], bool]] = {}
        self._counts: Counter[str] = Counter()

    def limited(self, app: ASGIApp, principal: str, good: Callable[[], bool]) -> ASGIApp:
        """The app for one request of a principal, answered as long as `good` says so."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if self._counts[principal] >= MOST_EACH:
                error = f"{MOST_EACH} of your requests are being answered; wait for one of them to end"
                await refuse(503, error, scope, receive, send)
                return
            self._counts[principal] += 1
            try:
                await self._serve(app, good, scope, receive, send)
            finally:
                self._counts[principal] -= 1

        return answer

    async def _serve(
        self, app: ASGIApp, good: Callable[[], bool], scope: Scope, receive: Receive, send: Send
    ) -> None:
        answer = _Answer(send)
        with anyio.CancelScope() as cut:
            self._requests[cut] = good
            try:
                await app(scope, receive, answer)
            finally:
                del self._requests[cut]
        if cut.cancelled_caught:
            await answer.end(scope, receive)

    @asynccontextmanager
    async def watching(self, tokens: Tokens | None) -> AsyncIterator[None]:
        """Meanwhile end requests whose token has been removed or has expired."""
        async with anyio.create_task_group() as tasks:
            if tokens is not None:
                tasks.start_soon(self._watch, tokens)
            yield
            tasks.cancel_scope.cancel()

    async def _watch(self, tokens: Tokens) -> None:
        while True:
            await anyio.sleep(WATCH_S)
            tokens.refresh()
            for cut, good in list(self._requests.items()):
                if not good():
                    cut.cancel()


class _Answer:
    """An answer as it is sent, so that one that was cut off can be ended in good form."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._begun = self._is_stream = self._ended = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begun = True
            self._is_stream = all(name != b"content-length" for name, _ in message["headers"])
        self._ended = message["type"] == "http.response.body" and not message.get("more_body", False)
        await self._send(message)

    async def end(self, scope: Scope, receive: Receive) -> None:
        """Say what there is still to say."""
        if not self._begun:
            await refuse(401, _UNKNOWN[1], scope, receive, self._send)
        elif self._is_stream and not self._ended:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
