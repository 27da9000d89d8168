"""Jobs: what there is to mine, whole sessions or a part that many share, and what is made of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from practicum.envs.registry import EnvClass
from practicum.memory import Store
from practicum.skills.candidates import Candidate, number_of
from practicum.skills.constants import check_private, witnesses
from practicum.skills.ingest import Event, Trace, read_traces
from practicum.skills.language import Skill
from practicum.skills.mining import mine
from practicum.skills.naming import params_in, typed
from practicum.skills.segments import Occurrence, Segment

SHARE_MINED = 3
"""One session in so many is mined where fresh tasks cannot judge the program; the others are held out."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """Sessions of one principal from which a program may be mined."""

    id: str
    """The same for the same job; a later program for it is a new version."""
    goal: str
    """What it achieves, in the environment's word; a part has none."""
    env_class: EnvClass
    found_by: str
    """The name to `find()` the environment by."""
    principal: str
    sessions: tuple[str, ...]
    """To mine."""
    size: int
    """Tasks, or of a part sessions, in which it was done."""
    finished: tuple[str, ...] = ()
    """Sessions that a skill began and an agent brought to their end by hand."""
    parts: Mapping[str, Occurrence] = field(default_factory=dict)
    """Where the part stands in each session; empty where the job is all of it."""

    @property
    def title(self) -> str:
        """How people are told of it."""
        return f"{self.env_class.env_id()} {self.goal}".strip()


@dataclass(frozen=True)
class Mined:
    """A program, and what it was mined from."""

    skill: Skill
    """As `naming.typed` returns it."""
    job: Job
    sessions: Mapping[str, Sequence[str]]
    """Sessions in which each constant of the program stands, by its place; under `""` those mined from."""
    mined_from: tuple[str, ...]
    held_out: tuple[str, ...]
    """The other sessions."""


def whole_job(candidate: Candidate, principal: str, env_class: EnvClass) -> Job:
    """The job of sessions that did the same from beginning to end."""
    return Job(
        id=f"{candidate.shape} {candidate.goal}",
        goal=candidate.goal,
        env_class=env_class,
        found_by=candidate.found_by,
        principal=principal,
        sessions=candidate.sample,
        size=candidate.tasks,
        finished=candidate.finished,
    )


def part_id(segment: Segment) -> str:
    """What the job of a part is called, also where it is found again."""
    return f"part {number_of(segment.calls):x}"


def part_job(segment: Segment, principal: str, env_class: EnvClass, found_by: str) -> Job:
    """The job of a part that sessions share, whatever else they did."""
    return Job(
        id=part_id(segment),
        goal="",
        env_class=env_class,
        found_by=found_by,
        principal=principal,
        sessions=tuple(each.session for each in segment.occurrences),
        size=segment.support,
        parts={each.session: each for each in segment.occurrences},
    )


def mined(store: Store, job: Job, wrong: Sequence[Trace] = ()) -> Mined | None:
    """The program of a job; None where its sessions have too little in common.

    Where fresh tasks cannot judge it, for it is a part or needs an argument that no task tells, it is mined
    from some of the sessions and the others are held out.

    Args:
        store: the database.
        job: what to mine.
        wrong: as `mine` takes them.

    Raises:
        BadSkill: the program is of no use to its environment.
    """
    traces = list(_traces(store, job))
    program = None if job.parts else _program(traces, job.env_class, wrong)
    if program is not None and not program.params["required"]:
        return _mined(job, program, traces, ())
    some = traces[::SHARE_MINED]
    program = _program(some, job.env_class)
    held_out = tuple(trace.session for number, trace in enumerate(traces) if number % SHARE_MINED)
    return None if program is None else _mined(job, program, some, held_out)


def _mined(job: Job, program: Skill, traces: Sequence[Trace], held_out: tuple[str, ...]) -> Mined:
    seen = witnesses(program, traces)
    check_private(program, job.env_class, seen)
    sessions = {place: [trace.session for trace in found] for place, found in seen.items()}
    return Mined(program, job, sessions, tuple(trace.session for trace in traces), held_out)


def _program(traces: Sequence[Trace], env_class: EnvClass, wrong: Sequence[Trace] = ()) -> Skill | None:
    program = mine(traces, env_class, wrong=wrong)
    if program is None:
        return None
    told = set.intersection(*(set(trace.params) for trace in traces))
    needed = sorted(params_in(program) - told)
    return typed(replace(program, params={**program.params, "required": needed}), env_class)


def _traces(store: Store, job: Job) -> Iterator[Trace]:
    for trace in read_traces(store, job.sessions):
        part = job.parts.get(trace.session)
        yield trace if part is None else _cut(trace, part)


def _cut(trace: Trace, part: Occurrence) -> Trace:
    """A trace of the part alone, which comes to no end of the world's own."""

    def within(events: tuple[Event, ...]) -> tuple[Event, ...]:
        return tuple(event for event in events if part.first_turn <= event.turn <= part.last_turn)

    return replace(trace, events=within(trace.events), played=within(trace.played), outcome={})
