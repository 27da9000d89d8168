"""Enhance: what makes a trainer of texts a trainer of agents, in six switches.

- agent_format: a row through the model's own chat template, calls and answers as turns (`encode`)
- mask_observations: loss over what the model says alone (`parts`)
- step_weighted_loss: each call's tokens times its weight (`parts`; the loss is in `trainers.sft`)
- chunk_long_trajectories: a long row as several, cut between calls (`parts`)
- curriculum: short and good rows first (`curriculum`)
- step_level_advantage: an advantage shared out over the calls by their process rewards
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from statistics import fmean, stdev
from typing import TYPE_CHECKING, TypeVar

from practicum.envs.episodes import compact_json
from practicum.envs.errors import UsageError
from practicum.training.datasets.examples import value
from practicum.training.datasets.row import Row
from practicum.training.transcripts import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

T = TypeVar("T")
IGNORED = -100
"""The label of a token that carries no loss, as transformers has it."""
SMALLEST_SPREAD = 1e-4
"""Added to the standard deviation of a group's rewards, as TRL does."""
Ids = tuple[int, ...]


@dataclass(frozen=True)
class Block:
    """A call in tokens."""

    said: Ids
    """What the model writes, the end of its message included."""
    heard: Ids
    """What follows, up to where its next message begins."""
    weight: float = 1.0


@dataclass(frozen=True)
class Encoded:
    """A row in tokens."""

    head: Ids
    """Tools, system message and opening, up to where the model's first message begins."""
    blocks: tuple[Block, ...]
    name: str = "a row"
    """For messages."""

    @property
    def ids(self) -> Ids:
        """All tokens in their order."""
        return (*self.head, *chain.from_iterable((*block.said, *block.heard) for block in self.blocks))


@dataclass(frozen=True)
class Example:
    """What a trainer is given: token ids, the label of each, and how much its loss counts."""

    ids: tuple[int, ...]
    labels: tuple[int, ...]
    weights: tuple[float, ...]
    steps: tuple[int, ...]
    """The number of the call, from 0, that each token was said in; -1 of what was not said."""


# agent_format -----------------------------------------------------------------------------------------


def encode(tokenizer: PreTrainedTokenizerBase, row: Row, *, agent_format: bool = True) -> Encoded:
    """A row in tokens, each call apart.

    The pieces are tokenised one by one, as in play, where the model is given all up to its next message.

    Args:
        tokenizer: with a chat template that keeps what it wrote when messages are added.
        row: with one of the assistant's messages at least.
        agent_format: through the chat template with the tools; else as plain text, the instruction and then
            what was said and heard, line by line.

    Raises:
        UsageError: the template rewrites earlier messages, or the row holds no call.
    """
    name = f"session {row.session}" if row.session else f"the row {row.hash[:8]}"
    if not row.calls:
        raise UsageError(f"{name} holds no message of the assistant's, so there is nothing to learn from it")
    pieces = _chat_pieces(tokenizer, row) if agent_format else _plain_pieces(tokenizer, row)
    head, *rest = (_tokens(tokenizer, piece) for piece in pieces)
    weights = row.weights or (1.0,) * row.calls
    blocks = [Block(*each) for each in zip(rest[::2], rest[1::2], weights, strict=True)]
    return Encoded(head, tuple(blocks), name)


def _tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> Ids:
    return tuple(tokenizer(text, add_special_tokens=False)["input_ids"])


def _chat_pieces(tokenizer: PreTrainedTokenizerBase, row: Row) -> Iterator[str]:
    """What stands before the first message of the assistant's, then said and heard in turns."""
    end, tools, messages = str(tokenizer.eos_token), list(row.tools) or None, list(row.messages)
    places = [place for place, message in enumerate(messages) if message["role"] == "assistant"]
    asked = [
        str(
            tokenizer.apply_chat_template(
                messages[:place], tools=tools, add_generation_prompt=True, tokenize=False
            )
        )
        for place in places
    ]
    asked.append(str(tokenizer.apply_chat_template(messages, tools=tools, tokenize=False)))
    yield asked[0]
    for before, after in pairwise(asked):
        if not after.startswith(before):
            raise UsageError(
                "the chat template rewrites earlier messages when others are added, so what was said cannot "
                "be told apart; set agent_format to false, or name a model whose template keeps them"
            )
        said, found, heard = after[len(before) :].partition(end)
        yield said + found
        yield heard


def _plain_pieces(tokenizer: PreTrainedTokenizerBase, row: Row) -> Iterator[str]:
    messages = row.messages
    places = [place for place, message in enumerate(messages) if message["role"] == "assistant"]
    yield "".join(f"{message['content']}\n" for message in messages[: places[0]])
    for place, following in zip(places, [*places[1:], len(messages)], strict=True):
        yield _plain(messages[place]) + str(tokenizer.eos_token)
        yield "".join(f"\n{message['content']}\n" for message in messages[place + 1 : following])


def _plain(message: Message) -> str:
    calls = [each["function"] for each in message.get("tool_calls", ())]
    lines = [f"{call['name']} {compact_json(call['arguments']).decode()}" for call in calls]
    return "\n".join(filter(None, [message["content"], *lines]))


# mask_observations, chunk_long_trajectories -----------------------------------------------------------


@dataclass(frozen=True)
class _Span:
    """Calls `first` to `last`, of which those before `new` stand there for context alone."""

    first: int
    new: int
    last: int


