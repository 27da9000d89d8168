"""Everything that `practicum doctor` looks at, in its order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from practicum.mcp_server.doctor.configured import clients
from practicum.mcp_server.doctor.finding import Finding
from practicum.mcp_server.doctor.handshakes import command, handshakes
from practicum.mcp_server.doctor.models import chat_model, hub_token, model_server
from practicum.mcp_server.doctor.place import environments, log, optional, packages, port
from practicum.mcp_server.install import Machine
from practicum.training.llm import ModelSettings
from practicum.training.llm.settings import OPENAI


@dataclass(frozen=True)
class Asked:
    """What to look at.

    Args:
        machine: where clients, variables and our command are.
        log: the log's file.
        model_url: a model server that must answer; without it, the one that `OPENAI_BASE_URL` names may.
        model: a chat model of that server that must answer.
        key_variable: name of the variable that holds the server's key; that of the model's API where None.
    """

    machine: Machine
    log: Path
    model_url: str | None = None
    model: str | None = None
    key_variable: str | None = None


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
    yield from _models(asked)
    yield hub_token(asked.machine)


def _models(asked: Asked) -> Iterator[Finding]:
    """The server that has OpenAI's list of models, unless what is asked for is another API's; the model."""
    settings = ModelSettings(asked.model or "", asked.model_url, asked.key_variable)
    if settings.api is OPENAI:
        yield model_server(asked.machine, asked.model_url, key_variable=settings.key_variable)
    if asked.model is not None:
        yield chat_model(asked.machine, settings)
