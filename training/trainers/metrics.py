"""Metrics: what a trainer logs, line by line in a file beside its checkpoints, and as a picture."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import TrainerCallback

METRICS = "metrics.jsonl"
Line = Mapping[str, Any]
Progress = Callable[[int, int], object]
"""Told how many of how many steps are done."""
DRAWN = ("loss", "reward", "mean_token_accuracy", "rewards/accuracies", "rewards/margins", "entropy", "kl",
         "learning_rate")  # fmt: skip
"""What is drawn, where the trainer logs it."""


def keeper(output: Path, progress: Progress, base: str) -> TrainerCallback:
    """A callback that writes each line that a trainer logs into the folder of a run.

    Args:
        output: the folder.
        progress: told after each step.
        base: name of the model that adapters are for.
    """
    from transformers import TrainerCallback

    class Keeper(TrainerCallback):  # type: ignore[misc]  # transformers is not followed
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if state.is_world_process_zero and logs:
                with (output / METRICS).open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"step": state.global_step, **logs}) + "\n")

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            progress(state.global_step, state.max_steps)

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.is_world_process_zero:
                name_base(output / f"checkpoint-{state.global_step}", base)

    return Keeper()


def name_base(checkpoint: Path, base: str) -> None:
    """Let an adapter name the model that it is for; PEFT knows only names of the hub and folders.

    Args:
        checkpoint: folder of the adapter; one of a whole model stays as it is.
        base: any name that `models.load` takes.
    """
    file = checkpoint / "adapter_config.json"
    if file.is_file():
        config = json.loads(file.read_text(encoding="utf-8")) | {"base_model_name_or_path": base}
        file.write_text(json.dumps(config, indent=2, sort_keys=True), encoding="utf-8")


def read_metrics(output: Path) -> list[Line]:
    """The lines of a run."""
    file = output / METRICS
    if not file.is_file():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def forget_after(output: Path, step: int) -> None:
    """Take out the lines after a step, which a run that goes on from there will write again."""
    lines = [json.dumps(line) + "\n" for line in read_metrics(output) if line["step"] <= step]
    (output / METRICS).write_text("".join(lines), encoding="utf-8")


def draw(lines: Sequence[Line], path: Path, *, title: str = "") -> bool:
    """Draw a PNG of the curves, one above the other; returns whether matplotlib is there to do it."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    names = [name for name in DRAWN if any(name in line for line in lines)]
    if not names:
        return False
    figure = Figure(figsize=(8, 1.6 * len(names) + 1), layout="constrained")
    rows = figure.subplots(len(names), 1, sharex=True, squeeze=False)
    for (axes,), name in zip(rows, names, strict=True):
        found = [(line["step"], line[name]) for line in lines if name in line]
        axes.plot(*zip(*found, strict=True), marker=".")
        axes.set_ylabel(name)
    rows[-1][0].set_xlabel("step")
    figure.suptitle(title)
    figure.savefig(path, format="png", dpi=120)
    return True
