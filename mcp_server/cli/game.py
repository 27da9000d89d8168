"""The session that a person plays: calls, `undo` and `redo`, and where it stands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from anyio.from_thread import BlockingPortal

from practicum.envs import Action, Step, UsageError
from practicum.envs.wrapping import steps_allowed
from practicum.mcp_server.calls import Call, Caller, Pending, Played
from practicum.mcp_server.choosing import OpenRequest
from practicum.mcp_server.practice import Practice
from practicum.memory import Session

T = TypeVar("T")

PLAYER = Caller(client_name="practicum play", alone=True)


class Game:
    """A session, and how many of its turns count: `undo` goes back, the next call then begins a fork.

    Args:
        portal: runs what is asynchronous, so that the keyboard may be waited for here.
        practice: the sessions.
        session: the one to play.
        opening: what the world shows first.
    """

    steps: list[Step]
    at: int
    """How many of the steps count."""

    def __init__(self, portal: BlockingPortal, practice: Practice, session: Session, opening: Any) -> None:
        self._portal = portal
        self._practice = practice
        self._env = practice.served[session.task.env].env_class
        self.session = session
        self.opening = opening
        self._read_steps()

    @classmethod
    def begin(cls, portal: BlockingPortal, practice: Practice, env: str, seed: int | None) -> Game:
        """A new session on the task of a seed, or on the next that has not been played."""
        opened = portal.call(practice.open, PLAYER, OpenRequest(env, seed=seed))
        return cls(portal, practice, opened.session, opened.episode.opening.observation)

    @classmethod
    def resume(cls, portal: BlockingPortal, practice: Practice, session: Session) -> Game:
        """A session of the log, where it stands.

        Raises:
            ActionError: its beginning does not replay.
        """
        return cls(portal, practice, session, portal.call(practice.live.opening, session))

    @property
    def actions(self) -> Mapping[str, Action]:
        """The tools of the world."""
        return self._env.actions

    @property
    def opening_text(self) -> str:
        """What the world shows first."""
        return self._env.render_text(self.opening)

    @property
    def played(self) -> list[Step]:
        """The steps that count."""
        return self.steps[: self.at]

    @property
    def last(self) -> Step | None:
        """The last step that counts."""
        return self.steps[self.at - 1] if self.at else None

    @property
    def total_reward(self) -> float:
        """The return so far."""
        return sum(step.reward for step in self.played)

    @property
    def steps_left(self) -> int:
        """How many calls the task and the wrappers around its world still allow."""
        return max(0, steps_allowed(self._env, self.session.task) - self.at)

    @property
    def is_over(self) -> bool:
        """Whether the episode has ended."""
        return self.last is not None and self.last.done

    def undo(self) -> None:
        """Go back before the last turn.

        Raises:
            UsageError: there is none.
        """
        if not self.at:
            raise UsageError("nothing has been played yet")
        self.at -= 1

    def redo(self) -> None:
        """Take an `undo` back.

        Raises:
            UsageError: nothing has been undone, or another call has been played since.
        """
        if self.at == len(self.steps):
            raise UsageError("nothing has been undone that could be done again")
        self.at += 1

    def save(self) -> Session:
        """The session as it stands in the log; what was undone is left behind in the one before."""
        if self.at < len(self.steps):
            opened = self._portal.call(self._practice.open_fork, PLAYER, self.session.id, self.at)
            self.session, self.steps = opened.session, self.played
        return self.session

    def call(self, tool: str, arguments: Mapping[str, Any], waiting: Callable[[int], None]) -> Step:
        """Play a call.

        Args:
            tool: its name.
            arguments: its arguments.
            waiting: told the turn whenever the world takes long.

        Raises:
            UsageError: the episode has ended.
            ActionError: it was not played.
        """
        if self.is_over:
            raise UsageError("the episode is over; `undo` takes the last turn back, `quit` leaves")
        self.save()
        call = Call(tool, dict(arguments))
        played = self._act(call)
        while isinstance(played, Pending):
            waiting(played.turn)
            played = self._act(replace(call, turn=played.turn))
        self.steps.append(played.step)
        self.at = len(self.steps)
        if played.step.turn != self.at:  # a call that was broken off has been played after all
            self._read_steps()
        return played.step

    def _act(self, call: Call) -> Played | Pending:
        return self._waited(partial(self._practice.act, PLAYER, self.session.id, call))

    def _waited(self, work: Callable[[], Awaitable[T]]) -> T:
        """What the work gives; Ctrl-C cancels it, and it then has happened whole or not at all."""
        future = self._portal.start_task_soon(work)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            with suppress(CancelledError, Exception):
                future.result()
            self._read_steps()
            raise

    def _read_steps(self) -> None:
        steps = self._practice.sessions.steps(self.session.id)
        self.steps = [replace(each, render=self._env.render_text) for each in steps]
        self.at = len(self.steps)
