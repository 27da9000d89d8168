"""DPO: learning from pairs, of which one way is better, without a model of rewards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from practicum.training.datasets import Pair
from practicum.training.models import load
from practicum.training.trainers.runs import (
    Attempt,
    Run,
    Trained,
    arguments,
    finish,
    longest,
    lora,
    train,
    with_reference,
)
from practicum.training.trainers.settings import DpoSettings
from practicum.training.trainers.tokens import Encoder

if TYPE_CHECKING:
    from trl import DPOTrainer


def train_dpo(pairs: Iterable[Pair], settings: DpoSettings, this: Run) -> Trained:
    """Train a model on pairs.

    Args:
        pairs: of one task each.
        settings: of the run.
        this: the run.

    Raises:
        UsageError: as `runs.train`; or all pairs are too long.
    """
    chosen = list(pairs)

    def attempt(attempt: Attempt) -> Trained:
        from datasets import Dataset
        from trl import DPOConfig

        loaded = load(settings.policy_lm)
        encoder = Encoder(loaded.tokenizer, longest(settings, loaded.model), settings, this.tell)
        examples = encoder.of_pairs(chosen)
        with_sft = {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, settings.sft_weight]}
        with with_reference(loaded.model, settings):
            trainer = masked_trainer()(
                model=loaded.model.train(),
                args=DPOConfig(
                    **arguments(settings, attempt),
                    beta=settings.beta,
                    max_length=None,  # what is too long was left out
                    **(with_sft if settings.sft_weight else {}),
                ),
                train_dataset=Dataset.from_list([asdict(example) for example in examples]),
                processing_class=loaded.tokenizer,
                peft_config=lora(settings),
            )
        trainer.data_collator = WithMasks(trainer.data_collator)
        return finish(trainer, loaded, attempt, len(examples))

    return train(this, settings, attempt)


class WithMasks:
    """Lets only those tokens of a completion count that its mask names.

    Args:
        collate: TRL's collator, which lets all of them count.
    """

    def __init__(self, collate: Any) -> None:
        self._collate = collate

    def __call__(self, examples: list[Mapping[str, Any]]) -> dict[str, Any]:
        """The batch, better ways first, then worse ones."""
        import torch

        batch: dict[str, Any] = self._collate(examples)
        masks = [each[name] for name in ("chosen_mask", "rejected_mask") for each in examples]
        starts = [len(each["prompt_ids"]) for each in examples] * 2
        counts = torch.zeros_like(batch["completion_mask"])  # (2 * pairs, tokens)
        for row, (start, mask) in enumerate(zip(starts, masks, strict=True)):
            counts[row, start : start + len(mask)] = torch.tensor(mask)
        return batch | {"completion_mask": counts}


def masked_trainer() -> type[DPOTrainer]:
    """TRL's trainer, which takes pairs that are tokens already."""
    from trl import DPOTrainer

    class TokensDPOTrainer(DPOTrainer):  # type: ignore[misc]  # trl is not followed
        def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
            return dataset

    return TokensDPOTrainer
