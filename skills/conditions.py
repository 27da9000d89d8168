"""Conditions: what a program needs to begin and before it ends a task, and what it expects after calls."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from practicum.envs import ToolEnv
from practicum.skills.arguments import expr_of, key_of
from practicum.skills.flow import Example, Feature
from practicum.skills.guards import EITHER, implied, meaning
from practicum.skills.ingest import Trace
from practicum.skills.known import Known
from practicum.skills.language import nodes_in
from practicum.skills.roles import sort_parameters
from practicum.skills.values import MISSING, at_path

LEAST_EXPECTED = 8
"""Calls after which a control field had one value, for that value to be expected."""
HARDLY = 0.1
"""Share of the sessions in which hardly any asked for something."""
SURELY = 0.95
"""Share of a call's examples in which something was so, for it to bar the call where it is not."""
NEARLY_ALWAYS = 0.85
"""Share of the calls that end a task, before which something was so, for them to need it."""


def preconditions(
    traces: Sequence[Trace], env_class: type[ToolEnv[Any]], body: Sequence[Any]
) -> Iterator[dict[str, Any]]:
    """What sort of task it was, where the world names the sorts, and that it asks for nothing unexplained.

    What hardly any task asked for, such as to pay in instalments, and no part of the program has a use for,
    is left to agents.
    """
    for name in sort_parameters(env_class):
        value = traces[0].params.get(name)
        if isinstance(value, str) and all(trace.params.get(name) == value for trace in traces):
            yield {"eq": [{"param": name}, {"const": value}]}
    used = {node["param"] for node in nodes_in(body) if "param" in node and "lookup" not in node}
    done = [t for t in traces if any(event.tool in env_class.goals for event in t.played)] or traces
    for name in sorted({name for trace in traces for name in trace.params}):
        given = [trace.params.get(name) for trace in done]
        asked = sum(bool(value) for value in given)
        if all(value is None or type(value) is int for value in given) and (
            not asked or (name not in used and asked <= HARDLY * len(done))
        ):
            yield {"not": {"truthy": {"param": name}}}


def limits_kept(traces: Sequence[Trace], features: Sequence[Feature]) -> Iterator[dict[str, Any]]:
    """How the numbers of the first observation stood to the limits of the same name in every session."""
    openings = [Known(trace.params, trace.opening) for trace in traces]
    limits = [feature for feature in features if feature.binding == EITHER]
    values = [{meaning(feature.on, known) for known in openings} for feature in limits]
    kept = [(each, True in of) for each, of in zip(limits, values, strict=True) if of in ({True}, {False})]
    for feature, is_so in _strictest(kept):
        (how, (number, limit)), *_ = feature.on.items()
        pred = {how: [{**number, "ref": "open"}, limit]}
        yield pred if is_so else {"not": pred}


def _strictest(conditions: Sequence[tuple[Feature, bool]]) -> Iterator[tuple[Feature, bool]]:
    """The conditions without those that follow from others: what is below a limit is not above it."""
    for feature, is_so in conditions:
        if all(
            implied(feature.on, other.on, value) is not is_so
            for other, value in conditions
            if other is not feature
        ):
            yield feature, is_so


def needed(
    name: str, examples: Sequence[Example], features: Sequence[Feature]
) -> Iterator[tuple[Feature, bool]]:
    """What was so nearly whenever a call was made that ends a task: all was looked at, the best is held."""
    made = [example.values for example in examples if example.next == name]
    often = [
        (feature, is_so)
        for place, feature in enumerate(features)
        for is_so in feature.binding
        if sum(of[place] is is_so for of in made) >= max(1, NEARLY_ALWAYS * len(made))
    ]
    return _strictest(often)


def barred(
    name: str, examples: Sequence[Example], features: Sequence[Feature], wrong: Sequence[Any]
) -> tuple[Feature, Any] | None:
    """The cheapest guard that nearly always held before a call, and not where it was wrong; None without.

    Args:
        name: the call.
        examples: the decisions of the sessions.
        features: what guards may look at.
        wrong: the values of the features where a program made the call and should not have.
    """
    made = [example.values for example in examples if example.next == name]
    held = (
        (place, feature, _usual([of[place] for of in made]))
        for place, feature in enumerate(features)
        if "after" not in feature.on
    )
    telling = [(feature, value) for place, feature, value in held if value not in (MISSING, wrong[place])]
    return min(telling, key=lambda pair: pair[0].bits, default=None)


def _usual(values: Sequence[Any]) -> Any:
    """The value that nearly all are; MISSING where there is none."""
    counted = Counter(map(key_of, (value for value in values if value is not MISSING)))
    key, count = next(iter(counted.most_common(1)), ("", 0))
    return expr_of(key) if count and count >= SURELY * len(values) else MISSING


def expected(
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
