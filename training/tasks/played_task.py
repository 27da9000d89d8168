"""PlayedTask: what came of a task that an agent has played, as reports and journals hold it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from practicum.envs.retail.scenarios import scenario_of
from practicum.training.rollouts import Rollout
from practicum.training.tasks.records import TaskRecord
from practicum.training.tasks.scores import UNCOUNTED, Score, score

SUCCESS_REWARD = 0.99
"""The reward from which on a task is a success."""
_MICROSECONDS = 1e6


@dataclass(frozen=True, kw_only=True)
class PlayedTask:
    """A task that was played, and how."""

    place: int
    """Of the task among those of the test, from 0."""
    task_id: str
    record: TaskRecord
    score: Score
    reward: float
    """1 where the world says that the customer was served, else 0."""
    execution_time: float
    """Seconds that the whole visit took."""
    model_response_time: float
    """Seconds of it in which the agent decided."""
    tool_execution_time: float
    """Seconds of it in which the world played calls."""
    steps: int
    called: tuple[Mapping[str, Any], ...] = ()
    """The calls that count, in order: name, arguments as they were made, and error."""
    conversation: tuple[Mapping[str, Any], ...] = ()
    """Turns in order: what the agent said, and what the customer did."""
    outcome: Mapping[str, Any] | None = None
    """The world's verdict; None where the visit came to no end."""
    failure: str | None = None
    """What the world, the agent or a model failed with."""

    @property
    def success(self) -> bool:
        """Whether the customer was served."""
        return self.reward >= SUCCESS_REWARD

    @property
    def line(self) -> str:
        """How it went, in one line."""
        end = "served" if self.success else self.failure or "not served"
        shares = f"precision {self.score.precision:.2f}, recall {self.score.recall:.2f}"
        return f"{self.task_id}: {end}; {shares}, {self.execution_time:.2f} s"

    def figures(self) -> dict[str, Any]:
        """What tables hold of the task, a flat JSON object; shares are from 0 to 1, times in seconds."""
        return {
            "task_id": self.task_id,
            "success": self.success,
            "action_precision": self.score.precision,
            "action_recall": self.score.recall,
            "action_f1": self.score.f1,
            "execution_time": self.execution_time,
            "model_response_time": self.model_response_time,
            "tool_execution_time": self.tool_execution_time,
            "reward": self.reward,
            "exact_action_match": self.score.exact,
            "argument_match": self.score.argument_match,
            "output_match": self.score.output_match,
            "scenario": self.record.scenario or scenario_of(self.record.agt),
            "steps": self.steps,
            "failure": self.failure,
        }

    def as_json(self) -> dict[str, Any]:
        """The figures, the task itself, what was called and what was said."""
        return {
            **self.figures(),
            "place": self.place,
            "counts": asdict(self.score),
            "called_actions": [dict(call) for call in self.called],
            "conversation": [dict(turn) for turn in self.conversation],
            "outcome": self.outcome and dict(self.outcome),
            "task": self.record.as_json(),
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> PlayedTask:
        """Read what `as_json` wrote.

        Raises:
            KeyError: something is missing.
            TypeError: something has another form.
            UsageError: the task is no task record.
        """
        plain = ("place", "task_id", "reward", "steps", "outcome", "failure")
        times = ("execution_time", "model_response_time", "tool_execution_time")
        return cls(
            **{name: row[name] for name in (*plain, *times)},
            record=TaskRecord.from_json(row["task"]),
            score=Score(**row["counts"]),
            called=tuple(row["called_actions"]),
            conversation=tuple(row["conversation"]),
        )


def played_task(record: TaskRecord, rollout: Rollout, *, place: int, model_seconds: float) -> PlayedTask:
    """What came of a record that was played.

    Args:
        record: with the gold calls.
        rollout: of its task.
        place: of the task in its test.
        model_seconds: that the agent took to decide.
    """
    counted = [step for step in rollout.steps if step.tool not in UNCOUNTED]
    talk = [step for step in rollout.steps if step.tool == "respond"]
    return PlayedTask(
        place=place,
        task_id=rollout.task.id,
        record=record,
        score=score(rollout.steps, record.agt, record.ogt),
        reward=float(rollout.success),
        execution_time=rollout.seconds,
        model_response_time=model_seconds,
        tool_execution_time=sum(step.latency_us for step in rollout.steps) / _MICROSECONDS,
        steps=len(rollout.steps),
        called=tuple({"name": s.tool, "arguments": dict(s.arguments), "error": s.error} for s in counted),
        conversation=tuple({"agent": s.arguments.get("message"), "customer": s.result} for s in talk),
        outcome=rollout.outcome or None,
        failure=rollout.failure,
    )
