"""Mining: from the traces of sessions that went well to a program that does the job."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from practicum.envs import ToolEnv
from practicum.skills.arguments import (
    ABSENT,
    Explanation,
    Expr,
    Place,
    Sources,
    Uses,
    explanations,
    expr_of,
    key_of,
    replayed,
    text_paths,
    uses_of,
)
from practicum.skills.choices import Choice, Scene, bind_choice, choices_of
from practicum.skills.flow import Example, Feature, Tree, Way, expanded, grow
from practicum.skills.guards import features_of, other_held, values_of
from practicum.skills.ingest import Trace
from practicum.skills.known import MISSING, Known, at_path
from practicum.skills.language import Skill
from practicum.skills.program import END, body_of, needs_of
from practicum.skills.roles import sort_parameters

LEAST_TASKS = 3
"""Tasks that a program is mined from at least."""
LEAST_EXPECTED = 8
"""Calls after which a control field had one value, for that value to be expected."""
MOST_TRACES = 120
NOISE = 0.04
"""Share of the sessions, as many calls as which a statement needs; fewer are chance."""
FREE_BELOW = 0.6
"""Share of an argument's values below which what explains them is chance, and it becomes a parameter."""


@dataclass(frozen=True)
class Symbol:
    """A statement that calls a tool, and the calls that it stands for."""

    id: str
    tool: str
    args: Mapping[str, Expr]
    places: frozenset[Place]

    def as_call(self) -> dict[str, Any]:
        """The statement; an argument that is always left out is not named."""
        args = {name: expr for name, expr in self.args.items() if expr != ABSENT}
        return {"do": "call", "id": self.id, "tool": self.tool, "args": args}


def mine(traces: Sequence[Trace], env_class: type[ToolEnv[Any]]) -> Skill | None:
    """The program that explains what agents did; None where too little is alike.

    What a skill's own calls did is no example, but what an agent did after its stop is.

    Args:
        traces: sessions that succeeded, of one environment and goal, in any order.
        env_class: their environment.

    Returns:
        A skill without a name of its own, arguments and description.
    """
    traces = sorted(traces, key=lambda trace: (trace.task, trace.session))[:MOST_TRACES]
    if len({trace.task for trace in traces}) < LEAST_TASKS:
        return None
    sources = Sources(env_class.forms, text_paths(traces))
    choices, uses = _explained(traces, env_class, sources)
    symbols = list(_symbols(traces, uses, choices))
    names = _names(traces, symbols)
    selections = {choice.stmt["id"]: choice.stmt for choice in choices}
    given = sorted(_given(symbols, traces))
    features = features_of(traces, list(selections.values()), sources, control=env_class.control, given=given)
    examples = list(_examples(traces, names, features, selections))
    if not examples:
        return None
    expected = _expected(traces, names, env_class.control)
    calls = {symbol.id: symbol.as_call() | expected.get(symbol.id, {}) for symbol in symbols}
    tree = _flow(examples, features, list(_ways(calls, selections)), _alternatives(symbols, env_class))
    final = [s.id for s in symbols if s.tool in env_class.goals or env_class.profile().ends(s.tool)]
    requires = {name: list(_always(name, examples, features)) for name in final}
    return Skill(
        name="skill",
        version=1,
        env=env_class.name,
        env_version=env_class.version,
        params={"type": "object", "properties": {}, "additionalProperties": False},
        pre=tuple(_preconditions(traces, env_class)),
        body=tuple(body_of(tree, calls, selections, kin=_kin(symbols, env_class), requires=requires)),
        evidence={"traces": len(traces), "unexplained": _unexplained(traces, names)},
    )


def _alternatives(symbols: Sequence[Symbol], env_class: type[ToolEnv[Any]]) -> dict[str, str]:
    """By statement: the goal that several tools reach, such as the ways to pay."""
    goals = {symbol.id: env_class.goals[symbol.tool] for symbol in symbols if symbol.tool in env_class.goals}
    tools = {goal: {s.tool for s in symbols if goals.get(s.id) == goal} for goal in goals.values()}
    return {name: goal for name, goal in goals.items() if len(tools[goal]) > 1}


def _flow(
    examples: Sequence[Example], features: Sequence[Feature], ways: Sequence[Way], goals: Mapping[str, str]
) -> Tree:
    """What is called next. Which of several ways to a goal is taken is learned wherever a program is."""
    merged = [replace(each, next=goals.get(each.next, each.next)) for each in examples]
    ends = {
        goal: grow([each for each in examples if goals.get(each.next) == goal], features)
        for goal in set(goals.values())
    }
    return expanded(grow(merged, features, ways), ends)


