"""Choices: arguments that are rows of what was shown, and the rule by which agents chose them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from practicum.skills.arguments import Expr, Place, Sources, Uses, days_around, key_of, replayed, scalars_in
from practicum.skills.expressions import evaluate
from practicum.skills.ingest import Event, Trace
from practicum.skills.known import Known
from practicum.skills.rows import candidates, chosen
from practicum.skills.selection import Case, Rule, find_rule
from practicum.skills.sightings import Column, Telling, held_at, table_of, tellings
from practicum.skills.values import MISSING, same

Stmt = Mapping[str, Any]
LEAST_SHARE = 0.5
"""Share of an argument's values that must stand in a list for it to be a choice among its rows."""
EXPLAINED = 0.97
"""Share of an argument's values that something simpler explains, so that no rule is looked for."""


@dataclass(frozen=True)
class Choice:
    """A selection, and the calls that are given what it selects."""

    stmt: Stmt
    value: Expr
    """The expression of the argument."""
    tool: str
    argument: str
    places: frozenset[Place] = frozenset()


@dataclass(frozen=True)
class Scene:
    """What choices are explained by."""

    traces: Sequence[Trace]
    sources: Sources
    declines: Collection[str]
    """Tools that end a session where nothing would do."""
    tariffs: Sequence[Expr] = ()
    """What the task adds to a price, in percent."""
    offers: Sequence[Telling] = ()
    within: Sequence[Expr] = ()
    """Lists that the task gives."""
    before: Sequence[Choice] = ()
    """Choices that are made before."""


def choices_of(uses: Sequence[Uses], scene: Scene) -> list[Choice]:
    """The selections that explain arguments which nothing simpler does; those of days come first."""
    days = [choice for use in uses if (choice := _of_days(use, scene)) is not None]
    timed = {(choice.tool, choice.argument) for choice in days}
    offers = list(tellings(scene.traces, scene.sources.forms, scene.sources.texts))
    scene = replace(scene, offers=offers, within=[choice.stmt["from"] for choice in days])
    found: list[Choice] = []
    for use in uses:
        if (use.tool, use.argument) not in timed:
            before = [choice for choice in found if choice.tool == use.tool]
            choice = _of_rows(use, replace(scene, before=before))
            found += [choice] if choice is not None else []
    return [*days, *found]


def _simple(use: Uses) -> int:
    """The most calls that one simple expression explains; constants do not count."""
    wide = (places for key, places in use.explained.items() if '"const"' not in key)
    return max((len(places) for places in wide), default=0)


def _of_days(use: Uses, scene: Scene) -> Choice | None:
    """A date that goes through the days around another, the nearest first."""
    best: Choice | None = None
    for days in days_around(use, scene.traces):
        name = f"{use.tool}_{use.argument}"
        stmt = {"do": "select", "id": name, "from": days, "by": "first", "distinct": {"tool": use.tool}}
        choice = _tried(Choice(stmt, {"row": name, "path": ""}, use.tool, use.argument), scene)
        if len(choice.places) > max(_simple(use), len(best.places) if best else 0):
            best = choice
    return best


def _of_rows(use: Uses, scene: Scene) -> Choice | None:
    """A row of a table that a rule selects."""
    if not use.rows or len(use.values) < 2:
        return None
    (path, name), places = max(use.rows.items(), key=lambda pair: (len(pair[1]), pair[0]))
    given = sum(value is not None for value in use.values.values())
    if len(places) < LEAST_SHARE * given or _simple(use) >= EXPLAINED * given:
        return None
    distinct: dict[str, Any] = {"tool": use.tool}
    held = held_at(use.tool, use.argument, scene.traces, table=path)
    if held is not None:
        distinct["held"] = held
    table = table_of(Column(path, name), scene.traces)
    stmt = {"do": "select", "id": f"{use.tool}_{use.argument}", "from": table, "distinct": distinct}
    ruled = _ruled(stmt, use, scene)
    if ruled is None:
        return None
    choice = _tried(Choice(ruled, {"row": ruled["id"], "path": f"/{name}"}, use.tool, use.argument), scene)
    return choice if len(choice.places) > _simple(use) else None


def _ruled(stmt: Stmt, use: Uses, scene: Scene) -> Stmt | None:
    """The selection with the rule that saves most bits, joined to what was offered or alone."""
    best: tuple[float, Stmt] | None = None
    for offer in (None, *scene.offers):
        rule = find_rule(
            list(_cases(stmt, use, scene, offer)),
            unused=_unused(scene.traces),
            within=scene.within,
            tariffs=scene.tariffs,
            joined=offer is not None,
        )
        if rule is not None and (best is None or rule.saved > best[0]):
            best = (rule.saved, _with_rule(stmt, rule, offer))
    return best[1] if best else None


