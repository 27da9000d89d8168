"""What a person sees in `practicum play`: results, tables, rewards, and what is left."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import typer
from rich.console import Console, RenderableType
from rich.json import JSON
from rich.table import Table
from rich.text import Text

from practicum.envs import Action, Step
from practicum.mcp_server.cli.consoles import remarks
from practicum.mcp_server.cli.forms import Question, questions
from practicum.mcp_server.cli.game import Game
from practicum.mcp_server.cli.lines import Actions, masked

SHORT_ID = 12
"""Characters of a session's id that are shown; every command takes a beginning that is unique."""
NAME = "bold cyan"
"""How the name of a tool is shown."""
WORDS = {
    "tools": "list the tools",
    "help TOOL": "what a tool does and takes",
    "show": "the last result again",
    "history": "every turn so far",
    "undo": "take the last turn back; the next call begins a fork",
    "redo": "take an undo back",
    "save": "say how to come back to this session",
    "quit": "leave; the session is kept",
}
HOW = (
    "  a tool's name, its number or a beginning of it: you are asked for its arguments;",
    "    Enter leaves one out, . leaves out the rest, Ctrl-C goes back",
    '  all on one line: tool name=value …, or tool {"name": "value"}',
    "  or one of these words, with : in front where a tool has the same name:",
)


class Screen:
    """Shows things to a person; on a terminal with colours and tables, elsewhere as plain text."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rich = console.is_terminal

    def opened(self, game: Game) -> None:
        """How the session begins, or where it goes on."""
        self._print(Text(game.session.task.instruction, style="bold"))
        if game.opening_text != game.session.task.instruction:
            self._result(game.opening_text, game.opening)
        if game.last is not None:
            self.standing(game)
        remarks.print("`help` says what can be typed, `tools` lists the tools, `quit` leaves")

    def played(self, game: Game, step: Step, took_s: float) -> None:
        """A step that has just been played."""
        self._step(step)
        self._rewards(game, step, f", {took_s:.2f} s")

    def standing(self, game: Game) -> None:
        """Where the session stands: the last result, or how it began."""
        if game.last is None:
            self._result(game.opening_text, game.opening)
            remarks.print(f"turn 0, {game.steps_left} steps left")
        else:
            self._step(game.last)
            self._rewards(game, game.last, "")

    def told(self, message: str) -> None:
        """Why something was not done."""
        self._print(Text(message, style="yellow"))

    def waiting(self, turn: int) -> None:
        """The world takes its time."""
        remarks.print(f"turn {turn} is still being played …")

    def help(self) -> None:
        """What can be typed."""
        for line in HOW:
            remarks.print(Text(line))
        for word, meaning in WORDS.items():
            remarks.print(Text(f"    {word:<10} {meaning}"))

    def tools(self, actions: Actions) -> None:
        """The menu."""
        for number, action in enumerate(actions.values(), 1):
            rest = f"({', '.join(action.parameters)}): {action.description}"
            self._print(Text.assemble(f"{number:>3} ", (action.name, NAME), rest))

    def tool(self, action: Action) -> None:
        """One tool, with its arguments."""
        self._print(Text.assemble((action.name, NAME), f": {action.description}"))
        for question in questions(action):
            self.question(question)

    def question(self, question: Question) -> None:
        """One argument: its type, its default, its meaning, its choices."""
        self._print(Text(f"  {question.heading}"))
        if question.choices:
            self._print(Text(f"    {'   '.join(question.menu)}"))

    def history(self, game: Game) -> None:
        """Every turn: call, reward, refusal; what has been undone is marked."""
        for step in game.steps:
            action = game.actions.get(step.tool)
            arguments = masked(action, step.arguments) if action else dict(step.arguments)
            shown = ", ".join(
                f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in arguments.items()
            )
            line = Text(f"{step.turn:>3} {step.tool}({shown})  {step.reward:+.2f}")
            line.append("  (undone)" if step.turn > game.at else "", "dim")
            self._print(line)
            if step.error is not None:
                self._print(Text(f"    refused: {step.error}", style="red"))

    def kept(self, game: Game) -> None:
        """Which session this was, and the ways back to it."""
        short = game.session.id[:SHORT_ID]
        way = "" if game.is_over else f"practicum play --resume {short} goes on, "
        remarks.print(f"session {game.session.id} is kept: {way}practicum sessions {short} shows it")

    def _step(self, step: Step) -> None:
        if step.refused:
            self._print(Text(step.text, style="red"))
        else:
            self._result(step.text, step.result)

    def _rewards(self, game: Game, step: Step, also: str) -> None:
        terms = ", ".join(f"{name} {value:+.2f}" for name, value in step.terms.items())
        line = Text(f"turn {step.turn}, reward ")
        line.append(f"{step.reward:+.2f}", "green" if step.reward > 0 else "red")
        line.append(f" ({terms}), return {game.total_reward:+.2f}, {game.steps_left} steps left{also}")
        remarks.print(line)
        if step.done:
            self._print(_ending(step))

    def _result(self, text: str, result: Any) -> None:
        for part in laid_out(text, result) if self._rich else [Text(text)]:
            self._print(part)

    def _print(self, what: RenderableType) -> None:
        if self._rich:
            self._console.print(what, soft_wrap=isinstance(what, Text))
        else:
            typer.echo(str(what))


def _ending(step: Step) -> Text:
    outcome = dict(step.outcome or {})
    success = outcome.pop("success", False)
    end = Text("The episode is over: ").append(
        "success" if success else "failure", "green" if success else "red"
    )
    rest = "".join(
        f", {name} {json.dumps(value)}" for name, value in outcome.items() if value not in (None, [], {})
    )
    cut = ", at the step limit" if step.truncated and not step.terminated else ""
    return end.append(f"{cut}{rest}.")


def laid_out(text: str, result: Any) -> Iterator[RenderableType]:
    """A result for a terminal: lines that show a list of records become a table of it, JSON is indented."""
    if not isinstance(result, str) and _is_json_of(text, result):
        yield JSON.from_data(result, ensure_ascii=False)
        return
    lines = text.splitlines()
    place = 0
    while place < len(lines):
        rows = _records_at(lines[place:], result)
        yield _table(rows, lines[place]) if rows else Text(lines[place])
        place += len(rows) or 1


def _is_json_of(text: str, result: Any) -> bool:
    try:
        return bool(json.loads(text) == result)
    except ValueError:
        return False


def _records_at(lines: list[str], result: Any) -> list[Mapping[str, Any]]:
    """The records of a result that the next lines show, one a line; none where they show none."""
    for value in result.values() if isinstance(result, Mapping) else ():
        if _are_records(value) and all(_shows(line, row) for line, row in zip(lines, value, strict=False)):
            return value if len(value) <= len(lines) else []
    return []


def _are_records(value: Any) -> bool:
    is_list = isinstance(value, list) and bool(value) and isinstance(value[0], Mapping) and bool(value[0])
    return is_list and all(isinstance(row, Mapping) and row.keys() == value[0].keys() for row in value)


def _shows(line: str, row: Mapping[str, Any]) -> bool:
    return sorted(line.split()) == sorted(str(value) for value in row.values())


def _table(rows: list[Mapping[str, Any]], first_line: str) -> Table:
    """The records, columns in the order of the line that shows the first."""
    words = first_line.split()
    names = sorted(rows[0], key=lambda name: words.index(str(rows[0][name])))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in names:
        is_number = all(isinstance(row[name], int | float) for row in rows)
        table.add_column(name, justify="right" if is_number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(str(row[name])) for name in names))
    return table
