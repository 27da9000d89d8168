"""Rollouts: agents playing tasks, with or without the log; what the log, mining and evaluation live on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Any, Protocol

from practicum.envs import Episode, ListRecorder, Opening, Recorder, Step, Task, ToolEnv, find
from practicum.envs.errors import in_one_line
from practicum.envs.wrappers import RewardFunction, RewardOfSteps
from practicum.memory import (
    Log,
    LogUnavailable,
    Purpose,
    SessionRecorder,
    SessionStart,
    new_session_id,
)
from practicum.memory.digests import DigestingRecorder
from practicum.skills.digests import digest_of
from practicum.skills.library import use_of
from practicum.skills.suggestions import Suggestion
from practicum.training.agents import Agent, Playing, Use
from practicum.training.llm import ModelUnavailable
from practicum.training.offers import Offer, SkillShelf

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
    unreadable: int = 0
    """What the agent's model said instead of a call where it should have made one."""
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

    @property
    def found_by(self) -> str:
        """The name by which any process finds the environment."""
        return self.place or self.env.env_id()

    def start_of(self, session: str, agent: str, opening: Opening, *, began_at: float) -> SessionStart:
        """How the log says that a session begins in which an agent plays here.

        Args:
            session: its id.
            agent: the agent's name.
            opening: of its episode.
            began_at: seconds since 1970.
        """
        return SessionStart(
            id=session,
            env=self.found_by,
            task=opening.task,
            purpose=self.purpose,
            principal=self.principal,
            client_name=f"{self.client}: {agent}",
            replayable=self.reward is None,
            started_at=began_at,
            outside=opening.outside,
            opening=opening.text,
        )

    def keep_use(self, session: str, use: Use) -> None:
        """Write a run of a skill, where there is a log."""
        if self.log is None or self.skills is None:
            return
        self.skills.library.used(
            use_of(
                use.skill, use.finish, session=session, turn=use.turn, arguments=use.arguments,
                success=use.success, told=use.finish.as_json(),
            )
        )  # fmt: skip


@dataclass(frozen=True)
class Assignment:
    """An episode that is to be played, and what is drawn for it before it begins."""

    task: Task
    session: str
    """Its id."""
    offer: Offer | None = None
    """The skills that the agent is offered; None offers none."""


def assigned(stage: Stage, task: Task) -> Assignment:
    """The next episode of a stage, by what the log says now."""
    if stage.skills is None:
        return Assignment(task, stage.new_id())
    offer = stage.skills.offer(task, principal=stage.principal, purpose=stage.purpose)
    return Assignment(task, stage.new_id(), offer)


def roll_out(stage: Stage, task: Task, agent: Agent, name: str) -> Rollout:
    """Let an agent play a task once, as `play` does."""
    return play(stage, assigned(stage, task), agent, name)


def play(
    stage: Stage, assignment: Assignment, agent: Agent, name: str, *, recorder: Recorder | None = None
) -> Rollout:
    """Let an agent play an episode.

    A world or an agent that fails costs its own rollout only: `failure` says why, and a logged session is
    closed as crashed, its steps kept.

    Args:
        stage: where.
        assignment: what.
        agent: who.
        name: the agent's.
        recorder: takes the steps where the stage has no log.

    Raises:
        LogUnavailable: the log cannot be written.
        ModelUnavailable: a chat model that plays cannot be asked, so neither can it in the next rollout.
    """
    began = time.perf_counter()
    rollout = Rollout(name, assignment.task, (), 0)
    playing: Playing | None = None
    try:
        episode, recorder = _begun(stage, assignment, name, recorder or ListRecorder())
        with closing(episode.env):
            rollout = replace(rollout, session=assignment.session if stage.log is not None else None)
            playing, drawn = _playing(stage, episode, agent, assignment, recorder)
            rollout = replace(rollout, suggestion=drawn)
            playing.play()
    except LogUnavailable:
        raise
    except ModelUnavailable as error:
        _close(stage, replace(rollout, failure=in_one_line(error)))
        raise
    except Exception as error:  # noqa: BLE001  # a bad rollout is a result, not the end of the run
        rollout = replace(rollout, failure=in_one_line(error))
    if playing is not None:
        rollout = replace(_as_played(rollout, playing), unreadable=getattr(agent, "unreadable", 0))
    _close(stage, rollout)
    return replace(rollout, seconds=time.perf_counter() - began)


def _begun(stage: Stage, assignment: Assignment, name: str, recorder: Recorder) -> tuple[Episode, Recorder]:
    env = stage.env()
    world = env if stage.reward is None else RewardFunction(env, stage.reward)
    session = assignment.session
    if stage.log is not None:
        kept = SessionRecorder(stage.log, session)
        recorder = DigestingRecorder(kept, stage.log.store, session, make=digest_of(stage.found_by))
    episode = Episode(world, assignment.task, recorder=recorder)
    if stage.log is not None:
        stage.log.start(stage.start_of(session, name, episode.opening, began_at=time.time()))
    return episode, recorder


def _playing(
    stage: Stage, episode: Episode, agent: Agent, assignment: Assignment, recorder: Recorder
) -> tuple[Playing, Suggestion | None]:
    offer = assignment.offer
    if offer is None:
        return Playing(episode, agent, recorder=recorder, max_steps=stage.max_steps), None
    drawn = offer.draw(assignment.session, episode.opening)
    playing = Playing(
        episode,
        agent,
        skills=[entry.skill for entry in offer.entries],
        suggested=drawn.skill,
        recorder=recorder,
        max_steps=stage.max_steps,
        on_use=partial(stage.keep_use, assignment.session),
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


class RolloutWorkers(Protocol):
    """Where rollouts are played other than here."""

    def roll_out(
        self,
        stage: Stage,
        assignments: Iterable[Assignment],
        agent_for: Callable[[Task], Agent],
        name: str,
    ) -> Iterator[Rollout]:
        """The rollouts in the order of the assignments, each in the stage's log when it comes out.

        Args:
            stage: its environment is found elsewhere by `found_by`.
            assignments: drawn one by one, some of them before the rollouts that come before theirs are out.
            agent_for: makes who plays a task, elsewhere.
            name: the agent's.
        """


def roll_out_all(
    stage: Stage,
    tasks: Sequence[Task],
    agent_for: Callable[[Task], Agent],
    *,
    name: str,
    progress: Progress = lambda done, total: None,
    workers: RolloutWorkers | None = None,
) -> list[Rollout]:
    """Play tasks, each by the agent that is made or kept for it.

    Args:
        stage: where.
        tasks: in the order of the rollouts.
        agent_for: gives who plays a task; one that `learns` gives the same for all.
        name: the agent's.
        progress: told after each episode.
        workers: where episodes are played; here, one after the other, where None, as always with an agent
            that learns.
    """
    assignments = (assigned(stage, task) for task in tasks)
    rollouts: Iterator[Rollout]
    if workers is None or getattr(agent_for, "learns", False):
        rollouts = (play(stage, each, agent_for(each.task), name) for each in assignments)
    else:
        rollouts = workers.roll_out(stage, assignments, agent_for, name)
    played: list[Rollout] = []
    for rollout in rollouts:
        played.append(rollout)
        progress(len(played), len(tasks))
    return played
