"""Rollouts: agents playing tasks, with or without the log; what the log, mining and evaluation live on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from practicum.envs import Episode, ListRecorder, Recorder, Step, Task, ToolEnv, find
from practicum.envs.errors import in_one_line
from practicum.envs.wrappers import RewardFunction, RewardOfSteps
from practicum.memory import (
    Log,
    LogUnavailable,
    Purpose,
    SessionRecorder,
    SessionStart,
    Store,
    new_session_id,
)
from practicum.memory.digests import DigestingRecorder
from practicum.skills.digests import digest_of
from practicum.skills.library import Entry, Library, use_of
from practicum.skills.suggestions import Suggestion, Suggestions
from practicum.training.agents import Agent, Playing, Use

EnvClass = type[ToolEnv[Any]]
Progress = Callable[[int, int], None]
"""Told how many of how many are done."""
CUT_OFF, CRASHED = "cut off", "crashed"
"""Why a logged session ended without an end of the world's own."""
BYTES_PER_TOKEN = 4


@dataclass(frozen=True)
class Rollout:
    """An episode that an agent played."""

    agent: str
    """The agent's name."""
    task: Task
    steps: tuple[Step, ...]
    decisions: int
    """Calls that the agent chose: a run of a skill is one, its inner calls are none."""
    uses: tuple[Use, ...] = ()
    suggestion: Suggestion | None = None
    """None where the agent was offered no skills."""
    session: str | None = None
    """Its id in the log."""
    tokens: int = 0
    """What the agent was told and said, estimated: a quarter of the bytes."""
    seconds: float = 0.0
    failure: str | None = None
    """What the world or the agent failed with."""

    @property
    def outcome(self) -> dict[str, Any]:
        """Success, violations and regret; empty where there was no end."""
        last = self.steps[-1] if self.steps else None
        return dict(last.outcome) if last is not None and last.outcome is not None else {}

    @property
    def success(self) -> bool:
        """Whether it came to the right end."""
        return bool(self.outcome.get("success"))

    @property
    def rewards(self) -> list[float]:
        """The reward of each step."""
        return [step.reward for step in self.steps]

    @property
    def total_reward(self) -> float:
        """The return."""
        return sum(self.rewards)


@dataclass(frozen=True)
class SkillShelf:
    """The skills that agents are offered, and what is suggested to them."""

    library: Library
    suggestions: Suggestions

    @classmethod
    def of(cls, store: Store) -> SkillShelf:
        """The shelf of a database."""
        return cls(Library(store), Suggestions(store))

    def offered(
        self, session: str, episode: Episode, *, principal: str, purpose: Purpose
    ) -> tuple[list[Entry], Suggestion]:
        """What is offered in a session: the published skills of its world, and which of them suits it."""
        entries = self.library.entries(principal, episode.task.env_id)
        drawn = self.suggestions.draw(
            session,
            entries,
            principal=principal,
            params=episode.task.params,
            opening=episode.opening.observation,
            purpose=purpose,
        )
        return entries, drawn


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Where rollouts are played, and what is kept of them."""

    env: EnvClass
    place: str = ""
    """The name by which any process finds the environment again, for the log."""
    log: Log | None = None
    """None keeps nothing."""
    purpose: Purpose = "practice"
    principal: str = "local"
    client: str = "practicum rollout"
    """Who the log says has played; the agent's name is added."""
    skills: SkillShelf | None = None
    """None offers none."""
    max_steps: int | None = None
    """Stop an episode after so many steps, if it has not ended by itself or at its task's own limit."""
    reward: RewardOfSteps | None = None
    """Adds a term to the reward of each step. What is logged with it does not replay to the same rewards."""
    new_id: Callable[[], str] = field(default=new_session_id)


def roll_out(stage: Stage, task: Task, agent: Agent, name: str) -> Rollout:
    """Let an agent play a task once.

    A world or an agent that fails costs its own rollout only: `failure` says why, and a logged session is
    closed as crashed, its steps kept.

    Raises:
        LogUnavailable: the log cannot be written.
    """
    began = time.perf_counter()
    rollout = Rollout(name, task, (), 0)
    playing: Playing | None = None
    session = stage.new_id()
    try:
        episode, recorder = _begun(stage, task, session, name)
        with closing(episode.env):
            rollout = replace(rollout, session=session if stage.log is not None else None)
            playing, drawn = _playing(stage, episode, agent, session, recorder)
            rollout = replace(rollout, suggestion=drawn)
            playing.play()
    except LogUnavailable:
        raise
    except Exception as error:  # noqa: BLE001  # a bad rollout is a result, not the end of the run
        rollout = replace(rollout, failure=in_one_line(error))
    if playing is not None:
        rollout = _as_played(rollout, playing)
    _close(stage, rollout)
    return replace(rollout, seconds=time.perf_counter() - began)


