"""Contest: two versions of a skill on the same fresh tasks, to see which does more of them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from practicum.envs.episodes import Episode
from practicum.envs.tasks import Task
from practicum.skills.interpreter import play
from practicum.skills.language import Skill
from practicum.skills.trials import EnvClass, is_right

TASKS = 40
"""Tasks that one of the two does, after which the contest ends."""
MOST_TASKS = 600
"""Tasks that are looked at; most may be of another sort."""


def more_done(new: Skill, old: Skill, env_class: EnvClass, tasks: Iterable[Task]) -> int:
    """How many more tasks one version brings to the right end than another; those that it declines count too.

    A version that is always right on the few tasks it is for is so held against one that takes on more.

    Args:
        new: a version.
        old: the other one.
        env_class: their world.
        tasks: of the world, in the order in which they are played, until 40 are done by one of the two.
    """
    ends = ((_does(new, env_class, task), _does(old, env_class, task)) for task in islice(tasks, MOST_TASKS))
    done = islice((pair for pair in ends if any(pair)), TASKS)
    return sum(one - other for one, other in done)


def _does(skill: Skill, env_class: EnvClass, task: Task) -> bool:
    episode = Episode(env_class(), task)
    try:
        return play(skill, episode).finished and is_right(episode)
    finally:
        episode.env.close()
