"""Gates: what agents must reach, so that an evaluation can stand in a build."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from practicum.training.evaluate import Report


@dataclass(frozen=True)
class Gates:
    """The least that every agent must have, from 0 to 1; None asks for nothing."""

    success: float | None = None
    recall: float | None = None
    precision: float | None = None

    def missed(self, report: Report) -> Iterator[str]:
        """A line for each that an agent does not reach."""
        asked = (
            ("success", "--min-success", self.success),
            ("action_recall", "--min-recall", self.recall),
            ("action_precision", "--min-precision", self.precision),
        )
        for agent, measured in report.agents.items():
            for figure, option, least in asked:
                found = measured.figures[figure]
                if least is not None and found is None:
                    yield f"{agent}: no task has gold calls, as {option} needs; --gold AGENT plays them"
                elif least is not None and found is not None and found.value < least:
                    yield f"{agent}: {figure} is {found.value:.3f}; {option} asks for {least:g}"
