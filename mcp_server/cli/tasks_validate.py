"""`practicum tasks validate`: check tasks by making their gold calls."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from practicum.mcp_server.cli.bars import progress_bar
from practicum.mcp_server.cli.options import AsJson, print_json
from practicum.mcp_server.cli.task_options import Data, File, NoUserIds

if TYPE_CHECKING:
    from practicum.training.tasks.records import TaskRecord


def validate(
    file: File,
    no_user_ids: NoUserIds = False,
    data: Data = "",
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, help="Write the tasks here, each with its report."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check tasks by making their gold calls in a fresh world; exit code 1 where one does not hold."""
    from practicum.training.tasks.records import write_records

    checked = validated(file, data, user_ids=not no_user_ids, as_json=as_json)
    if output is not None:
        write_records(output, checked)
    show_validation(checked, as_json=as_json)


def validated(file: Path, data: str, *, user_ids: bool, as_json: bool) -> list[TaskRecord]:
    """The records of a file, each with its report.

    Raises:
        UsageError: the file or the world cannot be read.
    """
    from practicum.training.tasks.configs import folder_of
    from practicum.training.tasks.records import read_records
    from practicum.training.tasks.validation import validate_all

    with progress_bar("checking tasks", as_json=as_json) as progress:
        records = read_records(file)
        return validate_all(records, data=folder_of(data), user_ids=user_ids, progress=progress)


def show_validation(checked: list[TaskRecord], *, as_json: bool) -> None:
    """Say what was found.

    Raises:
        typer.Exit: something was.
    """
    reports = [record.validation_report or {} for record in checked]
    valid = sum(record.success for record in checked)
    if as_json:
        rows = [{"task": place, **report} for place, report in enumerate(reports, 1)]
        print_json({"tasks": len(rows), "valid": valid, "reports": rows})
    else:
        for place, report in enumerate(reports, 1):
            for fault in report["missing"]:
                typer.echo(f"task {place}: {fault}")
        typer.echo(f"{valid} of {len(reports)} tasks are valid")
    if valid < len(reports):
        raise typer.Exit(1)
