"""Roles: what the tools of an environment do in a job: look, change something, undo it, decline."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from practicum.envs.domains import GENERIC
from practicum.envs.errors import UsageError
from practicum.envs.registry import EnvClass, find

LOOKS = frozenset({"read", "search", "think"})
"""Categories of tools that leave the world as it is for mining; a search may turn a page of it."""
GIVES_UP = ("abort", "give_up", "decline", "report_infeasible")
"""How the tools begin that decline a job, where an environment declares no goals."""


@dataclass(frozen=True, slots=True)
class Role:
    """What a tool does in a job."""

    looks: bool
    """Whether a call of it leaves the world as it is for mining."""
    undoes: bool
    """Whether the environment says that it can undo something, other than by a final answer."""
    declines: bool
    """Whether a call of it gives the job up."""
    talks: bool = False
    """Whether a call of it is a turn with somebody who answers."""
    thinks: bool = False
    """Whether a call of it shows nothing of the world."""


class Roles:
    """What an environment's tools are for; of an unknown environment, what their names tell.

    Args:
        env_class: the environment, or None where it cannot be found.
    """

    def __init__(self, env_class: EnvClass | None) -> None:
        self._env = env_class
        self._profile = GENERIC if env_class is None else env_class.profile()
        self._goals: Mapping[str, str] = {} if env_class is None else env_class.goals
        self._choices = () if env_class is None else sort_parameters(env_class)
        self.of = lru_cache(maxsize=1024)(self._of)
        """The role of a tool."""

    def _of(self, tool: str) -> Role:
        action = None if self._env is None else self._env.actions.get(tool)
        category = self._profile.category(tool, action)
        undoes = action is not None and action.destructive and not self._profile.ends(tool)
        return Role(
            looks=category in LOOKS,
            undoes=undoes,
            declines=self._declines(tool),
            talks=self._profile.talks(tool),
            thinks=category == "think",
        )

    def _declines(self, tool: str) -> bool:
        if self._goals:
            return tool not in self._goals and self._profile.ends(tool)
        return tool.startswith(GIVES_UP)

    def goal(self, tool: str) -> str:
        """What a call of the tool achieves, in the environment's word where it has one."""
        return self._goals.get(tool, tool)

    def shape(self, params: Mapping[str, Any]) -> str:
        """What sort of task has these parameters: a hash over their names and the choices among them.

        Choices are the parameters for which the environment names the texts that they take, such as `kind`.
        """
        return _shape(tuple(sorted(params)), tuple(repr(params.get(name)) for name in self._choices))


@lru_cache(maxsize=1024)
def _shape(names: tuple[str, ...], chosen: tuple[str, ...]) -> str:
    content = repr((names, chosen)).encode("utf-8", "replace")
    return hashlib.blake2s(content, digest_size=6).hexdigest()


@lru_cache(maxsize=256)
def roles_of(env_name: str) -> Roles:
    """The roles of the tools of the environment that a session was opened by, as `find` takes its name."""
    return Roles(environment(env_name))


def turns_of(env_class: EnvClass) -> frozenset[str]:
    """The tools of an environment by which an agent talks with somebody."""
    return frozenset(filter(env_class.profile().talks, env_class.actions))


def environment(name: str) -> EnvClass | None:
    """The environment of that name; None where it cannot be found here."""
    try:
        return find(name)
    except UsageError:
        return None


def sort_parameters(env_class: EnvClass) -> tuple[str, ...]:
    """The parameters of `begin` that take one of a few texts, and so tell sorts of task apart."""
    hints = get_type_hints(env_class.begin)
    names = inspect.signature(env_class.begin).parameters
    return tuple(name for name in names if _is_choice(hints.get(name)))


def _is_choice(hint: Any) -> bool:
    return get_origin(hint) is Literal and all(isinstance(value, str) for value in get_args(hint))
