"""Merging: a LoRA adapter and the model it is for, as one model that any server can load."""

from __future__ import annotations

from pathlib import Path

from practicum.envs.errors import UsageError
from practicum.envs.paths import is_folder
from practicum.training.models import load
from practicum.training.trainers.runs import FINAL, need_trl

MERGED = "merged_model"


def merge(adapter: Path, output: Path | None = None) -> Path:
    """Write the merged model; returns its folder.

    Args:
        adapter: a checkpoint with an adapter, or the folder of a run, whose last one is meant.
        output: the new folder; `merged_model` beside the checkpoint where None.

    Raises:
        UsageError: there is no adapter, or the new folder holds something already.
    """
    need_trl()
    source = adapter / FINAL if is_folder(adapter / FINAL) else adapter
    if not is_folder(source):
        raise UsageError(f"there is no folder {str(source)!r}; name a run with an adapter")
    if not (source / "adapter_config.json").is_file():
        is_whole = (source / "config.json").is_file()
        found = "a whole model, which needs no merging" if is_whole else "no checkpoint"
        raise UsageError(f"{source} holds {found}; expected an adapter, as a run with lora writes it")
    target = output or source.parent / MERGED
    if is_folder(target) and any(target.iterdir()):
        raise UsageError(f"{target} is not empty; name another folder with --output")
    load(str(source)).save(target)
    return target
