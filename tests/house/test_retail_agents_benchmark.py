"""The report of agents is made of the figures of a test, and its pictures are small."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_quick_form_prints_tables_and_ends_with_a_line_of_figures(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.retail_agents", "--quick", "--pictures", str(tmp_path)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    *tables, last = ran.stdout.splitlines()
    figures = json.loads(last)
    assert figures["oracle"]["success_rate"] == 1.0
    assert figures["random"]["success_rate"] < 0.1
    assert figures["oracle"]["avg_action_precision"] > figures["oracle, 20 % slips"]["avg_action_precision"]
    assert [line for line in tables if line.startswith("| random |")]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "task_report_oracle.png",
        "task_report_random.png",
    ]


def test_the_pictures_of_the_docs_are_small() -> None:
    for name in ("oracle", "random"):
        picture = ROOT / "docs" / f"task_report_{name}.png"
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size < 100_000
