"""Models for the model server that know how to play: one books flights, one reads gold plans."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from practicum.envs import Task
from practicum.training.agents import scripted_agent
from tests.model_server import Answer, Script, said


def flight_model() -> Script:
    """A server whose model decides as the scripted agent does, from nothing but the messages."""
    agents: list[Any] = []

    def answer(body: Mapping[str, Any]) -> Answer:
        *_, (role, content) = [(message["role"], message["content"]) for message in body["messages"]]
        if role == "user":
            agents.append(scripted_agent("flight"))
            agents[-1].begin(body["messages"][0]["content"], json.loads(content))
        refused = content.startswith("Error: ")
        result, error = (None, content.removeprefix("Error: ")) if refused else (json.loads(content), None)
        made = agents[-1].decide(result, error)
        return said(made.thought, (made.tool, dict(made.arguments)))

    return answer


def gold_replies(task: Task) -> list[Answer]:
    """What a model says and does that knows what the customer of a retail task wants, but asks first."""
    calls = [said(None, (call["name"], call["arguments"])) for call in task.secret["actions"]]
    outputs = " ".join(task.secret["outputs"])
    return [said("Who are you, and shall I go ahead?"), *calls, said(f"It is done. {outputs}".strip())]
