"""Resources: transcripts of one's own sessions; data sheets and handbooks of environments; skill cards."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator
from textwrap import indent

import mcp_types as types
from mcp.shared.exceptions import MCPError

from practicum.envs import ActionError, Step, UsageError
from practicum.mcp_server.bindings import Binding, Scoped
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.results import readable
from practicum.mcp_server.served import Served, find_served
from practicum.mcp_server.skill_answers import no_skill, playable
from practicum.memory import Redactor, Session, redactor_of
from practicum.skills.library import Entry
from practicum.skills.naming import fingerprint
from practicum.skills.text import as_text

logger = logging.getLogger(__name__)

SESSION = "practicum://sessions/"
ENVIRONMENT = "practicum://environments/"
HANDBOOK = "practicum://handbooks/"
SKILL = "practicum://skills/"
PAGE = 50
"""Sessions on one page of the list."""


def listed(practice: Practice, binding: Binding, cursor: str | None) -> types.ListResourcesResult:
    """Data sheets, handbooks and skill cards on the first page, then the caller's sessions, newest first.

    Raises:
        MCPError: the cursor is none of ours.
    """
    if cursor is not None:
        _check_cursor(practice, binding, cursor)
    found = _own(practice, binding, cursor)
    sheets = _first_page(practice, binding) if cursor is None else []
    following = found[-1].id if len(found) == PAGE else None
    return types.ListResourcesResult(
        resources=[*sheets, *(_session_entry(session) for session in found)], next_cursor=following
    )


def _check_cursor(practice: Practice, binding: Binding, cursor: str) -> None:
    known = binding.admits(cursor) and practice.sessions.get(cursor, binding.caller.principal) is not None
    if not known:
        raise MCPError(types.INVALID_PARAMS, f"Unknown cursor: {cursor!r}")


def _own(practice: Practice, binding: Binding, before: str | None) -> list[Session]:
    if isinstance(binding, Scoped):
        return [practice.session(binding.caller, binding.session_id)] if binding.session_id else []
    return practice.sessions.list(binding.caller.principal, limit=PAGE, before=before)


def _first_page(practice: Practice, binding: Binding) -> list[types.Resource]:
    worlds = practice.served.values()
    sheets = [_sheet_entry(served) for served in worlds]
    books = [_book_entry(served) for served in worlds if _handbook(served)]
    return [*sheets, *books, *(_card_entry(entry) for entry in _skills(practice, binding))]


def _skills(practice: Practice, binding: Binding) -> list[Entry]:
    env = binding.env if isinstance(binding, Scoped) else None
    return playable(practice, binding.caller.principal, env)


def _card_entry(entry: Entry) -> types.Resource:
    return types.Resource(
        uri=SKILL + entry.skill.name,
        name=f"{entry.skill.name} skill card",
        description=entry.skill.description,
        mime_type="text/markdown",
    )


def _sheet_entry(served: Served) -> types.Resource:
    return types.Resource(
        uri=ENVIRONMENT + served.name,
        name=f"{served.env_class.env_id()} data sheet",
        description=(inspect.getdoc(served.env_class) or "").partition("\n")[0],
        mime_type="text/markdown",
    )


def _book_entry(served: Served) -> types.Resource:
    return types.Resource(
        uri=HANDBOOK + served.name,
        name=f"{served.env_class.env_id()} handbook",
        description="What agents may read beside the tools, such as a policy.",
        mime_type="text/markdown",
    )


def _session_entry(session: Session) -> types.Resource:
    state = "open" if session.ended_at is None else "ended"
    return types.Resource(
        uri=SESSION + session.id,
        name=f"{session.task.env_id} session, {session.steps} turns, {state}",
        mime_type="text/markdown",
    )


def templates() -> types.ListResourceTemplatesResult:
    """The kinds of address."""
    return types.ListResourceTemplatesResult(
        resource_templates=[
            types.ResourceTemplate(
                uri_template=SESSION + "{session_id}",
                name="Session transcript",
                description="Every turn of a session: call, result, reward.",
                mime_type="text/markdown",
            ),
            types.ResourceTemplate(
                uri_template=ENVIRONMENT + "{env}",
                name="Environment data sheet",
                description="Goal, tools and rewards of an environment.",
                mime_type="text/markdown",
            ),
            types.ResourceTemplate(
                uri_template=HANDBOOK + "{env}",
                name="Environment handbook",
                description="What agents may read of an environment beside its tools, such as a policy.",
                mime_type="text/markdown",
            ),
            types.ResourceTemplate(
                uri_template=SKILL + "{name}",
                name="Skill card",
                description="Program and evidence of a skill.",
                mime_type="text/markdown",
            ),
        ]
    )


def read(practice: Practice, binding: Binding, uri: str) -> types.ReadResourceResult:
    """The text behind an address.

    Raises:
        MCPError: nothing is there that the caller may see.
    """
    try:
        text = _text_at(practice, binding, uri)
    except ActionError as error:
        raise MCPError(types.INVALID_PARAMS, str(error), data={"uri": uri}) from None
    content = types.TextResourceContents(uri=uri, mime_type="text/markdown", text=text)
    return types.ReadResourceResult(contents=[content])


def _text_at(practice: Practice, binding: Binding, uri: str) -> str:
    if uri.startswith(SESSION):
        return transcript(practice, binding, shown_session(practice, binding, uri.removeprefix(SESSION)))
    if uri.startswith(ENVIRONMENT):
        return data_sheet(find_served(practice.served, uri.removeprefix(ENVIRONMENT)))
    if uri.startswith(HANDBOOK):
        found = find_served(practice.served, uri.removeprefix(HANDBOOK))
        if book := _handbook(found):
            return book
        raise ActionError(f"{found.name} has no handbook; {ENVIRONMENT}{found.name} is its data sheet")
    if uri.startswith(SKILL):
        return _card(practice, binding, uri.removeprefix(SKILL))
    raise ActionError(f"no resource {uri}")


def _card(practice: Practice, binding: Binding, name: str) -> str:
    entries = _skills(practice, binding)
    found = next((entry for entry in entries if entry.skill.name == name), None)
    if found is None:
        raise ActionError(no_skill(name, entries))
    return skill_card(found)


def _handbook(served: Served) -> str:
    """What agents may read of an environment beside its tools; empty where there is nothing, or not now."""
    try:
        return served.env_class.handbook(**served.settings)
    except UsageError as error:
        logger.warning("the handbook of %s cannot be read: %s", served.name, error)
        return ""


def shown_session(practice: Practice, binding: Binding, session_id: str) -> Session:
    """A session by the id that a client gave, if its connection may see it.

    Raises:
        ActionError: it may not, or there is none.
    """
    if not binding.admits(session_id):
        raise ActionError(f"no session {session_id!r} at this endpoint")
    return practice.session(binding.caller, session_id)


def transcript(practice: Practice, binding: Binding, session: Session) -> str:
    """A session as Markdown, without its secrets; rewards only where the caller may see them."""
    hidden = binding.hides(session)
    redactor = redactor_of(practice.sessions, session)
    instruction = redactor.text(session.task.instruction)
    lines = [f"# {session.task.env_id} session {session.id}", "", instruction, ""]
    for step in practice.sessions.steps(session.id):
        lines.extend(_turn(step, redactor, hidden=hidden))
    if session.ended_at is not None:
        lines.append(f"Ended ({session.reason}).")
        if not hidden:
            outcome = readable(redactor.value(session.outcome))
            lines.append(f"Return {session.total_reward:.2f}. Outcome: {outcome}")
    return "\n".join(lines)


def _turn(step: Step, redactor: Redactor, *, hidden: bool) -> Iterator[str]:
    by = f" by {step.via_skill}" if step.via_skill and not step.noted else ""
    yield f"## Turn {step.turn}{by}: {step.tool}({readable(redactor.value(step.arguments))})"
    if step.thought:
        yield f"> {redactor.text(step.thought)}"
    shown = redactor.value(step.result if step.error is None else step.error)
    yield readable(shown) if step.error is None else f"Error: {shown}"
    if not hidden:
        terms = ", ".join(f"{name} {value:+.2f}" for name, value in step.terms.items())
        yield f"Reward {step.reward:+.2f}: {terms}"
    yield ""


def skill_card(entry: Entry) -> str:
    """A skill as Markdown: what agents read of it, its program, what speaks for it."""
    skill = entry.skill
    lines = [f"# {skill.name}", "", skill.description, "", f"Environment: {skill.env_id}", ""]
    lines += [f"Version {skill.version}, fingerprint {fingerprint(skill)}", "", "## Arguments", ""]
    for name, shape in skill.params.get("properties", {}).items():
        lines.append(f"- `{name}` ({shape['type']}): {shape['description']}")
    lines += ["", "## Program", "", indent(as_text(skill), "    "), "", "## Evidence", ""]
    tried = entry.hits + entry.misses
    lines.append(f"- Verification: {entry.hits} of {tried} tasks that it was not made from")
    lines.append(f"- Uses: {entry.uses}, of which {entry.successes} did their job and {entry.stops} stopped")
    whose = "everybody on this server" if entry.shared else "you alone"
    lines.append(f"- Seen by: {whose}")
    return "\n".join(lines)


def data_sheet(served: Served) -> str:
    """What an environment is, as Markdown."""
    env = served.env_class
    lines = [
        f"# {env.env_id()}",
        "",
        inspect.getdoc(env) or "",
        "",
        f"Domain: {env.domain}",
        "",
        "## Tools",
        "",
    ]
    for name, tool in env.actions.items():
        arguments = ", ".join(tool.parameters)
        lines.append(f"- `{name}({arguments})`: {tool.description}")
    lines += ["", "## Rewards", ""]
    lines += [f"- {name}: {value:+g}" for name, value in env.rewards.items()]
    handbook = _handbook(served)
    return "\n".join([*lines, "", handbook] if handbook else lines)
