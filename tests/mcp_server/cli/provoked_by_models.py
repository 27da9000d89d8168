"""Messages that chat models and their servers provoke."""

from __future__ import annotations

import sys

from tests.mcp_server.cli.scenes import Scene, provokes
from tests.model_server import Answer, Script, fails, said, serving


def rollout(scene: Scene, answers: Script | list[Answer], *options: str, model: str = "m") -> str:
    """What a rollout says on stderr that asks a server for one episode, each thing once."""
    with serving(answers) as server:
        command = ("rollout", "--agent", f"chat:{model}", "--episodes", "1", "--base-url", server.url)
        return scene.practicum(*command, "--max-retries", "0", *options).err


@provokes("A model has no key")
def _(scene: Scene) -> str:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        scene.monkeypatch.delenv(name, raising=False)
    return scene.practicum("rollout", "--agent", "chat:gpt-4o").refusal


@provokes("The openai package is missing")
def _(scene: Scene) -> str:
    scene.monkeypatch.setitem(sys.modules, "openai", None)
    return rollout(scene, [])


@provokes("A model server does not answer")
def _(scene: Scene) -> str:
    with serving([]) as server:
        gone = server.url
    return rollout(scene, [], "--base-url", gone)


@provokes("A model server refuses the key")
def _(scene: Scene) -> str:
    return rollout(scene, [fails(401, "Incorrect API key provided")])


@provokes("A server has no such model")
def _(scene: Scene) -> str:
    return rollout(scene, [fails(404, "The model does not exist")], model="gtp-4o")


@provokes("A model calls no tool")
def _(scene: Scene) -> str:
    return rollout(scene, lambda body: said("I would book a flight."))


@provokes("A model is silent for too long")
def _(scene: Scene) -> str:
    return rollout(scene, [Answer(None, silent=True)], "--timeout", "0.1")


@provokes("A conversation is too long for a model")
def _(scene: Scene) -> str:
    return rollout(scene, lambda body: fails(400, "maximum context length is 100 tokens"))
