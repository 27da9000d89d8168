"""CallForm: how a chat template writes a call, found out by letting it write one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from practicum.envs.errors import UsageError
from practicum.training.models.grammar import Literal, Node, Until, either, object_of, then
from practicum.training.models.symbols import Alphabet
from practicum.training.transcripts import Listed, call_message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_TOOL, _THOUGHT, _ARGUMENTS = "practicum_probe", "PracticumProbe", {"practicum_key": 1}


@dataclass(frozen=True)
class Call:
    """What a model wrote: a thought, then a call."""

    thought: str
    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class CallForm:
    """The texts around the parts of a call: `{thought}{opener}{tool}{between}{arguments}{closer}`."""

    opener: str
    between: str
    closer: str
    """With the end of the message."""

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase) -> CallForm:
        """The form of a tokenizer's chat template.

        Raises:
            UsageError: the template writes no calls, or not their arguments as a JSON object after the name.
        """
        asked = [{"role": "user", "content": "?"}]
        said = [*asked, call_message(1, _TOOL, _ARGUMENTS, _THOUGHT)]
        try:
            text = str(tokenizer.apply_chat_template(said, tokenize=False))
        except Exception as error:  # noqa: BLE001  # a template is a program of somebody else's
            raise UsageError(f"the chat template cannot write a call: {error}") from None
        arguments = json.dumps(_ARGUMENTS)
        _, found, rest = text.partition(_THOUGHT)
        opener, named, rest = rest.partition(_TOOL)
        between, given, closer = rest.partition(arguments)
        end = str(tokenizer.eos_token)
        if not (found and named and given and end in closer):
            raise UsageError(
                "the chat template writes no call with its arguments as JSON after the thought; "
                "practicum.training.models.templates.fit gives a model one that does"
            )
        return cls(opener.lstrip("\n"), between, closer[: closer.index(end) + len(end)])

    def read(self, text: str) -> Call | None:
        """The call in a reply, special tokens included; None where it holds none that can be made."""
        thought, opened, rest = text.partition(self.opener)
        tool, named, rest = rest.partition(self.between)
        if not (opened and named):
            return None
        try:
            arguments, _ = json.JSONDecoder().raw_decode(rest.lstrip())
        except ValueError:
            return None
        is_object = isinstance(arguments, dict)
        return Call(thought.strip(), tool.strip(), arguments) if is_object else None

    def grammar(self, tools: Sequence[Listed], alphabet: Alphabet) -> Node:
        """Every reply that thinks and then calls one of some tools, with arguments that its schema allows."""
        between, closer = (Literal(alphabet.symbols_of(text)) for text in (self.between, self.closer))
        calls = [
            then(Literal(alphabet.symbols_of(tool.name)), between, object_of(tool.schema)) for tool in tools
        ]
        choice = either(calls)
        if choice is None:
            raise UsageError("there is no tool to call")
        return then(Until(alphabet.symbols_of(self.opener)), choice, closer)
