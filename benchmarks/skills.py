"""What skills are worth: learned in use, on new tasks, from bad teachers; chosen, retired, mined at scale.

    python -m benchmarks.skills [--quick] [--only loop,heldout] [--curves FOLDER]

Parts, each described in a module of its own (`benchmarks/_skills_*.py`):

loop        60 sessions of each of 12 users, with skills as they are learned and by hand
heldout     500 test tasks with mined skills, beside replays of sessions
teachers    what is learned from sessions with slips, detours and wrong labels
choice      regret of choosing among skills; recall of searching them
explorer    calls to the first success, the explorer beside random
retail      500 sessions of a service desk, mined between turns, and 400 test tasks with what is published
retirement  uses until a broken skill is noticed; false retirements
serving     latency of a served call while somebody mines
scale       time and memory of mining 1,000, 10,000 and 100,000 sessions, beside PrefixSpan

Parts that time nothing share two processes, and so does what makes the logs for `scale`, 1.5 GB in the folder
for temporary files. `scale` and `serving` are timed after them, each by itself. `part_cpu_s` is the CPU time
of each part, which load on the machine does not lengthen much.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import (
    _skills_choice,
    _skills_explorer,
    _skills_heldout,
    _skills_lessons,
    _skills_loop,
    _skills_retail,
    _skills_retirement,
    _skills_scale,
    _skills_serving,
)
from benchmarks._serve_targets import BENCH_PYTHON, ROOT
from benchmarks._skills_curves import kept
from benchmarks._skills_tables import tables

PROCESSES = 2
CURVES = ROOT / "build" / "skills"
Figures = dict[str, Any]
Job = Callable[[], Any]


@dataclass(frozen=True)
class Run:
    """What all parts of a run are told."""

    quick: bool
    folder: Path
    """For files that other processes read; it goes with the run."""


@dataclass(frozen=True)
class Part:
    """A part of the benchmark."""

    figures: Callable[[Sequence[Any]], Figures]
    """What the results of the jobs, and of what is timed, amount to, in their order."""
    jobs: Callable[[Run], Sequence[Job]] = lambda run: ()
    """What it does, shorter where the run is quick; each can be sent to another process."""
    timed: Callable[[Run], Any] | None = None
    """What times itself, so that nothing else may run beside it; after the jobs of all parts."""
    short: str = ""
    """What the short form leaves out."""


def _of(jobs: Callable[[bool], Sequence[Job]]) -> Callable[[Run], Sequence[Job]]:
    return lambda run: jobs(run.quick)


def _one(measure: Callable[..., Figures]) -> Callable[[Run], Sequence[Job]]:
    return lambda run: [partial(measure, quick=run.quick)]


def _only(results: Sequence[Figures]) -> Figures:
    (found,) = results
    return found


def _nested(name: str) -> Callable[[Sequence[Figures]], Figures]:
    return lambda results: {name: _only(results)}


PARTS: Mapping[str, Part] = {
    "scale": Part(
        _skills_scale.figures,
        lambda run: _skills_scale.jobs(run.folder),
        lambda run: _skills_scale.timed(run.folder, quick=run.quick),
        "scale: 2 of 3 repeats",
    ),
    "loop": Part(_skills_loop.figures, _of(_skills_loop.jobs), short="loop: 9 of 12 seeds"),
    "teachers": Part(
        _skills_lessons.figures,
        _of(_skills_lessons.jobs),
        short="teachers: 2 of 6, half of the sessions, 4 of 5 test tasks",
    ),
    "heldout": Part(
        _skills_heldout.figures,
        _of(_skills_heldout.jobs),
        short="heldout: 3 of 5 sessions, 4 of 5 test tasks",
    ),
    "retail": Part(_skills_retail.figures, _of(_skills_retail.jobs), short="retail: 2 of 4 test tasks"),
    "choice": Part(
        _nested("choice"), _one(_skills_choice.measure), short="choice: 11 of 12 repeats, 4 of 5 searches"
    ),
    "explorer": Part(
        _nested("explorer"),
        _one(_skills_explorer.measure),
        short="explorer: 2 of 5 fields, 22 of 30 seeds, 4 of 5 calls of a run",
    ),
    "retirement": Part(
        _only,
        _one(_skills_retirement.measure),
        short="retirement: 4 of 5 histories, 9 of 10 skills at the boundary",
    ),
    "serving": Part(
        _only,
        timed=lambda run: _skills_serving.measure(quick=run.quick),
        short="serving: 10 of 15 rounds",
    ),
}


def main() -> None:
    """Run, print the tables and the line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a smaller run")
    parser.add_argument("--only", default=",".join(PARTS), help="the parts to run, with commas between")
    parser.add_argument("--curves", type=Path, default=CURVES, help="where the curves of `loop` are put")
    given = parser.parse_args()
    names = [name for name in given.only.split(",") if name]
    if unknown := [name for name in names if name not in PARTS]:
        parser.error(f"no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    if "scale" in names and not BENCH_PYTHON.exists():
        sys.exit("prefixspan is not installed for comparison: `make install-bench` does it")
    print(json.dumps(measure(names, given.curves, quick=given.quick)))


def measure(names: Sequence[str], curves: Path, *, quick: bool) -> Figures:
    """All figures of some parts; prints their tables."""
    began = time.perf_counter()
    figures: Figures = {"quick": quick, "left_out": list(_left_out(names, quick=quick)), "part_cpu_s": {}}
    with tempfile.TemporaryDirectory() as folder:
        for name, cpu_s, found in _run({name: PARTS[name] for name in names}, Run(quick, Path(folder))):
            if "curves" in found:
                found["curves"] = kept(found["curves"], curves)
            print("\n".join(tables(name, found)), flush=True)
            figures["part_cpu_s"][name] = cpu_s
            figures = _joined(figures, found)
    return figures | {"took_s": round(time.perf_counter() - began)}


def _joined(figures: Figures, more: Figures) -> Figures:
    """Both.

    Raises:
        ValueError: two figures have one name.
    """
    if twice := figures.keys() & more.keys():
        raise ValueError(f"two figures are called {min(twice)}")
    return figures | more


def _left_out(names: Sequence[str], *, quick: bool) -> Iterator[str]:
    yield from (f"{name}: all of it" for name in PARTS if name not in names)
    if quick:
        yield from (PARTS[name].short for name in names)


def _run(parts: Mapping[str, Part], run: Run) -> Iterator[tuple[str, float, Figures]]:
    """Each part with its CPU seconds and figures: first those that may share the machine, in turn."""
    with ProcessPoolExecutor(PROCESSES) as pool:
        started = {name: [pool.submit(_timed, job) for job in part.jobs(run)] for name, part in parts.items()}
        done = {}
        for name, waiting in started.items():
            done[name] = [each.result() for each in waiting]
            if parts[name].timed is None:
                yield _told(name, parts[name], done[name])
    for name, part in parts.items():
        if part.timed is not None:
            yield _told(name, part, [*done[name], _timed(partial(part.timed, run))])


def _timed(job: Job) -> tuple[float, Any]:
    """The CPU seconds of a job, its children's included, and its result."""
    began = _cpu_s()
    found = job()
    return _cpu_s() - began, found


def _cpu_s() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _told(name: str, part: Part, results: Sequence[tuple[float, Any]]) -> tuple[str, float, Figures]:
    cpu_s = round(sum(cpu_s for cpu_s, _ in results), 1)
    return name, cpu_s, part.figures([found for _, found in results])


if __name__ == "__main__":
    main()
