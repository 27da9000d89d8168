"""`practicum serve`: one process, over stdio or HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from practicum.envs.errors import UsageError
from practicum.envs.tasks import LARGEST_INTEGER
from practicum.mcp_server.cli.options import Db, Settings, open_store, read_settings, stdout_kept_clean

if TYPE_CHECKING:
    from practicum.mcp_server.served import Served
    from practicum.mcp_server.server import PracticumServer
    from practicum.memory import Store


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(serve)


def serve(
    env: Annotated[
        list[str] | None, typer.Option("--env", help="Environment to serve; repeats. flight by default.")
    ] = None,
    http: Annotated[bool, typer.Option("--http", help="Serve over HTTP instead of stdio.")] = False,
    host: Annotated[str, typer.Option(help="Address to listen on, with --http.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on, with --http; 0 picks a free one.")
    ] = 8848,
    bound: Annotated[
        bool, typer.Option("--bound", help="One episode at a time, without handles (stdio).")
    ] = False,
    seed: Annotated[
        int | None, typer.Option(min=0, max=LARGEST_INTEGER, help="Seed of the first task, with --bound.")
    ] = None,
    task: Annotated[Path | None, typer.Option("--task", help="JSONL file of tasks to serve.")] = None,
    settings: Settings = None,
    hide_rewards: Annotated[
        bool, typer.Option("--hide-rewards", help="Keep rewards and outcomes to the log.")
    ] = False,
    json_response: Annotated[
        bool, typer.Option("--json-response", help="Plain JSON answers, no event streams.")
    ] = False,
    stateless: Annotated[
        bool, typer.Option("--stateless", help="No transport sessions: any replica answers any request.")
    ] = False,
    durable: Annotated[
        bool, typer.Option("--durable", help="A step survives a power cut, not only a crash.")
    ] = False,
    db: Db = None,
) -> None:
    """Serve environments to MCP clients."""
    from practicum.mcp_server.served import serve_environments

    names = env or ["flight"]
    _check_bound(names, bound=bound, http=http, seed=seed)
    with stdout_kept_clean():  # an environment's module may print when it is imported
        served = serve_environments(names, settings=read_settings(settings), task_file=task)
    with open_store(db, durable=durable) as store:
        if http:
            options = {"json_response": json_response, "stateless": stateless}
            _over_http(store, served, host, port, hide_rewards=hide_rewards, **options)
        else:
            _over_stdio(store, served, bound=bound, seed=seed, hide_rewards=hide_rewards)


def _check_bound(names: list[str], *, bound: bool, http: bool, seed: int | None) -> None:
    if bound and (http or len(names) != 1):
        raise UsageError("--bound serves one environment over stdio: give one --env and leave --http out")
    if seed is not None and not bound:
        raise UsageError("--seed goes with --bound; elsewhere open_session takes the seed")


def _over_stdio(
    store: Store, served: Mapping[str, Served], *, bound: bool, seed: int | None, hide_rewards: bool
) -> None:
    import anyio

    from practicum.mcp_server.bindings import Bound
    from practicum.mcp_server.calls import Caller
    from practicum.mcp_server.practice import Practice
    from practicum.mcp_server.server import PracticumServer, bind_fixed, bind_handle
    from practicum.mcp_server.stdio import serve_stdio

    if bound:
        bind = bind_fixed(Bound(Caller(alone=True), hide_rewards, env=next(iter(served)), seed=seed))
    else:
        bind = bind_handle(alone=True, hide_rewards=hide_rewards)
    server = PracticumServer(Practice(store, served), bind)
    _warn_of_many(server)
    anyio.run(serve_stdio, server)


def _over_http(
    store: Store,
    served: Mapping[str, Served],
    host: str,
    port: int,
    *,
    hide_rewards: bool,
    **options: bool,
) -> None:
    import anyio

    from practicum.mcp_server.http import bind_http, http_app, listening_socket, serve_http
    from practicum.mcp_server.practice import Practice
    from practicum.mcp_server.server import PracticumServer

    sock = listening_socket(host, port)
    shown = f"[{host}]" if ":" in host else host
    base_url = f"http://{shown}:{sock.getsockname()[1]}"
    server = PracticumServer(Practice(store, served), bind_http(base_url=base_url, hide_rewards=hide_rewards))
    _warn_of_many(server)
    typer.echo(f"Practicum serves {', '.join(served)} at {base_url}/mcp; the log is {store.path}", err=True)
    anyio.run(serve_http, http_app(server, **options), sock)


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
