"""How long a stdio server takes from the start of its process to its first tool result."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks._serve_load import cpu_seconds

INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "load", "version": "1"},
}


def first_result(command: Sequence[str], tool: str, arguments: Mapping[str, Any]) -> tuple[float, float]:
    """Seconds by the clock and of CPU until a new process has shaken hands and answered a tool call."""
    began = time.perf_counter()
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as child:
        _ask(child, "initialize", INITIALIZE)
        _tell(child, {"method": "notifications/initialized"})
        answer = _ask(child, "tools/call", {"name": tool, "arguments": arguments})
        took = time.perf_counter() - began, cpu_seconds(child.pid)
        assert "structuredContent" in answer["result"], answer
        assert child.stdin is not None
        child.stdin.close()
    return took


def _tell(child: subprocess.Popen[bytes], message: Mapping[str, Any]) -> None:
    assert child.stdin is not None
    child.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
    child.stdin.flush()


def _ask(child: subprocess.Popen[bytes], method: str, params: Mapping[str, Any]) -> Any:
    _tell(child, {"id": 1, "method": method, "params": params})
    assert child.stdout is not None
    return json.loads(child.stdout.readline())
