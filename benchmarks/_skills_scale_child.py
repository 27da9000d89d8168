"""Mines one log on one core and tells how long that took and how much memory it needed.

python -m benchmarks._skills_scale_child PATH
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
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


def main() -> None:
    """Mine, and print one line of JSON."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    began, used, imported = time.perf_counter(), time.process_time(), _kib("VmRSS")
    figures: dict[str, float] = {}
    store = Store.open(Path(sys.argv[1]))
    with _timed(figures, "ingest_s"):
        fill_in(store)
    with _timed(figures, "group_s"):
        found = candidates(store)
    with _timed(figures, "segments_s"):
        stretches = [each for env in sorted({job.env for job in found}) for each in segments(store, env)]
    with _timed(figures, "programs_s"):
        skills = [skill for job in found if (skill := _program(store, job)) is not None]
    store.close()
    figures |= {"total_s": time.perf_counter() - began, "cpu_s": time.process_time() - used}
    figures["mb"] = (_kib("VmHWM") - imported) / KIB_A_MIB
    print(json.dumps({**figures, "skills": len(skills), "segments": len(stretches)}))


def _program(store: Store, job: Candidate) -> Skill | None:
    return mine(list(read_traces(store, job.sample)), find(job.found_by))


@contextmanager
def _timed(figures: dict[str, float], name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    figures[name] = time.perf_counter() - began


def _kib(field: str) -> int:
    """A figure of this process's memory; getrusage would count what its parent had before the exec."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


if __name__ == "__main__":
    main()
