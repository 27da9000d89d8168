"""Steps per second of flight-v1 through Episode, with and without the log; CartPole is the yardstick.

    python -m benchmarks.envs [--quick] [--profile]

The calls are those that the scripted agent makes; they are recorded first and played again in the timed part:
what is timed is the opening of episodes, the door, the world and the log, on one core, and nothing else.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import anyio
import gymnasium

from practicum.envs import Episode, Task, ToolCall, find
from practicum.memory import Log, SessionStart, Store, new_session_id
from practicum.training.agents import play_episode, scripted_agent

EPISODES_AT_ONCE = 16
FLIGHT = find("flight")
Recorded = Sequence[tuple[Task, list[ToolCall]]]


def record(count: int) -> list[tuple[Task, list[ToolCall]]]:
    """What the scripted agent does in `count` tasks."""
    played = []
    for seed in range(count):
        task = FLIGHT.make_task(seed)
        episode = Episode(FLIGHT(), task)
        steps = play_episode(episode, scripted_agent("flight", seed=seed))
        played.append((task, [ToolCall(step.tool, step.arguments) for step in steps]))
    return played


def play_plain(recorded: Recorded) -> int:
    """Play every episode; returns the number of steps."""
    for task, calls in recorded:
        episode = Episode(FLIGHT(), task)
        for call in calls:
            episode.play(call.tool, call.arguments)
    return _steps(recorded)


def play_logged_alone(recorded: Recorded, log: Log) -> int:
    """Play every episode, one after the other, each step committed by itself."""
    for task, calls in recorded:
        session_id = _start(log, task)
        episode = Episode(FLIGHT(), task)
        for call in calls:
            log.append(session_id, episode.play(call.tool, call.arguments))
    return _steps(recorded)


def play_logged_together(recorded: Recorded, log: Log) -> int:
    """Play 16 episodes at a time; a step is committed before its result is handed out, commits are shared."""
    waiting = iter(recorded)

    async def player() -> None:
        for task, calls in waiting:
            session_id = _start(log, task)
            episode = Episode(FLIGHT(), task)
            for call in calls:
                await log.append_shared(session_id, episode.play(call.tool, call.arguments))

    async def players() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(EPISODES_AT_ONCE):
                tasks.start_soon(player)

    anyio.run(players)
    return _steps(recorded)


def play_cartpole(steps: int) -> int:
    """Step Gymnasium's own CartPole with alternating actions."""
    env = gymnasium.make("CartPole-v1")
    env.reset(seed=0)
    for step in range(steps):
        _, _, terminated, truncated, _ = env.step(step % 2)
        if terminated or truncated:
            env.reset()
    return steps


def _start(log: Log, task: Task) -> str:
    session_id = new_session_id()
    log.start(SessionStart(id=session_id, env=task.env_id, task=task, purpose="practice"))
    return session_id


def _steps(recorded: Recorded) -> int:
    return sum(len(calls) for _, calls in recorded)


def fresh_logs(folder: Path) -> Iterator[Log]:
    """One new log after the other."""
    number = 0
    while True:
        number += 1
        yield Log(Store.open(folder / f"{number}.db"))


def rate(work: Callable[[], int], repeats: int) -> float:
    """Best steps per second of several runs: the least disturbed one."""
    best = 0.0
    for _ in range(repeats):
        began = time.perf_counter()
        steps = work()
        best = max(best, steps / (time.perf_counter() - began))
    return best


def profile(work: Callable[[], int]) -> None:
    """Print where the time goes."""
    with cProfile.Profile() as found:
        work()
    pstats.Stats(found).sort_stats("tottime").print_stats(18)


def measure(*, quick: bool) -> dict[str, Any]:
    """All figures of one run."""
    recorded = record(300 if quick else 1_500)
    repeats = 3 if quick else 7
    with tempfile.TemporaryDirectory() as folder:
        logs = fresh_logs(Path(folder))
        return {
            "steps_per_s": round(rate(lambda: play_plain(recorded), repeats)),
            "logged_steps_per_s": round(rate(lambda: play_logged_together(recorded, next(logs)), repeats)),
            "logged_alone_steps_per_s": round(rate(lambda: play_logged_alone(recorded, next(logs)), repeats)),
            "cartpole_steps_per_s": round(rate(lambda: play_cartpole(100_000), repeats)),
            "steps_per_episode": round(_steps(recorded) / len(recorded), 2),
        }


def main() -> None:
    """Run, print a table and the line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smaller run")
    parser.add_argument("--profile", action="store_true", help="print profiles first")
    options = parser.parse_args()
    if options.profile:
        recorded = record(300)
        profile(lambda: play_plain(recorded))
        with tempfile.TemporaryDirectory() as folder:
            profile(lambda: play_logged_together(recorded, next(fresh_logs(Path(folder)))))
    figures = measure(quick=options.quick)
    for name, value in figures.items():
        print(f"{name:>28}  {value:>12,}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
