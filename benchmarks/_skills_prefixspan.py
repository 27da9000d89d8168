"""PrefixSpan over the tools of sessions, in the environment that has it: how long it takes.

.venv-bench/bin/python -m benchmarks._skills_prefixspan FILE
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

SUPPORT = 0.01
"""Share of the sessions that must have a pattern."""
KIB_A_MIB = 1024
SHORTEST, LONGEST = 2, 12


def main() -> None:
    """Find the frequent patterns, and print one line of JSON."""
    from prefixspan import PrefixSpan

    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    imported = _kib("VmRSS")
    sequences = json.loads(Path(sys.argv[1]).read_text())
    began = time.perf_counter()
    search = PrefixSpan(sequences)
    search.minlen, search.maxlen = SHORTEST, LONGEST
    patterns = search.frequent(round(SUPPORT * len(sequences)))
    took_s = time.perf_counter() - began
    mb = round((_kib("VmHWM") - imported) / KIB_A_MIB, 1)
    print(json.dumps({"s": round(took_s, 2), "mb": mb, "patterns": len(patterns)}))


def _kib(field: str) -> int:
    """A figure of this process's memory; getrusage would count what its parent had before the exec."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


if __name__ == "__main__":
    main()
