"""Openings: what an agent saw first in a session; made anew where the log does not know it."""

from __future__ import annotations

import logging
from typing import Any

from practicum.envs.episodes import Episode
from practicum.envs.outside import ReplayedOutside
from practicum.envs.tasks import Task
from practicum.memory.ended import EndedSession
from practicum.memory.rows import load_answers
from practicum.skills.roles import environment

logger = logging.getLogger(__name__)


class Openings:
    """The first texts of sessions; of sessions of one task, one after the other, made once."""

    def __init__(self) -> None:
        self.unknown = 0
        """Sessions whose world could not be made again, so that their instruction stands in its place."""
        self._last: tuple[str, str, str | None] | None = None
        self._text: str | None = None

    def of(self, session: EndedSession, task: Task) -> str:
        """The text that the session began with; the instruction where its world cannot be made again."""
        if session.opening is not None:
            return session.opening
        beginning = (session.found_by, session.task, session.outside)
        if beginning != self._last:
            self._last, self._text = beginning, _text(session, task)
        if self._text is None:
            self.unknown += 1
            return task.instruction
        return self._text


def _text(session: EndedSession, task: Task) -> str | None:
    env_class = environment(session.found_by)
    if env_class is None or (env_class.name, env_class.version) != (task.env, task.version):
        return None
    env: Any = None
    try:
        env = env_class()
        env.outside = ReplayedOutside(load_answers(session.outside))
        return Episode(env, task, min_try=session.min_try).opening.text
    except (Exception, SystemExit):  # a world may fail in any way: what it showed cannot be had again
        logger.debug("session %s does not begin again", session.id, exc_info=True)
        return None
    finally:
        if env is not None:
            env.close()
