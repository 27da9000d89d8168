"""How fast models train: tokens a second of SFT, and what memory that takes. `--quick` for a short run.

Rows are sessions of the flight world's script, the model is the tiny one before its warm-up; the last line is
JSON. Run alone on the machine: other work halves the figures.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from practicum.envs import find
from practicum.memory import Log, Store
from practicum.training.agents import scripted_agent
from practicum.training.datasets import Row, rows
from practicum.training.rollouts import Stage, roll_out
from practicum.training.trainers import layered
from practicum.training.trainers.runs import Run
from practicum.training.trainers.sft import train_sft

QUICK, FULL = (8, 4), (200, 100)
"""Sessions, and steps."""


def main() -> None:
    quick = _arguments().quick
    sessions, steps = QUICK if quick else FULL
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "log.db")
        _play(store, sessions)
        began = time.perf_counter()
        played = list(rows(store))
        read = time.perf_counter() - began
        store.close()
        figures = {"sessions": sessions, "export_sessions_per_s": round(len(played) / read, 1)}
        for enhanced in (False, True):
            figures |= _trained(played, steps, Path(folder), enhanced=enhanced)
    print(json.dumps(figures | {"quick": quick, "peak_rss_mb": _peak_rss_mb()}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short run, to see that it works")
    return parser.parse_args()


def _play(store: Store, sessions: int) -> None:
    flight = find("flight")
    stage = Stage(env=flight, place="flight-v1", log=Log(store))
    for task in flight.tasks().split("train").take(sessions):
        roll_out(stage, task, scripted_agent("flight", seed=task.seed), "scripted")


def _trained(played: list[Row], steps: int, folder: Path, *, enhanced: bool) -> dict[str, float | None]:
    """Tokens a second, with the enhancements that cost something or without."""
    switches = {"step_weighted_loss": enhanced, "curriculum": enhanced, "chunk_long_trajectories": enhanced}
    given = {
        "policy_lm": "tiny-random",
        "batch_size": 2,
        "max_steps": steps,
        "train_file": "the log",
    } | switches
    name = "enhanced" if enhanced else "plain"
    trained = train_sft(played, layered("sft", given=given).settings, Run(folder / name))
    speed = trained.tokens_per_second
    print(f"{name}: {speed and round(speed)} tokens a second over {trained.steps} steps")
    return {f"sft_{name}_tokens_per_s": speed and round(speed, 1)}


def _peak_rss_mb() -> float:
    """The most memory this process has held; macOS counts bytes, Linux kilobytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


if __name__ == "__main__":
    main()