def _begun(stage: Stage, task: Task, session: str, name: str) -> tuple[Episode, Recorder]:
    env = stage.env()
    world = env if stage.reward is None else RewardFunction(env, stage.reward)
    if stage.log is None:
        recorder: Recorder = ListRecorder()
        return Episode(world, task, recorder=recorder), recorder
    place = stage.place or task.env_id
    kept = SessionRecorder(stage.log, session)
    recorder = DigestingRecorder(kept, stage.log.store, session, make=digest_of(place))
    episode = Episode(world, task, recorder=recorder)
    stage.log.start(
        SessionStart(
            id=session,
            env=place,
            task=task,
            purpose=stage.purpose,
            principal=stage.principal,
            client_name=f"{stage.client}: {name}",
            replayable=stage.reward is None,
            outside=episode.opening.outside,
        )
    )
    return episode, recorder


def _playing(
    stage: Stage, episode: Episode, agent: Agent, session: str, recorder: Recorder
) -> tuple[Playing, Suggestion | None]:
    if stage.skills is None:
        return Playing(episode, agent, recorder=recorder, max_steps=stage.max_steps), None
    shelf = stage.skills
    entries, drawn = shelf.offered(session, episode, principal=stage.principal, purpose=stage.purpose)

    def keep(use: Use) -> None:
        if stage.log is not None:
            shelf.library.used(
                use_of(
                    use.skill, use.finish, session=session, turn=use.turn, arguments=use.arguments,
                    success=use.success, told=use.finish.as_json(),
                )
            )  # fmt: skip

    playing = Playing(
        episode,
        agent,
        skills=[entry.skill for entry in entries],
        suggested=drawn.skill,
        recorder=recorder,
        max_steps=stage.max_steps,
        on_use=keep,
    )
    return playing, drawn


def _as_played(rollout: Rollout, playing: Playing) -> Rollout:
    return replace(
        rollout,
        steps=tuple(playing.steps),
        decisions=playing.decisions,
        uses=tuple(playing.uses),
        tokens=playing.size // BYTES_PER_TOKEN,
    )


def _close(stage: Stage, rollout: Rollout) -> None:
    """Say in the log why a session has come to no end."""
    if stage.log is None or rollout.session is None or rollout.outcome:
        return
    stage.log.close(rollout.session, CRASHED if rollout.failure else CUT_OFF)


def collect(
    env: EnvClass | str,
    agent: Agent,
    n_episodes: int = 10,
    max_steps: int | None = None,
    reward_fn: RewardOfSteps | None = None,
    *,
    tasks: Iterable[Task] | None = None,
    name: str = "agent",
    progress: Progress = lambda done, total: None,
) -> list[Rollout]:
    """Let an agent play some tasks, one after the other; nothing is logged.

    Args:
        env: the environment, or its name.
        agent: plays them all.
        n_episodes: how many.
        max_steps: stop an episode after so many steps.
        reward_fn: gets the episode's steps so far, newest last, and gives a number that is added to the
            reward of the newest, as the term `shaped`.
        tasks: what is played; the environment's train split by default.
        name: what the rollouts call the agent.
        progress: told after each episode.

    Raises:
        UsageError: there is no such environment.
    """
    env_class = find(env) if isinstance(env, str) else env
    chosen = env_class.tasks().split("train") if tasks is None else tasks
    stage = Stage(env=env_class, max_steps=max_steps, reward=reward_fn)
    played = list(islice(chosen, n_episodes))
    return roll_out_all(stage, played, lambda _: agent, name=name, progress=progress)


def roll_out_all(
    stage: Stage,
    tasks: Sequence[Task],
    agent_for: Callable[[Task], Agent],
    *,
    name: str,
    progress: Progress = lambda done, total: None,
) -> list[Rollout]:
    """Play tasks in their order, each by the agent that is made or kept for it."""
    rollouts = []
    for done, task in enumerate(tasks, 1):
        rollouts.append(roll_out(stage, task, agent_for(task), name))
        progress(done, len(tasks))
    return rollouts
