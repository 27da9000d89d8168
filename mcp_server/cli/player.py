"""The player: reads the lines of `practicum play` and does what they say."""

from __future__ import annotations

import time
from collections.abc import Callable

from practicum.envs.errors import ActionError, UnknownTool, UsageError
from practicum.mcp_server.cli.forms import Question, fill
from practicum.mcp_server.cli.game import Game
from practicum.mcp_server.cli.keyboard import Keyboard
from practicum.mcp_server.cli.lines import chosen_tool, read_line
from practicum.mcp_server.cli.screen import WORDS, Screen
from practicum.mcp_server.cli.script import Script

LEAVING = ("quit", "exit")
ANY_WORD = ":"
"""In front of a word that is also the name of a tool."""


class Player:
    """Reads lines and does what they say.

    Args:
        game: what is played.
        screen: where the answers go.
        plain: without prompts and forms, even on a terminal.
    """

    def __init__(self, game: Game, screen: Screen | Script, *, plain: bool) -> None:
        self._game = game
        self._screen = screen
        self._keyboard = Keyboard(self._completions, plain=plain)
        self._words: dict[str, Callable[[], None]] = {
            "help": screen.help,
            "?": screen.help,
            "tools": lambda: screen.tools(game.actions),
            "show": lambda: screen.standing(game),
            "history": lambda: screen.history(game),
            "undo": lambda: self._move(game.undo),
            "redo": lambda: self._move(game.redo),
            "save": self.save,
        }

    def play(self) -> None:
        """Until `quit`, Ctrl-C, Ctrl-D or the end of the lines."""
        while True:
            try:
                line = self._keyboard.line("> ").strip()
            except (EOFError, KeyboardInterrupt):
                return
            if self._word(line) in LEAVING:
                return
            try:
                self._obey(line)
            except (ActionError, UnknownTool, UsageError) as error:
                self._screen.told(str(error))
            except (EOFError, KeyboardInterrupt):
                self._screen.told("broken off")

    def save(self) -> None:
        """Say which session this is, as it stands."""
        self._game.save()
        self._screen.kept(self._game)

    def _obey(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        named = self._word(word)
        if named in ("help", "?") and rest.strip():
            self._screen.tool(chosen_tool(rest.strip(), self._game.actions))
        elif named in self._words:
            self._words[named]()
        elif line:
            self._call(line)

    def _word(self, typed: str) -> str:
        """The word of ours that is typed; nothing where a tool has that name, unless `:` is in front."""
        return "" if typed in self._game.actions else typed.removeprefix(ANY_WORD)

    def _move(self, move: Callable[[], None]) -> None:
        move()
        self._screen.standing(self._game)

    def _call(self, line: str) -> None:
        action, arguments = read_line(line, self._game.actions)
        if arguments and action.secrets:
            self._keyboard.forget_last()
        leaves_all_out = not arguments and " " in line  # `tool {}`
        if self._keyboard.is_terminal and not leaves_all_out:
            arguments = fill(action, arguments, self._ask, self._screen.told)
        began = time.monotonic()
        step = self._game.call(action.name, arguments, self._screen.waiting)
        self._screen.played(self._game, step, time.monotonic() - began)

    def _ask(self, question: Question) -> str:
        self._screen.question(question)
        prompt = f"  {question.name}> "
        return self._keyboard.hidden(prompt) if question.is_secret else self._keyboard.line(prompt)

    def _completions(self, line: str, word: str) -> list[str]:
        tool, space, _ = line.partition(" ")
        actions = self._game.actions
        if not space:
            return [*actions, *(known.partition(" ")[0] for known in WORDS)]
        if self._word(tool) in ("help", "?"):
            return list(actions)
        properties = actions[tool].schema["properties"] if tool in actions else {}
        name, equals, _ = word.partition("=")
        if equals:
            return [f"{name}={choice}" for choice in properties.get(name, {}).get("enum", ())]
        return [f"{each}=" for each in properties]
