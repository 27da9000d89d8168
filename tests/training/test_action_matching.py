"""Action matching: what calls are worth against the gold ones."""

from __future__ import annotations

import pytest

from practicum.envs.tasks import Task
from practicum.training.action_matching import gold_calls, match

SCHEMAS = {
    name: {
        "type": "object",
        "properties": {"id": {"type": "string"}, "n": {"type": "integer"}},
        "required": ["id"],
    }
    for name in ("look", "change", "end")
}
GOLD = [("look", {"id": "1"}), ("change", {"id": "1", "n": 2})]


@pytest.mark.parametrize(
    ("calls", "worth"),
    [
        (GOLD, 2 * 1.0 + 2 * 0.5 + 0.5),
        ([("look", {"id": " 1"}), ("change", {"id": 1, "n": "2"})], 2 * 1.0 + 2 * 0.5 + 0.5),
        (GOLD[::-1], 2 * 1.0 + 2 * 0.5),
        ([("look", {"id": "9"}), GOLD[1]], 2 * 1.0 + 0.5 + 0.5),
        ([GOLD[0]], 1.0 + 0.5 + 0.5),
        ([*GOLD, ("end", {"id": "1"})], 3.5 - 0.3),
        ([*GOLD, GOLD[0]], 3.5 - 0.3),
        ([GOLD[0], ("change", {"n": 2})], 1.0 + 0.5 + 1.0 + 0.5 - 0.4),
        ([("end", {})], -0.3 - 0.4),
        ([], 0.0),
        ([("look", {"id": "9"}), GOLD[0]], 1.0 + 0.5 + 0.5 - 0.3),
    ],
)
def test_calls_are_worth_what_apigen_mt_gives_for_them(calls: list, worth: float) -> None:
    assert match(calls, GOLD, SCHEMAS).reward == pytest.approx(worth)


def test_tools_of_talking_count_neither_way() -> None:
    said = ("say", {"text": "hello"})
    assert match([said, *GOLD, said], GOLD, SCHEMAS, uncounted=["say"]).reward == pytest.approx(3.5)


def test_gold_calls_stand_in_the_secret_of_a_task() -> None:
    secret = {"actions": [{"name": "look", "arguments": {"id": "1"}}]}
    assert gold_calls(Task("desk", 1, 0, secret=secret)) == [("look", {"id": "1"})]
    assert gold_calls(Task("desk", 1, 0)) is None
