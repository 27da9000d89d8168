"""Judge: a chat model scores a step by questions with given answers; nobody pays twice for the same step."""

from __future__ import annotations

import hashlib
import json
import logging
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any

from practicum.envs.episodes import Step
from practicum.envs.errors import shortened, whole
from practicum.memory.scores import JudgeCache, JudgeReply, StepScore
from practicum.training.llm import ChatModel, Message, ModelFailed, Reply
from practicum.training.rubrics.budget import Budget
from practicum.training.rubrics.prompts import Question, prompts_digest, questions, system_prompt
from practicum.training.rubrics.tracks import Track
from practicum.training.rubrics.verdicts import Asked, BadVerdict, Verdict, read_verdict

VERSION = 1
"""Counts up when a judge may be asked or understood otherwise than before."""
LONGEST_STEP, LONGEST_EARLIER = 4000, 400
"""Characters that a judge is shown of the answer to the step, and of those to steps before it."""
EARLIER = 12
"""Steps before the one to judge that are shown; of older ones only the calls."""
logger = logging.getLogger(__name__)


@dataclass
class Judge:
    """Scores steps with one model.

    Args:
        model: that is asked.
        budget: what it may take.
        cache: where replies are kept; nowhere where None.
    """

    model: ChatModel
    budget: Budget = field(default_factory=Budget)
    cache: JudgeCache | None = None
    cached: int = 0
    """Steps whose reply was known."""
    failed: list[str] = field(default_factory=list)
    """Why steps were left without a score, a line each."""

    @property
    def version(self) -> str:
        """What its scores depend on beside the steps: the model, the prompts and how they are asked."""
        return f"{VERSION}-{self.model.name}-{prompts_digest()}"

    def scores(self, track: Track, turns: Sequence[int]) -> Iterator[list[StepScore]]:
        """The scores of some steps, one after the other; a step that gets no usable reply is left out.

        Raises:
            BudgetSpent: the next step would take more than the budget has left; those before are scored.
            ModelUnavailable: the model cannot be asked.
        """
        for turn in turns:
            asked = _asked(track, turn)
            try:
                verdict, cost = self._verdict(asked, track.session)
            except (BadVerdict, ModelFailed) as error:
                self.failed.append(f"turn {turn}: {error}")
                logger.warning("%s, turn %d: %s", self.model.name, turn, error)
            else:
                yield self._step_scores(turn, verdict, cost)

    def _step_scores(self, turn: int, verdict: Verdict, cost: float) -> list[StepScore]:
        share = cost / len(verdict.scores)
        return [
            StepScore(turn, rubric, "judge", self.version, score, share, verdict.why)
            for rubric, score in verdict.scores.items()
        ]

    def _verdict(self, asked: Asked, session: str | None) -> tuple[Verdict, float]:
        """What the model says, from the cache where it has said so before, and what it cost now."""
        key = _key(self.version, asked.messages)
        known = self.cache.get(key) if self.cache is not None else None
        if known is not None:
            self.cached += 1
            return read_verdict(known.reply, asked), 0.0
        verdict, reply, cost = self._ask_twice(asked)
        if self.cache is not None and session is not None:
            used = reply.usage
            entry = JudgeReply(
                self.model.name, whole(reply.text), used.prompt_tokens, used.completion_tokens, cost
            )
            self.cache.put(key, session, entry)
        return verdict, cost

    def _ask_twice(self, asked: Asked) -> tuple[Verdict, Reply, float]:
        """Ask, and once more where the reply has another form; a second such reply is a `BadVerdict`."""
        reply, cost = self.budget.ask(self.model, asked.messages)
        try:
            return read_verdict(reply.text, asked), reply, cost
        except BadVerdict as error:
            complaint = {"role": "user", "content": f"{error}. Reply again, with the JSON object alone."}
        said = {"role": "assistant", "content": reply.text}
        reply, more = self.budget.ask(self.model, [*asked.messages, said, complaint])
        return read_verdict(reply.text, asked), reply, cost + more


def _key(version: str, messages: Sequence[Message]) -> str:
    return hashlib.sha256(json.dumps([version, messages], sort_keys=True).encode()).hexdigest()


def _asked(track: Track, turn: int) -> Asked:
    """What a judge is asked of a step; its answers stand in an order drawn by the step's content."""
    material = track.redactor.value(_material(track, turn))
    shown = whole(json.dumps(material, ensure_ascii=False, indent=1))
    drawn = random.Random(hashlib.sha256(shown.encode()).digest())  # noqa: S311  # no secret
    asked = drawn.sample(questions(), len(questions()))
    letters = {question.rubric: _lettered(question, drawn) for question in asked}
    parts = [_put(question, letters[question.rubric]) for question in asked]
    form = json.dumps(dict.fromkeys(letters, "LETTER") | {"why": "one short sentence"})
    content = "\n\n".join([shown, *parts, f"Reply in this form: {form}"])
    messages = [{"role": "system", "content": system_prompt()}, {"role": "user", "content": content}]
    return Asked(
        messages,
        {name: {letter: worth for letter, (worth, _) in found.items()} for name, found in letters.items()},
    )


def _lettered(question: Question, drawn: random.Random) -> dict[str, tuple[float, str]]:
    answers = drawn.sample(question.answers, len(question.answers))
    return dict(zip(ascii_uppercase, answers, strict=False))


def _put(question: Question, letters: Mapping[str, tuple[float, str]]) -> str:
    lines = [f"{letter}. {words}" for letter, (_, words) in letters.items()]
    return "\n".join([f"{question.rubric}: {question.text}", *lines])


def _material(track: Track, turn: int) -> dict[str, Any]:
    """What is shown of a step: the task, the tools, what was before; nothing of what came after."""
    before = [step for step in track.steps if step.turn < turn]
    step = next(step for step in track.steps if step.turn == turn)
    return {
        "task": track.instruction,
        "first_observation": _answer(track, track.opening, LONGEST_STEP),
        "tools": track.tools,
        "steps_before": [
            _shown(track, each, LONGEST_EARLIER if len(before) - place <= EARLIER else 0)
            for place, each in enumerate(before)
        ],
        "step": _shown(track, step, LONGEST_STEP),
    }


def _shown(track: Track, step: Step, most: int) -> dict[str, Any]:
    shown: dict[str, Any] = {"turn": step.turn, "tool": step.tool, "arguments": dict(step.arguments)}
    if step.thought:
        shown["thought"] = shortened(step.thought, LONGEST_EARLIER)
    if step.error is not None:
        shown["refused"] = shortened(step.error, LONGEST_EARLIER)
    elif most:
        shown["answer"] = _answer(track, step.result, most)
    return shown


def _answer(track: Track, result: Any, most: int) -> str:
    return "" if result is None else shortened(track.text_of(result), most)
