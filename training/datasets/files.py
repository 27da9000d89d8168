"""Files: examples read back from JSONL in any of the formats, whoever wrote it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from practicum.envs.errors import UsageError
from practicum.training.datasets.examples import Group, Label, Origin, Pair
from practicum.training.datasets.lines import (
    Call,
    ChatLine,
    Function,
    GroupLine,
    LabelLine,
    PairLine,
    SaidMessage,
    ShareGptLine,
    Turn,
    as_messages,
    going_on,
    ones,
    opening_size,
)
from practicum.training.datasets.row import Row
from practicum.training.transcripts import Message

T = TypeVar("T")
E = TypeVar("E")


def read_rows(file: Path) -> Iterator[Row]:
    """The rows of a JSONL file in any format, one at a time.

    Of pairs the better way is a row, of labels one that is wanted, of groups every completion.

    Raises:
        UsageError: a line is none of them; names its number and what is wrong.
    """
    for number, record in records(file):
        yield from _read(file, number, lambda each: list(_rows(each)), record)


def read_pairs(file: Path) -> Iterator[Pair]:
    """The pairs of a JSONL file in the format dpo.

    Raises:
        UsageError: as `read_rows`.
    """
    return (_read(file, number, _pair, record) for number, record in records(file))


def read_labels(file: Path) -> Iterator[Label]:
    """The labels of a JSONL file in the format kto.

    Raises:
        UsageError: as `read_rows`.
    """
    return (_read(file, number, _label, record) for number, record in records(file))


def read_groups(file: Path) -> Iterator[Group]:
    """The groups of a JSONL file in the format grpo.

    Raises:
        UsageError: as `read_rows`.
    """
    return (_read(file, number, _group, record) for number, record in records(file))


def records(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSONL file with the numbers of their lines; empty lines are left out.

    Raises:
        UsageError: the file cannot be read, or a line is no JSON object.
    """
    try:
        with file.open(encoding="utf-8", newline="\n") as lines:
            for number, text in enumerate(lines, 1):
                if text.strip():
                    yield number, _read(file, number, _json_object, text)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {file}: {' '.join(str(error).split())}") from None


def _json_object(text: str) -> dict[str, Any]:
    record = json.loads(text)
    if not isinstance(record, dict):
        raise ValueError(f"expected a JSON object, found {type(record).__name__}")  # noqa: TRY004  # told as one line
    return record


def _read(file: Path, number: int, read: Callable[[T], E], given: T) -> E:
    """What is read of a line; where it cannot be, the person is told which line it is and why."""
    try:
        return read(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        words = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{file}:{number}: {where}: {words}") from None
    except json.JSONDecodeError as error:
        raise UsageError(f"{file}:{number}: no JSON: {error.msg} at character {error.pos + 1}") from None
    except ValueError as error:
        raise UsageError(f"{file}:{number}: {error}") from None


# Lines as examples ------------------------------------------------------------------------------------


def _rows(record: Mapping[str, Any]) -> Iterator[Row]:
    if "conversations" in record:
        yield _sharegpt(record)
    elif "messages" in record:
        yield _chat(record)
    elif "chosen" in record:
        pair = _pair(record)
        yield _whole(pair, (*pair.prompt, *pair.chosen), success=None, total_reward=None, place=0)
    elif "label" in record:
        label = _label(record)
        if label.label:
            yield _whole(label, (*label.prompt, *label.completion), success=True, total_reward=None, place=0)
    elif "completions" in record:
        group = _group(record)
        for place, (way, reward) in enumerate(zip(group.completions, group.rewards, strict=True)):
            yield _whole(group, (*group.prompt, *way), success=None, total_reward=reward, place=place)
    else:
        raise ValueError(
            "expected `messages`, `conversations`, `prompt` with `chosen` and `rejected`, with `completion` "
            f"and `label`, or with `completions` and `rewards`; found {', '.join(record) or 'nothing'}"
        )


def _whole(
    origin: Origin, messages: tuple[Message, ...], *, success: bool | None, total_reward: float | None,
    place: int,
) -> Row:  # fmt: skip
    return Row(
        messages=messages,
        toolset=origin.toolset,
        weights=ones(messages),
        session=origin.sessions[place] if place < len(origin.sessions) else None,
        env=origin.env,
        task_hash=origin.task_hash,
        split=origin.split,
        success=success,
        total_reward=total_reward,
        opening=opening_size(messages),
    )


def _chat(record: Mapping[str, Any]) -> Row:
    read = ChatLine.model_validate(record)
    messages = as_messages(read.messages)
    weights = ones(messages) if read.weights is None else tuple(read.weights)
    if len(weights) != len(ones(messages)):
        raise ValueError(f"weights: expected {len(ones(messages))}, one a call, found {len(weights)}")
    same = ("turns", "success", "total_reward", "terms", "scores", "quality", "session", "env", "split")
    return Row(
        messages=messages,
        toolset=read.toolset,
        weights=weights,
        task_hash=read.task,
        opening=opening_size(messages),
        **{name: getattr(read, name) for name in same},
    )


def _sharegpt(record: Mapping[str, Any]) -> Row:
    read = ShareGptLine.model_validate(record)
    head = [SaidMessage(role="system", content=read.system)] if read.system else []
    messages = as_messages([*head, *map(_turn, read.conversations)])
    fields = {**read.origin, "session": read.session}
    del fields["sessions"]
    return Row(messages=messages, weights=ones(messages), opening=opening_size(messages), **fields)


def _turn(turn: Turn) -> SaidMessage:
    if turn.speaker == "function_call":
        function = Function.model_validate(json.loads(turn.value))
        return SaidMessage(role="assistant", content=function.thought, tool_calls=[Call(function=function)])
    return SaidMessage(role=_ROLES.get(turn.speaker, turn.speaker), content=turn.value)


_ROLES: Mapping[str, Any] = {"human": "user", "gpt": "assistant", "observation": "tool"}


def _pair(record: Mapping[str, Any]) -> Pair:
    read = PairLine.model_validate(record)
    prompt = as_messages(read.prompt)
    return Pair(
        prompt=prompt,
        chosen=going_on(prompt, read.chosen),
        rejected=going_on(prompt, read.rejected),
        kind=read.kind,
        margin=read.margin,
        **read.origin,
    )


def _label(record: Mapping[str, Any]) -> Label:
    read = LabelLine.model_validate(record)
    prompt = as_messages(read.prompt)
    completion = going_on(prompt, read.completion)
    return Label(prompt=prompt, completion=completion, label=read.label, **read.origin)


def _group(record: Mapping[str, Any]) -> Group:
    read = GroupLine.model_validate(record)
    if len(read.rewards) != len(read.completions):
        raise ValueError(f"rewards: expected {len(read.completions)}, one a completion")
    prompt = as_messages(read.prompt)
    ways = tuple(going_on(prompt, way) for way in read.completions)
    return Group(
        prompt=prompt,
        completions=ways,
        rewards=tuple(read.rewards),
        step_rewards=read.step_rewards,
        **read.origin,
    )
