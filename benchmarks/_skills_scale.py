"""Ingest and mining of 1,000, 10,000 and 100,000 sessions: time and memory, beside PrefixSpan.

Each log is ingested and mined by processes of their own, each on one core. `ingest` makes the digest of every
session from its steps. `mine` groups the sessions, draws samples, looks for segments and mines a program for
each candidate; it finds the digests there, as whoever has been serving or mining all along does.
`from_nothing` is both, one after the other. Memory is the highest RSS of a process above its RSS after the
imports; `cpu` is its CPU time, which other load on the machine does not lengthen much. PrefixSpan (package
`prefixspan`) gets the tools of the calls of 10,000 sessions, already read, and finds the orders of 2 to 12
calls that one session of a hundred has; its patterns have no arguments, conditions or loops.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks._serve_targets import BENCH_PYTHON, ROOT
from benchmarks._skills_scale_log import extend, play

SIZES: Mapping[str, int] = {"1k": 1_000, "10k": 10_000, "100k": 100_000}
REPEATS = 3
"""How often each log is mined in the long form; the median counts."""
MIDDLE = "10k"
"""The log that PrefixSpan gets."""
Figures = dict[str, Any]


def jobs(folder: Path) -> list[Callable[[], Figures]]:
    """One: the logs are made."""
    return [partial(logs, folder, SIZES)]


def logs(folder: Path, sizes: Mapping[str, int]) -> Figures:
    """Make a log of each size, and the sequences of tools that PrefixSpan gets; tells what they cost.

    Args:
        folder: where each log gets its size as its name.
        sizes: sessions by name, each a multiple of the one before; those of the first are real.
    """
    began = time.perf_counter()
    smallest = min(sizes, key=sizes.__getitem__)
    played = play(_log(folder, smallest), sizes[smallest])
    for before, name in pairwise(sizes):
        shutil.copyfile(_log(folder, before), _log(folder, name))
        extend(_log(folder, name), played, range(sizes[before] // len(played), sizes[name] // len(played)))
    figures: Figures = {f"log_{name}_mb": _log(folder, name).stat().st_size >> 20 for name in sizes}
    return figures | {"logs_s": round(time.perf_counter() - began, 1)}


def _log(folder: Path, name: str) -> Path:
    return folder / f"{name}.db"


def timed(folder: Path, *, quick: bool) -> Figures:
    """The figures of all logs in a folder, and of PrefixSpan."""
    figures = _prefixspan(_log(folder, MIDDLE))
    for name in SIZES:
        figures |= mined(name, folder, 1 if quick else REPEATS)
    return figures


def figures(results: Sequence[Figures]) -> Figures:
    """Those of the logs and those of mining them."""
    made, found = results
    return made | found


def mined(name: str, folder: Path, times: int) -> Figures:
    """The figures of one log, which is ingested once and mined so many times."""
    path = _log(folder, name)
    ingest = _child(sys.executable, "_skills_scale_child", "ingest", path)
    runs = [_child(sys.executable, "_skills_scale_child", "mine", path) for _ in range(times)]
    mine = {part: median(run[part] for run in runs) for part in runs[0]}
    both = {unit: ingest[unit] + mine[unit] for unit in ("s", "cpu_s")}
    both["mb"] = max(ingest["mb"], mine["mb"])
    whole = {"ingest": ingest, "mine": mine, "from_nothing": both}
    return {
        f"{way}_{name}_{unit}": round(found[unit], 2)
        for way, found in whole.items()
        for unit in ("s", "cpu_s", "mb")
    } | {f"mine_{name}_parts": {part: round(value, 2) for part, value in mine.items() if part not in both}}


def _prefixspan(path: Path) -> Figures:
    tools: dict[str, list[str]] = {}
    with closing(sqlite3.connect(path)) as connection:
        for session, tool in connection.execute("SELECT session, tool FROM steps ORDER BY session, turn"):
            tools.setdefault(session, []).append(tool)
    file = path.with_name("tools.json")
    file.write_text(json.dumps(list(tools.values())))
    found = _child(str(BENCH_PYTHON), "_skills_prefixspan", file)
    return {f"prefixspan_{MIDDLE}_{figure}": value for figure, value in found.items()}


def _child(python: str, module: str, *args: str | Path) -> Figures:
    command = [python, "-m", f"benchmarks.{module}", *map(str, args)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(f"{module} failed: {ran.stderr}")
    found: Figures = json.loads(ran.stdout)
    return found
