"""Anthropic's Messages API on the model server of tests: what it answers, and what it would refuse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.model_server import AT_ONCE, Answer


def says(text: str, *calls: tuple[str, Any], reason: str = "end_turn", thinking: str = "") -> Answer:
    """A message: words, calls of tools by name and arguments, what was thought before."""
    content: list[dict[str, Any]] = []
    if thinking:
        content.append({"type": "thinking", "thinking": thinking, "signature": "x"})
    if text:
        content.append({"type": "text", "text": text})
    for number, (name, arguments) in enumerate(calls, 1):
        content.append({"type": "tool_use", "id": f"toolu_{name}_{number}", "name": name, "input": arguments})
    usage = {"input_tokens": 5, "cache_read_input_tokens": 2, "output_tokens": 3}
    body = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content}
    return Answer(body | {"stop_reason": reason, "stop_sequence": None, "usage": usage})


def refuses(status: int, message: str = "no", kind: str = "invalid_request_error") -> Answer:
    """A refusal in that API's form; it may be asked again right away."""
    return Answer({"type": "error", "error": {"type": kind, "message": message}}, status, AT_ONCE)


def problem(body: Mapping[str, Any]) -> str | None:
    """Why Anthropic's server would refuse a request: its turns, its blocks, its tools."""
    if not isinstance(body.get("max_tokens"), int) or body["max_tokens"] < 1:
        return "max_tokens: Field required"
    if "temperature" in body:
        return "temperature: Extra inputs are not permitted"
    if body.get("system") == "":
        return "system: text content blocks must be non-empty"
    if any(set(tool) != {"name", "description", "input_schema"} for tool in body.get("tools", ())):
        return "tools: unknown fields"
    roles = [message["role"] for message in body["messages"]]
    if roles[::2] != ["user"] * len(roles[::2]) or roles[1::2] != ["assistant"] * len(roles[1::2]):
        return f"messages: roles must alternate between user and assistant, found {roles}"
    return _problem_of_blocks(body["messages"])


def _problem_of_blocks(messages: list[Any]) -> str | None:
    open_calls: list[str] = []
    for message in messages:
        blocks = message["content"]
        if any(block["type"] == "text" and not block["text"].strip() for block in blocks):
            return "messages: text content blocks must contain non-whitespace text"
        answered = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if sorted(answered) != sorted(open_calls):
            return f"messages: `tool_use` ids {open_calls} were answered by `tool_result` {answered}"
        if answered and [block["type"] for block in blocks][: len(answered)] != ["tool_result"] * len(
            answered
        ):
            return "messages: `tool_result` blocks come first"
        calls = [block for block in blocks if block["type"] == "tool_use"]
        if not all(isinstance(block["input"], dict) for block in calls):
            return "messages: input: Input should be an object"
        open_calls = [block["id"] for block in calls]
    return f"messages: `tool_use` ids {open_calls} without `tool_result`" if open_calls else None
