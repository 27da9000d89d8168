"""Jobs: what there is to mine, whole sessions or a part that many share, and what is made of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from practicum.envs.registry import EnvClass
from practicum.memory import Store
from practicum.memory.rows import dump_text
from practicum.skills.candidates import Candidate, number_of
from practicum.skills.constants import check_private, witnesses
from practicum.skills.ingest import Trace, read_traces
from practicum.skills.language import Skill
from practicum.skills.mining import mine
from practicum.skills.naming import params_in, typed
from practicum.skills.parts import between_turns, cut, either, ended_before, saves_calls, unknowable
from practicum.skills.roles import Roles, turns_of
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
    ways: tuple[frozenset[str], ...] = ()
    """Sessions that do the part alike, by how they begin it."""

    @property
    def title(self) -> str:
        """How people are told of it."""
        return f"{self.env_class.env_id()} {self.goal}".strip()

    @property
    def is_between_turns(self) -> bool:
        """Whether it is a part of sessions in which somebody was talked to, between two turns."""
        return bool(self.parts) and bool(turns_of(self.env_class))


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


def part_id(family: Sequence[Segment]) -> str:
    """What the job of a part is called, also where it is found again; ways to begin come and go."""
    first, *others = family
    return f"part {number_of(('', *first.calls[1:]) if others else first.calls):x}"


def part_jobs(
    store: Store, family: Sequence[Segment], principal: str, env_class: EnvClass, found_by: str
) -> list[Job]:
    """The job of a part, or where its ways to begin do not go on alike, one for each that does."""
    whole = part_job(family, principal, env_class, found_by)
    if len(family) == 1:
        return [whole]
    traces = list(_traces(store, whole))[::SHARE_MINED]
    alike: dict[str, list[Segment]] = defaultdict(list)
    for segment, way in zip(family, whole.ways, strict=True):
        program = _knowable_program([trace for trace in traces if trace.session in way], env_class)
        if program is not None:
            alike[dump_text(program.body[1:])].append(segment)
    return [part_job(ways, principal, env_class, found_by) for ways in alike.values()]


def part_job(family: Sequence[Segment], principal: str, env_class: EnvClass, found_by: str) -> Job:
    """The job of a part that sessions share, whatever else they did.

    Args:
        family: the part; several where sessions begin it in several ways.
        principal: whose sessions they are.
        env_class: their environment.
        found_by: the name to `find()` the environment by.
    """
    parts = {each.session: each for segment in reversed(family) for each in segment.occurrences}
    return Job(
        id=part_id(family),
        goal="",
        env_class=env_class,
        found_by=found_by,
        principal=principal,
        sessions=tuple(dict.fromkeys(each.session for segment in family for each in segment.occurrences)),
        size=sum(segment.support for segment in family),
        parts=parts,
        ways=tuple(
            frozenset(each.session for each in segment.occurrences if parts[each.session] is each)
            for segment in family
        ),
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
    program = _program_between_turns(job, some) if job.is_between_turns else _program(some, job.env_class)
    held_out = tuple(trace.session for number, trace in enumerate(traces) if number % SHARE_MINED)
    return None if program is None else _mined(job, program, some, held_out)


def _mined(job: Job, program: Skill, traces: Sequence[Trace], held_out: tuple[str, ...]) -> Mined:
    seen = witnesses(program, traces)
    check_private(program, job.env_class, seen)
    sessions = {place: [trace.session for trace in found] for place, found in seen.items()}
    return Mined(program, job, sessions, tuple(trace.session for trace in traces), held_out)


def _program(traces: Sequence[Trace], env_class: EnvClass, wrong: Sequence[Trace] = ()) -> Skill | None:
    program = _asking(mine(traces, env_class, wrong=wrong), traces)
    return None if program is None else typed(program, env_class)


def _asking(program: Skill | None, traces: Sequence[Trace]) -> Skill | None:
    """A program that says which arguments no task of these tells."""
    if program is None:
        return None
    told = set.intersection(*(set(trace.params) for trace in traces))
    needed = sorted(params_in(program) - told)
    return replace(program, params={**program.params, "required": needed})


def _program_between_turns(job: Job, traces: Sequence[Trace]) -> Skill | None:
    """The program of a part, with all ways to begin it that can be learned."""
    by_way = ([trace for trace in traces if trace.session in way] for way in job.ways)
    found = [program for way in by_way if (program := _knowable_program(way, job.env_class))]
    return typed(either(found, job.env_class), job.env_class) if found else None


def _knowable_program(traces: Sequence[Trace], env_class: EnvClass) -> Skill | None:
    """The program of as much of a part as its caller can ask for; None where that is but one call."""
    while program := _asking(mine(traces, env_class, between_turns=True), traces):
        beyond = unknowable(program, traces)
        if not beyond:
            return program if saves_calls(program) else None
        traces = [ended_before(trace, beyond) for trace in traces]
    return None


def _traces(store: Store, job: Job) -> Iterator[Trace]:
    part_of = partial(between_turns, roles=Roles(job.env_class)) if job.is_between_turns else cut
    for trace in read_traces(store, job.sessions):
        part = job.parts.get(trace.session)
        yield trace if part is None else part_of(trace, part)
