"""Agreement: how well scores of the steps tell the sessions that succeeded from those that failed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from practicum.memory.scores import Layer
from practicum.training.rubrics.scoring import SessionScore


@dataclass(frozen=True, slots=True)
class OutcomeAgreement:
    """How often a success scores above a failure."""

    auc: float
    """Over all pairs of a success and a failure, ties counting half: 1 always, 0.5 as by chance, 0 never
    (the area under the ROC curve; Mann and Whitney 1947)."""
    successes: int
    failures: int

    def as_json(self) -> dict[str, Any]:
        """A plain JSON object."""
        return {"auc": round(self.auc, 4), "successes": self.successes, "failures": self.failures}


def outcome_agreement(scores: Iterable[SessionScore], layer: Layer) -> OutcomeAgreement | None:
    """How well one layer agrees with the outcome; None unless there are both successes and failures."""
    known = [(score.success, mean) for score in scores if (mean := score.mean(layer)) is not None]
    right = [mean for success, mean in known if success is True]
    wrong = [mean for success, mean in known if success is False]
    if not right or not wrong:
        return None
    above = sum((one > other) + (one == other) / 2 for one in right for other in wrong)
    return OutcomeAgreement(above / (len(right) * len(wrong)), len(right), len(wrong))
