"""Replay: play a recorded session again and see that the world still answers the same."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from practicum.envs.core import ToolEnv
from practicum.envs.episodes import Episode, Step
from practicum.envs.errors import EpisodeOver, UnknownTool, UsageError
from practicum.envs.outside import Answer, LiveOutside, ReplayedOutside, ReplayMismatch
from practicum.envs.registry import EnvClass, find
from practicum.envs.tasks import LARGEST_INTEGER
from practicum.memory.redact import FindRedactor, InClear, Redactor, redactor_of
from practicum.memory.rows import dump_text, result_hash
from practicum.memory.sessions import Session, Sessions
from practicum.memory.store import Store


class Divergence(Exception):  # noqa: N818  # a finding more than an error
    """A replayed world answered otherwise than it did when the session was recorded."""

    def __init__(
        self, turn: int, what: str, recorded: Any, replayed: Any, *, redactor: Redactor | None = None
    ) -> None:
        hidden = redactor or InClear()
        before, now = _shown(hidden.value(recorded)), _shown(hidden.value(replayed))
        super().__init__(f"turn {turn}: {what} was {before}, replayed it is {now}")
        self.turn = turn
        self.what = what
        """A field of the step; `outside`, `call` (it cannot be played now), `log` (altered since)."""
        self.recorded = recorded
        """In clear, secrets included; the message hides them."""
        self.replayed = replayed

    @property
    def brief(self) -> str:
        """The finding for an agent, from whom it may be kept what its calls were worth."""
        return f"turn {self.turn}: {self.what} is not what it was" if self.what in _WORTH else str(self)

    def told_with(self, redactor: Redactor) -> Divergence:
        """The same finding, without secrets in its message."""
        return Divergence(self.turn, self.what, self.recorded, self.replayed, redactor=redactor)


@dataclass(frozen=True)
class ReplayReport:
    """What became of replaying one session."""

    session: str
    steps: int
    """How many steps agree."""
    divergence: Divergence | None = None
    """The first one."""
    problem: str | None = None
    """Why the session could not be replayed at all, in one line."""
    playable: bool = True
    """Whether there is a world to play it in; what another system recorded may have none here."""

    @property
    def agrees(self) -> bool:
        """Whether the whole session was replayed and every step agrees."""
        return self.divergence is None and self.problem is None


def rebuild(
    sessions: Sessions, session: Session, *, last: int | None = None, redactor: FindRedactor = redactor_of
) -> Episode:
    """The live episode of a recorded session, ready for the next call.

    Args:
        sessions: where the steps are read.
        session: which one.
        last: rebuild the episode as it stood after this turn; after the last one where None.
        redactor: what hides the secrets in what a divergence says.

    Raises:
        Divergence: the world answers otherwise than it did.
        UsageError: the session cannot be replayed: its environment is gone or of another version, or it was
            imported.
    """
    env = _environment(session)()
    outside = env.outside = ReplayedOutside(session.outside)
    try:
        episode = _begin_again(env, session)
        for step, digest in sessions.hashed_steps(session.id, 1, last):
            outside.expect(step.outside)
            _compare(step, digest, _play_again(episode, step))
    except Divergence as divergence:
        env.close()
        raise divergence.told_with(redactor(sessions, session)) from None
    except BaseException:
        env.close()
        raise
    env.outside = LiveOutside()
    return episode


def replay(sessions: Sessions, session_id: str, *, redactor: FindRedactor = redactor_of) -> ReplayReport:
    """Play a session again to its end or its first divergence.

    Args:
        sessions: where it is read.
        session_id: which one.
        redactor: what hides the secrets in what the report says.

    Raises:
        UsageError: there is no such session.
    """
    session = sessions.get(session_id, None)
    if session is None:
        raise UsageError(f"no session {session_id!r}; `practicum sessions` lists them")
    try:
        rebuild(sessions, session, redactor=redactor).env.close()
    except Divergence as divergence:
        return ReplayReport(session_id, max(divergence.turn - 1, 0), divergence)
    except UsageError as error:
        return ReplayReport(session_id, 0, problem=str(error), playable=session.replayable)
    except Exception as error:  # noqa: BLE001  # a world that crashes is what a replay is there to find
        why = redactor(sessions, session).text(str(error))
        return ReplayReport(session_id, 0, problem=f"the world crashed: {type(error).__name__}: {why}")
    return ReplayReport(session_id, session.steps)


def replay_all(
    store: Store,
    progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    redactor: FindRedactor = redactor_of,
) -> Iterator[ReplayReport]:
    """Replay every session of a file, oldest first.

    Args:
        store: the file.
        progress: told how many of how many are done, after each.
        redactor: what hides the secrets in what a report says.
    """
    sessions = Sessions(store)
    ids = [row["id"] for row in store.read("SELECT id FROM session_starts ORDER BY number")]
    for done, session_id in enumerate(ids, 1):
        yield replay(sessions, session_id, redactor=redactor)
        progress(done, len(ids))


def _environment(session: Session) -> EnvClass:
    if not session.replayable:
        raise UsageError(f"session {session.id} cannot be replayed: another system recorded it")
    env_class = find(session.env)
    if (env_class.name, env_class.version) != (session.task.env, session.task.version):
        raise UsageError(
            f"session {session.id} was played in {session.task.env_id}, but {session.env} is "
            f"{env_class.env_id()} now"
        )
    return env_class


def _begin_again(env: ToolEnv[Any], session: Session) -> Episode:
    try:
        episode = Episode(env, session.task, min_try=session.min_try)
    except ReplayMismatch as mismatch:
        raise Divergence(0, "outside", _kinds(session.outside), str(mismatch)) from None
    if episode.opening.outside != session.outside:
        raise Divergence(0, "outside", _kinds(session.outside), _kinds(episode.opening.outside))
    return episode


def _play_again(episode: Episode, step: Step) -> Step:
    try:
        if step.noted and step.tool not in episode.env.actions:
            return episode.note(step.tool, step.arguments, step.result)
        return episode.play(step.tool, step.arguments, via_skill=step.via_skill, thought=step.thought)
    except ReplayMismatch as mismatch:
        raise Divergence(step.turn, "outside", _kinds(step.outside), str(mismatch)) from None
    except (UnknownTool, EpisodeOver) as error:
        raise Divergence(step.turn, "call", step.tool, str(error)) from None


_WORTH = ("reward", "terms", "outcome")
_COMPARED = ("turn", "error", "reward", "terms", "terminated", "truncated", "read_only", "outcome", "outside")


def _compare(recorded: Step, digest: str, replayed: Step) -> None:
    if result_hash(recorded.result) != digest:
        raise Divergence(recorded.turn, "log", digest, recorded.result)
    if result_hash(replayed.result) != digest:
        raise Divergence(recorded.turn, "result", recorded.result, replayed.result)
    for what in _COMPARED:
        before, now = getattr(recorded, what), getattr(replayed, what)
        if before != now and dump_text(before) != dump_text(now):
            raise Divergence(recorded.turn, what, before, now)


def _kinds(answers: Iterable[Answer]) -> list[str]:
    return [answer.kind for answer in answers]


def _shown(value: Any) -> str:
    text = dump_text(value)
    return text if len(text) <= 200 else f"{text[:200]} …"


# Foreign records --------------------------------------------------------------------------------------


class _Call(BaseModel):
    name: str
    arguments: dict[str, Any] = {}


class _Record(BaseModel):
    task_id: str | int
    actions: list[_Call]
    seed: Annotated[int, Field(ge=0, le=LARGEST_INTEGER)] = 0
    params: dict[str, Any] = {}


def play_calls(lines: Iterable[str], env_name: str, settings: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Play foreign records, each from the world that the environment begins with; nothing is logged.

    Args:
        lines: one `{task_id, actions: [{name, arguments}], seed?, params?}` each.
        env_name: as `find` takes it.
        settings: parameters for every record; a record's own win.

    Yields:
        `{task_id, results, final_sha256}` for each line. A result is text or plain JSON, a refusal `Error: `
        and the world's words; neither the step limit nor an ending stops a record.

    Raises:
        UsageError: no such environment or setting, or a line is no such record.
    """
    endless = _endless(find(env_name))
    for number, line in enumerate(lines, 1):
        if line.strip():
            record = _read_record(number, line)
            yield _play_record(endless, record, {**settings, **record.params})


