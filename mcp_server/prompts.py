"""Prompts: `practise` sends an agent into an environment, `debrief` has it look back at a session."""

from __future__ import annotations

from collections.abc import Mapping

import mcp_types as types
from mcp.shared.exceptions import MCPError

from practicum.envs import ActionError
from practicum.mcp_server.bindings import Binding
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.resources import shown_session, transcript
from practicum.mcp_server.served import find_served


def _argument(name: str, description: str, *, required: bool) -> types.PromptArgument:
    return types.PromptArgument(name=name, description=description, required=required)


PROMPTS = (
    types.Prompt(
        name="practise",
        description="Open a session in an environment and do its task.",
        arguments=[
            _argument("environment", "Environment to practise in.", required=True),
            _argument("goal", "What to pay attention to.", required=False),
        ],
    ),
    types.Prompt(
        name="debrief",
        description="Look back at a session: what went well, what to do differently.",
        arguments=[_argument("session", "Session id.", required=True)],
    ),
)


def listed() -> types.ListPromptsResult:
    """Both prompts."""
    return types.ListPromptsResult(prompts=list(PROMPTS))


def filled(
    practice: Practice, binding: Binding, name: str, arguments: Mapping[str, str]
) -> types.GetPromptResult:
    """A prompt with its arguments put in.

    Raises:
        MCPError: there is no such prompt, or an argument is missing or leads nowhere.
    """
    try:
        if name == "practise":
            text = _practise(practice, arguments)
        elif name == "debrief":
            text = _debrief(practice, binding, arguments)
        else:
            raise MCPError(types.INVALID_PARAMS, f"Unknown prompt: {name}; there are practise and debrief")
    except KeyError as missing:
        raise MCPError(types.INVALID_PARAMS, f"{name}: argument {missing} is missing") from None
    except ActionError as error:
        raise MCPError(types.INVALID_PARAMS, str(error)) from None
    message = types.PromptMessage(role="user", content=types.TextContent(text=text))
    return types.GetPromptResult(messages=[message])


def _practise(practice: Practice, arguments: Mapping[str, str]) -> str:
    served = find_served(practice.served, arguments["environment"])
    goal = arguments.get("goal", "").strip()
    attention = f" Pay attention to this: {goal}" if goal else ""
    return (
        f"Open a session with open_session(env={served.name!r}) and do the task that it gives, using the "
        f"environment's tools with the session_id that you get.{attention} When the session has ended, say "
        "in two sentences what came of it."
    )


def _debrief(practice: Practice, binding: Binding, arguments: Mapping[str, str]) -> str:
    session = shown_session(practice, binding, arguments["session"])
    return (
        "Here is the transcript of a practice session. Say what went well, which calls were needless or "
        "wrong and why, and what you would do differently next time.\n\n"
        f"{transcript(practice, binding, session)}"
    )
