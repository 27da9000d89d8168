"""`practicum serve`: one process, over stdio or HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from practicum.envs.errors import UsageError
from practicum.envs.tasks import LARGEST_INTEGER
from practicum.envs.watch import END_AFTER_S
from practicum.mcp_server.cli.models import hired, takes_customer
from practicum.mcp_server.cli.options import Db, Settings, is_typed
from practicum.mcp_server.cli.serving import Reach, Serving, Uses, run
from practicum.training.llm import ModelShelf

ONLY_HTTP = ("host", "port", "json_response", "stateless")
REACH, SAFETY, LIMITS = "Connection", "Who may use it, with --http", "Limits"

Envs = Annotated[
    list[str] | None, typer.Option("--env", help="Environment to serve; repeats. flight by default.")
]
Tasks = Annotated[Path | None, typer.Option("--task", help="JSONL file of tasks to serve.")]
Hide = Annotated[bool, typer.Option("--hide-rewards", help="Keep rewards and outcomes to the log.")]
Durable = Annotated[bool, typer.Option("--durable", help="A step survives a power cut, not only a crash.")]
Learn = Annotated[
    bool,
    typer.Option(
        "--learn/--no-learn", help="Make skills of what is played, in a child process of the lowest priority."
    ),
]
Bound = Annotated[bool, typer.Option("--bound", help="One episode at a time, without handles (stdio).")]
Seed = Annotated[
    int | None, typer.Option(min=0, max=LARGEST_INTEGER, help="Seed of the first task, with --bound.")
]

Http = Annotated[
    bool, typer.Option("--http", help="Serve over HTTP instead of stdio.", rich_help_panel=REACH)
]
Host = Annotated[str, typer.Option(help="Address to listen on, with --http.", rich_help_panel=REACH)]
Port = Annotated[
    int,
    typer.Option(
        min=0,
        max=65535,
        help="Port to listen on, with --http; 0 picks a free one.",
        rich_help_panel=REACH,
    ),
]
JsonResponse = Annotated[
    bool,
    typer.Option("--json-response", help="Plain JSON answers, no event streams.", rich_help_panel=REACH),
]
Stateless = Annotated[
    bool,
    typer.Option(
        "--stateless",
        help="No transport sessions: any replica answers any request.",
        rich_help_panel=REACH,
    ),
]

Auth = Annotated[
    Path | None,
    typer.Option(
        "--auth", help="File of tokens (`practicum token`): each request needs one.", rich_help_panel=SAFETY
    ),
]
AllowHost = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-host",
        metavar="HOST",
        help="A name by which clients reach the server; repeats.",
        rich_help_panel=SAFETY,
    ),
]
AllowOrigin = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-origin",
        metavar="ORIGIN",
        help="Pages of another host that may ask, such as https://example.com; repeats.",
        rich_help_panel=SAFETY,
    ),
]
MaxBody = Annotated[
    int | None,
    typer.Option("--max-body", min=1024, help="Bytes of one request; 4 MiB.", rich_help_panel=SAFETY),
]

MaxOpen = Annotated[
    int | None,
    typer.Option("--max-open", min=1, help="Open sessions of one principal.", rich_help_panel=LIMITS),
]
MaxSteps = Annotated[
    int | None, typer.Option("--max-steps", min=1, help="Turns of one session.", rich_help_panel=LIMITS)
]
MaxRate = Annotated[
    int | None,
    typer.Option(
        "--max-steps-per-minute", min=1, help="Calls of one principal to worlds.", rich_help_panel=LIMITS
    ),
]
MaxBytes = Annotated[
    int | None,
    typer.Option(
        "--max-bytes-per-minute",
        min=1,
        help="Characters of those calls and their answers.",
        rich_help_panel=LIMITS,
    ),
]
Idle = Annotated[
    float,
    typer.Option(
        "--idle-minutes",
        min=0.1,
        help="A session that nobody plays for so long leaves memory, not the log.",
        rich_help_panel=LIMITS,
    ),
]
HoldLimit = Annotated[
    float,
    typer.Option(
        "--hold-limit",
        min=0.1,
        help="Seconds that a call of a world may keep the server from all others, or from its end.",
        rich_help_panel=LIMITS,
    ),
]


@takes_customer
def serve(
    ctx: typer.Context,
    customer: ModelShelf | None,
    env: Envs = None,
    task: Tasks = None,
    settings: Settings = None,
    bound: Bound = False,
    seed: Seed = None,
    hide_rewards: Hide = False,
    durable: Durable = False,
    learn: Learn = True,
    db: Db = None,
    http: Http = False,
    host: Host = "127.0.0.1",
    port: Port = 8848,
    json_response: JsonResponse = False,
    stateless: Stateless = False,
    auth: Auth = None,
    allow_host: AllowHost = None,
    allow_origin: AllowOrigin = None,
    max_body: MaxBody = None,
    max_open: MaxOpen = None,
    max_steps: MaxSteps = None,
    max_steps_per_minute: MaxRate = None,
    max_bytes_per_minute: MaxBytes = None,
    idle_minutes: Idle = 30.0,
    hold_limit: HoldLimit = END_AFTER_S,
) -> None:
    """Serve environments to MCP clients."""
    if not http:
        check_stdio(ctx)
    origins = tuple(allow_origin or ())
    reach = Reach(host, port, json_response, stateless, auth, tuple(allow_host or ()), origins, max_body)
    uses = Uses(max_open, max_steps, max_steps_per_minute, max_bytes_per_minute, idle_minutes, hold_limit)
    names = tuple(env or ["flight"])
    sets = tuple(hired(customer, settings))
    run(
        Serving(names, task, sets, bound, seed, hide_rewards, durable, learn, db, uses, reach),
        http=http,
    )


def check_stdio(ctx: typer.Context) -> None:
    """Refuse what is typed for HTTP alone; in a settings file it may stand beside a server over stdio.

    Raises:
        UsageError: an option would be left unheeded.
    """
    for name in ONLY_HTTP:
        if is_typed(ctx, name):
            raise UsageError(f"--{name.replace('_', '-')} goes with --http; add that, or leave it out")
