"""Playing: an episode as an agent plays it, each decision a call of the world's or a run of a skill."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from practicum.envs import Episode, Recorder, Step
from practicum.envs.episodes import compact_json
from practicum.envs.errors import EpisodeOver, UnknownTool
from practicum.skills.interpreter import Finish, Situation, run
from practicum.skills.language import Skill
from practicum.training.agents.agent import Agent, Decision, Learner, Tool
from practicum.training.models.decoding import Completion
from practicum.training.transcripts import run_text

DECISIONS_PER_STEP = 4
"""An agent that keeps calling what there is not, or skills that do nothing, is stopped at so many decisions
for each step that it may make."""


@dataclass(frozen=True)
class Use:
    """A run of a skill in an episode."""

    skill: Skill
    turn: int
    """Of its first call."""
    arguments: Mapping[str, Any]
    finish: Finish
    success: bool | None
    """How the episode ended with it; None where it goes on."""
    told: Mapping[str, Any]
    """What the agent was answered."""

    @property
    def is_wrong(self) -> bool:
        """Whether it says that it is done, and the episode ended wrong."""
        return self.finish.finished and self.success is False


class Playing:
    """One episode and who plays it.

    Args:
        episode: fresh.
        agent: who plays.
        skills: what it can call beside the world's own tools.
        suggested: name of the skill that is suggested to it.
        recorder: the episode's own; takes also what a skill did that made no call.
        max_steps: stop after so many calls of the world's, those within skills included.
        on_use: told of each run of a skill, when it is over.
    """

    def __init__(
        self,
        episode: Episode,
        agent: Agent,
        *,
        skills: Sequence[Skill] = (),
        suggested: str | None = None,
        recorder: Recorder | None = None,
        max_steps: int | None = None,
        on_use: Callable[[Use], object] = lambda use: None,
    ) -> None:
        self.episode = episode
        self.steps: list[Step] = []
        self.uses: list[Use] = []
        self.decisions = 0
        """Calls that the agent chose, so far."""
        self.size = 0
        """Bytes of what the agent was told and of what it said, so far."""
        self.written: dict[int, Completion] = {}
        """What a local model wrote for each call that it chose, by the turn that the call took or began."""
        self._agent = agent
        self._skills = {skill.name: skill for skill in skills}
        self._suggested = suggested
        self._recorder = recorder
        self._reads_text = bool(getattr(agent, "reads_text", False))
        self._most = episode.task.step_limit if max_steps is None else max_steps
        self._on_use = on_use

    @property
    def over(self) -> bool:
        """Whether no decision is to be made any more."""
        at_limit = len(self.steps) >= self._most or self.decisions >= DECISIONS_PER_STEP * self._most
        return self.episode.over or at_limit

    def play(self) -> list[Step]:
        """Play the episode to its end or its limit; returns the steps, in order."""
        task, opening = self.episode.task, self.episode.opening
        observation = opening.text if self._reads_text else opening.observation
        self._agent.begin(task.instruction, observation, self._tools())
        self._count(task.instruction, observation)
        result, error = observation, None
        while not self.over:
            decision = self._agent.decide(result, error)
            self.decisions += 1
            self._keep_tokens()
            result, error = self._make(decision)
            self._count([decision.tool, decision.arguments, decision.thought], error or result)
        if isinstance(self._agent, Learner):
            self._agent.end(result, error, self._outcome)
        return self.steps

    @property
    def _outcome(self) -> Mapping[str, Any] | None:
        return None if self.episode.last is None else self.episode.last.outcome

    def _tools(self) -> list[Tool]:
        own = [Tool.of(action) for action in self.episode.env.actions.values()]
        return own + [Tool.of_skill(s, suggested=s.name == self._suggested) for s in self._skills.values()]

    def _count(self, *said: Any) -> None:
        self.size += sum(len(compact_json(each)) for each in said)

    def _make(self, decision: Decision) -> tuple[Any, str | None]:
        """Make a call; returns its result, or None and why it was refused."""
        if decision.tool in self._skills:
            first = len(self.steps)
            told = self._run(self._skills[decision.tool], decision.arguments)
            return (run_text(decision.tool, told, self.steps[first:]) if self._reads_text else told), None
        try:
            step = self._act(decision.tool, decision.arguments, thought=decision.thought or None)
        except UnknownTool as error:
            return None, str(error)
        if self._reads_text and step.error is None:
            return step.text, None
        return step.result, step.error

    def _keep_tokens(self) -> None:
        """Keep what a local model has written for the call that comes next."""
        written = getattr(self._agent, "written", None)
        if written is not None:
            self.written[self.episode.turn + 1] = written

    def _act(self, tool: str, arguments: Mapping[str, Any], **beside: str | None) -> Step:
        step = self.episode.act(tool, arguments, **beside)
        self.steps.append(step)
        return step

    def _run(self, skill: Skill, arguments: Mapping[str, Any]) -> dict[str, Any]:
        first = len(self.steps)
        turn = self.episode.turn + 1
        finish = self._finished(skill, arguments)
        if len(self.steps) == first and not self.episode.over:
            self._note(skill, arguments, finish)
        told = finish.as_json() | {"result": finish.result}
        if not self.over:
            told["steps"] = [_shown(step) for step in self.steps[first:]]
        success = None if self._outcome is None else bool(self._outcome["success"])
        use = Use(skill, turn, arguments, finish, success, told)
        self.uses.append(use)
        self._on_use(use)
        return told

    def _note(self, skill: Skill, arguments: Mapping[str, Any], finish: Finish) -> None:
        """Keep that a skill ended before its first call; the agent sees no step of it."""
        step = self.episode.note(skill.name, arguments, finish.as_json())
        if self._recorder is not None:
            self._recorder.record(step)

    def _finished(self, skill: Skill, arguments: Mapping[str, Any]) -> Finish:
        opening = self.episode.opening
        running = run(
            skill, arguments, Situation(opening.task.params, opening.observation, tuple(self.steps))
        )
        try:
            call = next(running)
            while True:
                try:
                    step = self._act_within(skill, call.tool, call.arguments)
                except (UnknownTool, EpisodeOver) as error:
                    call = running.throw(error)
                else:
                    call = running.send(step)
        except StopIteration as end:
            finish: Finish = end.value
            return finish

    def _act_within(self, skill: Skill, tool: str, arguments: Mapping[str, Any]) -> Step:
        if len(self.steps) >= self._most:
            raise EpisodeOver(f"{self._most} steps were made, which is the limit here")
        return self._act(tool, arguments, via_skill=skill.name)


def _shown(step: Step) -> dict[str, Any]:
    return {
        "tool": step.tool,
        "arguments": dict(step.arguments),
        "result": step.result,
        "error": step.error,
    }


def play_episode(episode: Episode, agent: Agent) -> list[Step]:
    """Let an agent play an episode to its end.

    Returns:
        The steps, in order.
    """
    return Playing(episode, agent).play()
