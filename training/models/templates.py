"""Templates: how messages become a model's text, set when a model is loaded and saved with its checkpoints.

A template must write tool calls, keep what it wrote before when messages are added, and be readable back by a
`response_template`: TRL asks for all three.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

T = TypeVar("T", bound="PreTrainedTokenizerBase")

PAD, END, CALL = "<|pad|>", "<|end|>", "<|call|>"
ROLES = ("system", "user", "assistant", "tool")
MARKS = (PAD, END, CALL, *(f"<|{role}|>" for role in ROLES))
"""The special tokens of the tiny base, in the order of their ids."""

TINY_TEMPLATE = """\
{%- if tools -%}
<|system|>
    {%- for tool in tools -%}
        {%- set tool = tool.function if tool.function is defined else tool -%}
        {{- tool.name -}}
        {%- for name in tool.parameters.properties or {} -%}{{- ' ' + name -}}{%- endfor -%}
        {{- '\\n' -}}
    {%- endfor -%}
<|end|>
{%- endif -%}
{%- for message in messages -%}
    {{- '<|' + message.role + '|>' -}}
    {%- if message.role == 'assistant' -%}
        {%- generation -%}
        {{- message.content or '' -}}
        {%- for call in message.tool_calls or [] -%}
            {%- set call = call.function if call.function is defined else call -%}
            {{- '<|call|>' + call.name + ' ' + (call.arguments | tojson) -}}
        {%- endfor -%}
        {{- '<|end|>' -}}
        {%- endgeneration -%}
    {%- else -%}
        {{- message.content + '<|end|>' -}}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}<|assistant|>{%- endif -%}
"""
"""Tools by name and arguments only, one a line; then each message between its role's mark and the end's."""

TINY_RESPONSE: dict[str, Any] = {
    "defaults": {"role": "assistant"},
    "start_anchor": "<|assistant|>",
    "fields": {
        "tool_calls": {
            "open_pattern": re.escape(CALL) + r"(?P<name>[^\s{]+) ",
            "close_pattern": rf"(?={re.escape(CALL)})|{re.escape(END)}",
            "repeats": True,
            "content": "json",
            "transform": {"type": "function", "function": {"name": "{name}", "arguments": "{content}"}},
        },
        "content": {"close_pattern": re.escape(END), "content": "text"},
    },
}


def fit_tiny(tokenizer: T) -> T:
    """Give a tokenizer the template of the tiny base; returns it."""
    tokenizer.chat_template = TINY_TEMPLATE
    tokenizer.response_template = TINY_RESPONSE
    return tokenizer


def fit_chatml(tokenizer: T) -> T:
    """Give a tokenizer with ChatML's marks the template that TRL has for Qwen 2.5; returns it."""
    from trl.chat_template_utils import add_response_schema, qwen2_5_chat_template

    tokenizer.chat_template = qwen2_5_chat_template
    add_response_schema(tokenizer)
    return tokenizer


def fit(tokenizer: T) -> T:
    """See that a tokenizer's template writes calls that can be read back; returns it.

    Its own template stays where TRL knows it or it has a `response_template`. Else one with ChatML's marks
    gets Qwen's, and any other that of the tiny base, whose marks are plain text to it.
    """
    if getattr(tokenizer, "response_template", None) is not None:
        return tokenizer
    from trl.chat_template_utils import add_response_schema

    try:
        add_response_schema(tokenizer)
    except ValueError:
        marks = tokenizer.get_vocab()
        return fit_chatml(tokenizer) if "<|im_start|>" in marks else _fit_plain(tokenizer)
    return tokenizer


def _fit_plain(tokenizer: T) -> T:
    """The tiny base's template, with the tokenizer's own end of text at the end of each message."""
    end = str(tokenizer.eos_token or END)
    if tokenizer.eos_token is None:
        tokenizer.add_special_tokens({"eos_token": end})
    tokenizer.chat_template = TINY_TEMPLATE.replace(END, end)
    tokenizer.response_template = _ended_by(TINY_RESPONSE, end)
    return tokenizer


def _ended_by(response: dict[str, Any], end: str) -> dict[str, Any]:
    swapped: dict[str, Any] = json.loads(json.dumps(response).replace(_in_json(END), _in_json(end)))
    return swapped


def _in_json(mark: str) -> str:
    """A mark as it stands in the patterns, in JSON."""
    return json.dumps(re.escape(mark))[1:-1]
