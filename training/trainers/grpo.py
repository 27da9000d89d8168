"""GRPO: learning from groups of one task, from the log (offline) or played in the environment (online)."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from practicum.envs import Task
from practicum.envs.errors import UsageError
from practicum.training.action_matching import gold_calls
from practicum.training.agents.agent import Tool
from practicum.training.datasets import Group
from practicum.training.enhance import step_level_advantage
from practicum.training.models import Loaded, load
from practicum.training.trainers.layers import prompt
from practicum.training.trainers.practice import Ground, environment_class
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
from practicum.training.trainers.settings import GrpoSettings
from practicum.training.trainers.tokens import AdvantageTokens, Encoder
from practicum.training.transcripts import tool_schemas

if TYPE_CHECKING:
    import torch
    from trl import GRPOTrainer


# Offline ----------------------------------------------------------------------------------------------


def train_groups(groups: Iterable[Group], settings: GrpoSettings, this: Run) -> Trained:
    """Train a model on groups that were played before.

    The ratio of GRPO is taken against the model that one starts from, as if that had played; with a `beta`
    of 0 no such model is kept, and the ratio is 1.

    Args:
        groups: of one task each.
        settings: of the run.
        this: the run.

    Raises:
        UsageError: as `runs.train`; or within no group the rewards differ.
    """
    chosen = list(groups)

    def attempt(attempt: Attempt) -> Trained:
        loaded = load(settings.policy_lm)
        encoder = Encoder(loaded.tokenizer, longest(settings, loaded.model), settings, this.tell)
        examples = encoder.of_groups(chosen)
        trainer = group_trainer(loaded, examples, settings, attempt)
        return finish(trainer, loaded, attempt, len(examples))

    return train(this, settings, attempt)


def group_trainer(
    loaded: Loaded, examples: Sequence[AdvantageTokens], settings: GrpoSettings, attempt: Attempt
) -> GRPOTrainer:
    """The trainer of a model on sessions with their advantages."""
    from datasets import Dataset

    with with_reference(loaded.model, settings), _unwarned():
        return offline_trainer()(
            model=loaded.model.train(),
            args=_config(settings, attempt, num_generations=2, steps_per_generation=2),
            train_dataset=Dataset.from_list([asdict(example) for example in examples]),
            processing_class=loaded.tokenizer,
            peft_config=lora(settings),
            reward_funcs=_given,
        )


def _given(completions: Sequence[Any], **_: Any) -> list[float]:
    """Stands where TRL asks for a reward; those of the log are in the advantages already."""
    return [0.0] * len(completions)


def offline_trainer() -> type[GRPOTrainer]:
    """TRL's trainer on completions that are there already, each token with its advantage."""
    import torch
    from transformers import Trainer
    from trl import GRPOTrainer

    class OfflineGRPOTrainer(GRPOTrainer):  # type: ignore[misc]  # trl is not followed
        def get_train_dataloader(self) -> Any:
            return self._get_dataloader(
                dataset=self.train_dataset,
                description="Training",
                batch_size=self._train_batch_size,
                sampler_fn=self._get_train_sampler,
                is_training=True,
            )

        def _get_train_sampler(self, dataset: Any = None) -> Any:
            return Trainer._get_train_sampler(self, dataset)

        def _prepare_inputs(self, examples: Any) -> dict[str, Any]:
            batch = _padded(examples, self._tokenizer.pad_token_id)
            batch = {name: values.to(self.accelerator.device) for name, values in batch.items()}
            counted = self.accelerator.gather(batch["tool_mask"].sum()).sum()
            batch["num_items_in_batch"] = counted * self.args.steps_per_generation
            if self.beta:
                batch["ref_per_token_logps"] = self._reference(batch)
                batch["old_per_token_logps"] = batch["ref_per_token_logps"]
            return batch

        def _reference(self, batch: dict[str, Any]) -> torch.Tensor:
            """The log-probabilities under the model that one started from: (examples, completion tokens)."""
            ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1)
            mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1)
            kept = batch["completion_ids"].size(1)
            own = self.accelerator.unwrap_model(self.model)
            with torch.no_grad():
                if self.ref_model is not None:
                    return self._get_per_token_logps_and_entropies(self.ref_model, ids, mask, kept)[0]
                with own.disable_adapter():
                    return self._get_per_token_logps_and_entropies(self.model, ids, mask, kept)[0]

    return OfflineGRPOTrainer


def _padded(examples: Sequence[Any], filler: int) -> dict[str, torch.Tensor]:
    """A batch as TRL's loss takes it: prompts filled up on the left, the rest on the right."""
    import torch
    from trl.trainer.utils import pad

    def column(name: str, value: float, side: str) -> torch.Tensor:
        found: torch.Tensor = pad([torch.tensor(each[name]) for each in examples], value, side)
        return found

    def ones(name: str, side: str) -> torch.Tensor:
        found: torch.Tensor = pad(
            [torch.ones(len(each[name]), dtype=torch.long) for each in examples], 0, side
        )
        return found

    return {
        "prompt_ids": column("prompt_ids", filler, "left"),
        "prompt_mask": ones("prompt_ids", "left"),
        "completion_ids": column("completion_ids", filler, "right"),
        "completion_mask": ones("completion_ids", "right"),
        "tool_mask": column("counts", 0, "right"),
        "advantages": column("advantages", 0.0, "right"),
    }


