"""SFT: supervised training on what was said in rows, each call weighted where that is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from practicum.training.datasets import Row
from practicum.training.enhance import Example
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
)
from practicum.training.trainers.settings import TrainerSettings
from practicum.training.trainers.tokens import Encoder

if TYPE_CHECKING:
    import torch
    from trl import SFTTrainer


def train_sft(rows: Iterable[Row], settings: TrainerSettings, this: Run) -> Trained:
    """Train a model on rows.

    Args:
        rows: what it is to say.
        settings: of the run.
        this: the run.

    Raises:
        UsageError: as `runs.train`; or a row is too long.
    """
    chosen = list(rows)

    def attempt(attempt: Attempt) -> Trained:
        from datasets import Dataset
        from trl import SFTConfig

        loaded = load(settings.policy_lm)
        encoder = Encoder(loaded.tokenizer, longest(settings, loaded.model), settings, this.tell)
        examples = encoder.of_rows(chosen)
        order = "sequential" if settings.curriculum else "random"
        trainer = weighted_trainer()(
            model=loaded.model.train(),
            args=SFTConfig(
                **arguments(settings, attempt),
                max_length=None,  # the examples are cut already
                dataset_kwargs={"skip_prepare_dataset": True},
                train_sampling_strategy=order,
            ),
            train_dataset=Dataset.from_list([columns(example) for example in examples]),
            processing_class=loaded.tokenizer,
            peft_config=lora(settings),
        )
        trainer.data_collator = WithWeights(trainer.data_collator)
        return finish(trainer, loaded, attempt, len(examples))

    return train(this, settings, attempt)


def columns(example: Example) -> dict[str, Sequence[float]]:
    """An example as a line of the dataset."""
    return {"input_ids": example.ids, "labels": example.labels, "loss_weights": example.weights}


class WithWeights:
    """Puts the weights of tokens beside the batch that TRL's collator makes.

    Args:
        collate: TRL's collator.
    """

    def __init__(self, collate: Any) -> None:
        self._collate = collate

    def __call__(self, examples: list[Mapping[str, Any]]) -> dict[str, Any]:
        """The batch; its `loss_weights` are of the shape of its labels, 0 where it is filled up."""
        import torch

        batch: dict[str, Any] = self._collate(examples)
        weights = torch.zeros(batch["labels"].shape)  # (examples, tokens)
        for row, example in enumerate(examples):
            weights[row, : len(example["loss_weights"])] = torch.tensor(example["loss_weights"])
        return batch | {"loss_weights": weights}


def weighted_trainer() -> type[SFTTrainer]:
    """TRL's trainer with a loss that is the mean of the tokens' cross-entropies by weight.

    It is normalised by the sum of the weights in the batch, over all its parts and processes; with weights
    of 1 that is the count of tokens, and the loss is TRL's own.
    """
    from trl import SFTTrainer

    class WeightedSFTTrainer(SFTTrainer):  # type: ignore[misc]  # trl is not followed
        def _get_num_items_in_batch(self, batch_samples: list[Any], device: torch.device) -> Any:
            total = sum(_weights(batch).sum() for batch in batch_samples).to(device)
            return self.accelerator.gather(total).sum() if self.args.average_tokens_across_devices else total

        def compute_loss(self, model: Any, inputs: Any, num_items_in_batch: Any = None, **rest: Any) -> Any:
            weights = _weights(inputs)
            total = weights.sum() if num_items_in_batch is None else num_items_in_batch
            inputs = {name: value for name, value in inputs.items() if name != "loss_weights"}

            def weighted(**given: Any) -> Any:
                found = model(**given)
                found.log_probs = found.log_probs * weights.to(found.log_probs.device)
                return found

            return super().compute_loss(weighted, inputs, num_items_in_batch=total, **rest)

    return WeightedSFTTrainer


def _weights(batch: Mapping[str, Any]) -> torch.Tensor:
    """The weight of each token that is predicted, which is all but the first: (examples, tokens - 1)."""
    found: torch.Tensor = batch["loss_weights"][:, 1:] * (batch["labels"][:, 1:] != -100)
    return found
