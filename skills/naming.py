"""Naming: how a skill is called, described and typed, from its program and its world's declarations alone.

Nothing that was said, shown or given in a session gets into a name, a description or a schema, for an agent
reads them as instructions. What stands in them is declared by the environment (tools, settings, goal words)
or counted; whatever a program names beyond that is refused or left out.
"""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import count
from typing import Any, get_type_hints

from pydantic import PydanticInvalidForJsonSchema, TypeAdapter

from practicum.envs.domains import DomainProfile
from practicum.envs.episodes import compact_json
from practicum.envs.lint import (
    ARGUMENT_NAME,
    HANDLE_ARGUMENTS,
    LONGEST_DESCRIPTION,
    LONGEST_NAME,
    SCALARS,
    lint_tool,
)
from practicum.envs.registry import EnvClass
from practicum.skills.language import BadSkill, Effects, Skill, Stmt, calls_in, nodes_in

PREFIX = "skill_"
MOST_TOOLS = 12
"""Tools that a description names."""
LEFT_OUT = "Left out: the value of the session's task."
OTHER_WAY = "Left out where it begins another way."
_SHAPE = (
    *("type", "enum", "items", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("pattern", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "format", "writeOnly"),
)
"""What is copied of a schema beside its description."""


@dataclass(frozen=True)
class Evidence:
    """What a description tells of how a skill did."""

    hits: int
    tasks: int
    """Unseen tasks that it was tried on."""
    calls: float
    """Inner calls that a task takes, typically."""
    part: bool = False
    """Whether it does a part of jobs and leaves the rest to the agent."""


def typed(skill: Skill, env_class: EnvClass) -> Skill:
    """A mined program with the arguments and effects that its tools give it.

    Raises:
        BadSkill: it calls a tool that its environment does not have, or needs an argument that nobody has
            declared.
    """
    if not skill.tools:
        raise BadSkill("the program calls no tool")
    if any(tool not in env_class.actions for tool in skill.tools):
        raise BadSkill(f"the program calls a tool that {env_class.env_id()} does not have")
    return replace(skill, params=schema_of(skill, env_class), effects=effects_of(skill, env_class))


def published_form(
    skill: Skill, env_class: EnvClass, *, name: str, version: int = 1, goal: str, evidence: Evidence
) -> Skill:
    """A typed program under the name, version and description that agents see.

    Args:
        skill: as `typed` returns it.
        env_class: its environment.
        name: as `free_name` returns it.
        version: of that name.
        goal: as `goal_of` returns it.
        evidence: for the description, and kept with the skill.

    Raises:
        BadSkill: no client could use it; says why.
    """
    description = describe(skill, env_class, goal, evidence)
    formed = replace(skill, evidence={**skill.evidence, **asdict(evidence)}).named(name, version, description)
    if problems := lint_tool(name, description, formed.params):
        raise BadSkill(problems[0])
    return formed


def fingerprint(skill: Skill) -> str:
    """16 hex digits over name, version, schema and program: what an agent that trusts it has seen."""
    content = [skill.name, skill.version, skill.params, skill.hash]
    return hashlib.sha256(compact_json(_sorted(content))).hexdigest()[:16]


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(part) for part in value] if isinstance(value, list | tuple) else value


# Name -------------------------------------------------------------------------------------------------


def goal_of(skill: Skill, env_class: EnvClass, said: str = "") -> str:
    """What a skill achieves, in the world's word for it, or else the last tool that changes something.

    Args:
        skill: the program.
        env_class: its environment.
        said: what those achieved whom it was mined from; believed where the environment knows the word.
    """
    if said in env_class.goals.values() or (said in env_class.actions and said in skill.tools):
        return said
    tools = skill.tools[::-1]
    declared = [env_class.goals[tool] for tool in tools if tool in env_class.goals]
    if declared:
        return declared[0]
    profile = env_class.profile()
    changing = [tool for tool in tools if _changes(tool, env_class, profile)]
    return (changing or list(tools))[0]


