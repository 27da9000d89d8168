"""`practicum sessions | replay | fork | forget`: what happened, again, differently, or never."""

from __future__ import annotations

import datetime
import json
import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from practicum.envs.episodes import Step
from practicum.envs.errors import UsageError
from practicum.envs.tasks import LARGEST_INTEGER
from practicum.mcp_server.cli.bars import progress_bar
from practicum.mcp_server.cli.options import (
    AsJson,
    Db,
    Settings,
    open_existing_store,
    print_json,
    read_settings,
    stdout_kept_clean,
)
from practicum.mcp_server.cli.session_tables import counted, ending, print_sessions, print_tasks, together
from practicum.memory import (
    Divergence,
    FindRedactor,
    Log,
    LogUnavailable,
    Purpose,
    Redactor,
    ReplayReport,
    Session,
    Sessions,
    forget,
    fork,
    nothing_hidden,
    play_calls,
    redactor_of,
    replay,
    replay_all,
    sessions_like,
)

Shown = Annotated[
    str | None, typer.Argument(help="Show this session turn by turn; a unique beginning will do.")
]
Like = Annotated[str | None, typer.Option(help="Those whose tasks are nearest to this text, nearest first.")]
InEnv = Annotated[str | None, typer.Option(help="Only this environment.")]
ForPurpose = Annotated[
    Purpose | None,
    typer.Option(metavar="PURPOSE", help=f"Only those opened for one of {', '.join(get_args(Purpose))}."),
]
Whose = Annotated[str | None, typer.Option(help="Only this principal's.")]
Failed = Annotated[bool, typer.Option("--failed", help="Only those that came to a wrong end.")]
Limit = Annotated[int, typer.Option(min=1, max=LARGEST_INTEGER, help="At most so many.")]
ShowSecrets = Annotated[
    bool, typer.Option("--show-secrets", help="Print in clear what is hidden otherwise: card tokens, keys.")
]


def list_sessions(
    session: Shown = None,
    like: Like = None,
    env: InEnv = None,
    purpose: ForPurpose = None,
    principal: Whose = None,
    failed: Failed = False,
    limit: Limit = 20,
    show_secrets: ShowSecrets = False,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """List sessions, newest first, or show one."""
    filters = {"--purpose": purpose, "--failed": failed or None}
    if session is not None:
        _none_of({"--like": like, "--env": env, "--principal": principal, **filters}, "to show a session")
    if like is not None:
        _none_of(filters, "with --like")
    with open_existing_store(db) as store, _told_in_one_line():
        sessions = Sessions(store)
        find_redactor = nothing_hidden if show_secrets else redactor_of
        if session is not None:
            found = sessions.resolve(session)
            _show(sessions, found, find_redactor(sessions, found), as_json=as_json)
        elif like is not None:
            with progress_bar("indexing", as_json=as_json) as progress:
                nearest = sessions_like(
                    sessions, like, principal=principal, env=env, limit=limit, progress=progress
                )
            _show_list(sessions, nearest, find_redactor, as_json=as_json, by_task=True)
        else:
            newest = sessions.list(principal, env, limit=limit, purpose=purpose, failed=failed)
            _show_list(sessions, newest, find_redactor, as_json=as_json)


def _show_list(
    sessions: Sessions,
    listed: list[Session],
    find_redactor: FindRedactor,
    *,
    as_json: bool,
    by_task: bool = False,
) -> None:
    if as_json:
        print_json([_brief(each, find_redactor(sessions, each)) for each in listed])
        return
    if by_task:
        print_tasks(listed, lambda each: find_redactor(sessions, each).text(each.task.instruction))
    else:
        print_sessions(listed)
    typer.echo(f"{counted(len(listed))} in {sessions.store.path}", err=True)
    if summary := together(listed):
        typer.echo(summary, err=True)


def _none_of(options: Mapping[str, object], where: str) -> None:
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise UsageError(f"{given[0]} filters the list of sessions; leave it out {where}")


@contextmanager
def _told_in_one_line() -> Iterator[None]:
    """A log that cannot be written is no bug: the person is told."""
    try:
        yield
    except LogUnavailable as error:
        raise UsageError(str(error)) from None


def _brief(session: Session, redactor: Redactor) -> dict[str, Any]:
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
        "outcome": redactor.value(session.outcome),
        "parent": session.parent,
        "parent_turn": session.parent_turn,
    }


