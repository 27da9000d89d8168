"""Files: trajectories that stand in a file, as tracks; ours and those of others.

A file holds one JSON object, a list of them, or one a line. Steps are ours (`tool`, `arguments`, `result`,
`error`, …), knowlyr's (`tool`, `params`, `output`) or its recorder's (`tool_call: {name, parameters}`,
`tool_result: {output, error}`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, AliasPath, BaseModel, Field, ValidationError

from practicum.envs.domains import DomainProfile
from practicum.envs.episodes import Step
from practicum.envs.errors import UsageError
from practicum.training.rubrics.tracks import Track

LOOKS = frozenset({"read", "search", "think", "navigate"})
"""Categories of tools that leave the world alone, where a step does not say."""


def _either(*names: str | AliasPath) -> Any:
    return AliasChoices(*names)


class _Step(BaseModel):
    tool: str = Field(validation_alias=_either("tool", AliasPath("tool_call", "name")), min_length=1)
    arguments: dict[str, Any] = Field(
        default={},
        validation_alias=_either("arguments", "params", AliasPath("tool_call", "parameters")),
    )
    result: Any = Field(
        default=None, validation_alias=_either("result", "output", AliasPath("tool_result", "output"))
    )
    error: str | None = Field(
        default=None, validation_alias=_either("error", AliasPath("tool_result", "error"))
    )
    terms: dict[str, float] = {}
    thought: str | None = None
    read_only: bool | None = None
    via_skill: str | None = None


class _Trajectory(BaseModel):
    steps: list[_Step]
    task: str | dict[str, Any] = Field(default="", validation_alias=_either("task", "instruction"))
    instruction: str = ""
    params: dict[str, Any] = {}
    opening: Any = None
    outcome: dict[str, Any] | None = None
    reference_steps: int | None = Field(default=None, ge=1)


@dataclass(frozen=True, slots=True)
class Named:
    """A track and where it comes from."""

    name: str
    """The file, and which of its trajectories where it holds several."""
    track: Track


def read_tracks(path: Path, profile: DomainProfile) -> Iterator[Named]:
    """The trajectories of a file.

    Args:
        path: the file.
        profile: the domain's.

    Raises:
        UsageError: it cannot be read, or holds something else; says where and why.
    """
    records = list(_records(path))
    for number, (place, record) in enumerate(records, 1):
        try:
            found = _Trajectory.model_validate(record)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "trajectory"
            raise UsageError(f"{place} holds no trajectory: {where}: {first['msg']}") from None
        name = path.name if len(records) == 1 else f"{path.name}#{number}"
        yield Named(name, _track(found, profile))


def _records(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from None
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        yield from _lines(path, text)
        return
    records = whole if isinstance(whole, list) else [whole]
    yield from (
        (f"{path}" if len(records) == 1 else f"{path}#{n}", each) for n, each in enumerate(records, 1)
    )


def _lines(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield f"{path}:{number}", json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{path}:{number} is no JSON: {error}") from None


def _track(found: _Trajectory, profile: DomainProfile) -> Track:
    task = found.task if isinstance(found.task, dict) else {}
    outcome = found.outcome or {}
    return Track(
        steps=tuple(_step(turn, step, profile) for turn, step in enumerate(found.steps, 1)),
        profile=profile,
        instruction=found.instruction or str(task.get("instruction", "") or (found.task if not task else "")),
        params=found.params or dict(task.get("params") or {}),
        opening=found.opening,
        success=bool(outcome["success"]) if "success" in outcome else None,
        task=str(task.get("hash") or task.get("id") or ""),
        shortest=found.reference_steps,
    )


def _step(turn: int, step: _Step, profile: DomainProfile) -> Step:
    read_only = profile.category(step.tool) in LOOKS if step.read_only is None else step.read_only
    known: Mapping[str, Any] = {
        "error": step.error or None,
        "terms": step.terms,
        "reward": sum(step.terms.values()),
    }
    return Step(
        turn=turn,
        tool=step.tool,
        arguments=step.arguments,
        result=step.result,
        terminated=False,
        truncated=False,
        read_only=read_only,
        via_skill=step.via_skill,
        thought=step.thought,
        **known,
    )