def _unused(traces: Sequence[Trace]) -> frozenset[str]:
    """Task parameters that differ between tasks, and so must mean something."""
    names = {name for trace in traces for name in trace.params}
    values = {name: {key_of({"is": trace.params.get(name)}) for trace in traces} for name in names}
    return frozenset(name for name, found in values.items() if len(found) > 2)


def _with_rule(stmt: Stmt, rule: Rule, offer: Telling | None) -> Stmt:
    own = [pred for pred in rule.where if not _is_joint(pred)]
    found: dict[str, Any] = {**stmt, "where": own, "by": rule.by}
    if offer is not None:
        found["join"] = {"from": offer.expr, "where": [pred for pred in rule.where if _is_joint(pred)]}
    return found


def _is_joint(pred: Mapping[str, Any]) -> bool:
    """Whether a predicate is between a joined column and one of the row's own."""
    names = [part.get("col", "") for part in next(iter(pred.values()))]
    return any(name.startswith("with.") for name in names) and all(names)


def _cases(stmt: Stmt, use: Uses, scene: Scene, offer: Telling | None) -> Iterator[Case]:
    """The choices that were made, those of an offer for a row that is held included."""
    open_stmt = {**stmt, "join": {"from": offer.expr, "where": []}} if offer else stmt
    for trace in scene.traces:
        for _, event, known in replayed(trace):
            made = None if event.error is not None else _made(event, known, stmt, use, scene, offer)
            if made is not None:
                for choice in scene.before:
                    bind_choice(choice.stmt, known)
                yield _case(open_stmt, known, *made)


Made = tuple[Any, tuple[str, Any] | None]
"""The key of the row that was chosen, None for none, and which field of the offer had which value."""


def _made(
    event: Event, known: Known, stmt: Stmt, use: Uses, scene: Scene, offer: Telling | None
) -> Made | None:
    """The choice that a call tells of; None where it tells of none."""
    if event.tool == use.tool and event.arguments.get(use.argument) is not None:
        return event.arguments[use.argument], None
    if event.tool in scene.declines:
        return None, None
    if offer is not None and event.tool == offer.tool and "held" in stmt["distinct"]:
        held = evaluate(stmt["distinct"]["held"], known)
        return held, (offer.field, event.arguments.get(offer.argument))
    return None


def _case(stmt: Stmt, known: Known, value: Any, offered: tuple[str, Any] | None) -> Case:
    rows = candidates(stmt, known)
    table = known.table(stmt["from"])
    here = table.context_at(len(known.seen))
    context = tuple(stmt["from"].get("with", {}))
    target = {
        place
        for place, row in enumerate(rows)
        if value is not None
        and same(row.get(stmt["from"]["key"]), value)
        and tuple(row.get(name, MISSING) for name in context) == here
        and (offered is None or same(row.get(f"with.{offered[0]}"), offered[1]))
    }
    if value is not None and not target:
        return Case((), frozenset(), {})
    kinds = len({str(row.get(f"with.{offered[0]}")) for row in rows} if offered else table.rows)
    return Case(rows, frozenset(target), {**known.params, **_bound(known)}, math.log2(kinds + 1))


def _bound(known: Known) -> dict[str, Any]:
    """The columns of the rows that were chosen before, as `selection/column`."""
    return {
        f"{name}{path}": value
        for name, row in known.rows.items()
        if row is not None
        for path, value in scalars_in(row)
    }


def _tried(choice: Choice, scene: Scene) -> Choice:
    """The choice with the calls that it explains."""
    places = set()
    for number, trace in enumerate(scene.traces):
        for place, event, known in replayed(trace):
            if event.tool == choice.tool and event.arguments.get(choice.argument) is not None:
                for stmt in (*(each.stmt for each in scene.before), choice.stmt):
                    bind_choice(stmt, known)
                if same(evaluate(choice.value, known), event.arguments[choice.argument]):
                    places.add((number, place))
    return replace(choice, places=frozenset(places))


def bind_choice(stmt: Stmt, known: Known) -> None:
    """Select a row, as the program would at this moment."""
    known.rows[stmt["id"]] = chosen(stmt, known, candidates(stmt, known))
