"""What a served call costs beside the bare SDK, fastmcp and raw Starlette, and 2,048 sessions side by side.

    python -m benchmarks.serve [--quick]

Side by side, in rounds that take turns: `flight`, a real `practicum serve --http --json-response` over a real
file, each call validated, stepped, committed, answered as structure and as text; and three that give a
constant result of the same bytes: `sdk` (the SDK's low-level server), `fastmcp`, `raw` (Starlette and JSON by
hand). All speak the 2026 era in plain JSON under uvicorn; `flight_stdio` and `sdk_stdio` speak it over
pipes. The load comes from a process of its own, the same for all, and checks every answer: session, turn and
the whole result, which is known before, since equal seeds give equal episodes. CPU is the server process's,
user and system.

The calls: search, filter, look, put into the cart, go to the payment, enter the card, begin again. That is
the scripted agent's way up to the payment, and its results are about as long on the average (0.9 kB, from 0.4
to 2.4 kB); it ends no session, so that a round times calls alone: its sessions are opened before the clock
runs. A round of 50 clients plays 50 sessions side by side, one of 1 client plays one call at a time.

A ratio is the median over the rounds, each round compared within itself. A start is from the making of the
process, over a log that is there already, to the answer of `open_session` (of the peer: of its one tool).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks._serve_scripts import Script, constants, scripts
from benchmarks._serve_starts import first_result
from benchmarks._serve_targets import BENCH_PYTHON, Target, served, targets

CLIENTS = (50, 1)
CALLS = 42
"""Six bookings; a session ends at its fiftieth call."""
OPEN_SESSIONS = 2048
CONNECTIONS = 64
Tally = dict[str, Any]


def main() -> None:
    """Run, print a table and the line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a smaller run")
    quick = parser.parse_args().quick
    if not BENCH_PYTHON.exists():
        sys.exit("fastmcp is not installed for comparison: `make install-bench` does it")
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder), quick=quick)))


def measure(folder: Path, *, quick: bool) -> dict[str, Any]:
    """All figures of one run."""
    played = scripts(max(CLIENTS), CALLS)
    known = targets(folder, constants(played))
    rounds = beside_each_other(known, played, 3 if quick else 9)
    figures = {**compared(rounds), **starts(known, 5 if quick else 15)}
    return {**figures, **many_sessions(known["flight"], 7 if quick else 14)}


def beside_each_other(
    known: Mapping[str, Target], played: list[Script], rounds: int
) -> dict[str, list[Tally]]:
    """The tallies of each target at each number of clients, by `target_clients`; the first round warms up."""
    tallies: dict[str, list[Tally]] = {}
    with all_served(known) as running:
        for _ in range(rounds + 1):
            for clients in CLIENTS:
                for target in running:
                    tallies.setdefault(f"{target.name}_{clients}", []).append(target.load(played, clients))
    return {name: found[1:] for name, found in tallies.items()}


@contextmanager
def all_served(known: Mapping[str, Target]) -> Iterator[list[Target]]:
    """Every target with its server running."""
    with ExitStack() as stack:
        yield [stack.enter_context(served(target)) for target in known.values()]


def compared(rounds: Mapping[str, list[Tally]]) -> dict[str, Any]:
    """A table on stdout, and the figures that are kept."""
    rows = {name: row(tallies) for name, tallies in rounds.items()}
    print(" ".join(f"{word:>15}" for word in ("", *rows["flight_50"])))
    for name, figures in rows.items():
        print(" ".join(f"{word:>15}" for word in (name, *figures.values())))
    ratios = {
        "call_vs_sdk": ratio(rounds, "flight_50", "sdk_50", cpu_per_call),
        "call_vs_fastmcp": ratio(rounds, "flight_50", "fastmcp_50", cpu_per_call),
        "call_vs_raw": ratio(rounds, "flight_50", "raw_50", cpu_per_call),
        "call_vs_sdk_alone": ratio(rounds, "flight_1", "sdk_1", cpu_per_call),
        "call_vs_sdk_stdio": ratio(rounds, "flight_stdio_50", "sdk_stdio_50", cpu_per_call),
        "rate_vs_sdk": ratio(rounds, "flight_50", "sdk_50", rate),
        "rate_vs_fastmcp": ratio(rounds, "flight_50", "fastmcp_50", rate),
    }
    crossed = sum(tally["crossed"] for tallies in rounds.values() for tally in tallies)
    return {**ratios, "wrong_answers": crossed, "targets": rows}


def row(tallies: Sequence[Tally]) -> dict[str, Any]:
    """The figures of one target: medians over its rounds."""
    latencies = sorted(s for tally in tallies for s in tally["latencies_s"])
    return {
        "cpu_us": round(median(map(cpu_per_call, tallies))),
        "calls_per_s": round(median(map(rate, tallies))),
        "p50_ms": percentile(latencies, 50),
        "p95_ms": percentile(latencies, 95),
        "p99_ms": percentile(latencies, 99),
        "bytes": round(sum(t["answer_bytes"] for t in tallies) / sum(t["calls"] for t in tallies)),
    }


def cpu_per_call(tally: Tally) -> float:
    """CPU of the server for a call, in microseconds."""
    return float(tally["cpu_s"] / tally["calls"] * 1e6)


def rate(tally: Tally) -> float:
    """Calls per second."""
    return float(tally["calls"] / tally["wall_s"])


def ratio(rounds: Mapping[str, list[Tally]], one: str, other: str, figure: Callable[[Tally], float]) -> float:
    """One target's figure over another's, each round by itself; the median."""
    return round(median(figure(a) / figure(b) for a, b in zip(rounds[one], rounds[other], strict=True)), 3)


def percentile(ordered: Sequence[float], percent: int) -> float:
    """In milliseconds; `ordered` are seconds."""
    return round(ordered[min(len(ordered) * percent // 100, len(ordered) - 1)] * 1000, 2)


def starts(known: Mapping[str, Target], repeats: int) -> dict[str, Any]:
    """Start to first result over stdio, in turns, the log's file being there already."""
    ours, peer = known["flight_stdio"], known["sdk_stdio"]
    assert peer.constants is not None
    pairs = [
        (
            first_result(ours.command, "open_session", {"seed": seed}),
            first_result(peer.command, next(iter(peer.constants)), {"session_id": "0" * 32, "turn": 1}),
        )
        for seed in range(repeats)
    ]
    figures = {
        "stdio_start_vs_sdk": median(own[0] / other[0] for own, other in pairs),
        "stdio_start_cpu_vs_sdk": median(own[1] / other[1] for own, other in pairs),
        "stdio_start_s": median(own[0] for own, _ in pairs),
        "sdk_stdio_start_s": median(other[0] for _, other in pairs),
    }
    return {name: round(value, 3) for name, value in figures.items()}


def many_sessions(flight: Target, calls: int) -> dict[str, Any]:
    """2,048 open sessions, their calls in random order side by side."""
    played = scripts(OPEN_SESSIONS, calls)
    with served(flight) as running:
        running.load(scripts(max(CLIENTS), CALLS), CONNECTIONS)
        tally = running.load(played, CONNECTIONS)
    before, after = tally["rss_kib"]
    figures = {
        "sessions": len(played),
        "crossed": tally["crossed"],
        "sessions_calls_per_s": round(rate(tally)),
        "sessions_p99_ms": percentile(sorted(tally["latencies_s"]), 99),
        "kib_per_session": round((after - before) / len(played), 1),
    }
    print(f"{len(played)} sessions: {figures}")
    return figures


if __name__ == "__main__":
    main()
