"""Runs: what every trainer does around its steps: arguments, LoRA, less memory, checkpoints, what is kept."""

from __future__ import annotations

import errno
import gc
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from practicum.envs.errors import UsageError
from practicum.envs.paths import at_home
from practicum.training.models import OWN_NAMES, Loaded
from practicum.training.models.failures import is_out_of_memory, need_torch, telling
from practicum.training.trainers.metrics import (
    METRICS,
    Progress,
    draw,
    forget_after,
    keeper,
    name_base,
    read_metrics,
)
from practicum.training.trainers.settings import TrainerSettings

if TYPE_CHECKING:
    from peft import LoraConfig
    from transformers import PreTrainedModel, Trainer

FINAL, SETTINGS, CURVE = "final", "settings.yaml", "curve.png"
Tell = Callable[[str], object]
"""Told in a line what a person should know."""


@dataclass(frozen=True)
class Run:
    """Where a run is kept, and who hears of it."""

    output: Path
    """Its folder: checkpoint-*, final, metrics.jsonl, curve.png, settings.yaml."""
    resume: bool = False
    """Whether to go on from the last checkpoint in the folder."""
    tell: Tell = lambda line: None
    """Told what a person should know."""
    progress: Progress = lambda done, total: None
    """Told after each step."""


@dataclass(frozen=True)
class Trained:
    """What a run came to."""

    final: Path
    """Folder of the last checkpoint, which `models.load` reads; of a LoRA run the adapter alone."""
    steps: int
    """Updates of the weights, those before a resumption too."""
    examples: int
    loss: float | None
    """The mean over the steps of the last log line."""
    seconds: float
    tokens_per_second: float | None
    """Tokens that were read, padding left out; None where the trainer does not count them."""

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object."""
        own = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return own | {"final": str(self.final)}


@dataclass(frozen=True)
class Attempt:
    """One go at a run: where, how many examples at a time, and from which checkpoint."""

    output: Path
    batch_size: int
    accumulation: int
    checkpoint: Path | None = None
    progress: Progress = lambda done, total: None


def output_of(settings: TrainerSettings, method: str) -> Path:
    """The folder of a run."""
    return at_home(Path(settings.output or f"runs/{method}"))


def train(this: Run, settings: TrainerSettings, attempt: Callable[[Attempt], Trained]) -> Trained:
    """Train in a folder, with smaller batches where memory does not suffice and `safe_batch_size` says so.

    Args:
        this: the run.
        settings: its settings.
        attempt: loads the model and trains it.

    Raises:
        UsageError: what a person can mend: the folder holds a run, torch is missing, memory or disk do not
            suffice, the port is taken.
    """
    need_trl()
    _see_wandb(settings)
    with _usable(this.output):
        checkpoint = _begin(this, settings)
    if checkpoint is not None:
        this.tell(f"going on from {checkpoint}")
    size, accumulation = settings.batch_size, settings.gradient_accumulation
    first = Attempt(this.output, size, accumulation, checkpoint, this.progress)
    with _told(this.output), _quiet():
        try:
            return attempt(first)
        except Exception as error:
            if not is_out_of_memory(error) or not _can_shrink(settings):
                raise
        gc.collect()
        smaller = _smaller(first, settings)
        this.tell(f"not enough memory for batch_size {size}: going on with {smaller.batch_size}")
        return attempt(smaller)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the bars of libraries, and without what they warn each other of."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", category=FutureWarning, module=r"(trl|transformers|peft|torch)\b"
            )
            yield
    finally:
        if shown:
            logging.enable_progress_bar()


def need_trl() -> None:
    """See that models can be trained.

    Raises:
        UsageError: says what to install.
    """
    from importlib.util import find_spec

    need_torch()
    missing = [name for name in ("trl", "peft", "datasets", "accelerate") if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"training needs {' and '.join(missing)}, which is not installed: pip install 'practicum[train]'"
        )


def is_first_process() -> bool:
    """Whether this is the process among several that writes and tells."""
    return int(os.environ.get("RANK", "0")) == 0


def last_checkpoint(output: Path) -> Path | None:
    """The newest of the folders checkpoint-*; None where there is none."""
    found = [path for path in output.glob("checkpoint-*") if path.name.partition("-")[2].isdigit()]
    return max(found, key=lambda path: int(path.name.partition("-")[2]), default=None)


def arguments(settings: TrainerSettings, attempt: Attempt) -> dict[str, Any]:
    """What transformers' arguments are in these settings."""
    import torch

    on_gpu = torch.cuda.is_available()
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    return {
        "output_dir": str(attempt.output),
        "per_device_train_batch_size": attempt.batch_size,
        "gradient_accumulation_steps": attempt.accumulation,
        "learning_rate": settings.lm_lr,
        "lr_scheduler_type": settings.lr_scheduler,
        "warmup_steps": settings.warmup_steps,
        "num_train_epochs": settings.epochs,
        "max_steps": settings.max_steps,
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.max_grad_norm,
        "optim": settings.optimizer,
        "bf16": settings.bf16,
        "activation_checkpointing": settings.gradient_checkpointing,
        "seed": settings.seed,
        "save_steps": settings.save_steps,
        "save_total_limit": settings.keep_checkpoints,
        "logging_steps": settings.logging_steps,
        "report_to": "wandb" if settings.use_wandb else "none",
        "run_name": attempt.output.name,
        "disable_tqdm": True,
        "dataloader_pin_memory": on_gpu,
        "use_cpu": not on_gpu,
        "ddp_backend": "gloo" if several and not on_gpu else None,
        "ddp_find_unused_parameters": False if several else None,
        "remove_unused_columns": False,
    }


