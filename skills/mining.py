"""Mining: from the traces of sessions that went well to a program that does the job."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
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
    key_of,
    replayed,
    text_paths,
    uses_of,
)
from practicum.skills.asked import Asked
from practicum.skills.choices import Choice, Scene, bind_choice, choices_of
from practicum.skills.conditions import barred, expected, limits_kept, needed, preconditions
from practicum.skills.flow import Example, Feature, Tree, Way, expanded, grow
from practicum.skills.guards import features_of, other_held, told_below, values_of
from practicum.skills.ingest import Trace
from practicum.skills.known import Known
from practicum.skills.language import Skill
from practicum.skills.program import END, body_of, needs_of
from practicum.skills.repeats import looped, repeats_of

LEAST_TASKS = 3
"""Tasks that a program is mined from at least."""
MOST_TRACES = 120
NOISE = 0.04
"""Share of the sessions, as many calls as which a statement needs; fewer are chance."""
NO_ARGUMENTS: Mapping[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
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


def mine(
    traces: Sequence[Trace],
    env_class: type[ToolEnv[Any]],
    *,
    wrong: Sequence[Trace] = (),
    between_turns: bool = False,
) -> Skill | None:
    """The program that explains what agents did; None where too little is alike.

    What a skill's own calls did is no example, but what an agent did after its stop is.

    Args:
        traces: sessions that succeeded, of one environment and goal, in any order.
        env_class: their environment.
        wrong: what programs mined from them did that came to no right end, a call at least; the last of each
            is barred.
        between_turns: they are parts between two turns with somebody. What to look at more than was looked at
            costs nothing but calls, what to change is the caller's alone to say.

    Returns:
        A skill without a name of its own, arguments and description.
    """
    traces = sorted(traces, key=lambda trace: (trace.task, trace.session))[:MOST_TRACES]
    if len({trace.task for trace in traces}) < LEAST_TASKS:
        return None
    return _program(traces, env_class, wrong, between_turns=between_turns)


def _program(
    traces: Sequence[Trace], env_class: type[ToolEnv[Any]], wrong: Sequence[Trace], *, between_turns: bool
) -> Skill | None:
    looks, asked = _by_effect(env_class) if between_turns else (set(), set())
    repeats = repeats_of(traces, looks)
    sources = Sources(env_class.forms, text_paths(traces), looked_up=repeats, shown_by=looks)
    choices, uses = _explained(traces, env_class, sources)
    symbols = list(_symbols(traces, uses, choices, env_class, asked=Asked(traces, asked, repeats)))
    names = _names(traces, symbols)
    features, selections = _visible(traces, symbols, choices, sources, env_class)
    later = {place for repeat in repeats.values() for place in repeat.later}
    examples = list(_examples(traces, names, features, selections, later=later))
    if not examples:
        return None
    only_looks = all(symbol.tool in looks for symbol in symbols)
    expects = {} if only_looks else expected(traces, names, env_class.control)
    decided = _Decided(symbols, selections, features, examples, expects)
    body = looped(_body(decided, env_class, wrong), repeats)
    program = Skill("skill", 1, env_class.name, env_class.version, NO_ARGUMENTS, tuple(body))
    if not between_turns:
        pre = (*preconditions(traces, env_class, body), *limits_kept(traces, features))
        program = replace(program, pre=pre)
    return replace(program, evidence={"traces": len(traces), "unexplained": _unexplained(traces, names)})


def _visible(
    traces: Sequence[Trace],
    symbols: Sequence[Symbol],
    choices: Sequence[Choice],
    sources: Sources,
    env_class: type[ToolEnv[Any]],
) -> tuple[list[Feature], dict[str, dict[str, Any]]]:
    """What guards may look at, and the selections that stand behind some of it."""
    selections = {choice.stmt["id"]: dict(choice.stmt) for choice in choices}
    given, rows = sorted(_given(symbols, traces)), list(selections.values())
    return features_of(traces, rows, sources, control=env_class.control, given=given), selections


def _by_effect(env_class: type[ToolEnv[Any]]) -> tuple[set[str], set[str]]:
    """The tools that can change nothing, and the others."""
    looks = {name for name, action in env_class.actions.items() if action.read_only}
    return looks, set(env_class.actions) - looks


@dataclass(frozen=True)
class _Decided:
    """What agents decided, and what they could see."""

    symbols: Sequence[Symbol]
    selections: Mapping[str, dict[str, Any]]
    features: Sequence[Feature]
    examples: Sequence[Example]
    expects: Mapping[str, Mapping[str, Any]]


def _body(decided: _Decided, env_class: type[ToolEnv[Any]], wrong: Sequence[Trace]) -> list[dict[str, Any]]:
    """The statements that do what agents did, and not what was wrong."""
    symbols, selections, features = decided.symbols, decided.selections, decided.features
    calls: dict[str, dict[str, Any]] = {
        symbol.id: {**symbol.as_call(), **decided.expects.get(symbol.id, {})} for symbol in symbols
    }
    ways = list(_ways(calls, selections, features))
    tree = _flow(decided.examples, features, ways, _alternatives(symbols, env_class))
    final = [s for s in symbols if s.tool in env_class.goals or env_class.profile().ends(s.tool)]
    requires = {symbol.id: list(_required(symbol, decided, wrong)) for symbol in final}
    return body_of(tree, calls, selections, kin=_kin(symbols, env_class), requires=requires)


def _required(symbol: Symbol, decided: _Decided, wrong: Sequence[Trace]) -> Iterator[tuple[Feature, Any]]:
    """What must be so for a last call to be made: what always was, and was not where it was wrong."""
    yield from needed(symbol.id, decided.examples, decided.features)
    for trace in wrong:
        if trace.played[-1].tool == symbol.tool:
            seen = _seen_last(trace, decided.features, decided.selections)
            bar = barred(symbol.id, decided.examples, decided.features, seen)
            if bar is not None:
                yield bar


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


def _ways(
    calls: Mapping[str, Any], selections: Mapping[str, Mapping[str, Any]], features: Sequence[Feature]
) -> Iterator[Way]:
    """What holds all over a program.

    A call needs its rows, what is held should be what would be taken, and a number that is told with the most
    that it can be is not raised above that.
    """
    raised = {name: list(_raised(of["args"])) for name, of in calls.items()}
    for feature in features:
        field = told_below(feature.on)
        raising = frozenset(name for name, fields in raised.items() if field is not None and field in fields)
        if raising:
            yield Way(feature.on, raising, elsewhere=False)
    for name, stmt in selections.items():
        needing = frozenset(call for call, of in calls.items() if name in needs_of(of["args"]))
        yield Way({"missing": {"row": name, "path": ""}}, needing)
        if "held" in stmt["distinct"] and "key" in stmt["from"]:
            yield Way(other_held(stmt), where={"missing": stmt["distinct"]["held"]})


def _raised(args: Mapping[str, Expr]) -> Iterator[Expr]:
    """What was told, to which a call's arguments add something."""
    yield from (expr["of"] for expr in args.values() if "shift" in expr and "field" in expr["of"])


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
    decided = tools - set(sources.looked_up)
    arguments = {name: action.parameters for name, action in env_class.actions.items() if name in decided}
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