def _always(
    name: str, examples: Sequence[Example], features: Sequence[Feature]
) -> Iterator[tuple[Feature, Any]]:
    """What was so whenever a call was made that cannot be taken back: all was looked at, the best is held."""
    made = [example.values for example in examples if example.next == name]
    for place, feature in enumerate(features):
        values = [of[place] for of in made]
        if feature.binding and values and values[0] is not MISSING and all(v == values[0] for v in values):
            yield feature, values[0]


def _ways(calls: Mapping[str, Any], selections: Mapping[str, Mapping[str, Any]]) -> Iterator[Way]:
    """What holds all over a program: a call needs its rows, and what is held should be what would be taken."""
    for name, stmt in selections.items():
        needing = frozenset(call for call, of in calls.items() if name in needs_of(of["args"]))
        yield Way({"missing": {"row": name, "path": ""}}, needing)
        if "held" in stmt["distinct"] and "key" in stmt["from"]:
            yield Way(other_held(stmt), where={"missing": stmt["distinct"]["held"]})


def _given(symbols: Sequence[Symbol], traces: Sequence[Trace]) -> set[str]:
    """Task parameters that are given to calls which only some sessions make."""
    found: set[str] = set()
    for symbol in symbols:
        if len({number for number, _ in symbol.places}) < len(traces):
            found |= {str(expr["param"]) for expr in symbol.args.values() if "param" in expr}
    return {name for name in found if len({bool(trace.params.get(name)) for trace in traces}) == 2}


def _kin(symbols: Sequence[Symbol], env_class: type[ToolEnv[Any]]) -> dict[str, list[str]]:
    """By statement: those that achieve the same, by the same tool or another of the same goal."""
    goals = {symbol.id: env_class.goals.get(symbol.tool, symbol.tool) for symbol in symbols}
    return {name: [other for other in goals if goals[other] == goal] for name, goal in goals.items()}


def _preconditions(traces: Sequence[Trace], env_class: type[ToolEnv[Any]]) -> Iterator[dict[str, Any]]:
    """What sort of task it was, where the world names the sorts, and what no task of them asked for."""
    for name in sort_parameters(env_class):
        values = {trace.params.get(name) for trace in traces}
        if len(values) == 1 and isinstance(value := values.pop(), str):
            yield {"eq": [{"param": name}, {"const": value}]}
    done = [trace for trace in traces if any(event.tool in env_class.goals for event in trace.played)] or traces
    for name in sorted({name for trace in traces for name in trace.params}):
        given = [trace.params.get(name) for trace in done]
        if not any(given) and all(value is None or type(value) is int for value in given):
            yield {"not": {"truthy": {"param": name}}}


