"""OpenAIChat: a chat model on any server that speaks OpenAI's chat completions."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from practicum.training.llm.chat_model import Message, Reply
from practicum.training.llm.completions import read_completion
from practicum.training.llm.refusals import Change, changed, lasting_change, passing_change
from practicum.training.llm.served_chat import ServedChat

logger = logging.getLogger(__name__)


class OpenAIChat(ServedChat):
    """Asks a model by the `openai` package; see `ServedChat`.

    A field that the model takes under another name, or not at all, is sent so from then on.
    """

    package = "openai"
    _change: Change = {}  # noqa: RUF012  # replaced, never changed

    def _connect(self, url: str, key: str) -> Any:
        return self._sdk.OpenAI(api_key=key, base_url=url, **self._patience)

    def _asked(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]], options: Mapping[str, Any]
    ) -> Reply:
        request = {
            "model": self.settings.served_name,
            "messages": list(messages),
            "temperature": self.settings.temperature,
            "max_tokens": self.settings.max_tokens,
            **({"tools": list(tools)} if tools else {}),
            **options,
        }
        return read_completion(self._answer(request), f"{self.name} at {self.url}")

    def _answer(self, request: Mapping[str, Any]) -> Any:
        """The server's answer; a field that it refuses is left out or called by the name that it wants."""
        request = changed(request, self._change)
        while True:
            try:
                return self._client.chat.completions.create(**request)
            except self._sdk.BadRequestError as error:
                change = lasting_change(request, error)
                self._change = {**self._change, **change}
                request, before = changed(request, change or passing_change(request, error)), request
                if request == before:
                    raise self._failure(error) from None
                logger.info("%s refused a field, asked again with %s", self.name, ", ".join(request))
            except (
                self._sdk.OpenAIError,
                ValueError,
            ) as error:  # the latter where a body is no JSON after all
                raise self._failure(error) from None