def _symbols(
    traces: Sequence[Trace],
    uses: Sequence[Uses],
    choices: Sequence[Choice],
    env_class: type[ToolEnv[Any]],
    *,
    asked: Asked,
) -> Iterator[Symbol]:
    """The statements that the calls amount to, the most frequent first.

    What tools that are `asked` for are given is the caller's to say.
    """
    by_tool: dict[str, list[Uses]] = defaultdict(list)
    for use in uses:
        by_tool[use.tool].append(use)
    calls = _calls(traces)
    for tool, places in sorted(calls.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        own = by_tool[tool]
        signed = _as_asked(own, places, asked) if tool in asked.tools else _signed(own, places, choices)
        kept = sorted(signed.items(), key=lambda pair: (-len(pair[1][1]), pair[0]))
        least = 1 if env_class.profile().ends(tool) else max(2, NOISE * len(traces))
        told = [each for _, each in kept if len(each[1]) >= least or _is_told(each[0])]
        for count, (args, mine) in enumerate(told):
            yield Symbol(tool if count == 0 else f"{tool}_{count + 1}", tool, args, frozenset(mine))


def _is_told(args: Mapping[str, Expr]) -> bool:
    """Whether a call's arguments, if it has any, are all the task's own, so that one example says enough."""
    return all("param" in expr for expr in args.values())


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


def _as_asked(uses: Sequence[Uses], places: Sequence[Place], asked: Asked) -> Signed:
    """A tool's calls as one statement."""
    args = {use.argument: asked.argument(use) for use in uses}
    return {key_of(args): (args, list(places))}


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
    *,
    later: Collection[Place],
) -> Iterator[Example]:
    """Every decision with what could be seen when it was made; nobody decided on calls that come `later`."""
    for number, trace in enumerate(traces):
        known: Known | None = None
        for place, event, known in replayed(trace, names[number]):
            is_first = (number, place) not in later
            if names[number][place] and event.via_skill is None and is_first:
                _bind(known, selections)
                yield Example(values_of(features, known), names[number][place], number)
        ended = trace.played and trace.outcome
        if known is not None and not ended:
            _bind(known, selections)
            yield Example(values_of(features, known), END, number)


def _seen_last(
    trace: Trace, features: Sequence[Feature], selections: Mapping[str, Mapping[str, Any]]
) -> list[Any]:
    """What could be seen before a trace's last call."""
    last = len(trace.played) - 1
    known = next(known for place, _, known in replayed(trace) if place == last)
    _bind(known, selections)
    return values_of(features, known)


def _bind(known: Known, selections: Mapping[str, Mapping[str, Any]]) -> None:
    for stmt in selections.values():
        bind_choice(stmt, known)
