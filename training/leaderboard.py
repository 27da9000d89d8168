"""Leaderboard: agents in the order of a figure, marked where one is behind the first by more than chance."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from practicum.envs.errors import UsageError, nearest
from practicum.training.bootstrap import Estimate
from practicum.training.compare import Comparison
from practicum.training.tasks.charts import check_drawing
from practicum.training.trials import COUNTS, FIGURES, LESS_IS_BETTER, SHARES
from practicum.training.whole_files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BY = "return"
NAMES = {"avg_reward": "return"}
"""Other names of figures."""
SHOWN = (
    "success",
    "return",
    "steps",
    "violations",
    "regret",
    "valid_calls",
    "action_f1",
    "exact_action_match",
)
"""Figures that stand beside the one that ranks."""
LEVELS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))
PICTURE_LEGEND = "95 % intervals; against the first: * p < .05, ** p < .01, *** p < .001"
FIRST, OTHER = "tab:blue", "tab:gray"


@dataclass(frozen=True)
class Place:
    """An agent's place."""

    rank: int
    """From 1; agents of which nothing was measured come last."""
    agent: str
    tasks: int
    figures: dict[str, Estimate | None]
    """The one that ranks, and others."""
    p: float | None
    """Of the difference to the first, corrected by Holm; None for the first itself."""

    @property
    def mark(self) -> str:
        """Stars where the difference to the first is more than chance: p below .05, .01 and .001."""
        return next((stars for level, stars in LEVELS if self.p is not None and self.p < level), "")

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object."""
        shown = {name: found and found.as_json() for name, found in self.figures.items()}
        own = {"rank": self.rank, "agent": self.agent, "tasks": self.tasks}
        return {**own, "figures": shown, "p": self.p, "mark": self.mark}


@dataclass(frozen=True)
class Leaderboard:
    """Agents in the order of a figure, the best first."""

    env_id: str
    by: str
    places: tuple[Place, ...]
    comparisons: int
    """Pairs of agents for which the p-values are corrected."""

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object."""
        places = [place.as_json() for place in self.places]
        return {"env": self.env_id, "by": self.by, "comparisons": self.comparisons, "places": places}

    def as_markdown(self) -> str:
        """A heading, a table, and what its marks mean."""
        columns = list(self.places[0].figures) if self.places else [self.by]
        rows = [
            [str(place.rank), _cell(place.agent), _with_mark(place, self.by)]
            + [shown(name, place.figures[name]) for name in columns if name != self.by]
            + [_p(place.p), str(place.tasks)]
            for place in self.places
        ]
        heads = ["rank", "agent", self.by, *(name for name in columns if name != self.by), "p", "tasks"]
        lines = [f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *rows)]
        return "\n".join([f"# {self.env_id} by {self.by}", "", *lines, "", self.legend, ""])

    @property
    def legend(self) -> str:
        """What figures and marks mean, in a sentence or two."""
        chance = (
            f" `*` differs from the first by more than chance: p below .05, `**` .01, `***` .001 "
            f"(permutation of pairs, Holm's correction for {self.comparisons})."
        )
        return "In brackets: 95 % intervals." + (chance if self.comparisons else "")


def leaderboard(compared: Comparison, by: str = BY) -> Leaderboard:
    """Rank the agents of a comparison; equal ones by success, then by name, whatever their order was.

    Args:
        compared: the agents.
        by: a figure; `avg_reward` is another name of `return`.

    Raises:
        UsageError: there is no such figure.
    """
    by = figure_called(by)
    report = compared.report
    ordered = sorted(report.agents, key=lambda name: _key(report.agents[name].figures, by, name))
    corrected = compared.corrected(by)
    names = [by, *(name for name in SHOWN if name != by and _is_measured(compared, name))]
    places = [
        Place(
            rank,
            agent,
            len({trial.task for trial in report.agents[agent].trials}),
            {name: report.agents[agent].figures.get(name) for name in names},
            corrected.get(frozenset((agent, ordered[0])), {}).get("holm"),
        )
        for rank, agent in enumerate(ordered, 1)
    ]
    count = sum(found["p"] is not None for found in corrected.values())
    return Leaderboard(report.env_id, by, tuple(places), count)


def figure_called(name: str) -> str:
    """The figure that agents can be ranked by under that name.

    Raises:
        UsageError: there is none.
    """
    found = NAMES.get(name, name)
    is_pass = found.startswith("pass^") and found.removeprefix("pass^").isdecimal()
    if found not in FIGURES and found not in COUNTS and not is_pass:
        known = [*FIGURES, *COUNTS, *NAMES]
        raise UsageError(f"no figure is called {name!r}{nearest(name, known)}; there are {', '.join(known)}")
    return found


def shown(figure: str, found: Estimate | None) -> str:
    """A figure with its interval, shares in percent; `-` where nothing was measured."""
    if found is None:
        return "-"
    if figure in SHARES or figure.startswith("pass^"):
        return f"{found.value:.1%} [{found.low:.1%}, {found.high:.1%}]"
    form = ".3g" if figure.endswith("seconds") else ".2f"
    return f"{found.value:{form}} [{found.low:{form}}, {found.high:{form}}]"


def draw(board: Leaderboard, path: Path) -> None:
    """Draw a PNG: a row for each agent, its figure with the interval and its mark, and success beside it.

    Args:
        board: what is drawn.
        path: the file; its folder is made, and what was there is overwritten.

    Raises:
        UsageError: matplotlib is not installed, or the file cannot be written.
    """
    check_drawing()
    from matplotlib.figure import Figure

    names = list(dict.fromkeys([board.by, "success"]))
    figure = Figure(figsize=(1 + 4.5 * len(names), 1.6 + 0.45 * len(board.places)), layout="constrained")
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        _panel(axes, board, name)
    panels[0].set_yticks(range(len(board.places)), [f"{each.rank}. {each.agent}" for each in board.places])
    panels[0].invert_yaxis()
    figure.suptitle(f"{board.env_id} by {board.by}")
    figure.supxlabel(PICTURE_LEGEND, fontsize="small", color=OTHER)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=120)
    write_whole(path, drawn.getvalue())


def _panel(axes: Axes, board: Leaderboard, name: str) -> None:
    for row, place in enumerate(board.places):
        found = place.figures.get(name)
        if found is None:
            continue
        around = [[max(0.0, found.value - found.low)], [max(0.0, found.high - found.value)]]
        colour = FIRST if row == 0 else OTHER
        axes.errorbar([found.value], [row], xerr=around, fmt="o", color=colour, capsize=4)
        if name == board.by and place.mark:
            axes.annotate(place.mark, (found.high, row), xytext=(6, -4), textcoords="offset points")
    axes.set_title(name)
    axes.set_ylim(-0.5, len(board.places) - 0.5)
    if name in SHARES:
        axes.set_xlim(-0.05, 1.05)
    axes.grid(axis="x", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _key(figures: Any, by: str, name: str) -> tuple[Any, ...]:
    found, success = figures.get(by), figures.get("success")
    if found is None:
        return (1, 0.0, 0.0, name)
    sign = 1 if by in LESS_IS_BETTER else -1
    return (0, sign * found.value, -success.value if success else 0.0, name)


def _is_measured(compared: Comparison, name: str) -> bool:
    return any(agent.figures.get(name) is not None for agent in compared.report.agents.values())


def _with_mark(place: Place, by: str) -> str:
    return " ".join(filter(None, (shown(by, place.figures[by]), place.mark.replace("*", "\\*"))))


def _cell(text: str) -> str:
    """A text that stays in its cell of a table."""
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").split())


def _p(p: float | None) -> str:
    return "" if p is None else "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")
