"""Evaluations in the log: what clients and agents have played there, as reports to compare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from practicum.envs.errors import UsageError, nearest
from practicum.memory import Purpose, Session, Sessions, Store
from practicum.memory.skill_rows import use_at
from practicum.training.evaluate import AgentReport, Report
from practicum.training.rollouts import CRASHED, Rollout
from practicum.training.trials import Trial, trial_of

PAGE = 500
NOBODY = "nobody"
"""Who played where a client has not said its name."""
NOT_LOGGED = ("valid_calls", "decisions")
"""Figures that the log does not tell: it has no calls of unknown tools, and no control groups."""


def logged_report(
    store: Store,
    players: Sequence[str],
    env: str,
    *,
    purpose: Purpose | None = "evaluation",
    principal: str | None = None,
) -> Report:
    """What some players have played to its end, several sessions of one task being trials of it.

    Left out are open sessions, and those that were forked.

    Args:
        store: the log.
        players: names of clients, or of agents that were rolled out.
        env: name of the environment, with its version or, where there is one version in the log, without.
        purpose: only sessions that were opened for it; None for any.
        principal: only this principal's; None for anybody's.

    Raises:
        UsageError: one of them has played nothing, or there are sessions of several versions.
    """
    sessions = Sessions(store)
    ended = [
        each for each in _every(sessions, principal, env, purpose) if not each.open and each.parent is None
    ]
    found: dict[str, list[Session]] = {name: [] for name in dict.fromkeys(players)}
    for session in reversed(ended):  # the oldest first
        for name in found:
            if name in _names(session):
                found[name].append(session)
    _check(found, ended, env, purpose)
    agents = {name: _report(sessions, name, played) for name, played in found.items()}
    return Report(_version(found), agents)


def _every(sessions: Sessions, principal: str | None, env: str, purpose: Purpose | None) -> Iterator[Session]:
    before = None
    while page := sessions.list(principal, env, limit=PAGE, before=before, purpose=purpose):
        yield from page
        before = page[-1].id


def _names(session: Session) -> tuple[str, ...]:
    """The names by which its player goes: the client's own, and of one that rolls out the agent's."""
    name = session.client_name or NOBODY
    return (name, *([name.partition(": ")[2]] if name.startswith("practicum ") else []))


def _check(
    found: dict[str, list[Session]], ended: Sequence[Session], env: str, purpose: Purpose | None
) -> None:
    silent = [name for name, played in found.items() if not played]
    if not silent:
        return
    known = sorted({_names(session)[-1] for session in ended})
    what = f"no sessions of {env}{f' for {purpose}' if purpose else ''} by {silent[0]!r} have ended"
    others = f"there are those of {', '.join(known)}" if known else "there are none by others either"
    raise UsageError(f"{what}{nearest(silent[0], known)}; {others}")


def _version(found: dict[str, list[Session]]) -> str:
    versions = sorted({session.task.env_id for played in found.values() for session in played})
    if len(versions) > 1:
        raise UsageError(f"the log has sessions of {', '.join(versions)}; name one with its version")
    return versions[0]


def _report(sessions: Sessions, name: str, played: Sequence[Session]) -> AgentReport:
    return AgentReport(name, tuple(_trial(sessions, name, session) for session in played))


def _trial(sessions: Sessions, name: str, session: Session) -> Trial:
    turns = list(sessions.steps(session.id))
    by_skill = [step.turn for step in turns if step.via_skill is not None]
    runs = sum(use_at(sessions.store, session.id, turn) is not None for turn in by_skill)
    steps = [step for step in turns if not step.noted]
    rollout = Rollout(
        name,
        session.task,
        tuple(steps),
        decisions=sum(step.via_skill is None for step in steps) + runs,
        session=session.id,
        tokens=session.tokens or 0,
        seconds=(session.ended_at or session.started_at) - session.started_at,
        failure=CRASHED if session.reason == CRASHED else None,
    )
    measured = trial_of(rollout)
    figures = {**measured.figures, "return": session.total_reward, **dict.fromkeys(NOT_LOGGED)}
    return replace(measured, figures=figures, counts={})
