"""The contract test for authors: plays an environment at random and says which promises it breaks.

`check(MyEnv)` is empty when it keeps them all. Each finding is one line that says what to do.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from gymnasium.utils.env_checker import check_env
from pydantic_core import to_json

from practicum.envs.actions import Action
from practicum.envs.core import ToolEnv, plain
from practicum.envs.domains import domains
from practicum.envs.episodes import Episode, ListRecorder, Opening, Step
from practicum.envs.errors import ActionError, in_one_line
from practicum.envs.lint import HANDLE_ARGUMENTS, lint_tool
from practicum.envs.outside import LiveOutside, ReplayedOutside, ReplayMismatch
from practicum.envs.probing import leaks, public_words, spoil, unnoted, words_in
from practicum.envs.records import noting
from practicum.envs.spaces import WORDS, sample_arguments
from practicum.envs.tasks import Task
from practicum.envs.watch import WATCH, TookTooLong

T = TypeVar("T")
EnvClass = type[ToolEnv[Any]]
NAME = re.compile(r"[a-z][a-z0-9_]{0,19}|gym:.+")
BAD_CALLS = 0.2
"""Share of calls whose arguments are spoilt."""
_MOST_WORDS = 300


@dataclass(frozen=True, slots=True)
class Finding:
    """A promise that an environment breaks."""

    rule: str
    """Which promise: `determinism`, `refusal`, `secret`, …"""
    message: str
    """Where, what was found, and what to do; one line."""


def check(
    env_class: EnvClass,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    steps: int = 60,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Finding]:
    """Play an environment at random and list the promises that it breaks; an empty list is a pass.

    What never ends is interrupted where the process has started its `WATCH`, as the command has.

    Args:
        env_class: made without settings.
        seeds: one episode is played for each.
        steps: the most steps of an episode.
        progress: told how many seeds of how many have been played, after each.
    """
    report = _Report()
    _check_class(report, env_class)
    for done, seed in enumerate(seeds, 1):
        if report.has("time"):
            break
        _check_seed(report, env_class, seed, steps)
        progress(done, len(seeds))
    if not report.has("time"):
        _check_as_gymnasium_does(report, env_class)
    return report.findings


class _Report:
    """Findings, one example of each."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], Finding] = {}

    @property
    def findings(self) -> list[Finding]:
        return list(self._found.values())

    def tell(self, rule: str, place: str, message: str) -> None:
        """Add a finding, unless one that begins alike is there already: an example of each is enough."""
        self._found.setdefault((rule, place, message[:25]), Finding(rule, f"{place}: {message}"))

    def has(self, rule: str) -> bool:
        """Whether a promise of that kind is broken."""
        return any(finding.rule == rule for finding in self.findings)

    @contextmanager
    def crashes(self, place: str, *, rule: str = "crash") -> Iterator[None]:
        """Turn whatever the environment raises inside the block into a finding."""
        try:
            yield
        except TookTooLong as error:
            self.tell("time", place, f"{error}; put a limit on what it waits for, or compute less")
        except Exception as error:  # noqa: BLE001  # an author's code may fail in any way; that is the finding
            self.tell(rule, place, f"raised {in_one_line(error)}; raise ActionError to refuse a call")


def _watched(what: str, work: Callable[[], T]) -> T:
    return WATCH.run(lambda: what, work)


def _check_class(report: _Report, env_class: EnvClass) -> None:
    place = env_class.__name__
    if not NAME.fullmatch(env_class.name):
        report.tell(
            "name",
            place,
            f"its name is {env_class.name!r}; use a-z, 0-9 and _, at most 20, such as 'parcels'",
        )
    if not (env_class.__doc__ or "").strip():
        report.tell("goal", place, "it has no docstring; the docstring is the goal that the agent reads")
    known = [profile.name for profile in domains()]
    if env_class.domain not in known:
        report.tell(
            "domain",
            place,
            f"no domain {env_class.domain!r}; use one of {', '.join(known)} or register_domain",
        )
    if not env_class.actions:
        report.tell("actions", place, "it has no action; mark methods with @action")
    for action in env_class.actions.values():
        for complaint in lint_tool(action.name, action.description, action.schema):
            report.tell("tool", *complaint.split(": ", 1))
        for name in set(HANDLE_ARGUMENTS) & set(action.parameters):
            message = (
                f"the argument {name!r} is the server's own: it names the session or the turn; rename it"
            )
            report.tell("tool", action.name, message)


