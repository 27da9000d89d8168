"""ServedChat: what chat models on servers have in common: settings, a key that is never shown, a count."""

from __future__ import annotations

import logging
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from threading import Lock
from typing import Any, ClassVar

from practicum.training.llm.chat_model import Message, ModelUnavailable, Reply, Usage
from practicum.training.llm.refusals import failure
from practicum.training.llm.settings import NO_KEY, ModelSettings, shown_url

logger = logging.getLogger(__name__)

CONNECT_S = 10.0
"""Seconds within which a server takes a connection, or is not there."""


class ServedChat(ABC):
    """Asks a model over HTTP.

    A try that fails by 408, 409, 429 or 5xx, by a time-out or a lost connection is made again after a pause
    that doubles each time and varies by chance, or that the server names in `Retry-After`.

    Args:
        settings: which model, where, and how.
        variables: where the key is looked up; the environment's variables by default.

    Raises:
        UsageError: no key is set, the package for the API is missing, or the URL is none; one line each.
    """

    package: ClassVar[str]
    """What speaks the API: its client, and the errors that it raises."""

    def __init__(self, settings: ModelSettings, *, variables: Mapping[str, str] | None = None) -> None:
        known = os.environ if variables is None else variables
        self.settings = settings
        self.url = shown_url(settings.url(known))
        """Of the server, without a password."""
        self._key = settings.key(known)
        self._sdk = _imported(self.package)
        self._client = self._connect(settings.url(known), self._key)
        self._used = Usage()
        self._lock = Lock()

    @abstractmethod
    def _connect(self, url: str, key: str) -> Any:
        """The package's client of a server."""

    @abstractmethod
    def _asked(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]], options: Mapping[str, Any]
    ) -> Reply:
        """What the model replies, after all tries."""

    @property
    def name(self) -> str:
        """The model's, as it was asked for."""
        return self.settings.model

    @property
    def used(self) -> Usage:
        """What all calls so far took."""
        return self._used

    def complete(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None, **options: Any
    ) -> Reply:
        """Answer a conversation.

        Raises:
            ContextTooLong: it is longer than the model can read.
            ModelFailed: no answer came that can be used, after all tries.
            ModelUnavailable: the server is not there, refuses the key, or has no such model.
        """
        began = time.perf_counter()
        reply = self._asked(messages, tools or (), options)
        usage = replace(reply.usage, seconds=time.perf_counter() - began)
        logger.debug("%s: %s", self.name, usage)
        with self._lock:
            self._used += usage
        return replace(reply, usage=usage)

    @property
    def _patience(self) -> dict[str, Any]:
        """How long the client waits, and how often it tries."""
        wait = self._sdk.Timeout(self.settings.timeout, connect=min(CONNECT_S, self.settings.timeout))
        return {"timeout": wait, "max_retries": self.settings.max_retries}

    def _failure(self, error: Exception) -> Exception:
        """What a failed call comes to, without the key."""
        found = failure(error, self.settings, self.url, self._sdk)
        hidden = str(found) if self._key == NO_KEY else str(found).replace(self._key, "…")
        return type(found)(hidden)


def _imported(package: str) -> Any:
    try:
        return import_module(package)
    except ImportError:
        raise ModelUnavailable(
            f"chat models need the {package} package: pip install 'practicum[llm]'"
        ) from None
