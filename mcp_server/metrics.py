"""Metrics: what a server has done so far, counted as it happens and told in Prometheus' text format."""

from __future__ import annotations

import os
import platform
import sys
import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from itertools import accumulate
from pathlib import Path
from typing import Any

from mcp.server.context import CallNext, HandlerResult

from practicum import __version__
from practicum.mcp_server.server import Context, PracticumServer

MEDIA_TYPE = "text/plain; version=0.0.4"
BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0)
"""Upper bounds of the latency histogram."""
PAGES = Path("/proc/self/statm")
"""Where Linux says how many pages of memory a process has."""

Labels = tuple[tuple[str, str], ...]
Sample = tuple[str, Labels, float]
"""What it adds to its metric's name, its labels, its value."""
Family = tuple[str, str, str, Iterable[Sample]]
"""A metric: its name, its type, what it says, its samples."""


class Metrics:
    """Counts the tool calls of a server. Labels are names that the server itself has, never a client's.

    Args:
        server: gets a middleware that counts.
    """

    def __init__(self, server: PracticumServer) -> None:
        self.refused_requests: Counter[str] = Counter()
        """Requests that never reached the server, by reason."""
        self._server = server
        self._began_at = time.time()
        self._calls: Counter[tuple[str, str, str]] = Counter()
        self._latencies: defaultdict[str, list[int]] = defaultdict(lambda: [0] * (len(BOUNDS_S) + 1))
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._places = {name: (tool.env, tool.action.name) for name, tool in server.catalogue.actions.items()}
        server.middleware.insert(0, self._watch)

    async def _watch(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        """Middleware: count and time each call of a tool."""
        if ctx.method != "tools/call":
            return await call_next(ctx)
        kind, began = "failed", time.perf_counter()
        try:
            result = await call_next(ctx)
            kind = _kind(result)
        finally:
            took_s = time.perf_counter() - began
            env, tool = self._place(ctx)
            self._calls[env, tool, kind] += 1
            self._latencies[env][bisect_left(BOUNDS_S, took_s)] += 1
            self._seconds[env] += took_s
        return result

    def _place(self, ctx: Context) -> tuple[str, str]:
        """Environment and name of the tool that is called, as the server knows them."""
        name = (ctx.params or {}).get("name")
        if not isinstance(name, str):
            return "", "unknown"
        place = self._places.get(name)
        if place is not None:
            return place
        catalogue = self._server.catalogue
        if name in catalogue.core:
            return "", name
        if (env := self._server.shelf.env_of(name)) is not None:
            return env, "skill"
        return self._scoped_place(ctx, name)

    def _scoped_place(self, ctx: Context, name: str) -> tuple[str, str]:
        """As `_place`, of a tool under the name that an endpoint of one session has for it."""
        session = ctx.request.scope["state"].get("practicum_session") if ctx.request is not None else None
        env = "" if session is None else session.env
        tool = self._server.catalogue.actions_of.get(env, {}).get(name)
        return ("", "unknown") if tool is None else (env, tool.action.name)

    def text(self) -> str:
        """All of it, as Prometheus reads it."""
        counted = (*self._of_calls(), *self._of_sessions(), *self._of_requests())
        families = (*counted, *_of_the_process(self._began_at))
        return "".join(_family(*family) for family in families)

    def _of_calls(self) -> Iterator[Family]:
        calls = [
            ("", (("env", env), ("tool", tool), ("result", kind)), count)
            for (env, tool, kind), count in self._calls.items()
        ]
        yield "practicum_tool_calls_total", "counter", "Tool calls, by what came of them.", calls
        yield (
            "practicum_tool_call_seconds",
            "histogram",
            "How long tool calls took.",
            [sample for env, counts in self._latencies.items() for sample in self._histogram(env, counts)],
        )

    def _histogram(self, env: str, counts: list[int]) -> Iterator[Sample]:
        own = ("env", env)
        for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), accumulate(counts), strict=True):
            yield "_bucket", (own, ("le", bound)), count
        yield "_sum", (own,), self._seconds[env]
        yield "_count", (own,), sum(counts)

    def _of_sessions(self) -> Iterator[Family]:
        practice = self._server.practice
        log, open_ones = practice.store, practice.sessions.count_open(None)
        yield _one("practicum_sessions_open", "gauge", "Sessions of the log that have not ended.", open_ones)
        yield _one("practicum_sessions_live", "gauge", "Sessions in memory.", len(practice.live))
        yield _one("practicum_sessions_opened_total", "counter", "Sessions opened here.", practice.opened)
        ended = _by("reason", practice.turns.ended)
        yield "practicum_sessions_ended_total", "counter", "Sessions ended here, by reason.", ended
        yield _one("practicum_log_commits_total", "counter", "Transactions written to the log.", log.commits)
        yield _one("practicum_log_bytes", "gauge", "Size of the log's files.", _size_of_files(log.path))

    def _of_requests(self) -> Iterator[Family]:
        limits = self._server.practice.usage.refusals
        yield "practicum_limit_refusals_total", "counter", "Calls that a limit refused.", _by("limit", limits)
        refused = _by("reason", self.refused_requests)
        yield "practicum_http_refusals_total", "counter", "Requests refused by host, token or size.", refused


def _kind(result: Any) -> str:
    body = result.get("structuredContent") or {}
    if result.get("isError"):
        return "limit" if "limit" in body else "refused"
    return "pending" if body.get("pending") is True else "ok"


def _of_the_process(began_at: float) -> Iterator[Family]:
    build = (("version", __version__), ("python", platform.python_version()), ("mcp", version("mcp")))
    yield "practicum_build_info", "gauge", "What runs.", [("", build, 1)]
    yield _one("process_cpu_seconds_total", "counter", "CPU time of the process.", time.process_time())
    if (memory := _resident_bytes()) is not None:
        yield _one("process_resident_memory_bytes", "gauge", "Memory of the process.", memory)
    yield _one("process_start_time_seconds", "gauge", "When the server began.", began_at)


def _resident_bytes() -> int | None:
    """Memory now where the system says it, else the most there has been; None where it says neither."""
    if PAGES.exists():
        return int(PAGES.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _size_of_files(path: Path) -> int:
    beside = (path.with_name(f"{path.name}{end}") for end in ("", "-wal"))
    return sum(file.stat().st_size for file in beside if file.exists())


def _one(name: str, kind: str, says: str, value: float) -> Family:
    return name, kind, says, [("", (), value)]


def _by(label: str, counts: Mapping[str, int]) -> list[Sample]:
    return [("", ((label, value),), count) for value, count in counts.items()]


def _family(name: str, kind: str, says: str, samples: Iterable[Sample]) -> str:
    lines = [f"# HELP {name} {says}", f"# TYPE {name} {kind}"]
    for ending, labels, value in samples:
        marks = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
        lines.append(f"{name}{ending}{{{marks}}} {value}" if marks else f"{name}{ending} {value}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
