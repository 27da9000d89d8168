"""Serving: what `practicum serve` was asked to do, checked and done."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from practicum.envs.errors import UsageError
from practicum.envs.paths import at_home
from practicum.envs.watch import WATCH
from practicum.mcp_server.cli.options import open_store, read_settings, stdout_kept_clean

if TYPE_CHECKING:
    from practicum.mcp_server.guard import Access
    from practicum.mcp_server.limits import Limits
    from practicum.mcp_server.served import Served
    from practicum.mcp_server.server import Bind, PracticumServer
    from practicum.memory import Store

FOR_PEOPLE = (
    "practicum: this waits for an MCP client on stdin; `practicum play` is for people, `practicum install` "
    "connects a client, Ctrl-C ends it"
)
ORIGIN = re.compile(r"https?://[^/\s*]+")
HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s/*:\[\]]+)(:\d+)?")


@dataclass(frozen=True)
class Reach:
    """Over HTTP: where, in which form, and for whom."""

    host: str
    port: int
    json_response: bool
    stateless: bool
    auth: Path | None
    allow_hosts: tuple[str, ...]
    allow_origins: tuple[str, ...]
    max_body: int | None


@dataclass(frozen=True)
class Uses:
    """How much may be used; None where nothing was said."""

    max_open: int | None
    max_steps: int | None
    max_steps_per_minute: int | None
    max_bytes_per_minute: int | None
    idle_minutes: float
    hold_limit: float

    def over(self, limits: Limits) -> Limits:
        """The limits, with what was said here in their place."""
        said: dict[str, Any] = {
            "open_sessions": self.max_open,
            "steps_per_minute": self.max_steps_per_minute,
            "bytes_per_minute": self.max_bytes_per_minute,
            "steps_per_session": self.max_steps,
            "idle_s": self.idle_minutes * 60,
        }
        return replace(limits, **{name: value for name, value in said.items() if value is not None})


@dataclass(frozen=True)
class Serving:
    """What is served, and how."""

    names: tuple[str, ...]
    task: Path | None
    settings: tuple[str, ...]
    bound: bool
    seed: int | None
    hide_rewards: bool
    durable: bool
    learn: bool
    db: Path | None
    uses: Uses
    reach: Reach


def run(serving: Serving, *, http: bool) -> None:
    """Serve until the client leaves or the process is told to stop.

    Raises:
        UsageError: what was asked for makes no sense, or cannot be had.
    """
    from practicum.mcp_server.collecting import collect_less_often, collection_paused

    _check_bound(serving, http=http)
    if not http:
        _check_stdio(serving.reach)
    with ExitStack() as open_until_the_end:
        with collection_paused():
            serve = _prepared(serving, open_until_the_end, http=http)
        collect_less_often()
        WATCH.start(end_after_s=serving.uses.hold_limit)
        serve()


def _prepared(serving: Serving, open_until_the_end: ExitStack, *, http: bool) -> Callable[[], None]:
    from practicum.mcp_server.served import serve_environments

    access = _access(serving) if http else None
    with stdout_kept_clean():  # an environment's module may print when it is imported
        settings = read_settings(serving.settings)
        served = serve_environments(serving.names, settings=settings, task_file=serving.task)
    store = open_until_the_end.enter_context(open_store(serving.db, durable=serving.durable))
    if access is not None:
        return _over_http(serving, store, served, access)
    return _over_stdio(serving, store, served)


def _check_bound(serving: Serving, *, http: bool) -> None:
    if serving.bound and (http or len(serving.names) != 1):
        raise UsageError("--bound serves one environment over stdio: give one --env and leave --http out")
    if serving.seed is not None and not serving.bound:
        raise UsageError("--seed goes with --bound; elsewhere open_session takes the seed")


def _check_stdio(reach: Reach) -> None:
    """Whoever asks for tokens must not be served without them."""
    said = {
        "--auth": reach.auth,
        "--allow-host": reach.allow_hosts,
        "--allow-origin": reach.allow_origins,
        "--max-body": reach.max_body,
    }
    for option, value in said.items():
        if value:
            raise UsageError(f"{option} goes with --http; over stdio the client is whoever starts the server")


def _access(serving: Serving) -> Access:
    from practicum.mcp_server.auth import Tokens
    from practicum.mcp_server.guard import Access
    from practicum.mcp_server.http import is_loopback
    from practicum.mcp_server.limits import FOR_TOKENS

    reach = serving.reach
    for host in reach.allow_hosts:
        if not HOST.fullmatch(host):
            raise UsageError(
                f"--allow-host {host!r}: expected a name, such as example.com or example.com:8443"
            )
    for origin in reach.allow_origins:
        if not ORIGIN.fullmatch(origin):
            raise UsageError(
                f"--allow-origin {origin!r}: expected scheme and host, such as https://example.com"
            )
    limits = serving.uses.over(FOR_TOKENS)
    tokens = Tokens(at_home(reach.auth), limits=limits) if reach.auth is not None else None
    most: dict[str, Any] = {} if reach.max_body is None else {"max_body": reach.max_body}
    return Access(
        tokens,
        tuple(host.lower() for host in (_shown(reach.host), *reach.allow_hosts)),
        tuple(origin.lower() for origin in reach.allow_origins),
        by_address=not is_loopback(reach.host),
        **most,
    )


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _server(serving: Serving, store: Store, served: Mapping[str, Served], bind: Bind) -> PracticumServer:
    from practicum.mcp_server.learning import Learning
    from practicum.mcp_server.limits import UNLIMITED
    from practicum.mcp_server.practice import Practice
    from practicum.mcp_server.server import PracticumServer

    practice = Practice(store, served, limits=serving.uses.over(UNLIMITED))
    learning = Learning(store, served) if serving.learn else None
    server = PracticumServer(practice, bind, learning=learning)
    _warn_of_many(server)
    return server


def _over_stdio(serving: Serving, store: Store, served: Mapping[str, Served]) -> Callable[[], None]:
    import anyio

    from practicum.mcp_server.bindings import Bound
    from practicum.mcp_server.calls import Caller
    from practicum.mcp_server.server import bind_fixed, bind_handle
    from practicum.mcp_server.stdio import serve_stdio
    from practicum.mcp_server.stopping import end_within

    hide = serving.hide_rewards
    if serving.bound:
        bind = bind_fixed(Bound(Caller(alone=True), hide, env=next(iter(served)), seed=serving.seed))
    else:
        bind = bind_handle(alone=True, hide_rewards=hide)
    server = _server(serving, store, served, bind)
    if sys.stdin is not None and sys.stdin.isatty():
        typer.echo(FOR_PEOPLE, err=True)
    at_end = partial(end_within, serving.uses.hold_limit, server.practice.live.playing)
    return partial(anyio.run, serve_stdio, server, at_end)


def _over_http(
    serving: Serving, store: Store, served: Mapping[str, Served], access: Access
) -> Callable[[], None]:
    import anyio

    from practicum.mcp_server.http import bind_http, http_app, listening_socket, serve_http
    from practicum.mcp_server.stopping import end_within

    reach = serving.reach
    sock = listening_socket(reach.host, reach.port, guarded=access.tokens is not None)
    base_url = f"http://{_shown(reach.host)}:{sock.getsockname()[1]}"
    bind = bind_http(base_url=base_url, hide_rewards=serving.hide_rewards)
    server = _server(serving, store, served, bind)
    typer.echo(f"Practicum serves {', '.join(served)} at {base_url}/mcp; the log is {store.path}", err=True)
    if access.by_address:
        typer.echo(
            "practicum: other machines reach this and nothing is encrypted: TLS is a reverse proxy's job, "
            "without one whoever is on the way reads the tokens",
            err=True,
        )
    app = http_app(server, json_response=reach.json_response, stateless=reach.stateless, access=access)
    at_end = partial(end_within, serving.uses.hold_limit, server.practice.live.playing)
    return partial(anyio.run, serve_http, app, sock, at_end)


def _warn_of_many(server: PracticumServer) -> None:
    from practicum.mcp_server.tools import MANY

    count = len(server.catalogue.listed())
    if count > MANY:
        typer.echo(
            f"practicum: {count} tools are listed and some clients cut lists above {MANY}: serve fewer "
            "environments in one process, or open sessions with scoped=true, whose endpoints list one "
            "environment each",
            err=True,
        )
