"""Scores as a person sees them: a session step by step, several a line each, or all of them together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from rich.table import Table
from rich.text import Text

from practicum.mcp_server.cli.consoles import console
from practicum.mcp_server.cli.session_tables import BEGINNING
from practicum.memory.scores import Layer
from practicum.training.rubrics import ScoredStep, SessionScore, outcome_agreement

ENDS = {True: "success", False: "failure", None: "-"}
HEADINGS = {
    "goal_progress": "goal",
    "tool_selection": "choice",
    "param_correctness": "params",
    "info_utilization": "info",
    "non_redundancy": "new",
    "rating": "people",
}
"""How tables call the rubrics, in their order."""
Figures = list[float | None]


def print_scores(scores: Sequence[SessionScore], *, in_brief: bool = False) -> None:
    """One session step by step, several a line each; in brief their means alone."""
    if len(scores) == 1 and not in_brief:
        _print_steps(scores[0])
    rubrics = _rubrics(scores)
    columns = ("session", "end", "steps", "process", "efficiency", "overall")
    table = Table(*columns, *map(HEADINGS.__getitem__, rubrics), box=None)
    if in_brief:
        means = [_mean(column) for column in zip(*(_figures(each, rubrics) for each in scores), strict=True)]
        ends = _mean(None if each.success is None else float(each.success) for each in scores)
        steps = _mean(float(each.length) for each in scores)
        table.add_row(f"all {len(scores)}", f"{_shown(ends)} success", _shown(steps), *map(_shown, means))
    else:
        for each in scores:
            shown = map(_shown, _figures(each, rubrics))
            table.add_row(Text(_short(each.name)), ENDS[each.success], str(each.length), *shown)
    console.print(table)


def print_agreement(scores: Sequence[SessionScore], layers: Iterable[Layer]) -> None:
    """How often successes score above failures, for each layer, where there are both."""
    for layer in layers:
        if found := outcome_agreement(scores, layer):
            console.print(
                f"{layer}: a success scores above a failure in {found.auc:.0%} of pairs "
                f"({found.successes} and {found.failures} sessions)"
            )


def _print_steps(score: SessionScore) -> None:
    rubrics = _rubrics([score])
    table = Table("turn", "tool", "reward", *map(HEADINGS.__getitem__, rubrics), "why", box=None)
    for step in score.steps:
        found = {rubric: value for scores in step.layers.values() for rubric, value in scores.items()}
        figures = (step.reward, *map(found.get, rubrics))
        table.add_row(str(step.turn), Text(step.tool), *map(_shown, figures), Text(_why(step)))
    console.print(table)
    console.print()


def _figures(score: SessionScore, rubrics: Iterable[str]) -> Figures:
    return [score.process, score.efficiency, score.overall, *map(score.rubrics.get, rubrics)]


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _why(step: ScoredStep) -> str:
    return "; ".join(dict.fromkeys(step.why.values()))


def _rubrics(scores: Sequence[SessionScore]) -> list[str]:
    found = {rubric for each in scores for rubric in each.rubrics}
    return [rubric for rubric in HEADINGS if rubric in found]


def _short(name: str) -> str:
    is_id = len(name) == 32 and all(digit in "0123456789abcdef" for digit in name)
    return name[:BEGINNING] if is_id else name


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
