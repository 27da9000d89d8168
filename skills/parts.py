"""Parts: what agents do between two turns with somebody, and what of it a program is given by its caller.

A part begins when something has been said, so its caller knows what was said and shown before. What only the
part's own calls show is no argument: such a value is found in their results, or the part ends before it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from practicum.envs.registry import EnvClass
from practicum.memory import Store
from practicum.memory.rows import dump_text
from practicum.skills.ingest import Event, Trace
from practicum.skills.language import Skill, Stmt, calls_in, nodes_in
from practicum.skills.relevance import is_news, occurs, texts_in
from practicum.skills.roles import Roles, turns_of
from practicum.skills.segments import Occurrence, Segment, segments
from practicum.skills.trials import free_arguments

Given = tuple[str, str]
"""An argument: a tool's name and its own."""


def shared_parts(store: Store, env_class: EnvClass, principal: str) -> list[list[Segment]]:
    """The parts that a principal's sessions share, what saves most first, each with all ways to begin it."""
    turns = turns_of(env_class)
    shared = segments(store, env_class.name, principal=principal, turns=turns)
    return families(shared) if turns else [[segment] for segment in shared]


def families(shared: Sequence[Segment]) -> list[list[Segment]]:
    """Segments that begin with different looks and go on alike, each family in the order of the segments.

    What a part begins with is told by its caller alone, so it is the caller who takes one of these ways.
    """
    found: dict[Any, list[Segment]] = defaultdict(list)
    for segment in shared:
        begins_with_a_look = segment.calls[0].endswith("?")
        found[segment.calls[1:] if begins_with_a_look else (segment.calls,)].append(segment)
    return list(found.values())


def cut(trace: Trace, part: Occurrence) -> Trace:
    """A trace of the part alone, which comes to no end of the world's own."""

    def within(events: Sequence[Event]) -> tuple[Event, ...]:
        return tuple(event for event in events if part.first_turn <= event.turn <= part.last_turn)

    return replace(trace, events=within(trace.events), played=within(trace.played), outcome={})


def between_turns(trace: Trace, part: Occurrence, roles: Roles) -> Trace:
    """A trace of the part alone, which reads nothing of what was said and thinks nothing: its caller does."""
    earlier = [(event.arguments, event.result) for event in trace.played if event.turn < part.first_turn]
    before = dump_text((trace.params, trace.opening, earlier))
    played = tuple(event for event in trace.played if not roles.of(event.tool).thinks)
    return replace(cut(replace(trace, played=played), part), opening=None, before=before)


# What a caller cannot know ----------------------------------------------------------------------------


def unknowable(program: Skill, traces: Sequence[Trace]) -> set[Given]:
    """The arguments of a part's program whose values mostly nobody knew before the part showed them."""
    told = set.intersection(*(set(trace.params) for trace in traces))
    uses = {use for each in free_arguments(program, told).values() for use in each}
    return {use for use in uses if _is_found_on_the_way(use, traces)}


def _is_found_on_the_way(use: Given, traces: Sequence[Trace]) -> bool:
    found = [
        is_news(event.arguments[use[1]], trace.before) and _is_shown(event.arguments[use[1]], earlier)
        for trace in traces
        for event, earlier in _with_earlier(trace)
        if event.tool == use[0] and use[1] in event.arguments
    ]
    return 2 * sum(found) > len(found)


def _with_earlier(trace: Trace) -> Iterator[tuple[Event, Sequence[Event]]]:
    for place, event in enumerate(trace.played):
        if event.error is None:
            yield event, trace.played[:place]


def _is_shown(value: Any, events: Sequence[Event]) -> bool:
    shown = dump_text([event.result for event in events])
    return any(occurs(text, shown) for text in texts_in([value]))


def ended_before(trace: Trace, uses: Collection[Given]) -> Trace:
    """The part up to the first call that is given one of these arguments."""
    ends = (
        event.turn
        for event in trace.played
        if event.error is None and any((event.tool, name) in uses for name in event.arguments)
    )
    end = next(ends, None)
    if end is None:
        return trace
    return replace(
        trace,
        events=tuple(event for event in trace.events if event.turn < end),
        played=tuple(event for event in trace.played if event.turn < end),
    )


def saves_calls(program: Skill) -> bool:
    """Whether a program may make more than one call."""
    loops = any(node.get("do") == "foreach" for node in nodes_in(program.body))
    return loops or len(list(calls_in(program.body))) > 1


# Several ways to begin --------------------------------------------------------------------------------


def either(programs: Sequence[Skill], env_class: EnvClass) -> Skill:
    """One program for those that are alike but for their first look; the first where they are not.

    Which way it begins is told by the arguments that are there: those of the ways are left out together, and
    nothing else needs them.
    """
    first, *others = programs
    alike = [other for other in others if _goes_on_alike(first, other)]
    ways = [program.body[0] for program in (first, *alike)]
    own = [_params_in([way]) for way in ways]
    optional = sorted(name for names in own for name in names)
    uses = Counter([*optional, *set(_params_in(first.body[1:]))])
    if not alike or not all(own) or any(uses[name] > 1 for name in optional):
        return first
    if not all(env_class.actions[way["tool"]].read_only for way in ways):
        return first
    needed = sorted({name for each in (first, *alike) for name in each.params["required"]} - set(optional))
    return replace(
        first,
        body=(_by_what_is_given(ways, own), *first.body[1:]),
        params={**first.params, "required": needed},
        evidence={**first.evidence, "optional": optional},
    )


def _goes_on_alike(one: Skill, other: Skill) -> bool:
    begins = all(stmt["do"] == "call" for stmt in (one.body[0], other.body[0]))
    return (
        begins and one.body[1:] == other.body[1:] and _params_in(one.body[:1]) != _params_in(other.body[:1])
    )


def _params_in(nodes: Sequence[Any]) -> list[str]:
    return [node["param"] for node in nodes_in(nodes) if "param" in node]


def _by_what_is_given(ways: Sequence[Stmt], own: Sequence[Sequence[str]]) -> Mapping[str, Any]:
    """The first of the ways whose first argument is given; the last where none of the others' is."""
    stmt: Mapping[str, Any] = ways[-1]
    for way, names in reversed(list(zip(ways[:-1], own[:-1], strict=True))):
        left_out = {"on": {"missing": {"param": names[0]}}, "yes": [True], "no": [False]}
        stmt = {"do": "if", "cond": left_out, "then": [stmt], "else": [way]}
    return stmt