def _check_as_gymnasium_does(report: _Report, env_class: EnvClass) -> None:
    with report.crashes("gymnasium.check_env", rule="gymnasium"), warnings.catch_warnings(action="ignore"):
        _watched("gymnasium.check_env", lambda: check_env(env_class(), skip_render_check=True))


def _check_seed(report: _Report, env_class: EnvClass, seed: int, steps: int) -> None:
    with report.crashes("the beginning"):
        task = env_class.make_task(seed)
        if task != env_class.make_task(seed):
            report.tell("determinism", "make_task", f"seed {seed} gave two tasks; use no chance but the seed")
        watch = _Watch(report, env_class, task)
        if watch.play(np.random.default_rng(seed), steps):
            _check_replay(report, env_class(), watch, "determinism")
            _check_replay(report, watch.env, watch, "reset")
        _check_step_limit(report, env_class(), task)


class _Watch:
    """An episode that is being watched."""

    def __init__(self, report: _Report, env_class: EnvClass, task: Task) -> None:
        self.report = report
        self.env = env_class()
        self.recorder = ListRecorder()
        self.episode = _watched("begin", lambda: Episode(self.env, task, recorder=self.recorder))
        self.words: dict[str, None] = {}
        self._public = frozenset(
            word for action in env_class.actions.values() for word in public_words(action)
        )
        self.look_at("the opening", [self.opening.observation, self.opening.text])
        self.look_at("the task", [task.instruction, dict(task.params)])
        for place in unnoted(self.env.state):
            report.tell(
                "state", place, "its changes cannot be taken back; use dicts, lists and Record dataclasses"
            )

    @property
    def opening(self) -> Opening:
        assert self.recorder.opening is not None
        return self.recorder.opening

    def play(self, random: np.random.Generator, steps: int) -> bool:
        """Play at random, to the end or for so many steps; False when the environment crashed."""
        actions = list(self.env.actions.values())
        while actions and not self.episode.over and self.episode.turn < steps:
            action = actions[int(random.integers(len(actions)))]
            turn = self.episode.turn
            with self.report.crashes(action.name):
                self._play_one(action, random)
            if self.episode.turn == turn:
                return False
        return True

    def _play_one(self, action: Action, random: np.random.Generator) -> None:
        arguments = sample_arguments(action, random, words=list(self.words)[-_MOST_WORDS:] or WORDS)
        is_bad = bool(random.random() < BAD_CALLS)
        if is_bad:
            arguments = spoil(action, arguments, random)
        before = _fingerprint(self.env)
        if action.read_only and not is_bad:
            _watched(action.name, lambda: self._try_read_only(action, arguments))
        step = _watched(action.name, lambda: self.episode.act(action.name, arguments))
        self._judge(step, before, is_bad=is_bad)

    def look_at(self, place: str, shown: Any) -> None:
        """See that what the agent is shown is plain JSON and keeps the secret; learn its words."""
        self.words |= dict.fromkeys(words_in(shown))
        try:
            json.dumps(shown, allow_nan=False)
        except (TypeError, ValueError) as error:
            self.report.tell("result", place, f"{error}; results are plain JSON")
        told = () if place == "the task" else self.env.told_in_play
        secret = {key: value for key, value in self.episode.task.secret.items() if key not in told}
        for key in leaks(secret, shown, self._public):
            self.report.tell(
                "secret", place, f"shows what task.secret[{key!r}] holds; the agent must not see it"
            )

    def _try_read_only(self, action: Action, arguments: dict[str, Any]) -> None:
        """Call the method itself: `step` takes back what a read-only action changes, so it would not show."""
        env, state, outside = self.env, self.env.state, self.env.outside
        generator = env.np_random.bit_generator
        drawn = generator.state
        env.outside = LiveOutside()
        with noting() as changes:
            try:
                action.function(env, **action.bind(arguments))
            except ActionError:
                pass
            finally:
                has_changed = bool(changes) or env.state is not state
                has_drawn = generator.state != drawn
                changes.take_back()
                env.state, env.outside, generator.state = state, outside, drawn
        if has_changed:
            self.report.tell(
                "read-only", action.name, "it writes to the state; drop read_only=True or the change"
            )
        if has_drawn:
            self.report.tell(
                "read-only", action.name, "it draws from np_random; drop read_only=True or the draw"
            )

    def _judge(self, step: Step, before: bytes, *, is_bad: bool) -> None:
        after = _fingerprint(self.env)
        if step.refused and before != after:
            self.report.tell(
                "refusal", step.tool, "a refused call changed the world; keep what changes in state"
            )
        if step.read_only and before != after:
            self.report.tell("read-only", step.tool, "it changed the world; keep what changes in state")
        if is_bad and not step.refused:
            self.report.tell(
                "door", step.tool, f"took the bad arguments {step.arguments}; leave step as it is"
            )
        self._judge_reward(step)
        self._judge_judging(step, after)
        shown = [step.result, step.error, step.text, plain(self.env.observe()), step.outcome]
        self.look_at(step.tool, shown)

    def _judge_reward(self, step: Step) -> None:
        if step.reward != sum(step.terms.values()):
            self.report.tell("reward", step.tool, f"{step.reward} is not the sum of {step.terms}; use earn")
        for name in step.terms:
            if name not in self.env.rewards:
                self.report.tell(
                    "reward", step.tool, f"the term {name!r} is not in the table; add it to `rewards`"
                )
        if step.terminated and step.outcome is None:
            self.report.tell("outcome", step.tool, "the episode ended without an outcome; return one")

    def _judge_judging(self, step: Step, after: bytes) -> None:
        self.env.is_done(), self.env.is_cut_off(), self.env.outcome()
        self.env.render_text(plain(self.env.observe()))
        if _fingerprint(self.env) != after:
            message = "is_done, outcome, observe or render_text changed the world; they may only look"
            self.report.tell("judging", type(self.env).__name__, f"{message} (after {step.tool})")


