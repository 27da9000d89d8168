"""`practicum tasks filter`: split a file into passed and failed tasks, or find failed ones by a pattern."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from practicum.mcp_server.cli.options import AsJson, print_json
from practicum.mcp_server.cli.task_options import CaseFile, check_apart

if TYPE_CHECKING:
    from practicum.training.tasks.cases import Case

Passed = Annotated[
    Path | None,
    typer.Option(
        "--passed-out",
        metavar="FILE",
        dir_okay=False,
        help="Where those go that passed; beside FILE by default.",
    ),
]
Failed = Annotated[
    Path | None,
    typer.Option(
        "--failed-out",
        metavar="FILE",
        dir_okay=False,
        help="Where those go that failed; beside FILE by default.",
    ),
]
Pattern = Annotated[
    str | None,
    typer.Option(
        metavar="REGEX",
        help="List the failed tasks of which a complaint matches, instead; --failed-out writes them.",
    ),
]


def filter_tasks(
    file: CaseFile,
    passed_out: Passed = None,
    failed_out: Failed = None,
    pattern: Pattern = None,
    as_json: AsJson = False,
) -> None:
    """Split tasks into passed and failed ones, by their checks or by the results of a test."""
    from practicum.training.tasks.cases import read_cases

    cases = read_cases(file)
    if pattern is not None:
        _find(cases, pattern, failed_out, as_json=as_json)
        return
    passed_out, failed_out = passed_out or _beside(file, "passed"), failed_out or _beside(file, "failed")
    check_apart(passed_out=passed_out, failed_out=failed_out)
    passed = _written([case for case in cases if case.passed], passed_out)
    failed = _written([case for case in cases if not case.passed], failed_out)
    if as_json:
        print_json({"passed": passed, "failed": failed})
    else:
        for what, found in (("passed", passed), ("failed", failed)):
            typer.echo(f"{found['tasks']} {what}, in {found['file']}")


def _find(cases: list[Case], pattern: str, output: Path | None, *, as_json: bool) -> None:
    from practicum.training.tasks.cases import matching_cases

    found = matching_cases(cases, pattern)
    if output is not None:
        _written([case for case, _ in found], output)
    if as_json:
        print_json([{**case.as_json(), "complaints": complaints} for case, complaints in found])
        return
    for case, complaints in found:
        for complaint in complaints:
            typer.echo(f"task {case.place}, {case.name}: {complaint}")
    typer.echo(f"{len(found)} of {sum(not case.passed for case in cases)} failed tasks match")


def _written(cases: Iterable[Case], path: Path) -> dict[str, object]:
    from practicum.training.tasks.records import write_records

    records = [case.record for case in cases]
    write_records(path, records)
    return {"tasks": len(records), "file": str(path)}


def _beside(file: Path, what: str) -> Path:
    return file.with_name(f"{file.stem}_{what}{file.suffix}")
