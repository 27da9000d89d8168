"""`practicum doctor`: says what works here, and what to do about what does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from practicum.mcp_server.cli.options import AsJson, Db, print_json, stdout_kept_clean

if TYPE_CHECKING:
    from practicum.mcp_server.doctor import Finding

MARKS = {"ok": "ok ", "note": " - ", "bad": "BAD"}


def doctor(
    model_url: Annotated[
        str | None,
        typer.Option(
            "--model-url",
            help="A model server that must answer; $OPENAI_BASE_URL by default, or $ANTHROPIC_BASE_URL.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="A chat model, MODEL or anthropic:MODEL, that must answer and should call tools."),
    ] = None,
    api_key_env: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Environment variable that holds the server's key; $OPENAI_API_KEY by default, "
            "$ANTHROPIC_API_KEY for anthropic:MODEL.",
        ),
    ] = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Check this installation: command, log, environments, handshakes, clients and optional pieces."""
    from practicum.mcp_server.doctor import Asked, findings
    from practicum.mcp_server.install import Machine
    from practicum.memory import default_path

    asked = Asked(Machine.here(), db or default_path(), model_url, model, api_key_env)
    found: list[Finding] = []
    for finding in _quietly(findings(asked)):
        found.append(finding)
        if not as_json:
            typer.echo(_line(finding))
    if as_json:
        print_json([finding.body() for finding in found])
    if not all(finding.ok for finding in found):
        raise typer.Exit(1)


def _quietly(findings: Iterator[Finding]) -> Iterator[Finding]:
    """Findings one by one; what an environment's module prints when it is looked at goes to stderr."""
    while True:
        with stdout_kept_clean():
            finding = next(findings, None)
        if finding is None:
            return
        yield finding


def _line(finding: Finding) -> str:
    took = "" if finding.seconds is None else f" ({finding.seconds:.2f} s)"
    return f"{MARKS[finding.state]} {finding.what}: {finding.says}{took}"
