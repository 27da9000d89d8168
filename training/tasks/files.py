"""Making a file of tasks: a run that can be gone on with after a kill."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from practicum.training.llm import ChatModel
from practicum.training.tasks.journal import open_journal
from practicum.training.tasks.pipeline import Attempt, Pipeline, Recipe, attempts
from practicum.training.tasks.records import write_records


def make_file(
    output: Path,
    count: int,
    recipe: Recipe,
    *,
    model: ChatModel | None = None,
    resume: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Attempt]:
    """Make tasks and write those that passed; until then what is finished stands in a journal beside them.

    Args:
        output: where the tasks go.
        count: how many are tried.
        recipe: how they are made.
        model: as in `Pipeline`.
        resume: go on with what an earlier run left, where it left something.
        progress: told how many are done.

    Raises:
        UsageError: the recipe cannot be followed, the model cannot be asked, the earlier run was another one
            or is not to be gone on with, or a file cannot be written.
    """
    pipeline = Pipeline(recipe, model)
    asked = {**recipe.as_json(), "model": model and model.name}
    with open_journal(output, asked, Attempt.from_json, resume=resume) as journal:
        run, kept = [], {attempt.number for attempt in journal.finished}
        for attempt in attempts(pipeline, range(count), journal.finished):
            if attempt.number not in kept:
                journal.keep(attempt)
            run.append(attempt)
            progress(len(run), count)
        write_records(output, [attempt.record for attempt in run if attempt.record is not None])
        journal.remove()
    return run
