"""ModelShelf: the chat models of one run, each opened once, and what they took."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from threading import Lock
from typing import Any

from practicum.training.llm.anthropic_chat import AnthropicChat
from practicum.training.llm.chat_model import ChatModel, Usage
from practicum.training.llm.openai_chat import OpenAIChat
from practicum.training.llm.served_chat import ServedChat
from practicum.training.llm.settings import ANTHROPIC, ModelSettings


def open_model(settings: ModelSettings, *, variables: Mapping[str, str] | None = None) -> ServedChat:
    """A model on its server, by the API that its name asks for.

    Raises:
        UsageError: as `ServedChat`.
    """
    kind = AnthropicChat if settings.api is ANTHROPIC else OpenAIChat
    return kind(settings, variables=variables)


class ModelShelf:
    """Opens models by name, all with the same settings; without a URL among them, each at its API's server.

    Args:
        settings: of each model, but for its name.
        opened: makes a model of settings.
    """

    def __init__(
        self,
        settings: ModelSettings | None = None,
        opened: Callable[[ModelSettings], ChatModel] = open_model,
    ) -> None:
        self.settings = settings or ModelSettings()
        self._opened = opened
        self._models: dict[str, ChatModel] = {}
        self._elsewhere: dict[str, Usage] = {}
        self._lock = Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """In another process it is a shelf with the same settings, one for all that come with these."""
        return _shelf, (self.settings, self._opened)

    def model(self, name: str = "") -> ChatModel:
        """The model of that name, or the one that the settings name.

        Raises:
            UsageError: it cannot be opened: no key, no package, or no URL.
        """
        name = name or self.settings.model
        with self._lock:
            if name not in self._models:
                self._models[name] = self._opened(replace(self.settings, model=name))
            return self._models[name]

    @property
    def used(self) -> Mapping[str, Usage]:
        """What each model took so far, by name, here and elsewhere."""
        here = {name: model.used for name, model in self._models.items()}
        names = dict.fromkeys([*here, *self._elsewhere])
        return {name: here.get(name, Usage()) + self._elsewhere.get(name, Usage()) for name in names}

    def add(self, used: Mapping[str, Usage]) -> None:
        """Count what models took elsewhere, by name."""
        for name, usage in used.items():
            self._elsewhere[name] = self._elsewhere.get(name, Usage()) + usage


@lru_cache(maxsize=16)
def _shelf(settings: ModelSettings, opened: Callable[[ModelSettings], ChatModel]) -> ModelShelf:
    return ModelShelf(settings, opened)
