"""Reports as a person sees them: the figures of agents with their intervals, and how far they differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from practicum.mcp_server.cli.consoles import console
from practicum.training.bootstrap import Estimate
from practicum.training.evaluate import AgentReport, Report
from practicum.training.rollouts import Rollout

SHARES = ("success", "violations", "failures", "stop_rate", "done_but_wrong")
"""Figures that are shown in percent."""


def print_figures(reports: Mapping[str, AgentReport]) -> None:
    """A row for each figure, a column for each agent."""
    table = Table("", *(f"{name} ({len(report.rollouts)})" for name, report in reports.items()), box=None)
    for figure in dict.fromkeys(name for report in reports.values() for name in report.figures):
        table.add_row(figure, *(_shown(figure, report.figures[figure]) for report in reports.values()))
    if any(report.stops for report in reports.values()):
        table.add_row("stops", *(_stops(report) for report in reports.values()))
    console.print(table)


def print_differences(report: Report) -> None:
    """How much more the first of each two agents has, task by task; those that leave out 0 are bold."""
    for (one, two), figures in report.differences.items():
        table = Table(f"{one} less {two}, on the same tasks", "", box=None)
        for figure, found in figures.items():
            is_sure = found is not None and not found.low <= 0 <= found.high
            table.add_row(figure, _shown(figure, found), style="bold" if is_sure else "")
        console.print(table)


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


def _shown(figure: str, found: Estimate | None) -> str:
    if found is None:
        return "-"
    if figure in SHARES:
        return f"{found.value:.1%} [{found.low:.1%}, {found.high:.1%}]"
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"


def _stops(report: AgentReport) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in report.stops.items()) or "-"
