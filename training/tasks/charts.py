"""Charts of a test: outcomes, precision and recall, times, and expected against called tools."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING

from practicum.envs.errors import UsageError
from practicum.training.tasks.confusion import confusion
from practicum.training.tasks.played_task import PlayedTask
from practicum.training.whole_files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GOOD, BAD, CRASHED, PLAIN, DARK = "#3a9b76", "#d1495b", "#8d8d8d", "#4878a8", "#2f3b4a"
BINS = 20


def write_picture(tested: Sequence[PlayedTask], path: Path, *, title: str = "") -> None:
    """Draw a PNG of a test.

    Args:
        tested: at least one task.
        path: the file; its folder is made, and what was there is overwritten.
        title: stands above.

    Raises:
        UsageError: matplotlib is not installed, or the file cannot be written.
    """
    drawn = io.BytesIO()
    picture(tested, title=title).savefig(drawn, format="png", dpi=100, pil_kwargs={"optimize": True})
    write_whole(path, drawn.getvalue())


def picture(tested: Sequence[PlayedTask], *, title: str = "") -> Figure:
    """The figure that `write_picture` writes: pie, bars and histogram above, the heat map below.

    Raises:
        UsageError: matplotlib is not installed.
    """
    check_drawing()
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(figsize=(12, 9.5), layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1))
    (above,), (below,) = figure.subfigures(2, 1, squeeze=False, height_ratios=(2, 3))
    outcomes, shares, times = above.subplots(1, 3)
    _outcomes(outcomes, tested)
    _shares(shares, tested)
    _times(times, tested)
    _tools(below.subplots(), tested)
    figure.suptitle(title, fontsize=14, color=DARK)
    return figure


def check_drawing() -> None:
    """Find out early whether pictures can be drawn.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401  # found out, not used
    except ImportError:
        raise UsageError("pictures need matplotlib; pip install 'practicum[eval]'") from None


def _outcomes(axes: Axes, tested: Sequence[PlayedTask]) -> None:
    failed = sum(each.failure is not None for each in tested)
    served = sum(each.success for each in tested)
    parts = {
        "served": (served, GOOD),
        "not served": (len(tested) - served - failed, BAD),
        "failed": (failed, CRASHED),
    }
    shown = {name: part for name, part in parts.items() if part[0]}
    wedges, *_ = axes.pie(
        [count for count, _ in shown.values()],
        colors=[colour for _, colour in shown.values()],
        startangle=90,
        counterclock=False,
        wedgeprops={"width": 0.4, "edgecolor": "white", "linewidth": 2},
    )
    labels = [f"{name}: {count}" for name, (count, _) in shown.items()]
    axes.legend(wedges, labels, loc="upper center", bbox_to_anchor=(0.5, 0.02), ncols=3, frameon=False)
    axes.text(0, 0, f"{served / len(tested):.0%}\nserved", ha="center", va="center", fontsize=15, color=DARK)
    axes.set_title("Outcomes")


def _shares(axes: Axes, tested: Sequence[PlayedTask]) -> None:
    scores = [each.score for each in tested]
    means = {
        "precision": mean(score.precision for score in scores),
        "recall": mean(score.recall for score in scores),
        "F1": mean(score.f1 for score in scores),
    }
    bars = axes.bar(list(means), list(means.values()), color=PLAIN, width=0.6)
    axes.bar_label(bars, fmt="{:.3f}", padding=3, color=DARK)
    axes.set(ylim=(0, 1.12), yticks=[0, 0.25, 0.5, 0.75, 1], title="Calls against the gold calls")
    _plain(axes)


def _times(axes: Axes, tested: Sequence[PlayedTask]) -> None:
    from matplotlib.ticker import MaxNLocator

    unit, factor = ("s", 1.0) if max(each.execution_time for each in tested) >= 1 else ("ms", 1000.0)
    times = [each.execution_time * factor for each in tested]
    middle = median(times)
    axes.hist(times, bins=min(BINS, max(1, len(times))), color=PLAIN, edgecolor="white")
    axes.axvline(middle, color=BAD, linestyle="--", label=f"median {middle:.3g} {unit}")
    axes.legend(frameon=False)
    axes.set(xlabel=f"time of a task [{unit}]", ylabel="tasks", title="Times")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    _plain(axes)


def _tools(axes: Axes, tested: Sequence[PlayedTask]) -> None:
    """Shares of each expected tool; the numbers are counts."""
    found = confusion(tested)
    rows = found.rows()
    shares = [[count / sum(row) for count in row] for row in rows]
    axes.imshow(shares or [[0.0]], cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for y, row in enumerate(rows):
        for x, count in enumerate(row):
            if count:
                colour = "white" if shares[y][x] > 0.55 else DARK
                axes.text(x, y, str(count), ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks([x + 0.5 for x in range(len(found.called) - 1)], minor=True)
    axes.set_yticks([y + 0.5 for y in range(len(found.expected) - 1)], minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.set_xticks(range(len(found.called)), found.called, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(found.expected)), found.expected)
    axes.set(xlabel="called", ylabel="expected", title="Tools: expected against called")
    axes.tick_params(which="both", length=0, labelsize=8)
    axes.spines[:].set_visible(False)


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.25)
    axes.set_axisbelow(True)
