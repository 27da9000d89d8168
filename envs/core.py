"""ToolEnv: a Gymnasium environment whose actions are methods.

One file like this is all an author writes:

    class ParcelLockers(ToolEnv[Depot]):
        '''Store every parcel in a free locker that is at least as large.'''

        name, version = "parcels", 1
        rewards = RewardTable(step=-0.01, refused=-0.05, stored=0.05, solved=1.0)

        def begin(self, *, parcels: int = 3) -> Depot: ...
        @action
        def store(self, parcel: str, locker: str) -> str: ...
        def is_done(self) -> bool: ...
        def outcome(self) -> Outcome: ...
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Generic, TypeVar, get_type_hints

import gymnasium
import numpy as np
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json, to_jsonable_python

from practicum.envs.actions import Action, ToolCall, collect_actions
from practicum.envs.domains import DomainProfile, domain
from practicum.envs.errors import ActionError, EpisodeOver, UsageError, nearest, shortened
from practicum.envs.outside import LiveOutside, Outside
from practicum.envs.records import Changes, begin_noting, end_noting, recorded
from practicum.envs.rewards import Outcome, RewardTable, Terms
from practicum.envs.spaces import CallSpace, JsonSpace, read_call
from practicum.envs.tasks import Task, TaskSet

S = TypeVar("S")

CHECK_AGAIN = (
    "Not accepted yet: check your work against the instruction once more, then give your final answer again."
)


class ToolEnv(gymnasium.Env[Any, Any], Generic[S]):
    """A world that is changed by calling its actions.

    An author defines `name`, `begin`, actions, `is_done` and `outcome`. Everything that an episode changes
    lives in `state` (dataclasses that inherit `Record`, dicts, lists), and all chance comes from `np_random`.
    """

    name: ClassVar[str] = ""
    """Short name, `^[a-z][a-z0-9_]{0,19}$`; published as `{name}-v{version}`."""
    version: ClassVar[int] = 1
    rewards: ClassVar[RewardTable] = RewardTable(step=-0.01, refused=-0.05, solved=1.0)
    domain: ClassVar[str] = "generic"
    """Name of the DomainProfile."""
    goals: ClassVar[Mapping[str, str]] = {}
    """What a call that ends a job has achieved, by its tool: `{"confirm_payment": "book_flight"}`; names
    skills."""
    control: ClassVar[tuple[str, ...]] = ()
    """JSON pointers to what tells in a result how the world stands, such as `/view`."""
    forms: ClassVar[tuple[str, ...]] = ()
    """How the world words what it tells in texts, so that skills can read them: `your code is {code}`,
    `{found:d} rows[ on {day}]`; a field is a word, or with `:d` a whole number, brackets may be left out."""
    tariffs: ClassVar[Mapping[str, Mapping[int, int]]] = {}
    """What a task parameter adds to a price, in percent by its values: `{"instalments": {3: 2, 6: 4}}`."""
    told_in_play: ClassVar[tuple[str, ...]] = ()
    """Keys of a task's secret that calls may bring to light, such as what a customer says when asked; a task
    itself shows none of them."""
    blocking: bool = False
    """Whether actions wait for something (a process, a chat model) and belong in a worker thread."""
    actions: ClassVar[Mapping[str, Action]] = {}
    """The published actions by name, in the order of definition; a verb is an index into them."""
    metadata: dict[str, Any] = {"render_modes": ["ansi"]}  # noqa: RUF012  # Gymnasium's own declaration

    state: S
    task: Task
    outside: Outside

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.actions = collect_actions(cls)

    def __init__(self, seed: int | None = None, *, render_mode: str | None = None, **settings: Any) -> None:
        """Make an environment that has not begun yet.

        Args:
            seed: seed of the first episode's task when `reset` is given none.
            render_mode: Gymnasium's; `ansi` or None.
            settings: parameters for every task that `reset` makes, as in `begin`.
        """
        self.render_mode = render_mode
        self.outside = LiveOutside()
        self.action_space = CallSpace(self.actions)
        self.observation_space = JsonSpace()
        self._first_seed = seed
        self._settings = settings
        self._action_list = tuple(self.actions.values())
        self._over = True
        self._steps = 0
        self._last: Any = None
        self._terms: Terms = {}
        self._each_step: Terms = {}
        self._changes: Changes | None = None
        self._send_back = 0
        self._refusal: str | None = None

    # What an author writes ----------------------------------------------------------------------------

    def begin(self, *_: Any, **params: Any) -> S:
        """The state in which the episode of `self.task` begins; `params` are the task's, by keyword."""
        raise NotImplementedError

    def is_done(self) -> bool:
        """Whether the episode has come to an end of its own."""
        raise NotImplementedError

    def is_cut_off(self) -> bool:
        """Whether the world stops the episode short of an end, beside the task's step limit."""
        return False

    def outcome(self) -> Outcome:
        """How the episode stands, judged from the state alone."""
        raise NotImplementedError

    def opening(self) -> Any:
        """The first observation; the instruction, unless the world has something to show."""
        return self.task.instruction

    def observe(self) -> Any:
        """The Gymnasium observation; the last result, unless the world has one of its own."""
        return self._last

    def world(self) -> Any:
        """The whole world as plain JSON, for hashes; computed bulk counts by its seed and its changes."""
        return plain(self.state)

    @classmethod
    def make_task(cls, seed: int, **settings: Any) -> Task:
        """The task of a seed. The default has the settings as params and the docstring as instruction."""
        goal = inspect.cleandoc(cls.__doc__ or "")
        return Task(cls.name, cls.version, seed, cls.checked_settings(settings), goal)

    @classmethod
    def waits(cls, task: Task) -> bool:
        """Whether the actions wait for something in the episode of a task; `blocking` is the same for all."""
        return cls.blocking

    @classmethod
    def handbook(cls, **settings: Any) -> str:
        """What agents may read of the world beside its tools, such as a policy: Markdown, empty by itself."""
        return ""

    @classmethod
    def render_text(cls, result: Any) -> str:
        """A compact rendering of a result for agents with short contexts."""
        return result if isinstance(result, str) else to_json(result).decode()

    def earn(self, term: str, times: float = 1) -> None:
        """Add a term of the reward table to the step being played.

        Raises:
            KeyError: the table has no such term.
        """
        self._terms[term] = self._terms.get(term, 0.0) + times * self.rewards[term]

    # What the library gives ---------------------------------------------------------------------------

    @classmethod
    def env_id(cls) -> str:
        """The versioned name, such as `flight-v1`."""
        return f"{cls.name}-v{cls.version}"

    @classmethod
    def profile(cls) -> DomainProfile:
        """The profile of this world's domain."""
        return domain(cls.domain)

    @classmethod
    def tasks(cls, first_seed: int = 0, **settings: Any) -> TaskSet:
        """The endless set of this world's tasks, a seed after the other."""
        return TaskSet.generated(lambda seed: cls.make_task(seed, **settings), first_seed)

    @classmethod
    def checked_settings(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The settings, if `begin` or a `make_task` of this world's own takes them all.

        Raises:
            UsageError: names the first that nobody takes, or whose value is of the wrong type.
        """
        kinds, is_open = _setting_kinds(cls)  # type: ignore[arg-type]  # classes are hashable
        for name, value in settings.items():
            if name in kinds:
                _check_setting(cls.env_id(), name, value, kinds[name])
            elif not is_open:
                takes = ", ".join(kinds) or "none"
                raise UsageError(
                    f"{cls.env_id()} has no setting {name!r}{nearest(name, kinds)}; its settings: {takes}"
                )
        return dict(settings)

    @classmethod
    def takes_setting(cls, name: str) -> bool:
        """Whether there is a setting of that name."""
        kinds, is_open = _setting_kinds(cls)  # type: ignore[arg-type]  # classes are hashable
        return is_open or name in kinds

    @property
    def np_random(self) -> np.random.Generator:
        """The only source of chance; what an action draws is put back when the action is refused."""
        generator = gymnasium.Env.np_random.fget(self)  # type: ignore[attr-defined]  # a property of the parent
        changes = self._changes
        if changes is not None:
            changes.note(_restore_generator, generator, generator.bit_generator.state)
            self._changes = None
        return generator  # type: ignore[no-any-return]

    @np_random.setter
    def np_random(self, value: np.random.Generator) -> None:
        self._np_random = value

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: makes the task of that seed. Without it: the constructor's seed first, then one drawn from
                `np_random`.
            options: `task` (a `Task`, instead of a seed) and `min_try` (the first n-1 final answers are sent
                back).

        Returns:
            The first observation, and `{"task": what the agent may see of it}`.
        """
        options = options or {}
        task = options.get("task") or self.make_task(self._pick_seed(seed), **self._settings)
        super().reset(seed=task.seed)
        self.task = task
        self.outside.take()
        self._refusal = None
        self._changes = None
        self._terms = {}
        self._each_step = {"step": self.rewards["step"]} if "step" in self.rewards else {}
        self.blocking = self.waits(task)
        self.state = recorded(self.begin(**task.params, **task.places))
        self._steps = 0
        self._over = False
        self._send_back = options.get("min_try", 1) - 1
        self._last = plain(self.opening())
        shown = {
            "env": task.env_id,
            "seed": task.seed,
            "params": dict(task.params),
            "instruction": task.instruction,
        }
        return self._observed(), {"task": shown}

    def _observed(self) -> Any:
        observation = self.observe()
        return observation if observation is self._last else plain(observation)

    def _pick_seed(self, seed: int | None) -> int:
        if seed is None and self._first_seed is not None:
            seed, self._first_seed = self._first_seed, None
        return int(self.np_random.integers(2**31)) if seed is None else seed

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Play one call.

        Args:
            action: a `ToolCall`, `{"verb": i, "payload": text}` or `{"tool": name, "params": {…}}`.

        Returns:
            observation, reward, terminated, truncated, and info: `tool`, `arguments`, `result` (plain JSON),
            `error` (why it was refused, or None), `terms`, `read_only`, `outcome` (in the last step).

        Raises:
            EpisodeOver: `reset` has not been called since the end.
        """
        if self._over:
            raise EpisodeOver("the episode has ended; reset() begins another")
        self._steps += 1
        self._terms = {}
        call = ToolCall("", {})
        error: str | None = None
        read_only = False
        try:
            call = read_call(action, self._action_list) if type(action) is not ToolCall else action
            result, read_only = self._play(call)
        except ActionError as refusal:
            result, error = None, shortened(str(refusal))
            self._refusal = None
            self._terms = {"refused": self.rewards["refused"]} if "refused" in self.rewards else {}
        return self._finish(call, result, error, read_only)

    def refuse_next(self, reason: str) -> None:
        """Have the next step refused for a reason that is not the world's, such as noise on the way to it."""
        self._refusal = reason

    def _play(self, call: ToolCall) -> tuple[Any, bool]:
        if self._refusal is not None:
            raise ActionError(self._refusal)
        action = self.actions.get(call.tool)
        if action is None:
            known = ", ".join(self.actions)
            raise ActionError(f"no action {call.tool!r}{nearest(call.tool, self.actions)}; there are {known}")
        arguments = action.bind(call.arguments)
        before = self.state
        self._changes, token = begin_noting()
        changes = self._changes
        try:
            result = to_jsonable_python(action.function(self, **arguments), fallback=_plain_numpy)
            if action.read_only:
                changes.take_back()
                self.state = before
            elif self._send_back > 0 and self._is_final_answer(call.tool):
                changes.take_back()
                self.state, self._terms, result = before, {}, CHECK_AGAIN
                self._send_back -= 1
            elif self.state is not before:
                self.state = recorded(self.state)
        except BaseException:
            changes.take_back()
            self.state = before
            raise
        finally:
            end_noting(token)
            self._changes = None
        return result, action.read_only

    def _is_final_answer(self, tool: str) -> bool:
        return self.profile().ends(tool) and self.is_done()

    def _finish(
        self, call: ToolCall, result: Any, error: str | None, read_only: bool
    ) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        terms = self._terms
        terms.update(self._each_step)
        terminated = error is None and not read_only and self.is_done()
        truncated = not terminated and (self._steps >= self.task.step_limit or self.is_cut_off())
        self._over = terminated or truncated
        outcome = self.outcome() if self._over else None
        if terminated and outcome is not None:
            self._earn_the_end(outcome)
        self._last = result if error is None else error
        info = {
            "tool": call.tool,
            "arguments": call.arguments,
            "result": result,
            "error": error,
            "terms": terms,
            "read_only": read_only,
            "outcome": outcome,
        }
        return self._observed(), sum(terms.values()), terminated, truncated, info

    def _earn_the_end(self, outcome: Outcome) -> None:
        if outcome.success and "solved" in self.rewards:
            self.earn("solved")
        if outcome.violations and "violation" in self.rewards:
            self.earn("violation", len(outcome.violations))

    def render(self) -> str:
        """The last observation as text."""
        return self.render_text(self.observe())


@cache
def _setting_kinds(cls: type[ToolEnv[Any]]) -> tuple[Mapping[str, TypeAdapter[Any]], bool]:
    """What each setting of a class may be, and whether `begin` takes others too."""
    kinds: dict[str, TypeAdapter[Any]] = {}
    parameters = inspect.signature(cls.begin).parameters.values()
    for method in (cls.begin, cls.make_task):
        hints = get_type_hints(method, include_extras=True)
        for name, parameter in inspect.signature(method).parameters.items():
            if parameter.kind is not parameter.VAR_KEYWORD and name not in ("self", "seed"):
                kinds[name] = TypeAdapter(hints.get(name, Any))
    return kinds, any(p.kind is p.VAR_KEYWORD for p in parameters)


def _check_setting(env_id: str, name: str, value: Any, kind: TypeAdapter[Any]) -> None:
    try:
        kind.validate_python(value, strict=True)
    except ValidationError as error:
        found = error.errors(include_url=False)[0]["msg"].removeprefix("Input ")
        raise UsageError(f"setting {name!r} of {env_id} is {value!r}: it {found}") from None


def _restore_generator(generator: np.random.Generator, state: Mapping[str, Any]) -> None:
    generator.bit_generator.state = dict(state)


def plain(value: Any) -> Any:
    """A value as plain JSON that shares nothing with it; records become objects, NumPy's arrays lists."""
    return to_jsonable_python(value, fallback=_plain_numpy)


def _plain_numpy(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{value!r} has no JSON form; an action returns records, dicts, lists, text or numbers")
