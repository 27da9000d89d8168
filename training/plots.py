"""Plots: how many decisions tasks took, and how many came to the right end, session by session."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from practicum.envs.errors import UsageError
from practicum.memory.played import PlayedSession

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WINDOW = 10
"""Sessions that a mean is taken over: the one that it stands at, and those before it."""
BY_HAND, WITH_SKILL = "tab:gray", "tab:blue"
NAMES_ABOVE = 4
"""Names of skills that stand above one another, so that neighbours can be read."""


def learning_curve(sessions: Sequence[PlayedSession], path: Path, *, title: str = "") -> None:
    """Draw a PNG of decisions and success over sessions; marks where each version of a skill was first run.

    Args:
        sessions: in the order in which they ended.
        path: the file; what was there is overwritten.
        title: stands above.

    Raises:
        UsageError: there is nothing to draw, or matplotlib is not installed.
    """
    curve(sessions, title=title).savefig(path, format="png", dpi=120)


def curve(sessions: Sequence[PlayedSession], *, title: str = "") -> Figure:
    """The figure that `learning_curve` writes; decisions above, success below.

    Raises:
        UsageError: there is nothing to draw, or matplotlib is not installed.
    """
    if not sessions:
        raise UsageError("no session has come to its end yet; `practicum rollout` plays some")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError("pictures need matplotlib; pip install 'practicum[eval]'") from None
    figure = Figure(figsize=(8, 5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    _decisions(above, sessions)
    _success(below, sessions)
    _first_runs((above, below), sessions)
    figure.suptitle(title)
    return figure


def running_mean(values: Sequence[float], window: int = WINDOW) -> list[float]:
    """The mean of each value and those before it; at the beginning of as many as there are."""
    ends = range(1, len(values) + 1)
    return [sum(part) / len(part) for end in ends if (part := values[max(0, end - window) : end])]


def _decisions(axes: Axes, sessions: Sequence[PlayedSession]) -> None:
    kinds = (("by hand", BY_HAND, False), ("with a skill", WITH_SKILL, True))
    for label, colour, with_skill in kinds:
        chosen = [
            (place, session.decisions)
            for place, session in enumerate(sessions, 1)
            if (session.skill is not None) is with_skill
        ]
        axes.plot(
            *zip(*chosen, strict=True) if chosen else ([], []), "o", color=colour, label=label, markersize=4
        )
    decisions = [session.decisions for session in sessions]
    axes.plot(range(1, len(sessions) + 1), running_mean(decisions), "k", label=f"mean of the last {WINDOW}")
    axes.set(ylabel="decisions per task", ylim=(0, max(decisions) + 1))
    axes.legend()


def _success(axes: Axes, sessions: Sequence[PlayedSession]) -> None:
    means = running_mean([float(session.success) for session in sessions])
    axes.plot(range(1, len(sessions) + 1), means, "k")
    axes.set(xlabel="session", ylabel=f"success\n(last {WINDOW})", ylim=(-0.05, 1.05), yticks=(0, 0.5, 1))


def _first_runs(rows: tuple[Axes, Axes], sessions: Sequence[PlayedSession]) -> None:
    """A line where each version of a skill was run first, with its name."""
    ran = [f"{session.skill} v{session.version}" for session in sessions if session.skill is not None]
    places = [place for place, session in enumerate(sessions, 1) if session.skill is not None]
    for number, name in enumerate(dict.fromkeys(ran)):
        place = places[ran.index(name)]
        for axes in rows:
            axes.axvline(place, color=WITH_SKILL, linestyle=":")
        side = "left" if 2 * place < len(sessions) else "right"
        rows[1].text(
            place,
            0.1 + 0.2 * (number % NAMES_ABOVE),
            f" {name} ",
            color=WITH_SKILL,
            backgroundcolor=(1, 1, 1, 0.8),
            horizontalalignment=side,
            transform=rows[1].get_xaxis_transform(),
        )
