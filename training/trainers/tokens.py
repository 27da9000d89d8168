"""Tokens: rows, pairs and groups as what the trainers take, with the enhancements that are switched on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from practicum.envs.errors import UsageError
from practicum.training.datasets import Group, Pair, Row
from practicum.training.enhance import (
    IGNORED,
    Example,
    curriculum,
    encode,
    group_advantages,
    parts,
    step_level_advantage,
)
from practicum.training.trainers.settings import TrainerSettings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from practicum.training.trainers.runs import Tell


@dataclass(frozen=True)
class PairTokens:
    """A pair in tokens."""

    prompt_ids: list[int]
    chosen_ids: list[int]
    rejected_ids: list[int]
    chosen_mask: list[int]
    """1 for tokens that count."""
    rejected_mask: list[int]

    @property
    def size(self) -> int:
        """Tokens of the longer way."""
        return len(self.prompt_ids) + max(len(self.chosen_ids), len(self.rejected_ids))


@dataclass(frozen=True)
class AdvantageTokens:
    """A session, or a part of one, with the advantage of each token."""

    prompt_ids: list[int]
    completion_ids: list[int]
    counts: list[int]
    """1 for tokens that the model said."""
    advantages: list[float]


@dataclass(frozen=True)
class Encoder:
    """What turns examples into tokens."""

    tokenizer: PreTrainedTokenizerBase
    longest: int
    settings: TrainerSettings
    tell: Tell

    def of_rows(self, rows: Iterable[Row]) -> list[Example]:
        """The examples of rows, in the order of the curriculum where there is one."""
        settings = self.settings
        chosen = list(rows)
        if settings.curriculum:
            chosen = curriculum(chosen, stages=settings.curriculum_stages, seed=settings.seed)
        found = [each for row in chosen for each in self.of_row(row)]
        whole = sum(row.calls for row in chosen)
        if not settings.chunk_long_trajectories and (lost := whole - self._calls(found)):
            self.tell(
                f"{lost} of {whole} calls lie beyond max_length {self.longest} and are left out; "
                "chunk_long_trajectories would keep them"
            )
        return _scaled(found) if settings.step_weighted_loss else found

    def of_row(self, row: Row) -> Iterator[Example]:
        """The parts of a row."""
        settings = self.settings
        weights = row.weights if settings.step_weighted_loss else ()
        encoded = encode(self.tokenizer, replace(row, weights=weights), agent_format=settings.agent_format)
        yield from parts(
            encoded,
            self.longest,
            chunk=settings.chunk_long_trajectories,
            overlap=settings.chunk_overlap,
            mask=settings.mask_observations,
        )

    def _calls(self, examples: Iterable[Example]) -> int:
        return sum(len({step for step in example.steps if step >= 0}) for example in examples)

    def of_pairs(self, pairs: Iterable[Pair]) -> list[PairTokens]:
        """The pairs that are not too long; tells how many are.

        Raises:
            UsageError: all are.
        """
        chosen = [self._of_pair(pair) for pair in pairs]
        found = [pair for pair in chosen if pair.size <= self.longest]
        if lost := len(chosen) - len(found):
            needed = max(pair.size for pair in chosen)
            said = f"{lost} of {len(chosen)} pairs are longer than max_length {self.longest} (up to {needed})"
            if not found:
                raise UsageError(f"{said}; raise max_length, or take --step-pairs")
            self.tell(f"{said} and are left out")
        return found

    def _of_pair(self, pair: Pair) -> PairTokens:
        before = sum(message["role"] == "assistant" for message in pair.prompt)
        ways = [
            self._way(Row(messages=(*pair.prompt, *way), toolset=pair.toolset), before)
            for way in (pair.chosen, pair.rejected)
        ]
        (start, chosen, chosen_mask), (_, rejected, rejected_mask) = ways
        return PairTokens(start, chosen, rejected, chosen_mask, rejected_mask)

    def _way(self, row: Row, before: int) -> tuple[list[int], list[int], list[int]]:
        """The tokens before the first own call, those from there on, and which of these count."""
        encoded = encode(self.tokenizer, row, agent_format=self.settings.agent_format)
        ids, mask = list(encoded.head), [0] * len(encoded.head)
        own = len(ids)
        for number, block in enumerate(encoded.blocks):
            counts = int(number >= before)
            own = own if counts else len(ids) + len(block.said) + len(block.heard)
            heard = int(bool(counts) and not self.settings.mask_observations)
            ids += [*block.said, *block.heard]
            mask += [counts] * len(block.said) + [heard] * len(block.heard)
        last = max((place + 1 for place, counts in enumerate(mask) if counts), default=0)
        if not last:
            raise UsageError(
                "a pair holds a way without a message of the assistant's; chosen and rejected need one"
            )
        return ids[:own], ids[own:last], mask[own:last]

    def of_groups(self, groups: Iterable[Group]) -> list[AdvantageTokens]:
        """The sessions of groups whose rewards differ, each with its advantage; tells how many do not.

        Raises:
            UsageError: no group's rewards differ.
        """
        chosen = list(groups)
        found = [group for group in chosen if len(set(group.rewards)) > 1]
        if not found:
            raise UsageError(
                f"the rewards within each of {len(chosen)} groups are equal, so there is nothing to learn; "
                "play the tasks again with an agent that does not always come to the same end"
            )
        if lost := len(chosen) - len(found):
            self.tell(f"{lost} of {len(chosen)} groups have equal rewards and are left out")
        return [each for group in found for each in self.of_group(group)]

    def of_group(self, group: Group) -> Iterator[AdvantageTokens]:
        """The sessions of a group, each with its advantage; a long one in parts."""
        advantages = group_advantages(group.rewards)
        scored = group.step_rewards if len(group.step_rewards) == len(group.completions) else ()
        for place, (way, advantage) in enumerate(zip(group.completions, advantages, strict=True)):
            row = Row(
                messages=(*group.prompt, *way),
                toolset=group.toolset,
                session=group.sessions[place] if place < len(group.sessions) else None,
            )
            if not row.calls:
                continue
            known = scored[place] if scored and len(scored[place]) == row.calls else ()
            shared = self.settings.step_level_advantage and known
            each = step_level_advantage(advantage, known) if shared else [advantage] * row.calls
            yield from (advantage_tokens(example, each) for example in self.of_row(row))


def advantage_tokens(example: Example, advantages: list[float]) -> AdvantageTokens:
    """An example with the advantage of each of its calls.

    Args:
        example: whose `steps` count the calls.
        advantages: one a call of the whole session.
    """
    learned = [place for place, label in enumerate(example.labels) if label != IGNORED]
    first = learned[0]
    return AdvantageTokens(
        prompt_ids=list(example.ids[:first]),
        completion_ids=list(example.ids[first:]),
        counts=[int(label != IGNORED) for label in example.labels[first:]],
        advantages=[advantages[step] if step >= 0 else 0.0 for step in example.steps[first:]],
    )


def _scaled(examples: list[Example]) -> list[Example]:
    """Examples whose weights have the mean 1 over the tokens that count; what they are to each other stays.

    Raises:
        UsageError: all weights are 0.
    """
    weights = [weight for each in examples for weight in each.weights]
    total, count = sum(weights), sum(label != IGNORED for each in examples for label in each.labels)
    if not total > 0:
        raise UsageError(
            "the weights of all calls are 0, so there is nothing to learn; see the rows' weights"
        )
    return [
        replace(each, weights=tuple(weight * count / total for weight in each.weights)) for each in examples
    ]