def parts(
    encoded: Encoded, longest: int, *, chunk: bool = True, overlap: int = 1, mask: bool = True
) -> Iterator[Example]:
    """A row as one example, or as several where it is too long for one.

    It is cut between calls. Each part begins with the head; from the second on with the last `overlap` calls
    of the part before, as far as there is room, which carry no loss again. What is said is learned once.

    Args:
        encoded: the row.
        longest: tokens of a part at most.
        chunk: where False the first part is all there is.
        overlap: calls.
        mask: whether what the model heard carries no loss.

    Raises:
        UsageError: the head and one call are too long together.
    """
    for span in _spans(encoded, longest, overlap, mask=mask):
        yield _example(encoded, span, mask=mask)
        if not chunk:
            return


def _spans(encoded: Encoded, longest: int, overlap: int, *, mask: bool) -> Iterator[_Span]:
    new = 0
    while new < len(encoded.blocks):
        firsts = range(max(0, new - overlap), new + 1)
        sizes = {first: _size(encoded, first, new, mask=mask) for first in firsts}
        fitting = [first for first, size in sizes.items() if size <= longest]
        if not fitting:
            raise UsageError(
                f"{encoded.name}: its opening and call {new + 1} alone take {sizes[new]} tokens, and "
                f"max_length is {longest}; raise max_length, or take a model with a longer context"
            )
        last = new
        while last + 1 < len(encoded.blocks) and _size(encoded, fitting[0], last + 1, mask=mask) <= longest:
            last += 1
        yield _Span(fitting[0], new, last)
        new = last + 1


def _size(encoded: Encoded, first: int, last: int, *, mask: bool) -> int:
    """Tokens of a part; what is heard last is left out where it carries no loss."""
    whole = sum(len(block.said) + len(block.heard) for block in encoded.blocks[first : last + 1])
    return len(encoded.head) + whole - (len(encoded.blocks[last].heard) if mask else 0)


def _example(encoded: Encoded, span: _Span, *, mask: bool) -> Example:
    again = span.new > 0
    pieces = [(encoded.head, not (mask or again), 1.0, -1)]
    for number in range(span.first, span.last + 1):
        block, is_new = encoded.blocks[number], number >= span.new
        pieces.append((block.said, is_new, block.weight, number))
        if not (mask and number == span.last):
            pieces.append((block.heard, is_new and not mask, block.weight, -1))
    return Example(
        ids=tuple(chain.from_iterable(ids for ids, *_ in pieces)),
        labels=tuple(token if learned else IGNORED for ids, learned, *_ in pieces for token in ids),
        weights=tuple(weight if learned else 0.0 for ids, learned, weight, _ in pieces for _ in ids),
        steps=tuple(step if learned else -1 for ids, learned, _, step in pieces for _ in ids),
    )


# curriculum -------------------------------------------------------------------------------------------


def curriculum(rows: Sequence[Row], *, stages: int = 0, seed: int = 0) -> list[Row]:
    """Rows in the order of their difficulty: short and good first, long and bad last.

    The difficulty is the mean of two ranks: by number of calls, and by quality (where rows have none by
    success and then by what they are worth). Equals keep their order.

    Args:
        rows: in any order.
        stages: cut the order into so many parts and shuffle within each; 0 keeps the order.
        seed: of the shuffling.
    """
    lengths = _ranks([(row.calls,) for row in rows])
    worths = _ranks([tuple(-each for each in _worth(row)) for row in rows])
    order = sorted(range(len(rows)), key=lambda place: lengths[place] + worths[place])
    ordered = [rows[place] for place in order]
    return _shuffled_within(ordered, stages, seed) if stages else ordered


def _worth(row: Row) -> tuple[float, ...]:
    return (row.quality or 0.0, float(bool(row.success)), value(row))


def _ranks(keys: Sequence[tuple[float, ...]]) -> list[int]:
    """The rank of each key, equals alike."""
    order = {key: rank for rank, key in enumerate(sorted(set(keys)))}
    return [order[key] for key in keys]


def _shuffled_within(ordered: Sequence[T], stages: int, seed: int) -> list[T]:
    chance = random.Random(seed)  # noqa: S311  # an order of rows, no secret
    bounds = [len(ordered) * stage // stages for stage in range(stages + 1)]
    staged: list[T] = []
    for first, end in pairwise(bounds):
        staged += chance.sample(ordered[first:end], end - first)
    return staged


# step_level_advantage ---------------------------------------------------------------------------------


def group_advantages(rewards: Sequence[float]) -> list[float]:
    """How far each reward of a group lies above its mean, in standard deviations (GRPO, Shao et al. 2024)."""
    if len(set(rewards)) < 2:
        return [0.0] * len(rewards)
    mean, spread = fmean(rewards), stdev(rewards)
    return [(reward - mean) / (spread + SMALLEST_SPREAD) for reward in rewards]


def step_level_advantage(advantage: float, rewards: Sequence[float | None]) -> list[float]:
    """An advantage shared out over the calls of a session, its mean kept.

    Of praise a call gets its share of the process reward, of blame its share of what is missing to a
    flawless one: the best call of a session that went wrong is blamed least.

    Args:
        advantage: the session's within its group.
        rewards: process reward of each call, from 0 to 1; an unknown one counts as the mean of the others.
    """
    known = [reward for reward in rewards if reward is not None]
    mean = fmean(known) if known else 1.0
    full = [mean if reward is None else reward for reward in rewards]
    shares = full if advantage >= 0 else [1.0 - reward for reward in full]
    if sum(shares) <= 0:
        return [advantage] * len(rewards)
    return [advantage * share * len(shares) / sum(shares) for share in shares]
