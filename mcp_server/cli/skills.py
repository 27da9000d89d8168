"""`practicum skills list | show | mine | verify | promote | retire`: what was learned, and how it stands."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from practicum.envs.errors import UsageError, nearest
from practicum.envs.registry import find, short_name
from practicum.mcp_server.cli.bars import progress_bar
from practicum.mcp_server.cli.consoles import console
from practicum.mcp_server.cli.options import AsJson, Db, open_existing_store, print_json, stdout_kept_clean
from practicum.mcp_server.cli.session_tables import BEGINNING, OWNER
from practicum.mcp_server.cli.workers import LOCAL, Parallel, WorkersName, open_workers
from practicum.memory import LogUnavailable
from practicum.memory.skill_rows import SkillEvent, SkillUse
from practicum.skills.learning import learn
from practicum.skills.library import EVERY, Entry, Library
from practicum.skills.naming import fingerprint
from practicum.skills.promotion import promote
from practicum.skills.proving import verify_again
from practicum.skills.text import as_text
from practicum.skills.trials import Limits
from practicum.skills.workers import HERE

Name = Annotated[str, typer.Argument(help="Name of the skill, as `practicum skills list` has it.")]
InEnv = Annotated[str | None, typer.Option("--env", help="Only this environment, such as flight.")]
Whose = Annotated[str | None, typer.Option(help="Only what this principal may use.")]
USES = 10
"""Uses that are shown of a skill."""

skills = typer.Typer(add_completion=False, no_args_is_help=True, help="See and direct what was learned.")


@skills.command("list")
def list_skills(
    env: InEnv = None,
    principal: Whose = None,
    every: Annotated[bool, typer.Option("--all", help="Those that are retired too.")] = False,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """List skills in the order in which they were mined."""
    statuses = EVERY if every else tuple(status for status in EVERY if status != "retired")
    with open_existing_store(db) as store:
        entries = Library(store).entries(principal, env, statuses=statuses)
    if as_json:
        print_json([_brief(entry) for entry in entries])
        return
    _print_table(entries)
    typer.echo(f"{_counted(len(entries), 'skill')} in {store.path}", err=True)


def _print_table(entries: list[Entry]) -> None:
    whose = any(entry.principal != OWNER for entry in entries)
    names = ["skill", "version", "environment", "status", "unseen tasks", "uses", "stops", "last used"]
    columns = [Column(name, overflow="fold", no_wrap=name == "skill") for name in names]
    table = Table(*columns, *(["principal"] if whose else []), box=None, pad_edge=False)
    for entry in entries:
        skill = entry.skill
        status = f"{entry.status}, shared" if entry.shared else entry.status
        counts = (_of(entry.hits, entry.hits + entry.misses), _of(entry.successes, entry.uses))
        cells = (skill.name, str(skill.version), skill.env_id, status, *counts, str(entry.stops))
        table.add_row(*cells, _day(entry.last_used), *([entry.principal] if whose else []))
    console.print(table)


def _of(part: int, whole: int) -> str:
    return f"{part} of {whole}" if whole else "-"


def _day(moment: float | None) -> str:
    if moment is None:
        return "-"
    return f"{datetime.datetime.fromtimestamp(moment, tz=datetime.UTC).astimezone():%Y-%m-%d %H:%M}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _brief(entry: Entry) -> dict[str, Any]:
    skill = entry.skill
    counts = ("hits", "misses", "uses", "successes", "stops", "last_used")
    return {
        "name": skill.name,
        "version": skill.version,
        "env": skill.env_id,
        "status": entry.status,
        "shared": entry.shared,
        "principal": entry.principal,
        "fingerprint": fingerprint(skill),
        **{name: getattr(entry, name) for name in counts},
    }


@skills.command("show")
def show_skill(name: Name, principal: Whose = None, as_json: AsJson = False, db: Db = None) -> None:
    """Show the program of a skill, the evidence for it, its latest uses and what happened to it."""
    with open_existing_store(db) as store:
        library = Library(store)
        entry = _named(library, name, principal)
        uses, events = library.uses(entry.skill, USES), library.history(name)
    if as_json:
        print_json(
            _brief(entry)
            | {
                "skill": entry.skill.as_json(),
                "text": as_text(entry.skill),
                "latest_uses": [_use_row(moment, use) for moment, use in uses],
                "events": [{"time": each.time, "kind": each.kind, **each.body} for each in events],
            }
        )
        return
    for line in _sheet(entry, uses, events):
        typer.echo(line)


def _sheet(entry: Entry, uses: list[tuple[float, SkillUse]], events: list[SkillEvent]) -> Iterator[str]:
    skill = entry.skill
    shared = ", shared with everybody" if entry.shared else ""
    mined = f"mined from {entry.principal}'s sessions"
    yield f"{skill.name} version {skill.version}, {entry.status}{shared}, {mined}"
    yield from (f"fingerprint {fingerprint(skill)}", skill.description, "", as_text(skill), "")
    yield f"unseen tasks: {_of(entry.hits, entry.hits + entry.misses)}"
    yield f"uses: {_of(entry.successes, entry.uses)}, {_counted(entry.stops, 'stop')}"
    for moment, use in uses:
        end = f"stopped: {use.stop}" if use.stop else "finished"
        where = f"session {use.session[:BEGINNING]}, turn {use.turn}"
        yield f"  {_day(moment)}  {where}: {_counted(use.calls, 'call')}, {end}"
    yield "events:"
    for each in events:
        why = each.body.get("reason", "")
        yield f"  {_day(each.time)}  version {each.body['version']} {each.kind}{': ' if why else ''}{why}"


def _use_row(moment: float, use: SkillUse) -> dict[str, Any]:
    """A use without what it was given and told, which may hold secrets; the session has both."""
    known = ("session", "turn", "version", "calls", "success", "stop")
    return {"time": moment, **{name: getattr(use, name) for name in known}}


def _named(library: Library, name: str, principal: str | None = None) -> Entry:
    found = library.get(name, principal)
    if found is None:
        names = [entry.skill.name for entry in library.entries(principal, statuses=EVERY)]
        raise UsageError(f"no skill {name!r}{nearest(name, names)}; `practicum skills list` lists them")
    return found


@contextmanager
def _told_in_one_line() -> Iterator[None]:
    """A log that cannot be written is no bug: the person is told."""
    try:
        yield
    except LogUnavailable as error:
        raise UsageError(str(error)) from None


@skills.command("mine")
def mine_skills(
    env: Annotated[list[str] | None, typer.Option("--env", help="Only in this environment; repeats.")] = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Mine what has brought nothing new since, too.")
    ] = False,
    workers: WorkersName = LOCAL,
    parallel: Parallel = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Make skills of the sessions that are new: mine, verify, publish; workers play what verifies them."""
    with open_existing_store(db) as store, _told_in_one_line(), stdout_kept_clean():
        names = [short_name(find(name).env_id()) for name in env] if env else None
        with (
            open_workers(workers, parallel) as elsewhere,
            progress_bar("learning", as_json=as_json) as progress,
        ):
            done = learn(store, envs=names, anew=anew, progress=progress, workers=elsewhere or HERE)
    if as_json:
        rows = [{"what": each.what, "skill": each.skill, "why": each.why} for each in done.learnt]
        print_json({"skipped": done.skipped, "sessions": done.sessions, "learnt": rows})
        return
    for line in done.lines():
        typer.echo(line)


