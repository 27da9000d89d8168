"""Messages that making and testing tasks provokes."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from practicum.training.tasks import TaskRecord, generate, write_records
from tests.mcp_server.cli.scenes import Scene, provokes
from tests.model_server import fails, said, serving


def tested(scene: Scene, *options: str) -> str:
    """What a test of a task says that is in order."""
    file = in_file(scene, generate(n=1)[0])
    return scene.practicum("tasks", "test", file, "--output-dir", scene.folder / "results", *options).err


def in_file(scene: Scene, record: TaskRecord) -> Path:
    write_records(scene.folder / "tasks.json", [record])
    return scene.folder / "tasks.json"


def checked(scene: Scene, record: TaskRecord) -> str:
    return scene.practicum("tasks", "validate", in_file(scene, record)).out


@provokes("A task calls a tool that there is not")
def _(scene: Scene) -> str:
    return checked(scene, replace(generate(n=1)[0], agt=({"name": "cancel_order", "arguments": {}},)))


@provokes("A task is about a user who is not there")
def _(scene: Scene) -> str:
    return checked(scene, replace(generate(n=1)[0], metadata={"user_id": "nobody_1"}))


@provokes("A folder of records lacks a file")
def _(scene: Scene) -> str:
    (scene.folder / "shop").mkdir()
    return tested(scene, "--data", str(scene.folder / "shop"))


@provokes("Agentflow comes to no end")
def _(scene: Scene) -> str:
    output = scene.folder / "made.json"
    return scene.practicum("tasks", "generate", "--agentflow", "--turns", "1", "--output", output).err


@provokes("An earlier run did not end")
def _(scene: Scene) -> str:
    over = said(None, ("transfer_to_human_agents", {"summary": "over"}))
    write_records(scene.folder / "two.json", generate(n=2))
    command = ("tasks", "test", scene.folder / "two.json", "--output-dir", scene.folder, "--model", "m")
    with serving([over, fails(401, "no")]) as server:
        scene.practicum(*command, "--base-url", server.url)
    return scene.practicum(*command).err


@provokes("A threshold is missed")
def _(scene: Scene) -> str:
    return tested(scene, "--agent", "random")


@provokes("A picture cannot be drawn")
def _(scene: Scene) -> str:
    scene.monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    return tested(scene, "--visualize")


@provokes("Too many threads")
def _(scene: Scene) -> str:
    return tested(scene, "--threads", "1000")