def lora(settings: TrainerSettings) -> LoraConfig | None:
    """The adapter of a run; None where all weights learn."""
    if not settings.lora:
        return None
    from peft import LoraConfig

    targets = settings.lora_targets
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules=targets if targets == "all-linear" else [name.strip() for name in targets.split(",")],
    )


def base_name(name: str) -> str:
    """The name by which an adapter finds its model again, from any folder."""
    is_folder = name not in OWN_NAMES and at_home(Path(name)).is_dir()
    return str(at_home(Path(name)).resolve()) if is_folder else name


def longest(settings: TrainerSettings, model: PreTrainedModel) -> int:
    """Tokens of an example at most.

    Raises:
        UsageError: max_length is more than the model's positions reach.
    """
    reach = int(getattr(model.config, "max_position_embeddings", 0) or 2**31)
    if settings.max_length is not None and settings.max_length > reach:
        raise UsageError(f"max_length is {settings.max_length}, and the model's positions reach {reach}")
    return settings.max_length or reach


@contextmanager
def with_reference(model: PreTrainedModel, settings: TrainerSettings) -> Iterator[None]:
    """Let TRL find the model as it is now, to make the reference of it; on disk for as long as that takes.

    With LoRA the model without its adapter is the reference, and nothing is written.
    """
    if settings.lora:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="practicum-reference-") as folder:
        named = model.config.name_or_path
        model.save_pretrained(folder)
        model.config.name_or_path = folder
        try:
            yield
        finally:
            model.config.name_or_path = named


def finish(trainer: Trainer, loaded: Loaded, attempt: Attempt, examples: int) -> Trained:
    """Train to the end, then keep the last checkpoint and the curve."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(keeper(attempt.output, attempt.progress, base_name(loaded.name)))
    if is_first_process():
        forget_after(attempt.output, _step(attempt.checkpoint))
    ended = trainer.train(
        resume_from_checkpoint=None if attempt.checkpoint is None else str(attempt.checkpoint)
    )
    final = attempt.output / FINAL
    trainer.save_model(str(final))
    if is_first_process():
        name_base(final, base_name(loaded.name))
        trainer.state.save_to_json(str(final / "trainer_state.json"))
        draw(read_metrics(attempt.output), attempt.output / CURVE, title=attempt.output.name)
    return _trained(trainer, ended, final, examples, _step(attempt.checkpoint))


def _trained(trainer: Trainer, ended: Any, final: Path, examples: int, began_at: int) -> Trained:
    losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    seconds = float(ended.metrics["train_runtime"])
    tokens = getattr(trainer, "_total_train_tokens", 0)
    counted = bool(tokens) and trainer.state.global_step > began_at
    return Trained(
        final=final,
        steps=int(trainer.state.global_step),
        examples=examples,
        loss=losses[-1] if losses else None,
        seconds=seconds,
        tokens_per_second=tokens / seconds if counted and seconds else None,
    )


def _step(checkpoint: Path | None) -> int:
    return 0 if checkpoint is None else int(checkpoint.name.partition("-")[2])


def _begin(this: Run, settings: TrainerSettings) -> Path | None:
    """Make the folder of a run, or see what it goes on from."""
    import yaml

    output, resume = this.output, this.resume
    checkpoint = last_checkpoint(output)
    if not is_first_process():
        return checkpoint if resume else None
    holds_run = checkpoint is not None or (output / METRICS).exists()
    if holds_run and not resume:
        raise UsageError(
            f"{output} holds a run already; go on with --resume, or name another folder (--output)"
        )
    output.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(settings.as_json(), sort_keys=False, allow_unicode=True)
    (output / SETTINGS).write_text(text, encoding="utf-8")
    return checkpoint if resume else None


@contextmanager
def _usable(output: Path) -> Iterator[None]:
    with telling(f"writing {output}"):
        try:
            yield
        except (OSError, ValueError) as error:
            if getattr(error, "errno", None) == errno.ENOSPC:
                raise
            reason = getattr(error, "strerror", None) or error
            raise UsageError(f"no run can be kept in {str(output)!r}: {reason}; see --output") from None


def _see_wandb(settings: TrainerSettings) -> None:
    from importlib.util import find_spec

    if settings.use_wandb and find_spec("wandb") is None:
        raise UsageError("use_wandb needs wandb, which is not installed: pip install 'practicum[wandb]'")


def _can_shrink(settings: TrainerSettings) -> bool:
    return settings.safe_batch_size is not None and settings.safe_batch_size < settings.batch_size


def _smaller(first: Attempt, settings: TrainerSettings) -> Attempt:
    """The same examples a step in smaller batches, from the last checkpoint that was written."""
    safe = settings.safe_batch_size or first.batch_size
    more = -(-first.batch_size // safe)
    return replace(
        first,
        batch_size=safe,
        accumulation=first.accumulation * more,
        checkpoint=last_checkpoint(first.output) or first.checkpoint,
    )


@contextmanager
def _told(output: Path) -> Iterator[None]:
    """Turn what a person can mend into one line."""
    with telling(f"training in {output}"):
        try:
            yield
        except RuntimeError as error:
            if "address already in use" in str(error).lower() or "EADDRINUSE" in str(error):
                port = os.environ.get("MASTER_PORT", "29500")
                raise UsageError(f"port {port} is taken: set master_port to another one") from None
            raise
