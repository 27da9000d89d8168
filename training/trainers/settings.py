"""Settings: all that a training run can be told, by method; configs/default.yaml says what each means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from practicum.envs.errors import UsageError
from practicum.training.datasets import Query

Count = Annotated[int, Field(ge=1)]
CountOrNone = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Port = Annotated[int, Field(ge=1, le=65535)]
Name = Annotated[str, Field(min_length=1)]
Reward = Literal["environment", "rules", "matching"]


@dataclass(frozen=True, kw_only=True)
class TrainerSettings:
    """What every method can be told."""

    policy_lm: Name
    max_length: Count | None
    agent_prompt: Name
    train_file: Name | None
    preferences: Name | None
    env: Name | None
    success: bool | None
    min_return: float | None
    agent: Name | None
    best: Count | None
    limit: Count | None
    scores: bool
    step_pairs: bool
    agent_format: bool
    mask_observations: bool
    step_weighted_loss: bool
    chunk_long_trajectories: bool
    chunk_overlap: CountOrNone
    curriculum: bool
    curriculum_stages: CountOrNone
    step_level_advantage: bool
    lm_lr: Rate
    lr_scheduler: Name
    warmup_steps: Share
    epochs: Rate
    max_steps: Annotated[int, Field(ge=-1)]
    batch_size: Count
    safe_batch_size: Count | None
    gradient_accumulation: Count
    weight_decay: Share
    max_grad_norm: Share
    optimizer: Name
    bf16: bool
    gradient_checkpointing: bool
    seed: Seed
    lora: bool
    lora_rank: Count
    lora_alpha: Count
    lora_dropout: Annotated[float, Field(ge=0, lt=1)]
    lora_targets: Name
    output: Name | None
    save_steps: Count
    keep_checkpoints: Count
    logging_steps: Count
    use_wandb: bool
    accelerate: Name | None
    processes: Count
    master_port: Port

    def __post_init__(self) -> None:
        if self.step_weighted_loss and not (self.scores or self.train_file):
            raise UsageError(
                "step_weighted_loss weighs calls by their process rewards: set scores to true (after "
                "`practicum score --all`), or name a train_file whose rows have weights"
            )

    def as_json(self) -> dict[str, Any]:
        """The settings by name."""
        return asdict(self)

    def query(self, system: str) -> Query:
        """Which examples are meant.

        Args:
            system: the system message in them.
        """
        return Query(
            env=self.env,
            agent=self.agent,
            success=self.success,
            min_return=self.min_return,
            best=self.best,
            limit=self.limit,
            step_pairs=self.step_pairs,
            system=system,
        )


@dataclass(frozen=True, kw_only=True)
class SftSettings(TrainerSettings):
    """Of supervised training, which has none of its own."""


@dataclass(frozen=True, kw_only=True)
class DpoSettings(TrainerSettings):
    """Of learning from preferences."""

    beta: Rate
    sft_weight: Share


@dataclass(frozen=True, kw_only=True)
class GrpoSettings(TrainerSettings):
    """Of learning from groups."""

    mode: Literal["offline", "online"]
    reward: Reward
    beta: Share
    epsilon: Rate
    num_generations: Annotated[int, Field(ge=2)]
    temperature: Rate
    max_completion_length: Count
    rollout_size: Count
    horizon: Count
    min_try: Count
    use_vllm: bool
    vllm_tensor_parallel_size: Count


METHODS: Mapping[str, type[TrainerSettings]] = {"sft": SftSettings, "dpo": DpoSettings, "grpo": GrpoSettings}
"""The settings of each method by its name."""
