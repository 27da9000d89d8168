"""`practicum envs | new | check`: see, write and prove environments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from practicum.envs.errors import UsageError
from practicum.mcp_server.cli.bars import progress_bar
from practicum.mcp_server.cli.consoles import console
from practicum.mcp_server.cli.options import AsJson, print_json, stdout_kept_clean

if TYPE_CHECKING:
    from practicum.mcp_server.cli.sheets import EnvClass


def envs(
    name: Annotated[
        str | None, typer.Argument(help="Show the data sheet of this one: flight, file.py:Class or gym:ID.")
    ] = None,
    domains: Annotated[bool, typer.Option("--domains", help="List the domain profiles instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the environments that can be served, or show all of one."""
    if name is not None and domains:
        raise UsageError("envs takes an environment or --domains, not both")
    if name is not None:
        _show_env(name, as_json=as_json)
    elif domains:
        _list_domains(as_json=as_json)
    else:
        _list_envs(as_json=as_json)


def _show_env(name: str, *, as_json: bool) -> None:
    from practicum.envs import find
    from practicum.mcp_server.cli.sheets import env_sheet, env_text

    with stdout_kept_clean():
        env = find(name)
        sheet, lines = env_sheet(env), list(env_text(env))
    if as_json:
        print_json(sheet)
        return
    for line in lines:
        typer.echo(line)


def _list_domains(*, as_json: bool) -> None:
    from practicum.envs.domains import domains
    from practicum.mcp_server.cli.sheets import domain_sheet, domain_text

    if as_json:
        print_json([domain_sheet(profile) for profile in domains()])
        return
    for profile in domains():
        for line in domain_text(profile):
            typer.echo(line)


def _list_envs(*, as_json: bool) -> None:
    from practicum.envs.registry import environments

    with stdout_kept_clean():
        loaded, broken = environments()
    if as_json:
        rows = [
            {"id": env.env_id(), "domain": env.domain, "goal": _goal(env), "tools": list(env.actions)}
            for env in loaded
        ]
        print_json({"environments": rows, "broken": [{"name": b.name, "reason": b.reason} for b in broken]})
        return
    table = Table("environment", "domain", "tools", "goal", box=None)
    for env in loaded:
        table.add_row(env.env_id(), env.domain, str(len(env.actions)), _goal(env))
    console.print(table)
    for plugin in broken:
        typer.echo(f"practicum: {plugin.reason}", err=True)


def _goal(env: EnvClass) -> str:
    return (env.__doc__ or "").strip().partition("\n")[0]


def new(
    name: Annotated[str, typer.Argument(help="Name of the environment, such as parcels.")],
    folder: Annotated[Path, typer.Option(help="Where to write the files.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Write a small working environment and its test, to be changed into your own."""
    from practicum.envs.author import class_name, write_new

    env_file, test_file = write_new(name, folder)
    following = f"practicum check {env_file}:{class_name(name)}"
    if as_json:
        print_json({"environment": str(env_file), "test": str(test_file), "next": following})
        return
    typer.echo(f"wrote {env_file} and {test_file}")
    typer.echo(f"next: {following}")


def check(
    name: Annotated[str, typer.Argument(help="Environment: flight, module:Class, file.py:Class or gym:ID.")],
    as_json: AsJson = False,
) -> None:
    """Prove that an environment keeps the contract."""
    from practicum.envs import find
    from practicum.envs.check import check as check_environment
    from practicum.envs.watch import WATCH

    WATCH.start()
    with stdout_kept_clean(), progress_bar(f"checking {name}", as_json=as_json) as progress:
        findings = check_environment(find(name), progress=progress)
    if as_json:
        print_json([{"rule": finding.rule, "message": finding.message} for finding in findings])
    else:
        for finding in findings:
            typer.echo(f"{finding.rule}: {finding.message}")
        typer.echo(f"{name}: {len(findings)} findings" if findings else f"{name} keeps the contract")
    if findings:
        raise typer.Exit(1)
