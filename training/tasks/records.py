"""TaskRecord: a retail task as files hold it, what is wanted, the calls that do it and what is to be said."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from practicum.envs import Task
from practicum.envs.errors import UsageError
from practicum.envs.tasks import LARGEST_INTEGER
from practicum.training.whole_files import write_whole

MOST_BYTES = 256 * 2**20
"""Of a file of tasks, which is read whole."""
MOST_CALLS = 1000
"""Gold calls of a task, and things to be told."""
Call = Mapping[str, Any]
"""`{"name": tool, "arguments": {…}}`."""


@with_config(ConfigDict(extra="ignore"))
class _Call(TypedDict):
    name: Annotated[str, Field(min_length=1)]
    arguments: dict[str, Any]


_Topic = Literal["identity", "order", "reason", "items", "replacement", "payment", "address", "question"]


@with_config(ConfigDict(extra="forbid"))
class _Wish(TypedDict):
    wish: str
    facts: dict[_Topic, str]
    ids: list[str]
    address: NotRequired[list[str]]
    outputs: NotRequired[list[str]]
    first: NotRequired[dict[_Topic, str]]
    change: NotRequired[str]


@with_config(ConfigDict(extra="forbid"))
class _Customer(TypedDict):
    name: str
    knows: str
    wishes: Annotated[list[_Wish], Field(min_length=1)]


@with_config(ConfigDict(extra="allow"))
class _Metadata(TypedDict):
    generation_method: NotRequired[str]
    turns: NotRequired[Annotated[int, Field(ge=0)]]
    confidence: NotRequired[Annotated[float, Field(ge=0, le=1)]]
    scenario: NotRequired[str]
    user_id: NotRequired[str]
    number: NotRequired[Annotated[int, Field(ge=0)]]
    seed: NotRequired[Annotated[int, Field(ge=0, le=LARGEST_INTEGER)]]
    customer: NotRequired[_Customer]


@with_config(ConfigDict(extra="forbid"))
class _Verdict(TypedDict):
    valid: bool
    missing: list[str]
    suggestions: list[str]


@with_config(ConfigDict(extra="allow"))
class _Record(TypedDict):
    q: Annotated[str, Field(min_length=1, pattern=r"\S")]
    agt: Annotated[list[_Call], Field(max_length=MOST_CALLS)]
    ogt: NotRequired[Annotated[list[str], Field(max_length=MOST_CALLS)]]
    success: NotRequired[bool]
    metadata: NotRequired[_Metadata]
    validation_report: NotRequired[_Verdict | None]


_SHAPE = TypeAdapter(_Record)


@dataclass(frozen=True)
class TaskRecord:
    """A task of the retail world, as it is generated, checked and tested."""

    q: str
    """What the customer knows and wants: their secret, which the agent learns in the conversation."""
    agt: tuple[Call, ...]
    """The gold calls, in order."""
    ogt: tuple[str, ...] = ()
    """What the customer must be told."""
    success: bool = False
    """Whether it has passed its checks."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """`generation_method`, `turns` and `confidence`; `scenario`, `user_id`, `number` and `seed` where they
    are known, and as `customer` the script of a scripted customer."""
    validation_report: Mapping[str, Any] | None = None
    """`valid`, `missing` (what is wrong, each with its kind), `suggestions`; None before it was checked."""

    @property
    def scenario(self) -> str:
        """What kind of wish it is; empty where nobody says."""
        return str(self.metadata.get("scenario", ""))

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object."""
        return {
            "q": self.q,
            "agt": [dict(call) for call in self.agt],
            "ogt": list(self.ogt),
            "success": self.success,
            "metadata": dict(self.metadata),
            "validation_report": self.validation_report,
        }

    @classmethod
    def from_json(cls, record: Any) -> TaskRecord:
        """Read what `as_json` wrote.

        Also read are `{"success": …, "task": {"q": …, "agt": …, "ogt": …}, "metadata": …}`, a record of
        τ-bench (`{"user_id": …, "instruction": …, "actions": …, "outputs": …}`), and a task of the world
        (`Task.as_json`).

        Raises:
            UsageError: it is nothing of these; says what is wrong in it.
        """
        record = _flat(record)
        try:
            _SHAPE.validate_python(record, strict=True)
        except ValidationError as error:
            raise UsageError(f"no task record: {_first_complaint(error)}") from None
        return cls(
            record["q"],
            tuple({"name": call["name"], "arguments": call["arguments"]} for call in record["agt"]),
            tuple(record.get("ogt", ())),
            record.get("success", False),
            record.get("metadata", {}),
            record.get("validation_report"),
        )


def record_of(task: Task) -> TaskRecord:
    """The record of a task of the retail world.

    Raises:
        UsageError: the task is of another world.
    """
    return TaskRecord.from_json(_row_of(task))


