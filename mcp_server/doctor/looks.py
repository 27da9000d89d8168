"""Everything that `practicum doctor` looks at, in its order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from practicum.mcp_server.doctor.configured import clients
from practicum.mcp_server.doctor.finding import Finding
from practicum.mcp_server.doctor.handshakes import command, handshakes
from practicum.mcp_server.doctor.models import hub_token, model_server
from practicum.mcp_server.doctor.place import environments, log, optional, packages, port
from practicum.mcp_server.install import Machine


@dataclass(frozen=True)
class Asked:
    """What to look at.

    Args:
        machine: where clients, variables and our command are.
        log: the log's file.
        model_url: a model server that must answer; without it, the one that `OPENAI_BASE_URL` names may.
    """

    machine: Machine
    log: Path
    model_url: str | None = None


def findings(asked: Asked) -> Iterator[Finding]:
    """Look, one thing after the other; what is slow comes where one sees it coming."""
    yield packages()
    yield command(asked.machine)
    yield log(asked.log)
    yield from environments()
    yield port()
    yield from handshakes(asked.machine)
    yield from clients(asked.machine)
    yield from optional(asked.machine)
    yield model_server(asked.machine, asked.model_url)
    yield hub_token(asked.machine)
