"""Skill tools: the skills that each principal is offered as tools of their own."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from practicum.envs import ActionError
from practicum.mcp_server.served import Served
from practicum.mcp_server.tools import HANDLE, Catalogue, ToolCard, fingerprint_of
from practicum.memory import LogUnavailable
from practicum.skills.language import Skill
from practicum.skills.library import Entry, Library
from practicum.skills.naming import fingerprint

logger = logging.getLogger(__name__)

META = "practicum/skill"
"""Key in a tool's `_meta` for which program it is."""


@dataclass(frozen=True)
class SkillTool:
    """A skill as a tool."""

    entry: Entry

    @property
    def name(self) -> str:
        """Its name, as the library has it."""
        return self.entry.skill.name

    @cached_property
    def card(self) -> ToolCard:
        """The card of the tool, without handle arguments."""
        skill = self.entry.skill
        return ToolCard(
            skill.name,
            skill.description,
            skill.params,
            read_only=skill.effects.read_only,
            destructive=skill.effects.destructive,
            open_world=skill.effects.open_world,
            meta={META: {"env": skill.env_id, "version": skill.version, "fingerprint": fingerprint(skill)}},
        )

    def problems(self, catalogue: Catalogue) -> list[str]:
        """What keeps clients from using it beside the other tools."""
        found = self.card.problems()
        if not self.card.description.isprintable():
            found.append(f"{self.name}: its description has control characters")
        if catalogue.takes(self.name, self.entry.skill.env):
            found.append(f"{self.name}: the name is taken")
        taken = [name for name in HANDLE if name in self.card.schema.get("properties", {})]
        return [*found, *(f"{self.name}: the argument {name!r} is the server's own" for name in taken)]

    def check(self, arguments: Mapping[str, Any]) -> None:
        """See that the arguments fit the schema.

        Raises:
            ActionError: names each that does not.
        """
        secret, wrong = secrets_of(self.entry.skill), []
        for error in self._validator.iter_errors(dict(arguments)):
            name = str(error.path[0]) if error.path else "arguments"
            wrong.append(f"{name}: {'does not fit' if name in secret else error.message}")
        if wrong:
            takes = ", ".join(self.entry.skill.params.get("properties", ())) or "no arguments"
            raise ActionError(f"bad arguments of {self.name}: {'; '.join(wrong)}; it takes {takes}")

    def takes(self, name: str, value: Any) -> bool:
        """Whether the schema has such an argument, and a value fits it."""
        shape = self.entry.skill.params.get("properties", {}).get(name)
        return shape is not None and bool(self._validator.evolve(schema=shape).is_valid(value))

    @cached_property
    def _validator(self) -> Any:
        from jsonschema import Draft202012Validator  # here alone: many servers run no skill

        return Draft202012Validator(self.card.schema)


def secrets_of(skill: Skill) -> frozenset[str]:
    """The arguments of a skill that are never printed, each marked itself or in its items."""
    shapes = skill.params.get("properties", {})
    marked = (name for name, shape in shapes.items() if {**shape.get("items", {}), **shape}.get("writeOnly"))
    return frozenset(marked)


class Shelf:
    """Which skills each principal is offered, as the library stands now.

    Args:
        library: the skills.
        served: the environments that they may play here, by short name.
        catalogue: the tools beside which they stand.
    """

    def __init__(self, library: Library, served: Mapping[str, Served], catalogue: Catalogue) -> None:
        self.library = library
        self._served = served
        self._catalogue = catalogue
        self._known: dict[str, tuple[int, dict[str, SkillTool]]] = {}
        self._told: dict[str, list[ToolCard]] = {}
        self._fingerprints: dict[str, tuple[int, str]] = {}
        self._refused: set[str] = set()

    def tools(self, principal: str, env: str | None = None) -> dict[str, SkillTool]:
        """The tools that a principal is shown, by name, in their lasting order; of one environment or all."""
        shown = self._shown(principal)
        return {name: tool for name, tool in shown.items() if env in (None, tool.entry.skill.env)}

    def _shown(self, principal: str) -> dict[str, SkillTool]:
        change = self.library.last_change()
        known = self._known.get(principal)
        if known is None or known[0] != change:
            known = self._known[principal] = (change, self._ordered(principal, known[1] if known else {}))
            self._told.setdefault(principal, [tool.card for tool in known[1].values()])
        return known[1]

    def _ordered(self, principal: str, before: Mapping[str, SkillTool]) -> dict[str, SkillTool]:
        """What is shown now: what was shown before keeps its place, what is new follows."""
        try:
            found = {
                tool.name: tool
                for env in self._served
                for tool in map(SkillTool, self.library.shown(principal, env))
                if self._fits(tool)
            }
        except LogUnavailable as error:
            logger.warning("the list of skills is as it was: %s", error)
            return dict(before)
        return {name: found[name] for name in (*before, *found) if name in found}

    def _fits(self, tool: SkillTool) -> bool:
        """Whether it can be listed here; where not, that is logged once."""
        skill = tool.entry.skill
        if self._served[skill.env].env_class.version != skill.env_version:
            return False
        problems = tool.problems(self._catalogue)
        if problems and skill.hash not in self._refused:
            self._refused.add(skill.hash)
            logger.warning("a skill is not listed: %s", problems[0])
        return not problems

    def fingerprint(self, principal: str) -> str:
        """16 hex digits over all tools that a principal sees."""
        tools = self._shown(principal)
        change = self._known[principal][0]
        known = self._fingerprints.get(principal)
        if known is None or known[0] != change:
            cards = [*self._catalogue.listed(), *(tool.card for tool in tools.values())]
            known = self._fingerprints[principal] = (change, fingerprint_of(cards))
        return known[1]

    def env_of(self, name: str) -> str | None:
        """The environment of a skill that is shown to anybody."""
        found = (tools[name].entry.skill.env for _, tools in self._known.values() if name in tools)
        return next(found, None)

    def find(self, name: str, principal: str) -> SkillTool | None:
        """A skill that a principal may know, shown or not, published or taken away since."""
        entry = self.library.get(name, principal)
        if entry is None or entry.status in ("candidate", "verified"):
            return None
        return SkillTool(entry) if entry.skill.env in self._served else None

    def news_for(self) -> list[str]:
        """The principals whose lists have changed since this was last asked, or since they first saw them."""
        found = [principal for principal, told in self._told.items() if self._cards(principal) != told]
        self._told.update({principal: self._cards(principal) for principal in found})
        return found

    def _cards(self, principal: str) -> list[ToolCard]:
        return [tool.card for tool in self._shown(principal).values()]
