"""What a program reads in `practicum play --json`: one JSON line for whatever happens."""

from __future__ import annotations

from typing import Any

from practicum.envs import Action, Step
from practicum.mcp_server.cli.forms import Question
from practicum.mcp_server.cli.game import Game
from practicum.mcp_server.cli.lines import Actions, masked
from practicum.mcp_server.cli.options import print_json
from practicum.mcp_server.cli.screen import WORDS


class Script:
    """Says the same as `Screen`, a JSON object a line, on stdout."""

    def opened(self, game: Game) -> None:
        """Turn 0: the task, and what the world shows first."""
        task = game.session.task
        about = {"instruction": task.instruction, "tools": list(game.actions)}
        _say(_standing(game) | about | {"observation": game.opening})

    def played(self, game: Game, step: Step, took_s: float) -> None:
        """A step."""
        _say(_step(game, step) | {"seconds": round(took_s, 3)})

    def standing(self, game: Game) -> None:
        """The last step, or the beginning."""
        _say(_step(game, game.last) if game.last else _standing(game) | {"observation": game.opening})

    def told(self, message: str) -> None:
        """Why something was not done; it took no turn."""
        _say({"error": message})

    def waiting(self, turn: int) -> None:
        """The world takes its time."""
        _say({"turn": turn, "pending": True})

    def help(self) -> None:
        """The words that are no tools."""
        _say({"words": WORDS})

    def tools(self, actions: Actions) -> None:
        """The tools with their schemas."""
        _say({"tools": [_card(action) for action in actions.values()]})

    def tool(self, action: Action) -> None:
        """One tool with its schema."""
        _say(_card(action))

    def question(self, question: Question) -> None:
        """Nothing: a program is not asked."""

    def history(self, game: Game) -> None:
        """Every step that counts."""
        _say(_standing(game) | {"steps": [_step(game, step) for step in game.played]})

    def kept(self, game: Game) -> None:
        """Which session this was."""
        _say(_standing(game) | {"kept": True})


def _say(body: dict[str, Any]) -> None:
    print_json(body, indent=None)


def _standing(game: Game) -> dict[str, Any]:
    return {
        "session": game.session.id,
        "turn": game.at,
        "return": game.total_reward,
        "steps_left": game.steps_left,
        "over": game.is_over,
    }


def _step(game: Game, step: Step) -> dict[str, Any]:
    action = game.actions.get(step.tool)
    body: dict[str, Any] = {
        "tool": step.tool,
        "arguments": masked(action, step.arguments) if action else dict(step.arguments),
        "result": step.result,
        "reward": step.reward,
        "terms": dict(step.terms),
        "terminated": step.terminated,
        "truncated": step.truncated,
    }
    body |= {"error": step.error} if step.refused else {}
    body |= {"outcome": step.outcome} if step.outcome is not None else {}
    return _standing(game) | {"turn": step.turn} | body


def _card(action: Action) -> dict[str, Any]:
    return {"name": action.name, "description": action.description, "arguments": action.schema}
