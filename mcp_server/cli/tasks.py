"""`practicum tasks`: tasks of the retail world made, checked, tried out and looked at."""

from __future__ import annotations

import typer

from practicum.mcp_server.cli.tasks_analyse import analyse
from practicum.mcp_server.cli.tasks_compare import compare_modes
from practicum.mcp_server.cli.tasks_filter import filter_tasks
from practicum.mcp_server.cli.tasks_generate import generate
from practicum.mcp_server.cli.tasks_test import try_out
from practicum.mcp_server.cli.tasks_validate import validate

tasks = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Make, check, try out and look at tasks of the retail world.",
)
tasks.command("generate")(generate)
tasks.command("validate")(validate)
tasks.command("test")(try_out)
tasks.command("analyse")(analyse)
tasks.command("compare")(compare_modes)
tasks.command("filter")(filter_tasks)
