"""AnthropicChat: a chat model on a server that speaks Anthropic's Messages API."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from practicum.training.llm.anthropic_messages import read_message, system_of, tools_of, turns_of
from practicum.training.llm.chat_model import Message, ModelFailed, ModelUnavailable, Reply
from practicum.training.llm.refusals import words_of
from practicum.training.llm.served_chat import ServedChat

logger = logging.getLogger(__name__)

_ANSWER_LIMIT = re.compile(r"max_tokens: \d+ > (\d+)")
"""How the API says that a model never writes so much."""
_ROOM = re.compile(r"(\d+) \+ \d+ > (\d+)")
"""How it says that conversation and answer do not fit together: tokens of the first, and of the whole."""


class AnthropicChat(ServedChat):
    """Asks a model by the `anthropic` package; see `ServedChat`.

    Conversations and tools are OpenAI's, as everywhere here, and are put into that API's form. It takes no
    `temperature`, so none is sent; `max_tokens` is lowered where a model refuses it.
    """

    package = "anthropic"
    _most_tokens: int | None = None

    def _connect(self, url: str, key: str) -> Any:
        return self._sdk.Anthropic(api_key=key, base_url=url, **self._patience)

    def _asked(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]], options: Mapping[str, Any]
    ) -> Reply:
        request = {
            "model": self.settings.served_name,
            "messages": turns_of(messages),
            "max_tokens": min(self.settings.max_tokens, self._most_tokens or self.settings.max_tokens),
            **({"system": system} if (system := system_of(messages)) else {}),
            **({"tools": tools_of(tools)} if tools else {}),
            **options,
        }
        return self._read(self._answer(request))

    def _answer(self, request: dict[str, Any]) -> Any:
        while True:
            try:
                return self._client.messages.create(**request)
            except self._sdk.BadRequestError as error:
                request, before = self._changed(request, words_of(error)), request
                if request == before:
                    raise self._failure(error) from None
                logger.info("%s has no room for so much, asked for %d", self.name, request["max_tokens"])
            except (self._sdk.AnthropicError, ValueError) as error:
                raise self._failure(error) from None

    def _changed(self, request: dict[str, Any], said: str) -> dict[str, Any]:
        """A request with what the server takes; the same one where it does not say what that is."""
        if limit := _ANSWER_LIMIT.search(said):
            self._most_tokens = most = int(limit[1])
        elif room := _ROOM.search(said):
            most = int(room[2]) - int(room[1])
        else:
            return request
        return {**request, "max_tokens": most} if 0 < most < request["max_tokens"] else request

    def _read(self, answer: Any) -> Reply:
        who = f"{self.name} at {self.url}"
        if not hasattr(answer, "to_dict"):
            raise ModelUnavailable(f"{who} answers no message; the base URL is that without /v1")
        try:
            return read_message(answer.to_dict(exclude_none=True, warnings=False))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise ModelFailed(f"{who} answered no message: {where}: {first['msg']}") from None
