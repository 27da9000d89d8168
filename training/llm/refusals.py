"""Refusals: what a server that gives no answer means, and what can be changed so that it gives one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from practicum.envs.errors import in_one_line, shortened
from practicum.training.llm.chat_model import ContextTooLong, ModelFailed, ModelUnavailable
from practicum.training.llm.completions import LONGEST_SAID
from practicum.training.llm.settings import ModelSettings

Change = Mapping[str, str | None]
"""Fields of a request by what they are called instead; None leaves a field out."""

ANSWER_LIMITS = ("max_tokens", "max_completion_tokens")
UNSUPPORTED = ("unsupported_parameter", "unsupported_value")
TOO_LONG = (
    *("context_length_exceeded", "context length", "context size", "context window"),
    *("prompt is too long", "exceed context limit", "request_too_large"),
)
OUT_OF_MONEY = ("insufficient_quota", "billing_error", "credit balance")


def lasting_change(request: Mapping[str, Any], error: Any) -> Change:
    """What a server's model takes under another name or not at all; nothing where it does not say so."""
    said = _said(error)
    if error.code not in UNSUPPORTED:
        return {}
    if "max_tokens" in request and "max_completion_tokens" in said:
        return {"max_tokens": "max_completion_tokens"}
    return {field: None for field in ("temperature", *ANSWER_LIMITS) if field in request and field in said}


def passing_change(request: Mapping[str, Any], error: Any) -> Change:
    """The limit of the answer, where a server has no room for so much; it writes what it has room for."""
    said = _said(error)
    if is_too_long(said) or any(field in said for field in ANSWER_LIMITS):
        return {field: None for field in ANSWER_LIMITS if field in request}
    return {}


def changed(request: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """A request with some fields renamed or left out."""
    named = {field: change.get(field, field) for field in request}
    return {name: request[field] for field, name in named.items() if name is not None}


def is_too_long(said: str) -> bool:
    """Whether a server says that the conversation does not fit into the model's context."""
    return any(mark in said for mark in TOO_LONG)


def failure(error: Exception, settings: ModelSettings, url: str, sdk: Any) -> ModelFailed | ModelUnavailable:
    """What a failed call comes to, in one line.

    Args:
        error: what the package raised, after all tries.
        settings: of the model that was asked.
        url: of its server, as it may be shown.
        sdk: the package, `openai` or `anthropic`; their errors have the same names.
    """
    who = f"{settings.model} at {url}"
    tries = f"{settings.max_retries + 1} tries"
    match error:
        case sdk.APITimeoutError():
            return ModelFailed(f"{who} was silent for {settings.timeout:g} s, in each of {tries}")
        case sdk.APIConnectionError():
            why = in_one_line(error.__cause__ or error)
            return ModelUnavailable(f"{url} does not answer ({why}); start the server, or name another URL")
        case sdk.APIStatusError():
            return _refused(error, settings, url)
        case _:
            return ModelFailed(f"{who} answered nothing that can be read: {_short(in_one_line(error))}")


def _refused(error: Any, settings: ModelSettings, url: str) -> ModelFailed | ModelUnavailable:
    who, said = f"{settings.model} at {url}", _short(" ".join(words_of(error).split()))
    if any(mark in _said(error) for mark in OUT_OF_MONEY):
        return ModelUnavailable(f"{url} wants to be paid: {said}")
    match error.status_code:
        case 401 | 403:
            return ModelUnavailable(f"{url} refuses the key in {settings.key_variable}: {said}")
        case 404:
            model = settings.served_name
            return ModelUnavailable(f"{url} has no model {model!r}, or no chat there: {said}")
        case 400 | 413 | 422 if is_too_long(_said(error)):
            return ContextTooLong(f"{who} cannot read so much: {said}")
        case status:
            return ModelFailed(f"{who} answers {status}: {said}")


def words_of(error: Any) -> str:
    """What a server says itself, where it says anything."""
    words: str = getattr(error, "api_message", None) or error.message
    return words.removeprefix(f"Error code: {error.status_code} - ")


def _said(error: Any) -> str:
    marks = (getattr(error, name, None) for name in ("code", "type", "param"))
    return " ".join(map(str, (*marks, error.message))).lower()


def _short(text: str) -> str:
    return shortened(text, LONGEST_SAID)
