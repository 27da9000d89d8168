"""Curves: decisions per task and success over sessions, as a JSON file and, with matplotlib, as a PNG."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Curve = Sequence[float | None]
LINES = {"skilled": ("with skills", "tab:blue"), "by_hand": ("by hand", "tab:gray")}
"""By way: what its lines are called, and their colour."""
PANELS = {"decisions": "decisions per task", "success": "success"}
SMOOTHED = 5
"""Sessions that a point of the plot is the mean of; the JSON file has each."""


def kept(curves: Mapping[str, Curve], folder: Path) -> list[str]:
    """Write the curves into a folder; returns the names of the files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "skills_curves.json").write_text(json.dumps(curves, indent=1) + "\n")
    if importlib.util.find_spec("matplotlib") is None:
        return ["skills_curves.json"]
    _plot(curves, folder / "skills_curves.png")
    return ["skills_curves.json", "skills_curves.png"]


def _plot(curves: Mapping[str, Curve], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6), layout="constrained")
    FigureCanvasAgg(figure)
    for panel, (name, title) in zip(figure.subplots(2, 1, sharex=True), PANELS.items(), strict=True):
        for way, (label, colour) in LINES.items():
            points = smoothed(curves[f"{name}_{way}"])
            panel.plot(range(1, len(points) + 1), points, label=label, color=colour)
        panel.set_ylabel(title)
        panel.set_ylim(bottom=0)
        panel.legend()
    panel.set_xlabel("session")
    figure.savefig(path, dpi=120)


def smoothed(curve: Curve) -> list[float | None]:
    """Each point as the mean of itself and those just before it; None where none has a value."""
    points: list[Any] = []
    for place in range(len(curve)):
        known = [value for value in curve[max(0, place + 1 - SMOOTHED) : place + 1] if value is not None]
        points.append(sum(known) / len(known) if known else None)
    return points