Tasks = Annotated[int, typer.Option(min=20, max=100_000, help="Play at most so many fresh tasks.")]


@skills.command("verify")
def verify_skill(
    name: Name,
    tasks: Tasks = 100,
    workers: WorkersName = LOCAL,
    parallel: Parallel = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Verify a skill on tasks that it was not verified on before; one that fails is put into quarantine.

    One in quarantine comes back, or is retired.
    """
    with open_existing_store(db) as store, _told_in_one_line():
        library = Library(store)
        entry = _named(library, name)
        if entry.status == "retired":
            raise UsageError(f"{name} is retired; what was retired stays so")
        with stdout_kept_clean(), open_workers(workers, parallel) as elsewhere:
            came = verify_again(library, entry, Limits(tasks=tasks), elsewhere or HERE)
        entry = _named(library, name)
    passed = came.what == "verified again"
    if as_json:
        print_json({**_brief(entry), "passed": passed, "reason": came.why})
    else:
        typer.echo(f"{name} {'passed' if passed else 'did not pass'}: {came.why}; it is {entry.status}")
    if not passed:
        raise typer.Exit(1)


@skills.command("promote")
def promote_skill(name: Name, as_json: AsJson = False, db: Db = None) -> None:
    """Verify a published skill again and let every principal use it, without what only few have seen."""
    with open_existing_store(db) as store, _told_in_one_line():
        library = Library(store)
        entry = _named(library, name)
        with stdout_kept_clean():
            shared = promote(library, entry)
        entry = _named(library, shared.name)
    if as_json:
        print_json(_brief(entry))
    else:
        typer.echo(f"everybody may use {shared.name} version {shared.version} now")


@skills.command("retire")
def retire_skill(
    name: Name,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "by hand",
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Take a skill away for good; its program stays in the log."""
    with open_existing_store(db) as store, _told_in_one_line():
        library = Library(store)
        entry = _named(library, name)
        if not library.retire(entry.skill, reason):
            raise UsageError(f"{name} is {entry.status} already")
        entry = _named(library, name)
    if as_json:
        print_json(_brief(entry))
    else:
        typer.echo(f"{name} version {entry.skill.version} is retired")
