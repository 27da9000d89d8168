"""ScriptedJudge: a judge without a model, for tests, examples and first steps; it answers by a few rules."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

from practicum.training.llm import Message, Reply, Usage
from practicum.training.rubrics.prompts import questions

_WORTH = {words: worth for question in questions() for worth, words in question.answers}
_OPTION = re.compile(r"^([A-Z])\. (.+)$", re.MULTILINE)


class ScriptedJudge:
    """A chat model that reads what a judge is asked and answers by rules; the same question, the same answer.

    A refused call is a bad one, a repeated one a detour, anything else a sound step. It costs nothing, knows
    nothing of the task, and is no measure of a policy.
    """

    name = "scripted"

    def __init__(self) -> None:
        self._used = Usage()
        self._lock = Lock()

    @property
    def used(self) -> Usage:
        """The calls so far."""
        return self._used

    def complete(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None, **options: Any
    ) -> Reply:
        """The verdict on the step in the last message."""
        with self._lock:
            self._used += Usage(1)
        content = str(messages[-1]["content"])
        material, end = json.JSONDecoder().raw_decode(content)
        worth, why = _opinion(material)
        chosen = {rubric: _letter(part, worth[rubric]) for rubric, part in _parts(content[end:]).items()}
        return Reply(json.dumps(chosen | {"why": why}))


def _opinion(material: Mapping[str, Any]) -> tuple[dict[str, float], str]:
    """What each rubric is worth by the rules, and why."""
    step, before = material["step"], material["steps_before"]
    call = (step["tool"], step["arguments"])
    if "refused" in step:
        bad_arguments = "argument" in step["refused"]
        fit = 0.0 if bad_arguments else 0.5
        return _worth(0.25, 0.75 if bad_arguments else 0.25, fit), "The call was refused."
    if before and (before[-1]["tool"], before[-1]["arguments"]) == call:
        return _worth(0.25, 0.5, 1.0), "The same call was made just before."
    return _worth(0.75, 1.0, 1.0), "The call was taken."


def _worth(progress: float, selection: float, correctness: float) -> dict[str, float]:
    return {"goal_progress": progress, "tool_selection": selection, "param_correctness": correctness}


def _parts(content: str) -> dict[str, str]:
    """The questions by rubric, each with its answers."""
    places = sorted((content.index(f"\n{q.rubric}: "), q.rubric) for q in questions())
    ends = [place for place, _ in places[1:]] + [len(content)]
    return {rubric: content[place:end] for (place, rubric), end in zip(places, ends, strict=True)}


def _letter(part: str, worth: float) -> str:
    options: list[tuple[str, str]] = _OPTION.findall(part)
    return next(letter for letter, words in options if _WORTH[words] == worth)
