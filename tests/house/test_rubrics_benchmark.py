"""benchmarks/_training_rubrics.py: the rules see every planted fault and raise no false alarm."""

from __future__ import annotations

import json

import pytest

from benchmarks import _training_rubrics as benchmark
from practicum.training.rubrics import score_steps


def test_every_planted_fault_is_seen_and_nothing_else() -> None:
    found = list(benchmark.samples(6))
    scores = [[min(each.rubrics.values()) for each in score_steps(sample.track)] for sample in found]
    assert benchmark.seen(found, scores) == {"false_alarms": 0.0, "repeat": 1.0, "setback": 1.0, "guess": 1.0}
    assert {sample.fault for sample in found} == {"none", *benchmark.FAULTS}


def test_it_prints_one_line_of_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["_training_rubrics", "--tasks", "1"])
    monkeypatch.setattr(benchmark, "ROUNDS", 1)
    benchmark.main()
    figures = json.loads(capsys.readouterr().out)
    assert (figures["sessions"], figures["knowlyr"]) == (4, None)
    assert figures["ours"]["us_a_step"] > 0
