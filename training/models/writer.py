"""Writer: a loaded model that answers conversations with calls, free or held to the tools' schemas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from practicum.training.models.call_form import Call, CallForm
from practicum.training.models.choosing import Constrained, Free, Limits
from practicum.training.models.decoding import Chooser, Completion, Context, Decoder
from practicum.training.models.grammar import Node
from practicum.training.models.loading import Loaded
from practicum.training.models.symbols import Alphabet
from practicum.training.transcripts import Listed, Message, tool_schemas


@dataclass(frozen=True)
class WriterSettings:
    """How a local model writes."""

    free: bool = False
    """Whether it may write anything; else every reply is a call of a known tool that fits its schema."""
    temperature: float = 0.0
    """0 takes the likeliest token each time."""
    limits: Limits = field(default_factory=Limits)
    keep_cache: bool = True
    """Whether what was read in an episode is kept, so that each turn costs only what is new."""


@dataclass(frozen=True)
class Reply:
    """What a model wrote, and the call in it."""

    completion: Completion
    text: str
    """With special tokens."""
    call: Call | None
    """None where it holds none that can be made."""


@dataclass
class Conversation:
    """An episode as a local model sees it; one at a time is written to."""

    tools: Sequence[Listed]
    messages: list[Message]
    random: np.random.Generator
    """For drawing, at a temperature above 0."""
    context: Context = field(default_factory=Context)
    grammar: Node | None = None
    """Of its tools; made when it is first needed."""


class Writer:
    """Answers conversations.

    Args:
        loaded: the model.
        settings: how it writes.

    Raises:
        UsageError: its template writes no calls with arguments as JSON.
    """

    def __init__(self, loaded: Loaded, settings: WriterSettings | None = None) -> None:
        self.loaded = loaded
        self.settings = settings or WriterSettings()
        self.form = CallForm.of(loaded.tokenizer)
        self._decoder = Decoder(loaded.model, keep_cache=self.settings.keep_cache)
        self._alphabet: Alphabet | None = None

    def reply(self, conversations: Sequence[Conversation]) -> list[Reply]:
        """What the model says next in each conversation; nothing is added to their messages.

        Raises:
            UsageError: there is not enough memory.
        """
        prompts = [self.prompt(each) for each in conversations]
        contexts = [each.context for each in conversations]
        choosers = [self._chooser(each) for each in conversations]
        return [self._read(found) for found in self._decoder.complete(contexts, prompts, choosers)]

    def prompt(self, conversation: Conversation) -> list[int]:
        """The token ids of a conversation, up to where the model's next message begins."""
        tokenizer = self.loaded.tokenizer
        text = tokenizer.apply_chat_template(
            conversation.messages,
            tools=tool_schemas(conversation.tools),
            add_generation_prompt=True,
            tokenize=False,
        )
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])

    def words(self, reply: Reply) -> str:
        """The text of a reply without special tokens."""
        return str(self.loaded.tokenizer.decode(reply.completion.ids, skip_special_tokens=True))

    def _read(self, completion: Completion) -> Reply:
        text = str(self.loaded.tokenizer.decode(completion.ids))
        return Reply(completion, text, self.form.read(text))

    def _chooser(self, conversation: Conversation) -> Chooser:
        settings = self.settings
        drawing: dict[str, Any] = {"temperature": settings.temperature, "random": conversation.random}
        if settings.free:
            return Free(self._ends, settings.limits, **drawing)
        if conversation.grammar is None:
            conversation.grammar = self.form.grammar(conversation.tools, self.alphabet)
        return Constrained(conversation.grammar, self.alphabet, settings.limits, **drawing)

    @property
    def alphabet(self) -> Alphabet:
        """The tokens as symbols."""
        if self._alphabet is None:
            self._alphabet = Alphabet.of(self.loaded.tokenizer)
        return self._alphabet

    @property
    def _ends(self) -> frozenset[int]:
        return frozenset({int(self.loaded.tokenizer.eos_token_id)})
