"""Rows, pairs and groups that are short, so that a model made on the spot learns from them in moments."""

from __future__ import annotations

from typing import Any

from practicum.training.datasets import Group, Pair, Row, Toolset
from practicum.training.transcripts import answer_message, call_message, opening_messages, tool_schemas


class Listed:
    """A tool by its name and the arguments that it requires."""

    def __init__(self, name: str, *arguments: str) -> None:
        self.name, self.description = name, f"{name} something"
        shape = {argument: {"type": "string"} for argument in arguments}
        self.schema = {"type": "object", "properties": shape, "required": list(arguments)}


TOOLS = Toolset(tuple(tool_schemas([Listed("find", "city"), Listed("take", "id")])))


def row(calls: int = 2, chosen: str = "A", answer: str = "row A 10 row B 20", **fields: Any) -> Row:
    """A session that looks so many times less one, and then takes something."""
    messages = opening_messages("find a trip", "go to ROM")
    for number in range(1, calls + 1):
        last = number == calls
        tool, arguments = ("take", {"id": chosen}) if last else ("find", {"city": f"C{number}"})
        messages.append(call_message(number, tool, arguments, f"because {number}"))
        messages.append(answer_message(number, tool, answer))
    given = {
        "toolset": TOOLS, "weights": (1.0,) * calls, "opening": 2, "task_hash": "t", "split": "train",
        "success": chosen == "A", "total_reward": float(chosen == "A"),
    }  # fmt: skip
    return Row(messages=tuple(messages), **given | fields)


def pair(calls: int = 2) -> Pair:
    """The right end before the wrong one."""
    better, worse = row(calls), row(calls, "B")
    return Pair(
        prompt=better.messages[:2],
        chosen=better.messages[2:],
        rejected=worse.messages[2:],
        toolset=TOOLS,
        split="train",
    )


def group(rewards: tuple[float, ...] = (1.0, 0.0), calls: int = 2, **fields: Any) -> Group:
    """Sessions of one task with these rewards."""
    ways = [row(calls, "A" if number == 0 else "B") for number in range(len(rewards))]
    return Group(
        prompt=ways[0].messages[:2],
        completions=tuple(way.messages[2:] for way in ways),
        rewards=rewards,
        toolset=TOOLS,
        split="train",
        **fields,
    )
