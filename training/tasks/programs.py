"""Making tasks from a program of one's own: a generator, and a pipeline with its settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from practicum.training.llm import ChatModel
from practicum.training.tasks.configs import ENVS_PATH, TauBenchConfig, folder_of
from practicum.training.tasks.files import make_file
from practicum.training.tasks.pipeline import Attempt, Mode, Pipeline, Recipe, Statistics, Taken
from practicum.training.tasks.records import TaskRecord, write_json

Made = dict[str, Any]
"""`success`, `task` with `q`, `agt` and `ogt`, `metadata`, `validation_report`; or `success` and `error`."""


class TauBenchOpenAIGenerator:
    """Makes tasks one after the other; none of them repeats another.

    Args:
        envs_path: folder of the records; `envs/retail` also means those that are shipped.
        model: writes the tasks, such as `TauBenchConfig().open_user_model()`; None goes by rules and needs
            no network.
        config: settings; of them the scenarios and how many tasks.
        seed: of everything that is drawn.

    Raises:
        UsageError: the records cannot be read.
    """

    def __init__(
        self,
        envs_path: str | Path = ENVS_PATH,
        *,
        model: ChatModel | None = None,
        config: TauBenchConfig | None = None,
        seed: int = 0,
    ) -> None:
        self._config = config or TauBenchConfig()
        self._model = model
        scenarios = self._config.scenario_keys
        self._settings: Any = {"data": folder_of(envs_path), "seed": seed, "scenarios": scenarios}
        self._taken = Taken()
        self._number = 0
        self._pipeline("direct")  # refuses what no mode can be made of

    def generate_task_with_agentflow(self, max_turns: int = 5, *, include_metadata: bool = True) -> Made:
        """A task that is made over turns by planner, executor, verifier and generator.

        Args:
            max_turns: of them, at most.
            include_metadata: whether the answer tells how it was made.

        Raises:
            UsageError: the model cannot be asked.
        """
        made = _made(self._next(self._pipeline("agentflow", max_turns)))
        return made if include_metadata else {key: made[key] for key in made if key != "metadata"}

    def generate_diverse_tasks(
        self, num_tasks: int | None = None, *, use_agentflow: bool = False
    ) -> list[Made]:
        """Tasks evenly over the scenarios: those of `num_tasks` that pass; as the settings say where None.

        Raises:
            UsageError: the model cannot be asked.
        """
        pipeline = self._pipeline("agentflow" if use_agentflow else "direct")
        count = self._config.num_tasks if num_tasks is None else num_tasks
        run = [self._next(pipeline) for _ in range(count)]
        return [_made(attempt) for attempt in run if attempt.record is not None]

    def save_tasks_to_file(self, tasks: Sequence[Mapping[str, Any]], path: str | Path) -> None:
        """Write tasks as they are, one a line where the name ends in `.jsonl`, else as one JSON array.

        Raises:
            UsageError: the file cannot be written.
        """
        write_json(Path(path), tasks)

    def _pipeline(self, mode: Mode, turns: int = 5) -> Pipeline:
        return Pipeline(Recipe(mode=mode, turns=turns, **self._settings), self._model)

    def _next(self, pipeline: Pipeline) -> Attempt:
        attempt = pipeline.make(self._number, self._taken)
        self._number += 1
        if attempt.record is not None:
            self._taken.add(attempt.record)
        return attempt


@dataclass
class PipelineConfig:
    """How a `TaskConfigurationPipeline` makes its tasks."""

    envs_path: str = ENVS_PATH
    """Folder of the records; `envs/retail` also means those that are shipped."""
    max_iterations: int = 3
    """Proposals for one task."""
    committee_size: int = 3
    save_path: str = "generated_tasks/Sampled_Tasks.json"
    enable_user_id_validation: bool = True
    use_agentflow: bool = False
    agentflow_max_turns: int = 5
    seed: int = 0

    def recipe(self) -> Recipe:
        """These settings as the pipeline takes them."""
        return Recipe(
            mode="agentflow" if self.use_agentflow else "direct",
            turns=self.agentflow_max_turns,
            max_iterations=self.max_iterations,
            committee_size=self.committee_size,
            user_ids=self.enable_user_id_validation,
            seed=self.seed,
            data=folder_of(self.envs_path),
        )


class TaskConfigurationPipeline:
    """Makes a file of tasks: proposal, validation, committee, feedback and another try.

    Args:
        config: how.
        model: as in `TauBenchOpenAIGenerator`.

    Raises:
        UsageError: the records cannot be read, or there is no such committee.
    """

    def __init__(self, config: PipelineConfig | None = None, *, model: ChatModel | None = None) -> None:
        self.config = config or PipelineConfig()
        self.stats = Statistics.of(())
        """Of the last run."""
        self._model = model
        Pipeline(self.config.recipe(), model)  # refuses settings that cannot be followed

    def run(self, num_tasks: int = 3) -> list[dict[str, Any]]:
        """Make tasks, write those that passed to `save_path`, and return them.

        Raises:
            UsageError: the model cannot be asked, or the file cannot be written.
        """
        run = make_file(
            Path(self.config.save_path), num_tasks, self.config.recipe(), model=self._model, resume=True
        )
        self.stats = Statistics.of(run)
        return [attempt.record.as_json() for attempt in run if attempt.record is not None]


def _made(attempt: Attempt) -> Made:
    if attempt.record is None:
        return {"success": False, "error": "; ".join(attempt.rejections[-1].feedback)}
    return _nested(attempt.record)


def _nested(record: TaskRecord) -> Made:
    row = record.as_json()
    task = {key: row.pop(key) for key in ("q", "agt", "ogt")}
    return {"success": row.pop("success"), "task": task, **row}