def _endless(env_class: EnvClass) -> EnvClass:
    """The same world without an end of its own."""

    class Endless(env_class):  # type: ignore[misc, valid-type]  # the base is known at run time
        def is_done(self) -> bool:
            return False

        def is_cut_off(self) -> bool:
            return False

    return Endless


def _read_record(number: int, line: str) -> _Record:
    try:
        return _Record.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "record"
        raise UsageError(f"line {number} is no record of calls: {where}: {first['msg']}") from None


def _play_record(env_class: EnvClass, record: _Record, settings: Mapping[str, Any]) -> dict[str, Any]:
    for name in {"self", "cls", "seed"} & settings.keys():
        raise UsageError(
            f"record {record.task_id!r}: no parameter is called {name!r}; a seed stands beside `params`"
        )
    env = env_class()
    task = env_class.make_task(record.seed, **settings)
    episode = Episode(env, replace(task, step_limit=sys.maxsize))
    results = [_bare_result(episode, call) for call in record.actions]
    final = world_sha256(env)
    env.close()
    return {"task_id": record.task_id, "results": results, "final_sha256": final}


def _bare_result(episode: Episode, call: _Call) -> Any:
    try:
        step = episode.play(call.name, call.arguments)
    except (UnknownTool, EpisodeOver) as error:
        return f"Error: {error}"
    return step.result if step.error is None else f"Error: {step.error}"


def world_sha256(env: ToolEnv[Any]) -> str:
    """SHA-256 over the whole world as compact JSON with sorted keys and floats rounded to two places."""
    world = json.loads(dump_text(env.world()), parse_float=lambda digits: round(float(digits), 2))
    text = json.dumps(world, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