def _changes(tool: str, env_class: EnvClass, profile: DomainProfile) -> bool:
    action = env_class.actions.get(tool)
    return action is not None and not action.read_only and not profile.ends(tool)


def free_name(goal: str, taken: Collection[str], *, principal: str = "local") -> str:
    """`skill_` and a goal as tools are written, with a number from 2 on where that is taken.

    Args:
        goal: what the skill achieves.
        taken: the names that there are, whoever's.
        principal: whose it is to be. All but the person at the machine have names of their own, marked by a
            hash of the principal, so that no name tells what others have.
    """
    word = re.sub(r"[^a-z0-9]+", "_", goal.lower()).strip("_") or "job"
    mark = (
        ""
        if principal == "local"
        else f"_{hashlib.sha256(principal.encode('utf-8', 'replace')).hexdigest()[:4]}"
    )
    numbered = (mark if n == 1 else f"{mark}_{n}" for n in count(1))
    names = (f"{PREFIX}{word}"[: LONGEST_NAME - len(end)].rstrip("_") + end for end in numbered)
    return next(name for name in names if name not in taken)


# Schema -----------------------------------------------------------------------------------------------


def schema_of(skill: Skill, env_class: EnvClass) -> dict[str, Any]:
    """The schema of a skill's arguments, each as the tool that it is for, or the world's setting, types it.

    What a program takes from its parameters is an argument; it may be left out where tasks have a parameter
    of that name. What neither a tool nor the world declares is no argument: it means the task's parameter.

    Raises:
        BadSkill: it is no parameter of a task either.
    """
    settings = setting_shapes(env_class)
    wanted = sorted(params_in(skill))
    required = [name for name in wanted if name in _needed(skill, env_class, settings)]
    shapes = _tool_shapes(skill, env_class)
    secret = {name for action in env_class.actions.values() for name in action.secrets}
    properties: dict[str, Any] = {}
    for name in wanted:
        shape = shapes.get(name) or settings.get(name)
        declared = name in settings or _is_argument(name, skill, env_class)
        if shape is not None and declared and name not in HANDLE_ARGUMENTS:
            shape |= {"writeOnly": True} if name in secret else {}
            told = OTHER_WAY if name in skill.evidence.get("optional", ()) else LEFT_OUT
            properties[name] = shape if name in required else _optional(shape, told)
    if any(name not in properties for name in required):
        raise BadSkill(f"the skill needs an argument that no tool of {env_class.env_id()} declares")
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def params_in(skill: Skill) -> set[str]:
    """The names of the parameters that a program reads."""
    nodes = nodes_in([skill.pre, skill.body, skill.post])
    return {node["param"] for node in nodes if isinstance(node.get("param"), str)}


def _needed(skill: Skill, env_class: EnvClass, settings: Collection[str]) -> set[str]:
    """The parameters that tasks do not have."""
    takes_any = any(
        parameter.kind is parameter.VAR_KEYWORD
        for parameter in inspect.signature(env_class.begin).parameters.values()
    )
    said, optional = set(skill.params.get("required", ())), set(skill.evidence.get("optional", ()))
    return said if takes_any else said | (params_in(skill) - set(settings) - optional)


def _optional(shape: Mapping[str, Any], told: str) -> dict[str, Any]:
    return {**shape, "description": f"{shape['description'].rstrip()} {told}"}


def _is_argument(name: str, skill: Skill, env_class: EnvClass) -> bool:
    """Whether a name is that of an argument of the skill's tools, numbered or not."""
    arguments = {each for tool in skill.tools for each in env_class.actions[tool].parameters}
    return name in arguments or re.sub(r"_[0-9]{1,3}$", "", name) in arguments


def _tool_shapes(skill: Skill, env_class: EnvClass) -> dict[str, dict[str, Any]]:
    """What the tools say of the parameters that they are given as they are; secret where one says so."""
    found: dict[str, dict[str, Any]] = {}
    for call in calls_in(skill.body):
        for argument, expr in call["args"].items():
            schema = env_class.actions[call["tool"]].schema["properties"].get(argument)
            if set(expr) == {"param"} and schema is not None:
                shape = found.setdefault(expr["param"], _copied(schema))
                shape.update({"writeOnly": True} if schema.get("writeOnly") else {})
    return found


