"""Launch: a run in several processes, in each of which accelerate finds its place."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from practicum.envs.errors import UsageError, nearest
from practicum.envs.paths import at_home
from practicum.training.trainers.layers import CONFIGS
from practicum.training.trainers.runs import need_trl
from practicum.training.trainers.settings import TrainerSettings

LAUNCHED = "PRACTICUM_LAUNCHED"
"""Set in processes that were started by `launch`, so that none of them starts others."""
ACCELERATE = CONFIGS / "accelerate"


def is_to_launch(settings: TrainerSettings) -> bool:
    """Whether a run asks for processes of its own, and this is none of them."""
    asked = settings.accelerate is not None or settings.processes > 1
    return asked and LAUNCHED not in os.environ and "RANK" not in os.environ


def launch(settings: TrainerSettings, command: Sequence[str]) -> int:
    """Run a command of practicum's in as many processes as the settings say; returns the exit code.

    Args:
        settings: of the run.
        command: without its first word, such as `["train", "sft", "--settings", "run.yaml"]`.

    Raises:
        UsageError: there is no such configuration, or the port is taken.
    """
    need_trl()
    config = accelerate_config(settings.accelerate or _usual())
    _see_port(settings.master_port)
    starting = [sys.executable, "-m", *_launcher(config, settings), "-m", "practicum", *command]
    variables = os.environ | {LAUNCHED: "1"}
    return subprocess.run(starting, check=False, env=variables).returncode  # noqa: S603  # ours


def _launcher(config: Path, settings: TrainerSettings) -> list[str]:
    """The module that starts the processes: accelerate's, or without GPUs PyTorch's, which needs no MPI."""
    count, port = str(settings.processes), str(settings.master_port)
    if "MULTI_CPU" in config.read_text(encoding="utf-8"):
        return ["torch.distributed.run", "--nproc_per_node", count, "--master_port", port]
    places = ["--num_processes", count, "--main_process_port", port]
    return ["accelerate.commands.launch", "--config_file", str(config), *places]


def accelerate_config(name: str) -> Path:
    """The file of an accelerate configuration, by its name or its place.

    Raises:
        UsageError: there is none.
    """
    known = sorted(path.stem for path in ACCELERATE.glob("*.yaml"))
    if name in known:
        return ACCELERATE / f"{name}.yaml"
    if at_home(Path(name)).is_file():
        return at_home(Path(name))
    raise UsageError(
        f"accelerate {name!r}: no such configuration{nearest(name, known)}; there are {', '.join(known)}, "
        "or name a file that `accelerate config` has written"
    )


def _usual() -> str:
    import torch

    return "ddp" if torch.cuda.is_available() else "ddp_cpu"


def _see_port(port: int) -> None:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            raise UsageError(
                f"master_port {port} is taken: set another one, such as --set master_port={port + 1}"
            ) from None
