"""The commands by name; each is loaded when it is asked for, so that `serve` does not wait for the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any

import typer

PLACES = {
    "serve": "serve:serve",
    "token": "token:token",
    "envs": "worlds:envs",
    "new": "worlds:new",
    "check": "worlds:check",
    "play": "play:play",
    "rollout": "rollout:rollout",
    "eval": "evaluate:evaluate_agents",
    "compare": "compare:compare_command",
    "sessions": "sessions:list_sessions",
    "replay": "sessions:replay_command",
    "fork": "sessions:fork_command",
    "forget": "sessions:forget_command",
    "import": "imports:import_command",
    "export": "export:export_command",
    "skills": "skills:skills",
    "tasks": "tasks:tasks",
    "score": "score:score",
    "rate": "rate:rate",
    "train": "train:train",
    "install": "install:install",
    "doctor": "doctor:doctor",
}
"""Where the function or group of each command stands in this folder; the help lists them in this order."""


class Commands(Mapping[str, Any]):
    """Commands by name, each made at its first use."""

    def __init__(self, names: Iterable[str], make: Callable[[str], Any]) -> None:
        self._made = dict.fromkeys(names)
        self._make = make

    def __getitem__(self, name: str) -> Any:
        if self._made[name] is None:
            self._made[name] = self._make(name)
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._made

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


def loaded_command(name: str) -> Any:
    """The command of that name, from where it stands."""
    module, _, member = PLACES[name].partition(":")
    found = getattr(import_module(f"practicum.mcp_server.cli.{module}"), member)
    return typer.main.get_command(found) if isinstance(found, typer.Typer) else command_of(found, name)


def command_of(function: Callable[..., Any], name: str | None = None) -> Any:
    """The command that typer makes of a function's signature."""
    carrier = typer.Typer(add_completion=False)
    carrier.command(name)(function)
    return typer.main.get_command(carrier)
