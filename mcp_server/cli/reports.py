"""Reports as a person sees them: the figures of agents with their intervals, and how far they differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

from practicum.mcp_server.cli.consoles import console
from practicum.training.compare import Comparison, Contrast, Versus
from practicum.training.evaluate import AgentReport
from practicum.training.leaderboard import Leaderboard, shown
from practicum.training.rollouts import Rollout
from practicum.training.statistics import Finding

SURE = 0.05
"""A difference is printed bold where chance alone does as much less often than that."""
TESTS = {
    "permutation": "permutation",
    "paired_t": "paired t",
    "mcnemar": "McNemar",
    "welch": "Welch",
    "mann_whitney": "Mann-Whitney",
}
"""Tests that people are shown, and how they are called."""


def print_figures(reports: Mapping[str, AgentReport]) -> None:
    """A row for each figure that was measured, a column for each agent."""
    table = Table(
        "", *(escape(f"{name} ({len(report.trials)})") for name, report in reports.items()), box=None
    )
    for figure in dict.fromkeys(name for report in reports.values() for name in report.figures):
        found = [report.figures.get(figure) for report in reports.values()]
        if any(each is not None for each in found):
            table.add_row(figure, *(shown(figure, each) for each in found))
    if any(report.stops for report in reports.values()):
        table.add_row("stops", *(_stops(report) for report in reports.values()))
    console.print(table)


def print_differences(compared: Comparison) -> None:
    """How much more the first of each two agents has, task by task; those beyond chance are bold."""
    for versus in compared.pairs:
        head = escape(f"{versus.first} less {versus.second}, on the same tasks")
        table = Table(head, "", "p", box=None)
        for figure, contrast in versus.figures.items():
            told = shown(figure, contrast.difference), _p(contrast.headline)
            table.add_row(figure, *told, style=_style(contrast))
        console.print(table)


def print_comparison(compared: Comparison, board: Leaderboard) -> None:
    """The leaderboard, then every two agents with what each test says of them."""
    table = Table("", "agent", board.by, "p", "tasks", box=None)
    for place in board.places:
        found = " ".join(filter(None, (shown(board.by, place.figures[board.by]), place.mark)))
        table.add_row(str(place.rank), escape(place.agent), found, _number(place.p), str(place.tasks))
    console.print(table)
    for versus in compared.pairs:
        console.print(_sizes(versus, compared))
        console.print(_tests(versus))
    console.print(board.legend, markup=False)


def _sizes(versus: Versus, compared: Comparison) -> Table:
    heads = ("difference", "p", "Holm", "d", "delta", "detectable")
    table = _pair_table(f"{versus.first} less {versus.second}, {versus.shared} tasks", *heads)
    both = frozenset((versus.first, versus.second))
    for figure, contrast in versus.figures.items():
        table.add_row(
            figure,
            shown(figure, contrast.difference),
            _p(contrast.headline),
            _number(compared.corrected(figure)[both]["holm"]),
            *map(_size, (contrast.effects["cohen_d"], contrast.effects["cliffs_delta"], contrast.detectable)),
            style=_style(contrast),
        )
    return table


def _tests(versus: Versus) -> Table:
    table = _pair_table("p-values", *TESTS.values())
    for figure, contrast in versus.figures.items():
        table.add_row(figure, *(_p(contrast.tests.get(name)) for name in TESTS), style=_style(contrast))
    return table


def _pair_table(title: str, *heads: str) -> Table:
    table = Table("", *heads, box=None, title=escape(title), title_justify="left", title_style="bold")
    for column in table.columns:
        column.no_wrap = True
    return table


def _size(found: float | None) -> str:
    return "-" if found is None else f"{found:.4g}"


def rollout_row(rollout: Rollout) -> dict[str, Any]:
    """A rollout as a line of JSON."""
    drawn = rollout.suggestion
    return {
        "session": rollout.session,
        "task": rollout.task.hash,
        "seed": rollout.task.seed,
        "agent": rollout.agent,
        "outcome": rollout.outcome or None,
        "steps": len(rollout.steps),
        "decisions": rollout.decisions,
        "return": rollout.total_reward,
        "tokens": rollout.tokens,
        "suggestion": drawn and {"skill": drawn.skill, "control": drawn.control},
        "skills": [
            {"name": use.skill.name, "stop": use.finish.stop and use.finish.stop.reason}
            for use in rollout.uses
        ],
        "failure": rollout.failure,
    }


def _style(contrast: Contrast) -> str:
    p = contrast.headline.p
    return "bold" if p is not None and p < SURE else ""


def _p(found: Finding | None) -> str:
    return "-" if found is None else _number(found.p)


def _number(p: float | None) -> str:
    return "-" if p is None else "<.001" if p < 0.001 else f"{p:.3f}"


def _stops(report: AgentReport) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in report.stops.items()) or "-"