def _copied(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The shape and the description of a tool's argument, without its default."""
    described = {"description": "As its tool takes it.", **schema}
    return {key: described[key] for key in (*_SHAPE, "description") if key in described}


def setting_shapes(env_class: EnvClass) -> dict[str, dict[str, Any]]:
    """The settings of a world by name, as its `begin` types them; those without a flat type are left out."""
    return dict(_settings(env_class))


def _settings(env_class: EnvClass) -> Iterator[tuple[str, dict[str, Any]]]:
    hints = get_type_hints(env_class.begin, include_extras=True)
    for name, parameter in inspect.signature(env_class.begin).parameters.items():
        named = parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL) and name != "self"
        if not named or name not in hints or not ARGUMENT_NAME.fullmatch(name):
            continue
        shape = _flat(hints[name])
        if shape is not None:
            yield name, {**shape, "description": f"The wanted {name.replace('_', ' ').strip()}."}


def _flat(hint: Any) -> dict[str, Any] | None:
    """The JSON schema of a type, None taken out of it; None where it is not flat."""
    try:
        schema = TypeAdapter(hint).json_schema()
    except PydanticInvalidForJsonSchema:
        return None
    kinds = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    shape = {key: kinds[0][key] for key in _SHAPE if key in kinds[0]} if len(kinds) == 1 else {}
    items = shape.get("items", {"type": "string"})
    is_list = shape.get("type") == "array" and "items" in shape and items.get("type") in SCALARS
    return shape if shape.get("type") in SCALARS or is_list else None


# What it does -----------------------------------------------------------------------------------------


def effects_of(skill: Skill, env_class: EnvClass) -> Effects:
    """What a skill may do: destructive where one of its tools is, read-only where all are."""
    actions = [env_class.actions[tool] for tool in skill.tools]
    return Effects(
        read_only=all(action.read_only for action in actions),
        destructive=any(action.destructive for action in actions),
    )


def describe(skill: Skill, env_class: EnvClass, goal: str, evidence: Evidence) -> str:
    """What an agent reads of a skill: what it does, with which tools, how it did, what a stop means."""
    what = "a part of the job" if evidence.part else "the whole job"
    tools = (evidence.part and _in_order(skill)) or _listed(skill, env_class)
    sentences = [
        f"Does {what} in one call: {goal.replace('_', ' ')} in {env_class.env_id()}.",
        f"Succeeded on {evidence.hits} of {evidence.tasks} tasks never seen before.",
        f"Plays {tools}, typically {evidence.calls:.0f} calls, each logged as your own.",
        "Where it does not know how to go on it stops, tells why, what is done and what is left, and you "
        "go on with those tools; nothing is undone.",
    ]
    return " ".join(sentences)[:LONGEST_DESCRIPTION]


def _in_order(skill: Skill) -> str:
    """The tools in the order of the program; empty where that is more than a list of calls."""
    parts = list(map(_said, skill.body))
    return "" if "" in parts or len(parts) > MOST_TOOLS else ", then ".join(parts)


def _said(stmt: Stmt) -> str:
    """A statement in words; empty for what has none."""
    if stmt["do"] == "call":
        return str(stmt["tool"])
    if stmt["do"] == "foreach":
        inner = ", then ".join(map(_said, stmt["body"]))
        return f"{inner} for each of what that shows" if inner else ""
    ways = [_said(each) for branch in ("then", "else") for each in stmt.get(branch, ())]
    return " or ".join(ways) if stmt["do"] == "if" and all(ways) else ""


def _listed(skill: Skill, env_class: EnvClass) -> str:
    """The tools in the order in which the environment has them."""
    tools = [tool for tool in env_class.actions if tool in skill.tools]
    more = f" and {len(tools) - MOST_TOOLS} more tools" if len(tools) > MOST_TOOLS else ""
    return ", ".join(tools[:MOST_TOOLS]) + more