def _show(sessions: Sessions, session: Session, redactor: Redactor, *, as_json: bool) -> None:
    instruction = redactor.text(session.task.instruction)
    steps = sessions.steps(session.id)
    if as_json:
        rows = [_step_row(step, redactor) for step in steps]
        print_json(_brief(session, redactor) | {"instruction": instruction, "steps": rows})
        return
    typer.echo(f"{session.task.env_id} session {session.id}: {instruction}")
    for step in steps:
        arguments = json.dumps(redactor.value(step.arguments), ensure_ascii=False)
        typer.echo(f"{step.turn:>3} {step.tool}({arguments})  {step.reward:+.2f}")
        if step.error is not None:
            typer.echo(f"    refused: {redactor.text(step.error)}")
    typer.echo(f"    {ending(session)}, return {session.total_reward:.2f}")


def _step_row(step: Step, redactor: Redactor) -> dict[str, Any]:
    return {
        "turn": step.turn,
        "tool": step.tool,
        "arguments": redactor.value(step.arguments),
        "result": redactor.value(step.result),
        "error": redactor.value(step.error),
        "reward": step.reward,
        "terms": step.terms,
        "thought": redactor.value(step.thought),
        "via_skill": step.via_skill,
        "terminated": step.terminated,
        "truncated": step.truncated,
    }


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
    show_secrets: ShowSecrets = False,
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
    find_redactor = nothing_hidden if show_secrets else redactor_of
    with open_existing_store(db) as store, stdout_kept_clean():
        sessions = Sessions(store)
        if session is None:
            with progress_bar("replaying", as_json=as_json) as progress:
                reports = list(replay_all(store, progress, redactor=find_redactor))
        else:
            reports = [replay(sessions, sessions.resolve(session).id, redactor=find_redactor)]
    _tell(reports, as_json=as_json, every=every)


def _tell(reports: list[ReplayReport], *, as_json: bool, every: bool) -> None:
    """Print what came of replays; the exit code is 1 where one does not agree.

    Among all, those without a world to play them in are counted and no fault.
    """
    played = [report for report in reports if report.playable or not every]
    bad = [report for report in played if not report.agrees]
    if as_json:
        print_json([_report_row(report) for report in reports])
    else:
        for report in bad:
            typer.echo(f"{report.session}: {report.problem or report.divergence}")
        typer.echo(f"{len(played) - len(bad)} of {len(played)} sessions replay exactly")
        if unplayed := len(reports) - len(played):
            typer.echo(f"{counted(unplayed)} of another system cannot be replayed: no world here is theirs")
    if bad:
        raise typer.Exit(1)


def _report_row(report: ReplayReport) -> dict[str, Any]:
    problem = report.problem or (str(report.divergence) if report.divergence else None)
    told = {"session": report.session, "steps": report.steps, "ok": report.agrees, "problem": problem}
    return told | {"playable": report.playable}


def _replay_calls(path: Path, env: str, settings: dict[str, Any]) -> None:
    with closing(_lines(path)) as lines:
        answers = play_calls(lines, env, settings)
        while True:
            with stdout_kept_clean():
                answer = next(answers, None)
            if answer is None:
                return
            print_json(answer, indent=None)


def _lines(path: Path) -> Generator[str, None, None]:
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
    with open_existing_store(db) as store, _told_in_one_line():
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
    with open_existing_store(db) as store, _told_in_one_line():
        sessions = Sessions(store)
        chosen = [sessions.resolve(each).id for each in session or ()]
        what = f"all sessions that began before {before}" if before else ", ".join(chosen)
        if not yes and not typer.confirm(f"Forget {what} for good?"):
            raise typer.Exit(1)
        done = forget(store, chosen, before=moment)
    if as_json:
        gone = {"forgotten": list(done.sessions), "skills": list(done.skills)}
        print_json({**gone, "remaining": list(done.remaining)})
        return
    typer.echo(f"forgot {counted(len(done.sessions))}")
    for skill in done.skills:
        typer.echo(f"retired {skill}, which was mined from them", err=True)
    for line in done.remaining:
        typer.echo(line, err=True)


def _timestamp(day: str) -> float:
    try:
        return datetime.datetime.fromisoformat(day).astimezone().timestamp()
    except (ValueError, OverflowError):
        raise UsageError(f"--before {day!r} is no date; expected such as 2026-01-31") from None
