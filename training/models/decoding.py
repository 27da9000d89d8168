"""Decoding: what a model writes after a prompt, for several episodes at once, each with its cache kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from practicum.training.models.caches import alone, is_mergeable, merged, new_cache
from practicum.training.models.choosing import Logits, logprob
from practicum.training.models.failures import telling

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


class Chooser(Protocol):
    """Picks the tokens of one reply."""

    done: bool
    """Whether the last token was the last of the reply."""

    def choose(self, logits: Logits) -> int:
        """The next token."""


@dataclass
class Context:
    """What a model has read and written in an episode.

    The cache holds the states of `ids`, so that a prompt that begins with them costs only its rest.
    """

    ids: list[int] = field(default_factory=list)
    cache: Any = None
    """The model's; None before the first prompt."""

    def forget(self) -> None:
        """Begin anew: the next prompt is read whole."""
        self.ids, self.cache = [], None


@dataclass(frozen=True)
class Completion:
    """What a model wrote after a prompt."""

    prompt_ids: tuple[int, ...]
    ids: tuple[int, ...]
    """With the token that ends the message, unless the limit came first."""
    logprobs: tuple[float, ...]
    """Of each of `ids`, as the model has them at temperature 1 among all tokens, in nats."""


class Decoder:
    """Writes with a model.

    Args:
        model: a causal language model of transformers.
        keep_cache: whether contexts keep their cache from prompt to prompt.
    """

    def __init__(self, model: PreTrainedModel, *, keep_cache: bool = True) -> None:
        self.model = model
        self._keeps = keep_cache

    def complete(
        self, contexts: Sequence[Context], prompts: Sequence[Sequence[int]], choosers: Sequence[Chooser]
    ) -> list[Completion]:
        """Write a reply to each prompt.

        The replies are written together where the model's cache allows it, one after the other else.

        Args:
            contexts: one for each prompt, its episode's; they go on with what is read and written.
            prompts: token ids of the whole conversation so far.
            choosers: one for each prompt.

        Raises:
            UsageError: there is not enough memory.
        """
        import torch

        was_training = self.model.training
        self.model.eval()
        try:
            with torch.inference_mode(), telling():
                first = [self._read(c, list(p)) for c, p in zip(contexts, prompts, strict=True)]
                replies = [_Reply(*each) for each in zip(contexts, first, choosers, strict=True)]
                for group in _groups(replies):
                    self._write(group)
        finally:
            self.model.train(was_training)
        if not self._keeps:
            for context in contexts:
                context.forget()
        return [
            Completion(tuple(prompt), tuple(reply.ids), tuple(reply.logprobs))
            for prompt, reply in zip(prompts, replies, strict=True)
        ]

    def _read(self, context: Context, prompt: list[int]) -> Logits:
        """Let the model read what is new in a prompt; returns the logits after it."""
        import torch

        known = len(context.ids)
        if context.cache is None or not known < len(prompt) or prompt[:known] != context.ids:
            known, context.cache = 0, new_cache(self.model)
        rest = torch.tensor([prompt[known:]], device=self.model.device)
        out = self.model(input_ids=rest, past_key_values=context.cache, use_cache=True, logits_to_keep=1)
        context.ids = prompt
        return _rows(out.logits)[0]

    def _write(self, replies: list[_Reply]) -> None:
        """Write the replies of one group, a token of each at a time."""
        lengths = [len(reply.context.ids) for reply in replies]
        cache = _Together(self.model, [reply.context.cache for reply in replies], lengths)
        logits = [reply.first for reply in replies]
        while True:
            going = [not reply.chooser.done for reply in replies]
            tokens = [reply.take(row) for reply, row in zip(replies, logits, strict=True)]
            for place, reply in enumerate(replies):
                if going[place] and reply.chooser.done:
                    reply.context.ids = reply.context.ids + reply.ids[:-1]
                    reply.context.cache = cache.of(place)
            if all(reply.chooser.done for reply in replies):
                return
            logits = list(cache.step(tokens))


@dataclass
class _Reply:
    """A reply as it is written."""

    context: Context
    first: Logits
    """After the prompt."""
    chooser: Chooser
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)

    def take(self, logits: Logits) -> int:
        """The next token; when the reply is done its last one again, for the model to have something."""
        if not self.chooser.done:
            self.ids.append(self.chooser.choose(logits))
            self.logprobs.append(logprob(logits, self.ids[-1]))
        return self.ids[-1]


class _Together:
    """Episodes of which the model reads a token each at a time.

    Args:
        model: who reads.
        caches: one an episode, each of its own length; a single one is used as it is.
        lengths: tokens read of each.
    """

    def __init__(self, model: PreTrainedModel, caches: list[Any], lengths: list[int]) -> None:
        import torch

        self._model, self._lengths, self._read = model, lengths, 0
        self._single = len(caches) == 1
        self._cache = caches[0] if self._single else merged(model, caches, lengths)
        self._positions = torch.tensor(lengths, device=model.device)[:, None]
        columns = torch.arange(max(lengths), device=model.device)
        self._mask = columns[None] >= max(lengths) - self._positions  # (episodes, tokens read)

    def step(self, tokens: list[int]) -> Sequence[Logits]:
        """Read one token of each episode; returns what comes after each."""
        import torch

        self._mask = torch.cat([self._mask, torch.ones_like(self._mask[:, :1])], dim=1)
        out = self._model(
            input_ids=torch.tensor(tokens, device=self._model.device)[:, None],
            attention_mask=None if self._single else self._mask.long(),
            position_ids=self._positions + self._read,
            past_key_values=self._cache,
            use_cache=True,
        )
        self._read += 1
        return _rows(out.logits)

    def of(self, place: int) -> Any:
        """The cache of one episode, as far as it has been read."""
        if self._single:
            return self._cache
        return alone(self._model, self._cache, place, self._lengths[place] + self._read)


def _groups(replies: list[_Reply]) -> list[list[_Reply]]:
    if is_mergeable(replies[0].context.cache):
        return [replies]
    return [[reply] for reply in replies]


def _rows(logits: torch.Tensor) -> list[Logits]:
    """The logits after the last token, (episodes, tokens, vocabulary), as one row an episode."""
    return list(logits[:, -1].float().cpu().numpy())
