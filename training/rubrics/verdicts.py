"""Verdicts: what a judge answers, read strictly: one JSON object that answers every question by a letter."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from practicum.envs.errors import whole
from practicum.training.llm import Message

LONGEST_WHY = 300
"""Characters of a reason that are kept."""
_FENCED = re.compile(r"\s*```(?:json)?\s*\n(.*)\n\s*```\s*", re.DOTALL)


class BadVerdict(ValueError):  # noqa: N818  # says what was met
    """A judge's reply has another form than was asked for; says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a judge is asked of one step."""

    messages: Sequence[Message]
    worth: Mapping[str, Mapping[str, float]]
    """By rubric and letter what an answer is worth."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge says of one step."""

    scores: Mapping[str, float]
    """By rubric, from 0 to 1."""
    why: str


def read_verdict(text: str, asked: Asked) -> Verdict:
    """The verdict in a reply.

    Args:
        text: JSON, which may stand in one fence of Markdown; nothing may stand around it.
        asked: what was asked.

    Raises:
        BadVerdict: it is no such object, leaves a question out, answers another, or by no letter.
    """
    found = _object(text)
    unknown = sorted(found.keys() - asked.worth.keys() - {"why"})
    if unknown:
        raise BadVerdict(f"there is no question {unknown[0]!r}; there are {', '.join(asked.worth)}")
    scores = {rubric: _score(rubric, found, letters) for rubric, letters in asked.worth.items()}
    why = found.get("why")
    if not isinstance(why, str) or not why.strip():
        raise BadVerdict('"why" is missing; expected one short sentence')
    return Verdict(dict(sorted(scores.items())), whole(" ".join(why.split())[:LONGEST_WHY]))


def _object(text: str) -> dict[str, object]:
    fenced = _FENCED.fullmatch(text)
    try:
        found = json.loads(fenced[1] if fenced else text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadVerdict(f"the reply is no JSON object: {text[:60]!r}")
    return found


def _score(rubric: str, found: Mapping[str, object], letters: Mapping[str, float]) -> float:
    answer = found.get(rubric)
    if not isinstance(answer, str) or answer not in letters:
        raise BadVerdict(f"{rubric!r} is {answer!r}; expected one of {', '.join(letters)}")
    return letters[answer]
