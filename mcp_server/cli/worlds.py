"""`practicum envs | new | check`: see, write and prove environments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from practicum.mcp_server.cli.options import AsJson, console, print_json, stdout_kept_clean


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("envs")(list_envs)
    app.command("new")(new)
    app.command("check")(check)


def list_envs(as_json: AsJson = False) -> None:
    """List the environments that can be served."""
    import inspect

    from practicum.envs.registry import environments

    with stdout_kept_clean():
        loaded, broken = environments()
    if as_json:
        rows = [
            {
                "id": env.env_id(),
                "domain": env.domain,
                "goal": (inspect.getdoc(env) or "").partition("\n")[0],
                "tools": list(env.actions),
            }
            for env in loaded
        ]
        print_json({"environments": rows, "broken": [{"name": b.name, "reason": b.reason} for b in broken]})
        return
    table = Table("environment", "domain", "tools", "goal", box=None)
    for env in loaded:
        goal = (inspect.getdoc(env) or "").partition("\n")[0]
        table.add_row(env.env_id(), env.domain, str(len(env.actions)), goal)
    console.print(table)
    for plugin in broken:
        typer.echo(f"practicum: {plugin.reason}", err=True)


def new(
    name: Annotated[str, typer.Argument(help="Name of the environment, such as parcels.")],
    folder: Annotated[Path, typer.Option(help="Where to write the files.")] = Path(),
) -> None:
    """Write a small working environment and its test, to be changed into your own."""
    from practicum.envs.author import class_name, write_new

    env_file, test_file = write_new(name, folder)
    typer.echo(f"wrote {env_file} and {test_file}")
    typer.echo(f"next: practicum check {env_file}:{class_name(name)}")


def check(
    name: Annotated[str, typer.Argument(help="Environment: flight, module:Class or file.py:Class.")],
    as_json: AsJson = False,
) -> None:
    """Prove that an environment keeps the contract."""
    from practicum.envs import find
    from practicum.envs.check import check as check_environment

    with stdout_kept_clean():
        findings = check_environment(find(name))
    if as_json:
        print_json([{"rule": finding.rule, "message": finding.message} for finding in findings])
    else:
        for finding in findings:
            typer.echo(f"{finding.rule}: {finding.message}")
        typer.echo(f"{name}: {len(findings)} findings" if findings else f"{name} keeps the contract")
    if findings:
        raise typer.Exit(1)
