"""Loading: a model and its tokenizer by name, and saving them so that they load again the same."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from practicum.envs.errors import UsageError, nearest
from practicum.envs.paths import at_home, is_folder
from practicum.training.models.failures import need_torch, telling

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

TINY, TINY_RANDOM, SMOLLM2 = "tiny", "tiny-random", "smollm2"
OWN_NAMES = (TINY, TINY_RANDOM, SMOLLM2)
Progress = Callable[[int, int, float], object]
"""Told of each step of the tiny base's warm-up: its number, of how many, and its loss."""


@dataclass(frozen=True)
class Loaded:
    """A model that is ready to read, write and learn."""

    model: PreTrainedModel
    """In float32, on the processor, in evaluation mode."""
    tokenizer: PreTrainedTokenizerBase
    """With a template that writes calls, a `response_template`, and a padding token."""
    name: str
    """As it was asked for."""

    def save(self, folder: Path) -> None:
        """Write model and tokenizer, template included, so that `load` of the folder gives them back.

        Raises:
            UsageError: the disk is full, or the folder cannot be written.
        """
        with telling(f"saving {folder}"):
            folder.mkdir(parents=True, exist_ok=True)
            self.model.save_pretrained(folder)
            self.tokenizer.save_pretrained(folder)


def load(
    name: str,
    *,
    seed: int = 0,
    cache: Path | None = None,
    progress: Progress = lambda step, steps, loss: None,
) -> Loaded:
    """The model of a name.

    Args:
        name: `tiny`, the seeded base; `tiny-random`, the same before its warm-up; `smollm2`; a folder that
            holds a model; or a name on the Hugging Face hub, such as `Qwen/Qwen2.5-0.5B-Instruct`.
        seed: of `tiny-random`; the others are what they are.
        cache: where `tiny` is kept once it is made; the user's cache folder by default.
        progress: told of the making of `tiny`.

    Raises:
        UsageError: torch is missing, there is no such model or no way to it, or memory or disk do not
            suffice; one line with the way out.
    """
    need_torch()
    _hush()
    if name == TINY:
        from practicum.training.models.tiny import tiny_base

        return Loaded(*tiny_base(cache or user_cache(), progress=progress), name)
    if name == TINY_RANDOM:
        from practicum.training.models.tiny import tiny_random

        return Loaded(*tiny_random(seed), name)
    if name == SMOLLM2:
        from practicum.training.models.smollm2 import smollm2

        return Loaded(*smollm2(), name)
    return _foreign(name)


def _hush() -> None:
    """Keep transformers from drawing bars and telling of slower kernels where commands print results."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()


def user_cache() -> Path:
    """The folder in which models that were made here are kept."""
    import platformdirs

    return platformdirs.user_cache_path("practicum", appauthor=False) / "models"


def _foreign(name: str) -> Loaded:
    """A model in a folder, or on the hub."""
    from practicum.training.models.templates import fit

    folder = at_home(Path(name))
    if is_folder(folder):
        _see_model(folder)
        source = str(folder)
    elif "/" in name and name.count("/") == 1 and not name.startswith((".", "/", "~")):
        source = name
    else:
        known = ", ".join(OWN_NAMES)
        raise UsageError(
            f"no model {name!r}{nearest(name, OWN_NAMES)}: there are {known}, folders, and names of the hub "
            "such as Qwen/Qwen2.5-0.5B-Instruct"
        )
    with telling(name):
        model, tokenizer = _read(source)
        return Loaded(model, fit(tokenizer), name)


def _see_model(folder: Path) -> None:
    if (folder / "adapter_config.json").is_file():
        return
    if not (folder / "config.json").is_file():
        raise UsageError(
            f"{folder} holds no model: it has no config.json; name the folder that a training run or "
            "save_pretrained has written"
        )


def _read(source: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    adapter = Path(source) / "adapter_config.json"
    if adapter.is_file():
        from peft import PeftModel

        base = load(json.loads(adapter.read_text(encoding="utf-8"))["base_model_name_or_path"])
        tokenizer = AutoTokenizer.from_pretrained(source, config=base.model.config)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of transformers, about what peft asks it
            model = PeftModel.from_pretrained(base.model, source).merge_and_unload()
    else:
        tokenizer = AutoTokenizer.from_pretrained(source)
        model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model.eval(), tokenizer