def _fingerprint(env: ToolEnv[Any]) -> bytes:
    """The world and its generator, order of keys included."""
    return to_json([plain(env.world()), str(env.np_random.bit_generator.state)])


def _check_replay(report: _Report, env: ToolEnv[Any], watch: _Watch, rule: str) -> None:
    """Play the same calls with the same answers from outside, on a fresh environment or on the used one."""
    remedy = {
        "determinism": "draw only from np_random, ask Outside for clocks and replies, sort sets",
        "reset": "a second episode in the same environment differs; set everything in begin",
    }[rule]
    outside = env.outside = ReplayedOutside(watch.opening.outside)
    try:
        episode = Episode(env, watch.episode.task)
        if episode.opening != watch.opening:
            report.tell(rule, "the opening", f"it differs on replay; {remedy}")
        for step in watch.recorder.steps:
            outside.expect(step.outside)
            again = episode.act(step.tool, step.arguments)
            if again != step:
                report.tell(
                    rule, step.tool, f"{_difference(again, step)} on replay of turn {step.turn}; {remedy}"
                )
                return
        outside.expect(())
    except ReplayMismatch as mismatch:
        report.tell("outside", type(env).__name__, f"{mismatch}; ask in the same order every time")


def _difference(again: Step, step: Step) -> str:
    for name in ("error", "result", "terms", "terminated", "truncated", "outcome"):
        if getattr(again, name) != getattr(step, name):
            return f"{name} was {str(getattr(step, name))[:80]}, is {str(getattr(again, name))[:80]}"
    return "the step differs"


def _check_step_limit(report: _Report, env: ToolEnv[Any], task: Task) -> None:
    episode = Episode(env, replace(task, step_limit=2))
    tool = next(iter(env.actions), None)
    if tool is None:
        return
    while episode.turn < 2 and not episode.over:  # a wrapper may be stricter
        episode.act(tool, {"no_such_argument": 1})
    if not episode.over:
        report.tell(
            "step limit", type(env).__name__, "the task's step_limit did not truncate; leave step as it is"
        )
