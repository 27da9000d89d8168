"""Formats: how an example stands in a line of a file.

- sft: `{messages, tools, weights, …}`, what TRL's SFTTrainer reads
- openai: `{messages, tools, parallel_tool_calls}`, OpenAI's for fine-tuning, with arguments as text
- sharegpt: `{conversations: [{from, value}], system, tools}`, as APIGen-MT has it
- dpo: `{prompt, chosen, rejected, tools, …}`, what TRL's DPOTrainer reads
- kto: `{prompt, completion, label, tools, …}`, what TRL's KTOTrainer reads
- grpo: `{prompt, completions, rewards, tools, …}`, a group of sessions of one task
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from practicum.envs.episodes import compact_json
from practicum.training.datasets.examples import Group, Label, Origin, Pair
from practicum.training.datasets.row import Row
from practicum.training.transcripts import Message

Example = Row | Pair | Label | Group
ROW_FORMATS = ("sft", "openai", "sharegpt")
"""Formats whose examples are rows."""
FORMATS = (*ROW_FORMATS, "dpo", "kto", "grpo")


def line(example: Example, form: str) -> str:
    """An example as one line, without its end; equal examples give equal lines.

    Args:
        example: a row for `ROW_FORMATS`; for the others what they are called after.
        form: one of `FORMATS`.
    """
    return _WRITERS[form](example)


def _sft(row: Row) -> str:
    about = {
        "weights": row.weights, "session": row.session, "env": row.env, "turns": row.turns,
        "task": row.task_hash, "split": row.split, "success": row.success, "return": row.total_reward,
        "terms": row.terms, "scores": row.scores, "quality": row.quality, "hash": row.hash,
    }  # fmt: skip
    return f'{{"messages":{row.messages_json},"tools":{row.toolset.json},{_members(about)}}}'


def _openai(row: Row) -> str:
    messages = compact_json([_openai_message(message) for message in row.messages]).decode()
    return f'{{"messages":{messages},"tools":{row.toolset.json},"parallel_tool_calls":false}}'


def _openai_message(message: Message) -> Message:
    if message["role"] == "tool":
        return {name: message[name] for name in ("role", "tool_call_id", "content")}
    if "tool_calls" not in message:
        return message
    calls = [
        {**call, "function": {**call["function"], "arguments": _text(call["function"]["arguments"])}}
        for call in message["tool_calls"]
    ]
    return {"role": "assistant", "content": message["content"] or None, "tool_calls": calls}


def _sharegpt(row: Row) -> str:
    head = [message["content"] for message in row.messages if message["role"] == "system"]
    said = [turn for message in row.messages for turn in _sharegpt_turns(message)]
    return _text({"conversations": said, "system": "\n\n".join(head), "tools": row.toolset.json})


def _sharegpt_turns(message: Message) -> Iterator[dict[str, str]]:
    """A message as turns; the words beside a call stand in it as `thought`."""
    role, content = message["role"], message["content"]
    thought = {"thought": content} if content else {}
    for call in message.get("tool_calls", ()):
        yield {"from": "function_call", "value": _text({**call["function"], **thought})}
        thought = {}
    if role in _SPEAKERS and not message.get("tool_calls"):
        yield {"from": _SPEAKERS[role], "value": content}


_SPEAKERS = {"user": "human", "assistant": "gpt", "tool": "observation"}


def _dpo(pair: Pair) -> str:
    ways = {"prompt": pair.prompt, "chosen": pair.chosen, "rejected": pair.rejected}
    return _told(ways, pair, {"kind": pair.kind, "margin": pair.margin})


def _kto(label: Label) -> str:
    return _told({"prompt": label.prompt, "completion": label.completion, "label": label.label}, label)


def _grpo(group: Group) -> str:
    ways = {"prompt": group.prompt, "completions": group.completions, "rewards": group.rewards}
    return _told(ways, group, {"step_rewards": group.step_rewards})


def _told(ways: Mapping[str, Any], origin: Origin, beside: Mapping[str, Any] | None = None) -> str:
    about = {
        **(beside or {}), "sessions": origin.sessions, "env": origin.env, "task": origin.task_hash,
        "split": origin.split, "hash": origin.hash,
    }  # fmt: skip
    return f'{{{_members(ways)},"tools":{origin.toolset.json},{_members(about)}}}'


def _members(values: Mapping[str, Any]) -> str:
    return _text(values)[1:-1]


def _text(value: Mapping[str, Any] | Sequence[Any]) -> str:
    return compact_json(value).decode()


_WRITERS: Mapping[str, Callable[[Any], str]] = {
    "sft": _sft,
    "openai": _openai,
    "sharegpt": _sharegpt,
    "dpo": _dpo,
    "kto": _kto,
    "grpo": _grpo,
}
