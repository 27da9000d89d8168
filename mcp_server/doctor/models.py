"""What agents, training and judging reach for: a model server, a chat model, a token for the model hub."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from practicum.envs.errors import UsageError
from practicum.mcp_server.doctor.finding import Finding, judged
from practicum.mcp_server.install import Machine
from practicum.training.llm import ModelFailed, ModelSettings, Reply, function_tool, open_model
from practicum.training.llm.settings import key_in

PROBE_S = 3.0
ANSWER_S = 60.0
"""Within which a chat model says its first words; one that is loaded at the first question takes long."""
ANSWER_TOKENS = 1000
TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
SHOWN = 3
"""So many models are named."""


PING = function_tool(
    "ping",
    "Say that you are there.",
    {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
)
CALL_PING = "Call the tool `ping` with the word `ready`."
NO_CALL = (
    "it calls no tool, and that is how agents play: see that the model can, and that its server is told to "
    "(vLLM: --enable-auto-tool-choice and --tool-call-parser; llama.cpp: --jinja)"
)


def model_server(machine: Machine, url: str | None, *, key_variable: str = "OPENAI_API_KEY") -> Finding:
    """An OpenAI-compatible server: whether it answers and what it has. One that was asked for must answer."""
    named = url or machine.variables.get("OPENAI_BASE_URL")
    if not named:
        return judged("model server", "", note="none is named; --model-url or OPENAI_BASE_URL would")
    began = time.perf_counter()
    try:
        models = _models(named.rstrip("/"), key_in(machine.variables, key_variable))
    except UsageError as error:
        return Finding("model server", "bad", str(error))
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = f"{_without_secrets(named)} does not answer: {error or type(error).__name__}"
        return Finding("model server", "bad" if url else "note", f"{reason}; start it, or name another")
    shown = ", ".join(models[:SHOWN]) + (", …" if len(models) > SHOWN else "")
    says = f"{_without_secrets(named)}, {len(models)} models: {shown or 'none'}"
    return judged("model server", says, seconds=time.perf_counter() - began)


def chat_model(machine: Machine, settings: ModelSettings) -> Finding:
    """A chat model: whether it answers as agents ask it, and whether it calls a tool that it is offered."""
    what = f"chat model {settings.model}"
    asked = replace(settings, max_retries=0, timeout=ANSWER_S, max_tokens=ANSWER_TOKENS)
    try:
        model = open_model(asked, variables=machine.variables)
        reply = model.complete([{"role": "user", "content": CALL_PING}], [PING])
    except (UsageError, ModelFailed) as error:
        return Finding(what, "bad", str(error))
    problem = "" if _has_called(reply) else NO_CALL
    says = f"{model.url}, {reply.usage.tokens} tokens" + ("" if problem else ", calls tools")
    return judged(what, says, note=problem, seconds=reply.usage.seconds)


def _has_called(reply: Reply) -> bool:
    try:
        return any(call.name == "ping" and "word" in call.read() for call in reply.tool_calls)
    except ValueError:
        return False


def hub_token(machine: Machine) -> Finding:
    """Whether a token is set, by a variable or a file; never which."""
    by = next((name for name in TOKENS if machine.variables.get(name)), None)
    folder = machine.named("HF_HOME") or machine.home / ".cache" / "huggingface"
    kept = Path(machine.variables.get("HF_TOKEN_PATH") or folder / "token")
    if by or kept.is_file():
        return judged("hub token", f"set by {by or kept}")
    return judged("hub token", "", note="none is set, which only matters for gated models; HF_TOKEN sets it")


def _models(url: str, key: str) -> list[str]:
    """The names of a server's models; no redirect is followed, so the key stays with the server named."""
    address = urlsplit(url)
    headers = {"Accept": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    connection = _connection(address)
    try:
        connection.request("GET", f"{address.path}/models", headers=headers)
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise ValueError(f"GET {address.path}/models answers {answer.status} {answer.reason}")
        body = json.loads(answer.read(1_000_000))
    finally:
        connection.close()
    try:
        return [str(model["id"]) for model in body["data"]]
    except (TypeError, KeyError):
        raise ValueError("its list of models is not in the form that OpenAI's has") from None


def _connection(address: SplitResult) -> http.client.HTTPConnection:
    kinds: dict[str, type[http.client.HTTPConnection]]
    kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    if address.scheme not in kinds or not address.hostname:
        raise ValueError("expected a URL such as http://127.0.0.1:8000/v1")
    return kinds[address.scheme](address.hostname, address.port, timeout=PROBE_S)


def _without_secrets(url: str) -> str:
    """A URL without a password or a query in it."""
    address = urlsplit(url)
    return address._replace(netloc=address.netloc.rpartition("@")[2], query="", fragment="").geturl()
