"""Forms: a person is asked for each argument of a tool, and told at once when an answer does not fit."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from practicum.envs import Action
from practicum.envs.errors import UsageError

Schema = Mapping[str, Any]
YES_NO = {"y": True, "yes": True, "true": True, "n": False, "no": False, "false": False}
TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "yes or no",
    "array": "a list, with commas",
    "object": "a JSON object",
}
DONE = "."
"""The answer that plays the call at once, leaving the rest out."""


@dataclass(frozen=True)
class Question:
    """One argument to ask for."""

    name: str
    schema: Schema
    required: bool
    is_secret: bool
    """Whether the answer is typed unseen."""

    @property
    def choices(self) -> tuple[Any, ...]:
        """The values that are allowed, where they are few."""
        return tuple(self.schema.get("enum", ()))

    @property
    def has_numbers(self) -> bool:
        """Whether a choice may be typed by its number: unless the choices are numbers themselves."""
        return all(isinstance(choice, str) for choice in self.choices)

    @property
    def menu(self) -> list[str]:
        """The choices as they are shown."""
        if self.has_numbers:
            return [f"{number} {choice}" for number, choice in enumerate(self.choices, 1)]
        return [str(choice) for choice in self.choices]

    @property
    def heading(self) -> str:
        """What is asked for, such as `page (whole number, default 1): Page of the results`."""
        kind = "one of these" if self.choices else _kind(self.schema).removeprefix("a ")
        default = self.schema.get("default")
        shown = f"default {json.dumps(default)}" if default not in (None, "") else "may be left out"
        need = "needed" if self.required else shown
        return f"{self.name} ({kind}, {need}): {self.schema.get('description', '')}".rstrip(": ")


Ask = Callable[[Question], str]
"""Puts a question to the person and returns what was typed."""


def fill(action: Action, given: Mapping[str, Any], ask: Ask, tell: Callable[[str], None]) -> dict[str, Any]:
    """The arguments of a call: those given, and what the person answers to a question for each of the others.

    Args:
        action: what is called.
        given: arguments that are known already; with any, only what is needed is asked for.
        ask: puts one question.
        tell: says why an answer does not fit, before the question is put again.
    """
    filled = dict(given)
    for question in questions(action):
        if question.name in filled or (given and not question.required):
            continue
        answered, value = _answer(question, ask, tell)
        if answered:
            filled[question.name] = value
        elif value == DONE:
            break
    return {name: filled[name] for name in (*action.parameters, *filled) if name in filled}


def questions(action: Action) -> list[Question]:
    """What there is to ask for, in the order of the tool's signature."""
    properties, required = action.schema["properties"], action.schema["required"]
    return [
        Question(name, properties[name], name in required, name in action.secrets)
        for name in action.parameters
    ]


def _answer(question: Question, ask: Ask, tell: Callable[[str], None]) -> tuple[bool, Any]:
    """Whether there is an answer, and which; without one, the word that was typed instead."""
    while True:
        typed = ask(question)
        typed = typed if question.is_secret else typed.strip()
        if typed in ("", DONE) and not question.required:
            return False, typed
        try:
            return True, read_answer(typed, question)
        except UsageError as error:
            tell(str(error))


def read_answer(typed: str, question: Question) -> Any:
    """The value of an answer; `""` is an empty text, and a choice may be typed by its number.

    Raises:
        UsageError: it does not fit the argument.
    """
    if typed == "":
        raise UsageError(f'{question.name} is needed; "" is an empty text, Ctrl-C goes back')
    value = _chosen(typed, question) if question.choices else _read(typed, question.schema)
    from jsonschema import Draft202012Validator  # costly to load, and only a person's answer needs it

    problem = next(Draft202012Validator(dict(question.schema)).iter_errors(value), None)
    if problem is not None:
        told = "that" if question.is_secret else repr(typed)
        raise UsageError(f"{told} does not fit {question.name}: expected {_expected(question)}")
    return value


def _chosen(typed: str, question: Question) -> Any:
    named = {str(choice): choice for choice in question.choices}
    if typed in named:
        return named[typed]
    is_number = question.has_numbers and typed.isascii() and typed.isdigit()
    return question.choices[int(typed) - 1] if is_number and 1 <= int(typed) <= len(named) else typed


def _read(typed: str, schema: Schema) -> Any:
    kind = schema.get("type")
    if kind == "string":
        return "" if typed == '""' else typed
    if kind == "boolean":
        return YES_NO.get(typed.lower(), typed)
    if kind == "array" and not typed.startswith("["):
        return [_read(part.strip(), schema["items"]) for part in typed.split(",")]
    try:
        return json.loads(typed)
    except (ValueError, RecursionError):
        return typed


def _expected(question: Question) -> str:
    if question.choices:
        return f"one of {', '.join(question.menu)}"
    schema = question.schema
    bounds = [f"from {schema['minimum']}"] if "minimum" in schema else []
    bounds += [f"up to {schema['maximum']}"] if "maximum" in schema else []
    return " ".join([_kind(schema), *bounds])


def _kind(schema: Schema) -> str:
    return TYPES.get(str(schema.get("type")), "value")
