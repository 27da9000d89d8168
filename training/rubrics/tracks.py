"""Tracks: what rubrics read of one episode, from the log or from a file."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from practicum.envs.domains import DomainProfile, domain, domains
from practicum.envs.episodes import Opening, Step, compact_json
from practicum.envs.errors import UsageError, nearest
from practicum.envs.registry import EnvClass
from practicum.memory import Redactor, Session, Sessions, rebuild, redactor_of
from practicum.memory.scores import shortest_success
from practicum.skills.roles import environment
from practicum.training.rubrics.information import Told

GENERIC = "generic"
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Track:
    """One episode as rubrics read it. Nothing secret of its task is in it."""

    steps: Sequence[Step]
    profile: DomainProfile
    instruction: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    opening: Any = None
    """The first observation; None where it is not known."""
    world: EnvClass | None = None
    """The environment, where it is at hand."""
    success: bool | None = None
    session: str | None = None
    """Its id; None where it comes from a file."""
    task: str = ""
    """Content hash, or a name."""
    shortest: int | None = None
    """Steps of the shortest known success of the same task."""
    redactor: Redactor = field(default_factory=Redactor)
    """Hides what must not be shown to a judge elsewhere."""

    @property
    def told(self) -> Told:
        """What the agent knew when it began."""
        tools = told_in(self.world)  # type: ignore[arg-type]  # classes are hashable
        return tools.and_more(self.instruction, self.params, self.opening)

    @property
    def tools(self) -> Mapping[str, str]:
        """What each tool does, by its name; nothing where the environment is not at hand."""
        actions = self.world.actions.values() if self.world is not None else ()
        return {action.name: action.description for action in actions}

    def text_of(self, result: Any) -> str:
        """A result as text: as the environment renders it, or else itself or its JSON."""
        if self.world is not None:
            return self.world.render_text(result)
        return result if isinstance(result, str) else compact_json(result).decode()


@lru_cache(maxsize=256)
def told_in(world: EnvClass | None) -> Told:
    """What every agent in a world has been told: what stands in the list of tools."""
    actions = world.actions.values() if world is not None else ()
    return Told(*([action.description, action.schema["properties"]] for action in actions)).and_more()


def track_of(sessions: Sessions, session: Session, profile: DomainProfile | None = None) -> Track:
    """The track of a session in the log.

    Args:
        sessions: where it is read.
        session: which one.
        profile: the domain's; that of the session's environment where None.
    """
    world = environment(session.env)
    begun = _opening(sessions, session)
    return Track(
        steps=tuple(sessions.steps(session.id)),
        profile=profile or (world.profile() if world is not None else domain(GENERIC)),
        instruction=session.task.instruction,
        params=session.task.params,
        opening=None if begun is None else begun.observation,
        world=world,
        success=session.success,
        session=session.id,
        task=session.task.hash,
        shortest=shortest_success(sessions.store, session.task.hash, session.principal),
        redactor=redactor_of(sessions, session),
    )


def profile_named(name: str) -> DomainProfile:
    """The profile of a domain.

    Raises:
        UsageError: there is none of that name.
    """
    known = [profile.name for profile in domains()]
    if name not in known:
        raise UsageError(f"no domain {name!r}{nearest(name, known)}; there are {', '.join(known)}")
    return domain(name)


def _opening(sessions: Sessions, session: Session) -> Opening | None:
    """How the session began, played again; None where that cannot be."""
    try:
        episode = rebuild(sessions, session, last=0)
    except Exception:  # a world may fail in any way: its steps are scored all the same
        logger.debug("session %s does not begin again", session.id, exc_info=True)
        return None
    episode.env.close()
    return episode.opening