# Online -----------------------------------------------------------------------------------------------


def train_online(tasks: Iterable[Task], ground: Ground, settings: GrpoSettings, this: Run) -> Trained:
    """Train a model on what it plays itself, each task several times.

    Args:
        tasks: of the train split.
        ground: where they are played.
        settings: of the run.
        this: the run.

    Raises:
        UsageError: as `runs.train`; or the tasks are of another split or have no gold calls that a reward
            asks for, or the batches hold no whole groups.
    """
    chosen = list(tasks)
    _see_tasks(chosen, settings)
    _see_groups(settings)

    def attempt(attempt: Attempt) -> Trained:
        from datasets import Dataset

        loaded = load(settings.policy_lm)
        end = str(loaded.tokenizer.eos_token) * (settings.max_completion_length + 1)
        here = replace(ground, ending=end, reward=settings.reward, min_try=settings.min_try)
        system = prompt(settings.agent_prompt)
        rows = [{"prompt": here.prompt(task, system), "task": json.dumps(task.as_json())} for task in chosen]
        with with_reference(loaded.model, settings), _unwarned():
            trainer = online_trainer(step_level=settings.step_level_advantage)(
                model=loaded.model.train(),
                args=_config(settings, attempt, num_generations=settings.num_generations),
                train_dataset=Dataset.from_list(rows),
                processing_class=loaded.tokenizer,
                peft_config=lora(settings),
                environment_factory=environment_class(here),
            )
        tools = [Tool.of(action) for action in here.env.actions.values()]
        trainer._env_tools[None] = tool_schemas(tools)  # as in play, not as TRL reads signatures
        return finish(trainer, loaded, attempt, len(rows))

    return train(this, settings, attempt)


def online_trainer(*, step_level: bool) -> type[GRPOTrainer]:
    """TRL's trainer; with `step_level` each call has its share of its rollout's advantage."""
    from trl import GRPOTrainer

    class OnlineGRPOTrainer(GRPOTrainer):  # type: ignore[misc]  # trl is not followed
        def _generate_and_score_completions(self, inputs: Any) -> dict[str, Any]:
            output: dict[str, Any] = super()._generate_and_score_completions(inputs)
            if step_level:
                worths = [each._process_rewards() for each in self.environments]  # public ones are tools
                output["advantages"] = shared_out(output["advantages"], output["tool_mask"], worths)
            return output

    return OnlineGRPOTrainer


def shared_out(
    advantages: torch.Tensor, said: torch.Tensor, worths: Sequence[Sequence[float]]
) -> torch.Tensor:
    """The advantage of each token, by the calls that it was said in.

    Args:
        advantages: one a rollout.
        said: (rollouts, tokens), 1 for tokens of the model's; each run of them is one message.
        worths: process rewards of each rollout's calls; messages without one count as the others do.

    Returns:
        (rollouts, tokens), 0 for tokens that were not said.
    """
    import torch

    whole = torch.zeros(said.shape, dtype=advantages.dtype, device=advantages.device)
    for row, (advantage, worth) in enumerate(zip(advantages.tolist(), worths, strict=True)):
        runs = list(_runs(said[row].tolist()))
        known = [*worth, *[None] * len(runs)][: len(runs)]
        for (first, end), each in zip(runs, step_level_advantage(advantage, known), strict=True):
            whole[row, first:end] = each
    return whole


def _runs(said: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Where each run of ones begins and ends."""
    place = 0
    for is_said, tokens in groupby(said):
        end = place + len(list(tokens))
        if is_said:
            yield place, end
        place = end


def _config(settings: GrpoSettings, attempt: Attempt, **given: Any) -> Any:
    from trl import GRPOConfig

    return GRPOConfig(
        **arguments(settings, attempt),
        beta=settings.beta,
        epsilon=settings.epsilon,
        temperature=settings.temperature if settings.mode == "online" else 1.0,
        max_completion_length=settings.max_completion_length,
        max_tool_calling_iterations=settings.horizon,
        use_vllm=settings.use_vllm,
        vllm_mode="colocate",
        vllm_tensor_parallel_size=settings.vllm_tensor_parallel_size,
        **given,
    )


def _see_tasks(tasks: Sequence[Task], settings: GrpoSettings) -> None:
    if not tasks:
        raise UsageError("there is no task of the train split to play")
    foreign = next((task for task in tasks if task.split != "train"), None)
    if foreign is not None:
        raise UsageError(f"a task of the split {foreign.split} is not for training; take those of train")
    if settings.reward == "matching" and any(gold_calls(task) is None for task in tasks):
        raise UsageError(
            f"reward matching holds calls against gold calls, and tasks of {tasks[0].env_id} have none; "
            "set reward to environment or rules"
        )


def _see_groups(settings: GrpoSettings) -> None:
    a_step = settings.batch_size * settings.gradient_accumulation * settings.processes
    if a_step % settings.num_generations:
        raise UsageError(
            f"a step has {a_step} rollouts (batch_size x gradient_accumulation x processes), which are no "
            f"whole groups of num_generations {settings.num_generations}; make it a multiple"
        )


@contextmanager
def _unwarned() -> Iterator[None]:
    """Without TRL's word that its environments are experimental, which docs/trainers.md says."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
