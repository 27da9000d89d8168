"""Servers of the soak: real processes on one file, killed and started again, their memory watched."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

START_S = 60.0
EXCEPTION = re.compile(r"\w[\w.]*(Error|Exception|Group|Interrupt)\b")
IDLE_MINUTES = "0.1"
"""Sessions leave memory soon, so that what still grows is a leak."""


@dataclass
class Life:
    """What was seen of one server process."""

    calls: list[int] = field(default_factory=list)
    """Calls answered by the time of each sample."""
    mib: list[float] = field(default_factory=list)
    """Resident memory at each sample."""


class Server:
    """One `practicum serve --http` on a port of its own."""

    def __init__(self, db: Path) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}/mcp"
        self.lives: list[Life] = []
        self.answered = 0
        """Calls of this life."""
        self._log = db.with_suffix(f".{self.port}.txt").open("wb")
        self._command = [sys.executable, "-m", "practicum", "serve", "--http", "--port", str(self.port)]
        self._command += ["--db", str(db), "--idle-minutes", IDLE_MINUTES]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin a life; returns when it answers."""
        self._process = subprocess.Popen(self._command, stdout=self._log, stderr=self._log)
        self.lives.append(Life())
        self.answered = 0
        deadline = time.monotonic() + START_S
        while not self._healthy():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server on port {self.port} did not come up; see {self._log.name}")
            time.sleep(0.05)

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    @property
    def ended(self) -> bool:
        """Whether the process has ended, though nobody killed it."""
        return self._process is not None and self._process.poll() is not None

    def sample(self) -> None:
        """Note calls and memory."""
        mib = resident_mib(self._process.pid) if self._process is not None else None
        if mib is not None:
            self.lives[-1].calls.append(self.answered)
            self.lives[-1].mib.append(mib)

    def kill(self) -> None:
        """End this life by SIGKILL."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(timeout=30)
        self._process = None

    def close(self) -> None:
        """End for good."""
        if self._process is not None:
            self.kill()
        self._log.close()

    def complaints(self) -> list[str]:
        """Errors that it logged, each kind once, and what they were."""
        lines = Path(self._log.name).read_text(errors="replace").splitlines()
        found = [line.partition(" ERROR ")[2] for line in lines if " ERROR " in line]
        return list(dict.fromkeys(found + [line for line in lines if EXCEPTION.match(line)]))


def resident_mib(pid: int) -> float | None:
    """Resident memory of a process; None where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    found = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(found[0].split()[1]) / 1024 if found else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
