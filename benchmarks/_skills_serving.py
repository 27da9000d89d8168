"""What learning costs those who are served meanwhile: latency of a call with mining at work, and without.

One client plays flight sessions over HTTP, one call at a time, in rounds with and without a learner beside
it, in turns. The learner does what the child of `practicum serve` does, at its priority and over the same
log, but mines everything anew again and again, so that it is at work during the whole of a round.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks._serve_scripts import Script, scripts
from benchmarks._serve_targets import ROOT, Target, served

CALLS = 42
"""Six bookings up to the payment; no session ends, so no round times a learner that the server starts."""
SESSIONS = 300
"""Of a scripted agent, for the learner to mine."""
LEARNER = """
import sys
from pathlib import Path
from practicum.mcp_server.learning_child import end_with_parent, lower_priority
from practicum.memory import Store
from practicum.skills.learning import learn
end_with_parent()
lower_priority()
store = Store.open(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    learn(store, envs=["flight"], anew=True)
"""


def measure(*, quick: bool) -> dict[str, Any]:
    """Median latencies of a call in milliseconds, and the ratio with a learner over without."""
    rounds, sessions = (5, 10) if quick else (15, 20)
    with tempfile.TemporaryDirectory() as folder:
        db = Path(folder) / "flight.db"
        _fill(db)
        command = [sys.executable, "-m", "practicum", "serve", "--no-learn", "--db", str(db)]
        target = Target("flight", [*command, "--http", "--json-response", "--port"], None, 0)
        with served(target) as running:
            pairs = _in_turns(running, db, scripts(sessions, CALLS), rounds)
    ratios = [learning / alone for alone, learning in pairs]
    return {
        "call_p50_learning_vs_alone": round(median(ratios), 3),
        "call_p50_alone_ms": round(median(alone for alone, _ in pairs) * 1000, 3),
        "call_p50_learning_ms": round(median(learning for _, learning in pairs) * 1000, 3),
        "learning_rounds": rounds,
    }


def _fill(db: Path) -> None:
    """A log of sessions that succeeded."""
    agent = ["--agent", "scripted", "--episodes", str(SESSIONS), "--json"]
    command = [sys.executable, "-m", "practicum", "rollout", "flight", *agent, "--db", str(db)]
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)


def _in_turns(running: Target, db: Path, played: list[Script], rounds: int) -> list[tuple[float, float]]:
    """The median latency without and with a learner, in seconds, of each round; the first warms up."""
    pairs = []
    for _ in range(rounds + 1):
        alone = _p50(running, played)
        with _learning(db):
            pairs.append((alone, _p50(running, played)))
    return pairs[1:]


def _p50(running: Target, played: list[Script]) -> float:
    tally = running.load(played, 1)
    if tally["crossed"]:
        raise RuntimeError(f"{tally['crossed']} answers were wrong")
    return float(median(tally["latencies_s"]))


@contextmanager
def _learning(db: Path) -> Iterator[None]:
    """Meanwhile somebody mines the log, over and over."""
    command, pipe = [sys.executable, "-c", LEARNER, str(db)], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=ROOT) as child:
        assert child.stdout is not None
        child.stdout.readline()
        try:
            yield
        finally:
            ended = child.poll()
            child.kill()
        if ended is not None:
            raise RuntimeError(f"the learner ended by itself, with {ended}")
