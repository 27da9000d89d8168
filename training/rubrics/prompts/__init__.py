"""What a judge is asked: a file for each rubric, with its question and its answers from best to worst."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

JUDGED = ("goal_progress", "tool_selection", "param_correctness")
"""The rubrics that a judge scores, each a file here."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a judge is asked under one rubric."""

    rubric: str
    text: str
    answers: tuple[tuple[float, str], ...]
    """What each is worth and its words, best first."""


@cache
def questions() -> tuple[Question, ...]:
    """The questions, in the order of `JUDGED`."""
    return tuple(_read(rubric) for rubric in JUDGED)


@cache
def system_prompt() -> str:
    """What a judge is told of its work."""
    return _text("system")


@cache
def prompts_digest() -> str:
    """Eight hex digits over everything that a judge is asked and told."""
    whole = "\n".join(_text(name) for name in ("system", *JUDGED))
    return hashlib.sha256(whole.encode()).hexdigest()[:8]


def _read(rubric: str) -> Question:
    text, *answers = _text(rubric).split("\n- ")
    pairs = (answer.partition(": ") for answer in answers)
    return Question(rubric, text.strip(), tuple((float(worth), words.strip()) for worth, _, words in pairs))


def _text(name: str) -> str:
    return Path(__file__).with_name(f"{name}.md").read_text(encoding="utf-8").strip()
