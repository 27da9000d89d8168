"""The picture of a calibration: what people said at each score of the judge, and the curve through it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from practicum.envs.errors import UsageError
from practicum.training.rubrics.calibration import Agreement, Calibrated


def calibration_curve(found: Calibrated, path: Path) -> None:
    """Draw a PNG: judge across, people up, a dot for each pair as large as it is frequent, the fitted curve.

    Args:
        found: the fit.
        path: the file; what was there is overwritten.

    Raises:
        UsageError: matplotlib is not installed, or the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError("pictures need matplotlib; pip install 'practicum[eval]'") from None
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    counted = Counter(found.pairs)
    judged, people = zip(*counted, strict=True)
    axes.scatter(judged, people, s=[20 * n for n in counted.values()], alpha=0.4, label="steps")
    axes.plot((0, 1), (0, 1), ":", color="grey", label="judge and people alike")
    axes.plot(found.calibration.scores, found.calibration.people, "k.-", label="calibration")
    axes.set(xlabel="judge", ylabel="people", xlim=(-0.05, 1.05), ylim=(-0.05, 1.05))
    axes.set_title(f"{_told('before', found.before)}\n{_told('after', found.after)}", fontsize="medium")
    axes.legend()
    try:
        figure.savefig(path, format="png", dpi=120)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None


def _told(side: str, agreement: Agreement) -> str:
    def shown(value: float | None) -> str:
        return "-" if value is None else f"{value:.2f}"

    return f"{side}: kappa {shown(agreement.kappa)}, Spearman {shown(agreement.spearman)}"
