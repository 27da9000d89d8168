"""Ingest and mining of logs of 1,000, 10,000 and 100,000 sessions: time and memory, beside PrefixSpan.

    python -m benchmarks._skills_scale [--quick]

Each log is mined in a process of its own on one core: digests of all its sessions from their steps, groups,
samples, segments, and a program for each candidate. Memory is the highest RSS of that process above its RSS
after the imports; `cpu` is its CPU time, which other load on the machine does not lengthen much. `again`, of
the largest log, is the same once more over the digests that the first run left: what whoever finds them pays
that has been mining all along. PrefixSpan (package `prefixspan`) gets the tools of the calls of 10,000
sessions, already read, and finds the orders of 2 to 12 calls that one session of a hundred has; its patterns
have no arguments, conditions or loops.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks._serve_targets import BENCH_PYTHON, ROOT
from benchmarks._skills_scale_log import REAL, extend, play

SIZES = {"1k": 1_000, "10k": 10_000, "100k": 100_000}
Figures = dict[str, Any]


def measure(*, quick: bool) -> Figures:
    """All figures of one run; `quick` mines each log once, otherwise three times, and the median counts."""
    if not BENCH_PYTHON.exists():
        sys.exit("prefixspan is not installed for comparison: `make install-bench` does it")
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.db"
        began = time.perf_counter()
        played = play(path)
        copied = 0
        for name, sessions in SIZES.items():
            extend(path, played, range(copied + 1, sessions // REAL))
            copied = sessions // REAL - 1
            figures |= {f"log_{name}_s": _since(began), f"log_{name}_mb": path.stat().st_size >> 20}
            figures |= _mined(name, path, 1 if quick else 3)
            if name == "10k":
                figures |= _prefixspan(path)
            began = time.perf_counter()
        again = _child(sys.executable, _MINING, path)
    return figures | {
        f"again_{name}_s": round(again["total_s"], 2),
        f"again_{name}_mb": round(again["mb"], 1),
    }


def _since(began: float) -> float:
    return round(time.perf_counter() - began, 1)


def _mined(name: str, path: Path, times: int) -> Figures:
    runs = [_from_nothing(path) for _ in range(times)]
    parts = {part: _middle(runs, part) for part in runs[0] if part != "mb"}
    print(name, *(f"{part} {value:g}" for part, value in parts.items()), file=sys.stderr)
    return {
        f"mine_{name}_s": parts.pop("total_s"),
        f"mine_{name}_cpu_s": parts.pop("cpu_s"),
        f"mine_{name}_mb": _middle(runs, "mb"),
        f"mine_{name}_parts": parts,
    }


def _from_nothing(path: Path) -> Figures:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM digests")
    return _child(sys.executable, _MINING, path)


_MINING = "benchmarks._skills_scale_child"


def _middle(runs: Sequence[Figures], part: str) -> float:
    return round(median(run[part] for run in runs), 2)


def _prefixspan(path: Path) -> Figures:
    tools: dict[str, list[str]] = {}
    with closing(sqlite3.connect(path)) as connection:
        for session, tool in connection.execute("SELECT session, tool FROM steps ORDER BY session, turn"):
            tools.setdefault(session, []).append(tool)
    file = path.with_name("tools.json")
    file.write_text(json.dumps(list(tools.values())))
    found = _child(str(BENCH_PYTHON), "benchmarks._skills_prefixspan", file)
    return {f"prefixspan_10k_{figure}": value for figure, value in found.items()}


def _child(python: str, module: str, path: Path) -> Figures:
    command = [python, "-m", module, str(path)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(f"{module} failed: {ran.stderr}")
    figures: Figures = json.loads(ran.stdout)
    return figures


def main() -> None:
    """Run, print a line for each log and the line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="each log once")
    print(json.dumps(measure(quick=parser.parse_args().quick)))


if __name__ == "__main__":
    main()
