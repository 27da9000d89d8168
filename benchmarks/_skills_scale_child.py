"""Ingests or mines one log on one core and tells how long that took and how much memory it needed.

python -m benchmarks._skills_scale_child ingest|mine PATH
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from practicum.envs import find
from practicum.memory import Store
from practicum.skills.candidates import Candidate, candidates
from practicum.skills.digests import fill_in
from practicum.skills.ingest import read_traces
from practicum.skills.language import Skill
from practicum.skills.mining import mine
from practicum.skills.segments import segments

KIB_A_MIB = 1024
Figures = dict[str, float]


def main() -> None:
    """Do it, and print one line of JSON."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    what, path = sys.argv[1:]
    began, used, imported = time.perf_counter(), time.process_time(), _kib("VmRSS")
    with closing(Store.open(Path(path))) as store:
        figures = WAYS[what](store)
    figures |= {"s": time.perf_counter() - began, "cpu_s": time.process_time() - used}
    print(json.dumps(figures | {"mb": (_kib("VmHWM") - imported) / KIB_A_MIB}))


def ingest(store: Store) -> Figures:
    """Make the digests that are missing."""
    return {"sessions": fill_in(store)}


def mined(store: Store) -> Figures:
    """Mine what has a digest."""
    figures: Figures = {}
    with _timed(figures, "group_s"):
        found = candidates(store)
    with _timed(figures, "segments_s"):
        stretches = [each for env in sorted({job.env for job in found}) for each in segments(store, env)]
    with _timed(figures, "programs_s"):
        skills = [skill for job in found if (skill := _program(store, job)) is not None]
    sessions = sum(job.successes for job in found)
    return {**figures, "successes": sessions, "skills": len(skills), "segments": len(stretches)}


WAYS: Mapping[str, Callable[[Store], Figures]] = {"ingest": ingest, "mine": mined}


def _program(store: Store, job: Candidate) -> Skill | None:
    return mine(list(read_traces(store, job.sample)), find(job.found_by))


@contextmanager
def _timed(figures: Figures, name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    figures[name] = time.perf_counter() - began


def _kib(field: str) -> int:
    """A figure of this process's memory; getrusage would count what its parent had before the exec."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


if __name__ == "__main__":
    main()
