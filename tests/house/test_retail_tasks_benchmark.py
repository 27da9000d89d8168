"""The benchmark of making tasks ends with its figures, and its replay judges a task on its own."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.retail_tasks import replayed
from practicum.training.tasks import generate

ROOT = Path(__file__).parents[2]


def test_the_quick_form_ends_with_a_line_of_figures_for_both_modes() -> None:
    command = [sys.executable, "-m", "benchmarks.retail_tasks", "--quick"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    figures = json.loads(ran.stdout.splitlines()[-1])
    assert set(figures) == {"direct", "agentflow"}
    for found in figures.values():
        assert (found["tasks"], found["valid"], found["distinct"], found["apart"]) == (160, 1, 160, 0)


def test_a_replay_fails_where_a_gold_call_is_refused_or_what_was_wanted_is_not_done() -> None:
    for record in generate("", 16):
        first, *others = record.agt
        refused = {"name": first["name"], "arguments": dict.fromkeys(first["arguments"], "nobody")}
        assert replayed(record)
        assert not replayed(replace(record, agt=(refused, *others)))
        assert not record.ogt or not replayed(replace(record, ogt=("never said by anyone",)))