def read_records(path: Path) -> list[TaskRecord]:
    """Records of a file: a JSON array, one JSON object, or one object a line.

    Raises:
        UsageError: the file cannot be read, or something in it is no record; says which.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(f"{path} is larger than {MOST_BYTES >> 20} MiB; split it, and take part by part")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"cannot read the task file {path}: {why}") from None
    rows = _rows(path, text)
    if not rows:
        raise UsageError(f"{path} holds no task; each is an object with q, agt and ogt")
    return [_read(path, place, row) for place, row in enumerate(rows, 1)]


def write_records(path: Path, records: Sequence[TaskRecord]) -> None:
    """Write records: one a line where the name ends in `.jsonl`, else as one JSON array.

    The file is there whole or not at all.

    Raises:
        UsageError: it cannot be written.
    """
    write_json(path, [record.as_json() for record in records])


def write_json(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write JSON objects as `write_records` writes records.

    Raises:
        UsageError: the file cannot be written.
    """
    lines = [json.dumps(dict(row), ensure_ascii=False) for row in rows]
    as_lines = "".join(f"{line}\n" for line in lines)
    write_whole(path, as_lines if path.suffix == ".jsonl" else "[" + ",\n ".join(lines) + "]\n")


def as_record(task: TaskRecord | Mapping[str, Any]) -> TaskRecord:
    """The record of what may be its JSON.

    Raises:
        UsageError: as `TaskRecord.from_json`.
    """
    return task if isinstance(task, TaskRecord) else TaskRecord.from_json(task)


def checked(record: TaskRecord, report: Mapping[str, Any]) -> TaskRecord:
    """The record with what its check found."""
    return replace(record, success=bool(report["valid"]), validation_report=report)


def key_of(calls: Iterable[Call]) -> str:
    """What equal gold calls have in common."""
    return json.dumps([[call["name"], call["arguments"]] for call in calls], sort_keys=True)


def plain_json(text: str) -> Any:
    """What a JSON text holds.

    Raises:
        ValueError: it is none, holds NaN or an infinite number, or is nested too deeply.
    """
    try:
        return json.loads(text, parse_constant=refuse_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def refuse_constant(name: str) -> Any:
    """Keep NaN and infinite numbers out of what is read as JSON.

    Raises:
        ValueError: always; says which.
    """
    raise ValueError(f"{name} is no number in JSON")


def _rows(path: Path, text: str) -> list[Any]:
    """What stands in a file; where it is not JSON as a whole, a row for each line."""
    try:
        found = plain_json(text)
    except ValueError as error:
        lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        if lines and text.lstrip().startswith("["):
            raise UsageError(f"{path}: no JSON: {error}") from None
        return [_row(path, number, line) for number, line in lines]
    return found if isinstance(found, list) else [found]


def _row(path: Path, number: int, line: str) -> Any:
    try:
        return plain_json(line)
    except ValueError as error:
        raise UsageError(f"{path}:{number}: no JSON: {error}") from None


def _read(path: Path, place: int, row: Any) -> TaskRecord:
    try:
        return TaskRecord.from_json(row)
    except UsageError as error:
        raise UsageError(f"{path}, task {place}: {error}") from None


def _flat(record: Any) -> Any:
    """A record in the form of `as_json`, whichever it has."""
    if isinstance(record, Mapping) and "secret" in record:
        return _row_of(_read_task(record))
    if isinstance(record, Mapping) and isinstance(record.get("task"), Mapping):
        return {**record["task"], **{key: value for key, value in record.items() if key != "task"}}
    if isinstance(record, Mapping) and "instruction" in record and "actions" in record:
        metadata = {"user_id": record["user_id"]} if "user_id" in record else {}
        outputs = record.get("outputs", [])
        return {"q": record["instruction"], "agt": record["actions"], "ogt": outputs, "metadata": metadata}
    return record


def _row_of(task: Task) -> dict[str, Any]:
    secret = task.secret
    if task.env != "retail" or "actions" not in secret:
        raise UsageError(f"task {task.id or task.hash} is of {task.env_id}; task records are of retail-v1")
    metadata = {"generation_method": "direct", "turns": 1, "confidence": 1.0, "seed": task.seed}
    metadata["scenario"] = task.params.get("scenario", "")
    metadata |= {key: secret[key] for key in ("user_id", "customer") if key in secret}
    return {
        "q": secret.get("instruction") or "-",
        "agt": secret["actions"],
        "ogt": secret.get("outputs", []),
        "metadata": metadata,
    }


def _read_task(record: Mapping[str, Any]) -> Task:
    try:
        return Task.from_json(record)
    except ValidationError as error:
        raise UsageError(f"no task: {_first_complaint(error)}") from None


def _first_complaint(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the record'}: {first['msg']}"
