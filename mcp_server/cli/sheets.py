"""Data sheets: what there is to know of an environment or a domain before one plays in it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from practicum.envs import Action, DomainProfile, ToolEnv
from practicum.envs.domains import domains
from practicum.mcp_server.cli.forms import questions

EnvClass = type[ToolEnv[Any]]


@dataclass(frozen=True)
class Setting:
    """A parameter that `--set` takes."""

    name: str
    kind: str
    """Its type, as its author wrote it."""
    default: Any
    """None where the seed draws it."""


def settings_of(env: EnvClass) -> list[Setting]:
    """The settings of an environment: what `begin` and `make_task` take by keyword."""
    found: dict[str, Setting] = {}
    for method in (env.make_task, env.begin):
        for name, parameter in inspect.signature(method).parameters.items():
            is_named = parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
            if is_named and name not in ("self", "seed"):
                default = None if parameter.default is parameter.empty else parameter.default
                found.setdefault(name, Setting(name, _kind(parameter.annotation), default))
    return list(found.values())


def env_sheet(env: EnvClass) -> dict[str, Any]:
    """All of an environment, as plain JSON."""
    profile = next((each for each in domains() if each.name == env.domain), DomainProfile(env.domain))
    return {
        "id": env.env_id(),
        "domain": env.domain,
        "goal": inspect.getdoc(env) or "",
        "tools": [_tool(action, profile) for action in env.actions.values()],
        "rewards": dict(env.rewards),
        "draws_tasks": env.make_task.__func__ is not ToolEnv.make_task.__func__,  # type: ignore[attr-defined]
        "settings": [{"name": s.name, "type": s.kind, "default": s.default} for s in settings_of(env)],
    }


def _tool(action: Action, profile: DomainProfile) -> dict[str, Any]:
    return {
        "name": action.name,
        "description": action.description,
        "arguments": action.schema,
        "read_only": action.read_only,
        "category": profile.category(action.name, action),
        "ends": profile.ends(action.name),
    }


def env_text(env: EnvClass) -> Iterator[str]:
    """The sheet of an environment, for people, line by line."""
    sheet = env_sheet(env)
    yield f"{sheet['id']}, domain {sheet['domain']}"
    yield from (sheet["goal"], "", "Tools")
    for tool in sheet["tools"]:
        yield f"  {tool['name']}{_marks(tool)}: {tool['description']}"
        for question in questions(env.actions[tool["name"]]):
            yield f"      {question.heading}"
    yield from ("", "Rewards")
    yield from (f"  {name} {value:+g}" for name, value in sheet["rewards"].items())
    yield from ("", _settings_heading(env, sheet))
    for setting in sheet["settings"]:
        default = "" if setting["default"] is None else f", {setting['default']!r} by default"
        yield f"  {setting['name']} ({setting['type']}){default}"
    if sheet["draws_tasks"] and sheet["settings"]:
        yield "  What is not set, the task of a seed may draw."


def _settings_heading(env: EnvClass, sheet: Mapping[str, Any]) -> str:
    parameters = inspect.signature(env.begin).parameters.values()
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return "Settings, with --set NAME=VALUE: whatever gymnasium.make takes for it"
    return "Settings, with --set NAME=VALUE" if sheet["settings"] else "No settings"


def _marks(tool: Mapping[str, Any]) -> str:
    marks = {"only reads": tool["read_only"], "may end the episode": tool["ends"]}
    found = [mark for mark, holds in marks.items() if holds]
    return f" ({', '.join(found)})" if found else ""


def domain_sheet(profile: DomainProfile) -> dict[str, Any]:
    """All of a domain, as plain JSON."""
    return {
        "name": profile.name,
        "categories": {name: list(tools) for name, tools in profile.categories.items()},
        "ending_tools": sorted(profile.ending_tools),
        "outcome_rule": profile.outcome_rule,
        "rubric_weights": dict(profile.rubric_weights),
    }


def domain_text(profile: DomainProfile) -> Iterator[str]:
    """The sheet of a domain, for people, line by line."""
    judge = "the world's own state" if profile.outcome_rule == "world" else "a rubric"
    yield f"{profile.name}, judged by {judge}"
    yield from (f"  {category}: {', '.join(tools)}" for category, tools in profile.categories.items())
    if profile.ending_tools:
        yield f"  may end an episode: {', '.join(sorted(profile.ending_tools))}"
    weights = ", ".join(f"{name} {weight:g}" for name, weight in profile.rubric_weights.items())
    yield f"  weights: {weights}"


def _kind(annotation: Any) -> str:
    shown = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    return str(shown).replace(" | None", "")
