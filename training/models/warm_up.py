"""Warm-up: the tiny base learns to copy and to choose, by a schedule of steps that a seed fixes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from practicum.training.models.copying import Exercise

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

IGNORED = -100
"""The label of a token that is not learned, as transformers has it."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast."""

    steps: int = 1500
    batch_tokens: int = 800
    matrix_rate: float = 1e-2
    """Muon's learning rate, for the matrices within the layers."""
    rate: float = 2e-3
    """AdamW's, for the rest."""
    rise: int = 50
    """Steps over which the rates rise from 0; then they fall to a tenth, in a line."""

    def share(self, step: int) -> float:
        """Of the rates, at a step from 0."""
        return min(1.0, (step + 1) / self.rise) * max(0.1, 1 - step / self.steps)


def warm_up(
    model: PreTrainedModel,
    exercises: Iterable[Exercise],
    schedule: Schedule,
    *,
    progress: Callable[[int, float], object] = lambda step, loss: None,
) -> None:
    """Teach a model some exercises, in place.

    Args:
        model: in float32.
        exercises: as many as it takes.
        schedule: of the steps.
        progress: told each step's number, from 1, and its loss in nats a token.
    """
    import torch
    from torch.nn.functional import cross_entropy

    model.train()
    optimizers = _optimizers(model, schedule)
    for step, batch in enumerate(islice(_batches(exercises, schedule.batch_tokens), schedule.steps)):
        ids, labels = _padded(batch)
        logits = model(input_ids=ids).logits[:, :-1]  # (exercises, tokens - 1, vocabulary)
        loss = cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, rate in optimizers:
            optimizer.param_groups[0]["lr"] = rate * schedule.share(step)
            optimizer.step()
            optimizer.zero_grad()
        if not math.isfinite(loss.item()):
            raise RuntimeError(f"the warm-up diverged at step {step + 1}")
        progress(step + 1, loss.item())
    model.eval()


def _optimizers(model: PreTrainedModel, schedule: Schedule) -> list[tuple[torch.optim.Optimizer, float]]:
    import torch

    matrices: list[torch.nn.Parameter] = []
    rest: list[torch.nn.Parameter] = []
    for name, weight in model.named_parameters():
        (matrices if weight.ndim == 2 and "embed" not in name else rest).append(weight)
    muon: Any = torch.optim.Muon(matrices, lr=schedule.matrix_rate, weight_decay=0.0)
    adam: Any = torch.optim.AdamW(rest, lr=schedule.rate, betas=(0.9, 0.98), weight_decay=0.0)
    return [(muon, schedule.matrix_rate), (adam, schedule.rate)]


def _batches(exercises: Iterable[Exercise], tokens: int) -> Iterator[list[Exercise]]:
    batch: list[Exercise] = []
    for exercise in exercises:
        batch.append(exercise)
        if sum(len(each.ids) for each in batch) >= tokens:
            yield batch
            batch = []


def _padded(batch: list[Exercise]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and labels of (exercises, tokens), the shorter ones filled up on the right."""
    import torch

    longest = max(len(each.ids) for each in batch)
    ids = torch.zeros(len(batch), longest, dtype=torch.long)
    labels = torch.full((len(batch), longest), IGNORED)
    for row, each in enumerate(batch):
        found = torch.tensor(each.ids)
        ids[row, : len(found)] = found
        labels[row, : len(found)] = torch.where(torch.tensor(each.learned), found, IGNORED)
    return ids, labels
