"""Skill answers: what clients are told of skills: which there are, which one suits, what came of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from practicum.envs import ActionError, Step
from practicum.envs.errors import nearest
from practicum.mcp_server.calls import Caller, Pending, Ran, SkillCall
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.results import step_body
from practicum.mcp_server.skill_tools import SkillTool
from practicum.memory import Redactor
from practicum.skills.interpreter import Stop
from practicum.skills.library import Entry

BY_HAND = "play with the environment's own tools"
WAY_ON = "nothing was undone: go on by hand from here, with the environment's own tools"

Body = dict[str, Any]


def playable(practice: Practice, principal: str, env: str | None = None) -> list[Entry]:
    """The published skills that a principal may run in what is served here, shown as tools or not."""
    envs = {served.env_class.env_id() for served in practice.served.values()}
    return [entry for entry in practice.library.entries(principal, env) if entry.skill.env_id in envs]


def no_skill(name: str, entries: Sequence[Entry]) -> str:
    """What a client is told who asks for a skill that there is not."""
    known = [entry.skill.name for entry in entries]
    has = f"it has {', '.join(known)}" if known else f"it has none yet; {BY_HAND}"
    return f"the library has no skill {name!r}{nearest(name, known)}; {has}"


def skill_body(entry: Entry) -> Body:
    """A skill as a search shows it."""
    skill = entry.skill
    return {
        "name": skill.name,
        "env": skill.env_id,
        "description": skill.description,
        "arguments": skill.params,
        "uses": entry.uses,
        "successes": entry.successes,
    }


def suggestion_body(entry: Entry | None, params: Mapping[str, Any]) -> Body | None:
    """A skill that suits a task, with the arguments that it would be run with; None for by hand.

    What the schema does not take, as 0 instalments where it takes 3, 6 or 12, is left out: it is the task's.
    """
    if entry is None:
        return None
    takes = SkillTool(entry).takes
    given = {name: value for name, value in params.items() if value is not None and takes(name, value)}
    return {"skill": entry.skill.name, "arguments": given}


async def run_tool(
    practice: Practice, caller: Caller, session_id: str | None, tool: SkillTool, call: SkillCall
) -> Ran | Pending:
    """Run a skill; one that has been taken away since answers only for runs that there were.

    Raises:
        ActionError: nothing was played and no turn is taken.
    """
    if tool.entry.status == "published":
        tool.check(call.arguments)
        return await practice.run_skill(caller, session_id, call)
    ran = None if call.turn is None else practice.ran(caller, session_id, call)
    if ran is not None:
        return ran
    status = tool.entry.status
    raise ActionError(f"{tool.name} is {status} and does not run; go on with the environment's own tools")


def run_body(ran: Ran, redactor: Redactor, *, hide_rewards: bool) -> dict[str, Any]:
    """The structured result of a skill's run: as of one step, and what is needed to go on by hand.

    Args:
        ran: the run.
        redactor: of the session; it hides secrets in what the skill was given and has chosen.
        hide_rewards: leave out what the calls were worth.
    """
    last = ran.steps[-1]
    terms: Counter[str] = Counter()
    for step in ran.steps:
        terms.update(step.terms)
    whole_run = replace(last, reward=sum(step.reward for step in ran.steps), terms=dict(terms), error=None)
    body = {"skill": ran.skill, **step_body(ran.session, whole_run, hide_rewards=hide_rewards)}
    body |= {"first_turn": ran.steps[0].turn, "calls": ran.finish.calls, "finished": ran.finish.finished}
    if last.noted or last.refused:
        del body["result"]
    if ran.finish.stop is not None:
        body["stop"] = _stop_body(ran, ran.finish.stop, redactor)
    if not last.done:
        body |= _shown_before(ran.steps, redactor)
    return body


def _shown_before(steps: Sequence[Step], redactor: Redactor) -> dict[str, Any]:
    """What the looks of a run showed before its last call, for an agent that goes on with it."""
    looks = [step for step in steps[:-1] if step.read_only and not step.refused]
    shown = [{**_done(step, redactor), "result": step.result} for step in looks]
    return {"shown": shown} if shown else {}


def _stop_body(ran: Ran, stop: Stop, redactor: Redactor) -> dict[str, Any]:
    return {
        "reason": stop.reason,
        "where": stop.where,
        "detail": redactor.text(stop.detail),
        "remaining": list(stop.remaining),
        "way_on": WAY_ON,
        "done": [_done(step, redactor) for step in ran.steps if not step.noted],
        "bindings": redactor.value(dict(ran.finish.bindings)),
    }


def _done(step: Step, redactor: Redactor) -> dict[str, Any]:
    refused = {} if step.error is None else {"error": redactor.text(step.error)}
    return {"turn": step.turn, "tool": step.tool, "arguments": redactor.value(step.arguments), **refused}
