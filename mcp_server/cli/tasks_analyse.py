"""`practicum tasks analyse`: what the tasks of a file are made of, and what passes and what does not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from practicum.mcp_server.cli.consoles import console
from practicum.mcp_server.cli.options import AsJson, print_json
from practicum.mcp_server.cli.task_options import CaseFile, Data


def analyse(
    file: CaseFile,
    data: Data = "",
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, help="Write the whole report here, as JSON."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at tasks: statistics, references to real records, patterns of success and failure."""
    from practicum.training.tasks.analysis import patterns, statistics
    from practicum.training.tasks.cases import read_cases
    from practicum.training.tasks.configs import folder_of
    from practicum.training.tasks.real_records import references
    from practicum.training.whole_files import write_whole

    cases = read_cases(file)
    records = [case.record for case in cases]
    report = {
        "file": str(file),
        "statistics": statistics(records),
        "references": references(records, folder_of(data)),
        "patterns": patterns(cases),
        "cases": [case.as_json() for case in cases],
    }
    if output is not None:
        write_whole(output, json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    if as_json:
        print_json(report)
    else:
        _show(report)


def _show(report: Mapping[str, Any]) -> None:
    _show_statistics(report["statistics"])
    _show_references(report["references"])
    _show_patterns(report["patterns"])


def _show_statistics(found: Mapping[str, Any]) -> None:
    calls = found["gold_calls"]
    console.print(
        f"{found['tasks']} tasks: {found['passed']} passed their checks, {found['unchecked']} unchecked,"
        f" {found['repeats']} repeats",
        f"{calls['mean']:.1f} gold calls each ({calls['least']} to {calls['most']});"
        f" {found['words_of_query']:.0f} words; {found['with_outputs']} ask to be told something",
        sep="\n",
        highlight=False,
    )
    _show_counts("scenario", found["scenarios"])
    _show_counts("tool", found["tools"])


def _show_references(found: Mapping[str, Any]) -> None:
    table = Table("records", "named", "distinct", "found", "of the world", "missing", box=None)
    for kind, row in found["kinds"].items():
        counts = (str(row[name]) for name in ("references", "distinct", "found"))
        table.add_row(kind, *counts, f"{row['coverage']:.1%}", ", ".join(row["missing"]) or "-")
    console.print(table)


def _show_patterns(found: Mapping[str, Any]) -> None:
    console.print(f"{found['passed']} passed, {found['failed']} failed", highlight=False)
    if not found["failed"]:
        return
    tables = found["by"] if found["passed"] else {}
    for feature, rows in tables.items():
        table = Table(feature, "tasks", "passed", box=None)
        for value, row in rows.items():
            table.add_row(value, str(row["tasks"]), f"{row['passed']:.0%}")
        console.print(table)
    _show_counts("complaint", found["complaints"])
    _show_counts("gold tools of failed tasks", found["sequences_of_failed"])
    _show_counts("gold tools of passed tasks", found["sequences_of_passed"])


def _show_counts(what: str, counts: Mapping[str, int]) -> None:
    if counts:
        table = Table(what, "tasks" if what != "tool" else "calls", box=None)
        for name, count in counts.items():
            table.add_row(name, str(count))
        console.print(table)
