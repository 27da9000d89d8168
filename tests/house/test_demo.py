"""The demo does what it says, tells honestly when it cannot, and leaves a log that replays."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PNG = b"\x89PNG\r\n\x1a\n"

pytestmark = pytest.mark.integration


def ran(folder: Path, *words: str) -> str:
    command = [sys.executable, *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def demo(folder: Path, *options: str) -> str:
    return ran(folder, str(ROOT / "examples" / "demo.py"), *options)


def practicum(folder: Path, *words: str) -> list[dict[str, object]]:
    written = ran(folder, "-m", "practicum", *words, "--json", "--db", "demo/practicum.db")
    rows: list[dict[str, object]] = json.loads(written)
    return rows


def row(shown: str, name: str) -> list[str]:
    """The values that the table has beside a name."""
    line = next(line for line in shown.splitlines() if line.removeprefix("│").strip().startswith(name))
    return [cell.strip() for cell in line.strip("│").split("│")[1:]]


def test_the_demo_survives_a_kill_learns_a_skill_books_with_it_and_leaves_a_log_that_replays(
    tmp_path: Path,
) -> None:
    shown = demo(tmp_path, "--rounds", "1")
    assert "server killed (SIGKILL)" in shown
    assert re.search(r"went on from turn 3 to turn \d+", shown)
    assert "skill_book_flight: published: an e-value of 2" in shown
    assert "the client hears: notifications/tools/list_changed" in shown
    assert "tools/list now has skill_book_flight: Does the whole job in one call" in shown
    assert re.search(r"skill_book_flight\(\): \d+ calls, reward \+\d.\d\d, success, ticketed", shown)
    before, after = map(float, row(shown, "decisions per task"))
    assert after < 0.75 * before
    assert row(shown, "done but wrong") == ["0", "0"]
    assert (tmp_path / "demo/learning.png").read_bytes().startswith(PNG)
    assert "skill_book_flight" in [skill["name"] for skill in practicum(tmp_path, "skills", "list")]
    reports = practicum(tmp_path, "replay", "--all")
    assert len(reports) == 30 + 1 + 30 + shown.count("open_session:")
    assert all(report["ok"] for report in reports)


def test_the_demo_plays_on_and_says_so_where_no_skill_passes(tmp_path: Path) -> None:
    shown = demo(tmp_path, "--tasks", "2", "--rounds", "1")
    assert shown.count("no new skill has passed, so the tools stay as they are") == 3
    assert "list_changed" not in shown
    assert row(shown, "tasks where a skill was run") == ["0"] * 4
    assert practicum(tmp_path, "skills", "list") == []
