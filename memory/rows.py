"""How steps and session starts lie in the database: as plain columns, with JSON where a value is nested."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from practicum.envs.episodes import Step, compact_json
from practicum.envs.outside import Answer

BLOB_FROM_BYTES = 4096
"""A result of this size or more is stored once, under its hash."""

STEP_COLUMNS = (
    "session", "turn", "tool", "time", "reward", "terminated", "truncated", "read_only", "via_skill",
    "latency_us", "error", "result_hash", "result_size", "blob", "terms", "outcome", "arguments", "outside",
    "thought", "result",
)  # fmt: skip

StepRow = tuple[Any, ...]


def dump_text(value: Any) -> str:
    """Compact JSON as text."""
    return compact_json(value).decode()


def load(text: str | bytes | None) -> Any:
    """What `dump_text` wrote; None of None."""
    if text is None:
        return None
    try:
        return from_json(text)
    except ValueError:
        return json.loads(text)


def result_hash(result: Any) -> str:
    """SHA-256 over a result's JSON, in hex."""
    return hashlib.sha256(compact_json(result)).hexdigest()


def step_row(session_id: str, step: Step, now: float) -> tuple[StepRow, tuple[str, str] | None]:
    """A step's row in the order of `STEP_COLUMNS`, and its blob (hash, body) where the result is large."""
    body = step.result_json
    digest = hashlib.sha256(body).hexdigest()
    large = len(body) >= BLOB_FROM_BYTES
    text = body.decode()
    row = (
        session_id,
        step.turn,
        step.tool,
        now,
        step.reward,
        step.terminated,
        step.truncated,
        step.read_only,
        step.via_skill,
        step.latency_us,
        step.error,
        digest,
        len(body),
        digest if large else None,
        dump_text(step.terms),
        dump_text(step.outcome) if step.outcome is not None else None,
        dump_text(step.arguments),
        dump_answers(step.outside),
        step.thought,
        None if large else text,
    )
    return row, ((digest, text) if large else None)


def read_step(row: Mapping[str, Any]) -> Step:
    """The step of a row whose `result` is the stored text, blob or not."""
    return Step(
        turn=row["turn"],
        tool=row["tool"],
        arguments=load(row["arguments"]),
        result=load(row["result"]),
        error=row["error"],
        reward=row["reward"],
        terms=load(row["terms"]),
        terminated=bool(row["terminated"]),
        truncated=bool(row["truncated"]),
        read_only=bool(row["read_only"]),
        via_skill=row["via_skill"],
        outcome=load(row["outcome"]),
        outside=load_answers(row["outside"]),
        thought=row["thought"],
        latency_us=row["latency_us"],
    )


def dump_answers(answers: tuple[Answer, ...]) -> str | None:
    """Outside answers as JSON; None when there are none."""
    return dump_text([[answer.kind, answer.value] for answer in answers]) if answers else None


def load_answers(text: str | None) -> tuple[Answer, ...]:
    """What `dump_answers` wrote."""
    return tuple(Answer(kind, value) for kind, value in load(text)) if text else ()
