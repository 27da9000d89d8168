"""What retail-v1 costs beside a plain dictionary implementation that copies the world for each session.

    python -m benchmarks.retail [--quick] [--data FOLDER]

The calls are those of the gold plans; they are drawn first, and what is timed is opening and playing alone,
on one core. `open_ms` opens an episode over a world that has been read, as every session but the first does.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks._retail_plain import PlainShop
from practicum.envs import Episode, Task
from practicum.envs.retail.consistency import complaints
from practicum.envs.retail.env import RetailEnv
from practicum.envs.retail.tasks import make_retail_task
from practicum.envs.retail.world import World, open_world

PEER = Path(__file__).parents[2] / "shared" / "data" / "tau_retail"
"""τ-bench's base data, where it is at hand."""


def play(tasks: Sequence[Task]) -> int:
    """Play the gold plan of every task; returns the number of calls."""
    for task in tasks:
        episode = Episode(RetailEnv(), task)
        for call in task.secret["actions"]:
            episode.play(call["name"], call["arguments"])
    return _calls(tasks)


def play_plainly(tasks: Sequence[Task], shops: Sequence[PlainShop]) -> int:
    """Play the same calls, a task in each shop."""
    for task, shop in zip(tasks, shops, strict=True):
        for call in task.secret["actions"]:
            shop.call(call["name"], call["arguments"])
    return _calls(tasks)


def differences(tasks: Sequence[Task], world: World) -> int:
    """The number of calls whose results are not equal here and there."""
    found = 0
    for task in tasks:
        episode, shop = Episode(RetailEnv(), task), PlainShop.copy_of(world)
        for call in task.secret["actions"]:
            step = episode.play(call["name"], call["arguments"])
            plain = shop.call(call["name"], call["arguments"])
            found += plain != (step.result if isinstance(step.result, str) else json.dumps(step.result))
    return found


def _calls(tasks: Sequence[Task]) -> int:
    return sum(len(task.secret["actions"]) for task in tasks)


def seconds(work: Callable[[], Any], repeats: int) -> float:
    """The shortest of several runs: the least disturbed one."""
    best = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best


def measure(data: str, *, quick: bool) -> dict[str, Any]:
    """All figures of one run."""
    repeats, count = (3, 200) if quick else (7, 1_000)
    world = open_world(data)
    tasks = [make_retail_task(seed, data=data) for seed in range(count)]
    few = tasks[: 16 if quick else 40]
    drawing = seconds(lambda: [make_retail_task(seed, data=data) for seed in range(count)], repeats)
    opening = seconds(lambda: [Episode(RetailEnv(), task) for task in tasks], repeats)
    playing = seconds(lambda: play(tasks), repeats)
    shops: list[PlainShop] = []
    copying = seconds(lambda: shops.extend(PlainShop.copy_of(world) for _ in few), 1)
    plainly = seconds(lambda: play_plainly(few, shops), 1)
    return {
        "open_ms": round(1e3 * opening / count, 4),
        "plain_open_ms": round(1e3 * copying / len(few), 2),
        "calls_per_s": round(_calls(tasks) / playing),
        "plain_calls_per_s": round(_calls(few) / (copying + plainly)),
        "opened_calls_per_s": round(_calls(tasks) / max(playing - opening, 1e-9)),
        "plain_opened_calls_per_s": round(_calls(few) / plainly),
        "task_ms": round(1e3 * drawing / count, 4),
        "calls_per_session": round(_calls(tasks) / count, 2),
        "differences": differences(few, world),
        "complaints": len(complaints(world)),
        "world": "peer" if data else "shipped",
    }


def main() -> None:
    """Run, print a table and the line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smaller run")
    parser.add_argument("--data", help="folder of the world; τ-bench's where at hand, else the shipped one")
    options = parser.parse_args()
    data = options.data or (str(PEER) if PEER.is_dir() else "")
    figures = measure(data, quick=options.quick)
    for name, value in figures.items():
        print(f"{name:>28}  {value:>12}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
