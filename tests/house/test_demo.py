"""The demo does what it says, and leaves a log that replays."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.integration
def test_the_demo_books_survives_a_kill_forks_and_leaves_a_log_that_replays(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "examples" / "demo.py")]
    demo = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True)
    shown = demo.stdout
    assert "server killed (SIGKILL)" in shown
    assert "went on to turn" in shown
    assert "30 sessions over MCP" in shown
    replay = [sys.executable, "-m", "practicum", "replay", "--all", "--json", "--db", "demo/practicum.db"]
    done = subprocess.run(replay, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True)
    reports = json.loads(done.stdout)
    assert len(reports) == 31
    assert all(report["ok"] for report in reports)