def _expected(
    traces: Sequence[Trace], names: Sequence[Sequence[str]], control: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """By statement: the declared control fields that had one value after all its calls."""
    found: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for number, trace in enumerate(traces):
        for event, name in zip(trace.played, names[number], strict=True):
            for path in control if name else ():
                value = at_path(event.result, path)
                found[name][path][key_of({"is": None if value is MISSING else value})] += 1
    return {name: {"expect": preds} for name, of in found.items() if (preds := list(_constant(of)))}


def _constant(values: Mapping[str, Counter[str]]) -> Iterator[dict[str, Any]]:
    for path, counted in values.items():
        value = expr_of(next(iter(counted)))["is"]
        if len(counted) == 1 and counted.total() >= LEAST_EXPECTED and value is not None:
            yield {"eq": [{"ref": "last", "path": path}, {"const": value}]}


def _unexplained(traces: Sequence[Trace], names: Sequence[Sequence[str]]) -> float:
    """Share of the calls that were accepted, and that no statement stands for."""
    calls = [
        name
        for trace, of in zip(traces, names, strict=True)
        for e, name in zip(trace.played, of, strict=True)
        if e.error is None
    ]
    return round(calls.count("") / max(1, len(calls)), 3)


def _explained(
    traces: Sequence[Trace], env_class: type[ToolEnv[Any]], sources: Sources
) -> tuple[list[Choice], list[Uses]]:
    """What explains every argument: selections first, then all else, the selected rows included."""
    tools = {event.tool for trace in traces for event in trace.played}
    arguments = {name: action.parameters for name, action in env_class.actions.items() if name in tools}
    uses = uses_of(traces, sources, arguments)
    declines = {tool for tool in tools if env_class.profile().ends(tool) and tool not in env_class.goals}
    tariffs = [
        {"lookup": [[None, 0], [0, 0], *map(list, table.items())], "of": {"param": name}}
        for name, table in env_class.tariffs.items()
    ]
    choices = choices_of(uses, Scene(traces, sources, declines, tariffs))
    if not choices:
        return choices, uses
    bound = replace(sources, bound=[choice.stmt for choice in choices])
    return choices, uses_of(traces, bound, arguments)


def _symbols(traces: Sequence[Trace], uses: Sequence[Uses], choices: Sequence[Choice]) -> Iterator[Symbol]:
    """The statements that the calls amount to, the most frequent first."""
    by_tool: dict[str, list[Uses]] = defaultdict(list)
    for use in uses:
        by_tool[use.tool].append(use)
    calls = _calls(traces)
    for tool, places in sorted(calls.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        signed = _signed(by_tool[tool], places, choices)
        kept = sorted(signed.items(), key=lambda pair: (-len(pair[1][1]), pair[0]))
        least = max(2, NOISE * len(traces))
        for count, (_, (args, mine)) in enumerate(
            p for p in kept if len(p[1][1]) >= least or _is_asked(p[1][0])
        ):
            yield Symbol(tool if count == 0 else f"{tool}_{count + 1}", tool, args, frozenset(mine))


def _is_asked(args: Mapping[str, Expr]) -> bool:
    """Whether a call's arguments are all the task's own, so that one example says enough."""
    return bool(args) and all("param" in expr for expr in args.values())


def _calls(traces: Sequence[Trace]) -> dict[str, list[Place]]:
    """The calls of each tool that were not refused."""
    found: dict[str, list[Place]] = defaultdict(list)
    for number, trace in enumerate(traces):
        for place, event in enumerate(trace.played):
            if event.error is None:
                found[event.tool].append((number, place))
    return found


Signed = dict[str, tuple[dict[str, Expr], list[Place]]]


def _signed(uses: Sequence[Uses], places: Sequence[Place], choices: Sequence[Choice]) -> Signed:
    """A tool's calls by the expressions of their arguments; calls that nothing explains are left out."""
    rules = {use.argument: _rules(use, choices, len(places)) for use in uses}
    signed: Signed = {}
    for place in places:
        args: dict[str, Expr] = {}
        for name, found in rules.items():
            rule = next((each for each in found if place in each.places), None)
            if rule is None:
                break
            args[name] = rule.expr
        else:
            signed.setdefault(key_of(args), (args, []))[1].append(place)
    return signed


def _rules(use: Uses, choices: Sequence[Choice], calls: int) -> list[Explanation]:
    extra = [
        Explanation(choice.value, choice.places)
        for choice in choices
        if (choice.tool, choice.argument) == (use.tool, use.argument)
    ]
    if any("key" in choice.stmt["from"] for choice in choices if choice.argument == use.argument and extra):
        use = use.as_rows()
    found = explanations(use, extra, least=min(calls, max(2, round(NOISE * calls))))
    explained = {place for each in found for place in each.places}
    if len(explained) < FREE_BELOW * len(use.values):
        return [Explanation({"param": use.argument}, frozenset(use.values))]
    return found


def _names(traces: Sequence[Trace], symbols: Sequence[Symbol]) -> list[list[str]]:
    """By trace and call: the statement that it is; empty for what is none."""
    names = [[""] * len(trace.played) for trace in traces]
    for symbol in symbols:
        for number, place in symbol.places:
            names[number][place] = symbol.id
    return names


def _examples(
    traces: Sequence[Trace],
    names: Sequence[Sequence[str]],
    features: Sequence[Feature],
    selections: Mapping[str, Mapping[str, Any]],
) -> Iterator[Example]:
    """Every decision with what could be seen when it was made."""
    for number, trace in enumerate(traces):
        known: Known | None = None
        for place, event, known in replayed(trace, names[number]):
            if names[number][place] and event.via_skill is None:
                _bind(known, selections)
                yield Example(values_of(features, known), names[number][place], number)
        ended = trace.played and trace.outcome
        if known is not None and not ended:
            _bind(known, selections)
            yield Example(values_of(features, known), END, number)


def _bind(known: Known, selections: Mapping[str, Mapping[str, Any]]) -> None:
    for stmt in selections.values():
        bind_choice(stmt, known)
