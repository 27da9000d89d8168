"""`practicum sessions | replay | fork | forget`: what happened, again, differently, or never."""

from __future__ import annotations

import datetime
import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress
from rich.table import Column, Table

from practicum.envs.errors import UsageError
from practicum.envs.tasks import LARGEST_INTEGER
from practicum.mcp_server.cli.options import (
    AsJson,
    Db,
    Settings,
    console,
    open_existing_store,
    print_json,
    read_settings,
    remarks,
    stdout_kept_clean,
)
from practicum.memory import (
    Divergence,
    Log,
    ReplayReport,
    Session,
    Sessions,
    Store,
    forget,
    fork,
    play_calls,
    replay,
    replay_all,
)

BEGINNING = 12
"""Characters of an id that a table shows; every command takes a beginning that is unique."""
NEVER_CUT = ("session", "environment", "started", "end")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("sessions")(list_sessions)
    app.command("replay")(replay_command)
    app.command("fork")(fork_command)
    app.command("forget")(forget_command)


def list_sessions(
    session: Annotated[
        str | None, typer.Argument(help="Show this session turn by turn; a unique beginning will do.")
    ] = None,
    env: Annotated[str | None, typer.Option(help="Only this environment.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=LARGEST_INTEGER, help="At most so many.")] = 20,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """List sessions, newest first, or show one."""
    with open_existing_store(db) as store:
        sessions = Sessions(store)
        if session is not None:
            _show(sessions, sessions.resolve(session), as_json=as_json)
            return
        found = sessions.list(None, env=env, limit=limit)
        if as_json:
            print_json([_brief(each) for each in found])
            return
        names = ("session", "environment", "principal", "client", "started", "turns", "return", "end")
        table = Table(*(Column(name, no_wrap=name in NEVER_CUT) for name in names), box=None)
        for each in found:
            table.add_row(*_row(each))
        console.print(table)
        typer.echo(f"{len(found)} sessions in {store.path}", err=True)


def _row(session: Session) -> tuple[str, ...]:
    started = datetime.datetime.fromtimestamp(session.started_at, tz=datetime.UTC).astimezone()
    end = "open" if session.ended_at is None else _ending(session)
    return (
        session.id[:BEGINNING],
        session.task.env_id,
        session.principal,
        session.client_name or "-",
        f"{started:%Y-%m-%d %H:%M}",
        str(session.steps),
        f"{session.total_reward:.2f}",
        end,
    )


def _ending(session: Session) -> str:
    if session.outcome is None:
        return session.reason or "ended"
    return "success" if session.outcome.get("success") else "failure"


def _brief(session: Session) -> dict[str, Any]:
    return {
        "session": session.id,
        "env": session.task.env_id,
        "seed": session.task.seed,
        "task": session.task.hash,
        "purpose": session.purpose,
        "principal": session.principal,
        "client": session.client_name,
        "started_at": session.started_at,
        "turns": session.steps,
        "return": session.total_reward,
        "ended_at": session.ended_at,
        "reason": session.reason,
        "outcome": session.outcome,
        "parent": session.parent,
        "parent_turn": session.parent_turn,
    }


def _show(sessions: Sessions, session: Session, *, as_json: bool) -> None:
    steps = list(sessions.steps(session.id))
    if as_json:
        rows = [
            {
                "turn": step.turn,
                "tool": step.tool,
                "arguments": dict(step.arguments),
                "result": step.result,
                "error": step.error,
                "reward": step.reward,
                "terms": step.terms,
                "thought": step.thought,
                "via_skill": step.via_skill,
                "terminated": step.terminated,
                "truncated": step.truncated,
            }
            for step in steps
        ]
        print_json(_brief(session) | {"instruction": session.task.instruction, "steps": rows})
        return
    typer.echo(f"{session.task.env_id} session {session.id}: {session.task.instruction}")
    for step in steps:
        call = f"{step.turn:>3} {step.tool}({json.dumps(dict(step.arguments), ensure_ascii=False)})"
        typer.echo(f"{call}  {step.reward:+.2f}")
        if step.error is not None:
            typer.echo(f"    refused: {step.error}")
    end = _ending(session) if session.ended_at else "open"
    typer.echo(f"    {end}, return {session.total_reward:.2f}")


def replay_command(
    session: Annotated[
        str | None, typer.Argument(help="Session to play again; a unique beginning will do.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Check every session in the log.")] = False,
    calls: Annotated[
        Path | None, typer.Option("--calls", help="Play the calls of this JSONL file instead.")
    ] = None,
    env: Annotated[str, typer.Option("--env", help="Environment for --calls.")] = "flight",
    data: Annotated[Path | None, typer.Option("--data", help="Same as --set data=FOLDER.")] = None,
    settings: Settings = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Play sessions again and name the first divergence."""
    if sum((session is not None, every, calls is not None)) != 1:
        raise UsageError("replay takes one of: a session, --all, or --calls FILE")
    if calls is not None:
        given = read_settings(settings) | ({"data": str(data)} if data else {})
        _replay_calls(calls, env, given)
        return
    with open_existing_store(db) as store, stdout_kept_clean():
        reports = _replay_all(store) if every else [_replay_one(store, session or "")]
    bad = [report for report in reports if not report.agrees]
    if as_json:
        print_json([_report_row(report) for report in reports])
    else:
        for report in bad:
            typer.echo(f"{report.session}: {report.problem or report.divergence}")
        typer.echo(f"{len(reports) - len(bad)} of {len(reports)} sessions replay exactly")
    if bad:
        raise typer.Exit(1)


def _report_row(report: ReplayReport) -> dict[str, Any]:
    problem = report.problem or (str(report.divergence) if report.divergence else None)
    return {"session": report.session, "steps": report.steps, "ok": report.agrees, "problem": problem}


def _replay_one(store: Store, prefix: str) -> ReplayReport:
    sessions = Sessions(store)
    return replay(sessions, sessions.resolve(prefix).id)


def _replay_all(store: Store) -> list[ReplayReport]:
    with Progress(console=remarks, transient=True) as progress:
        bar = progress.add_task("replaying", total=None)
        return list(replay_all(store, lambda done, total: progress.update(bar, completed=done, total=total)))


def _replay_calls(path: Path, env: str, settings: dict[str, Any]) -> None:
    answers = play_calls(_lines(path), env, settings)
    while True:
        with stdout_kept_clean():
            answer = next(answers, None)
        if answer is None:
            return
        print_json(answer, indent=None)


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8") if str(path) != "-" else nullcontext(sys.stdin) as lines:
            yield from lines
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"cannot read {path}: it is not UTF-8: {error.reason}") from None


def fork_command(
    session: Annotated[str, typer.Argument(help="Session to fork; a unique beginning will do.")],
    at: Annotated[int, typer.Option("--at", help="How many of its turns to keep.")],
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Make a new session that begins with the first turns of another."""
    with open_existing_store(db) as store:
        sessions = Sessions(store)
        parent = sessions.resolve(session)
        try:
            with stdout_kept_clean():
                new_id = fork(Log(store), sessions, parent.id, at, parent.principal)
        except Divergence as error:
            raise UsageError(f"{parent.id} does not replay, so it cannot be forked: {error}") from None
    if as_json:
        print_json({"session": new_id, "parent": parent.id, "parent_turn": at})
    else:
        typer.echo(new_id)


def forget_command(
    session: Annotated[list[str] | None, typer.Argument(help="Sessions to forget.")] = None,
    before: Annotated[
        str | None, typer.Option(help="Forget all that began before this day, such as 2026-01-31.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Remove the content of sessions for good; a tombstone stays."""
    if bool(session) == (before is not None):
        raise UsageError("forget takes sessions, or --before DATE")
    moment = _timestamp(before) if before else None
    with open_existing_store(db) as store:
        sessions = Sessions(store)
        chosen = [sessions.resolve(each).id for each in session or ()]
        if not yes and not typer.confirm(f"Forget {before or ', '.join(chosen)} for good?"):
            raise typer.Exit(1)
        done = forget(store, chosen, before=moment)
    if as_json:
        print_json({"forgotten": list(done.sessions), "remaining": list(done.remaining)})
        return
    typer.echo(f"forgot {len(done.sessions)} sessions")
    for line in done.remaining:
        typer.echo(line, err=True)


def _timestamp(day: str) -> float:
    try:
        return datetime.datetime.fromisoformat(day).astimezone().timestamp()
    except (ValueError, OverflowError):
        raise UsageError(f"--before {day!r} is no date; expected such as 2026-01-31") from None
