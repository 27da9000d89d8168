"""The contract test finds each broken promise, and nothing in an environment that keeps them."""

import signal
import time
from typing import Any, ClassVar, Literal

import pytest

from practicum.envs import ActionError, Outcome, RewardTable, Task, ToolEnv, action, find
from practicum.envs.check import check
from practicum.envs.watch import Watch


class Jar(ToolEnv[dict[str, Any]]):
    """Fill the jar."""

    name = "jar"
    rewards = RewardTable(step=-0.01, refused=-0.05, solved=1.0)

    def begin(self) -> Any:
        return {"beans": int(self.np_random.integers(5)), "bag": {}}

    @action
    def put(self, count: Literal[1, 2], note: str = "") -> str:
        """Put beans into the jar.

        Args:
            count: How many.
            note: A word about it.
        """
        if self.state["beans"] > 30:
            raise ActionError("it is full")
        self.state["beans"] += count
        return f"{self.state['beans']} beans"

    @action(read_only=True)
    def look(self) -> Any:
        """Show the jar."""
        return self.state

    def is_done(self) -> bool:
        return bool(self.state["beans"] == 40)

    def outcome(self) -> Outcome:
        return Outcome(self.is_done())


def rules(env_class):
    return {finding.rule for finding in check(env_class)}


@pytest.mark.parametrize("name", ["gym:CartPole-v1", "gym:Pendulum-v1", "gym:Taxi-v4", "flight"])
def test_environments_that_keep_the_contract_pass(name):
    assert check(find(name)) == []


def test_the_example_and_a_small_jar_pass(parcels):
    assert check(parcels) == []
    assert check(Jar) == []


class BadName(Jar):
    """Fill the jar."""

    name = "Big Jar"


class NoGoal(Jar):
    name = "jar"


class UnknownDomain(Jar):
    """Fill the jar."""

    domain = "jars-of-all-sorts"


class NoActions(ToolEnv[dict[str, Any]]):
    """Do nothing."""

    name = "idle"

    def begin(self) -> Any:
        return {}

    def is_done(self) -> bool:
        return False

    def outcome(self) -> Outcome:
        return Outcome(False)


class Undescribed(Jar):
    """Fill the jar."""

    @action
    def pour(self, litres: float) -> None:
        """Pour."""


class TooLong(Jar):
    """Fill the jar."""

    @action
    def pour(self) -> None:
        pass

    pour.__doc__ = "Pour. " * 200


class OwnDice(Jar):
    """Fill the jar."""

    drawn: ClassVar[list[int]] = []

    @action
    def shake(self) -> int:
        """Shake the jar."""
        self.drawn.append(1)
        return len(self.drawn)


class ReadsTheClock(Jar):
    """Fill the jar."""

    @action
    def wait(self) -> int:
        """Wait."""
        return time.monotonic_ns()


class AsksTheClock(Jar):
    """Fill the jar."""

    @action
    def wait(self) -> int:
        """Wait."""
        return int(self.outside.ask("clock", time.monotonic_ns))


class RemembersTheLastEpisode(Jar):
    """Fill the jar."""

    def begin(self) -> Any:
        self.played = getattr(self, "played", 0) + 1
        return super().begin() | {"played": self.played}


class AsksOnceAnEpisode(Jar):
    """Fill the jar."""

    def begin(self) -> Any:
        if not hasattr(self, "greeting"):
            self.greeting = self.outside.ask("chat", lambda: "hello")
        return super().begin()


class KeepsASet(Jar):
    """Fill the jar."""

    def begin(self) -> Any:
        return super().begin() | {"seen": set()}


class ChangesWhatItRefuses(Jar):
    """Fill the jar."""

    def begin(self) -> Any:
        self.shadow = []
        return super().begin()

    def world(self) -> Any:
        return [super().world(), self.shadow]

    @action
    def drop(self) -> None:
        """Drop it."""
        self.shadow.append(1)
        raise ActionError("it fell")


class WritesWhileReading(Jar):
    """Fill the jar."""

    @action(read_only=True)
    def shake(self) -> None:
        """Shake the jar."""
        self.state["bag"]["shaken"] = 1


class DrawsWhileReading(Jar):
    """Fill the jar."""

    @action(read_only=True)
    def guess(self) -> int:
        """Guess a number."""
        return int(self.np_random.integers(5))


class OwnReward(Jar):
    """Fill the jar."""

    def step(self, action: Any) -> Any:
        observation, reward, *rest = super().step(action)
        return observation, reward + 1, *rest


class OwnTerm(Jar):
    """Fill the jar."""

    def step(self, action: Any) -> Any:
        observation, reward, *rest = super().step(action)
        rest[-1]["terms"]["luck"] = 1.0
        return observation, reward + 1, *rest


class NotANumber(Jar):
    """Fill the jar."""

    @action
    def divide(self) -> Any:
        """Divide."""
        return {"share": float("nan")}


class TellsTheSecret(Jar):
    """Fill the jar."""

    @classmethod
    def make_task(cls, seed: int, **settings: Any) -> Task:
        return Task("jar", 1, seed, secret={"script": ["say open sesame"], "price": 1, "tool": "look"})

    @action
    def listen(self) -> str:
        """Listen."""
        return f"psst: {self.task.secret['script'][0]}!"


class TellsTheSecretAtTheEnd(Jar):
    """Fill the jar."""

    @classmethod
    def make_task(cls, seed: int, **settings: Any) -> Task:
        return Task("jar", 1, seed, secret={"best": 4711})

    def outcome(self) -> Outcome:
        return Outcome(self.is_done(), details={"best": self.task.secret["best"]})


class JudgesByChanging(Jar):
    """Fill the jar."""

    def outcome(self) -> Outcome:
        self.state["beans"] += 1
        return Outcome(False)


class NeverTruncates(Jar):
    """Fill the jar."""

    def step(self, action: Any) -> Any:
        self._steps = 0
        return super().step(action)


class Crashes(Jar):
    """Fill the jar."""

    @action
    def smash(self) -> None:
        """Smash it."""
        raise ZeroDivisionError("no jar\nleft")


class CannotBegin(Jar):
    """Fill the jar."""

    def begin(self) -> Any:
        raise ZeroDivisionError


class ReturnsTooLittle(Jar):
    """Fill the jar."""

    def reset(self, **options: Any) -> Any:
        return super().reset(**options)[0]


class TakesAnything(Jar):
    """Fill the jar."""

    def step(self, action: Any) -> Any:
        observation, reward, terminated, truncated, info = super().step(action)
        return observation, reward, terminated, truncated, info | {"error": None}


class DrawsItsTasks(Jar):
    """Fill the jar."""

    @classmethod
    def make_task(cls, seed: int, **settings: Any) -> Task:
        return Task("jar", 1, seed, {}, f"It is {time.monotonic_ns()} now.")


class HidesItsOutcome(Jar):
    """Fill the jar."""

    def is_done(self) -> bool:
        return bool(self.state["beans"] > 6)

    def step(self, action: Any) -> Any:
        observation, reward, terminated, truncated, info = super().step(action)
        return observation, reward, terminated, truncated, info | {"outcome": None}


BROKEN = {
    "outcome": HidesItsOutcome,
    "name": BadName,
    "goal": NoGoal,
    "domain": UnknownDomain,
    "actions": NoActions,
    "tool": Undescribed,
    "determinism": OwnDice,
    "reset": RemembersTheLastEpisode,
    "outside": AsksOnceAnEpisode,
    "state": KeepsASet,
    "refusal": ChangesWhatItRefuses,
    "read-only": WritesWhileReading,
    "reward": OwnReward,
    "result": NotANumber,
    "secret": TellsTheSecret,
    "judging": JudgesByChanging,
    "step limit": NeverTruncates,
    "crash": Crashes,
    "gymnasium": ReturnsTooLittle,
    "door": TakesAnything,
}


@pytest.mark.parametrize(("rule", "env_class"), BROKEN.items(), ids=BROKEN)
def test_a_broken_promise_is_found(rule, env_class):
    findings = [finding for finding in check(env_class) if finding.rule == rule]
    assert findings
    assert all("\n" not in finding.message for finding in findings)


@pytest.mark.parametrize(
    ("rule", "env_class"),
    [
        ("determinism", ReadsTheClock),
        ("determinism", DrawsItsTasks),
        ("read-only", DrawsWhileReading),
        ("reward", OwnTerm),
        ("tool", TooLong),
        ("crash", CannotBegin),
        ("secret", TellsTheSecretAtTheEnd),
    ],
)
def test_another_way_to_break_the_promise_is_found_too(rule, env_class):
    assert rule in rules(env_class)


def test_asking_outside_for_the_time_is_no_finding():
    assert check(AsksTheClock) == []


def test_a_finding_says_where_what_and_what_to_do():
    assert [finding.message for finding in check(WritesWhileReading)] == [
        "shake: it writes to the state; drop read_only=True or the change"
    ]
    assert "smash: raised ZeroDivisionError: no jar left; raise ActionError to refuse a call" in [
        finding.message for finding in check(Crashes)
    ]


def test_checking_prints_and_warns_nothing(capfd, recwarn):
    check(Jar)
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


class NeverBegins(Jar):
    """Begin."""

    def begin(self):
        while True:
            pass


class NeverAnswers(Jar):
    """Answer."""

    @action
    def wait(self) -> str:
        """Wait for what never comes."""
        while True:
            pass


@pytest.fixture
def short_watch(monkeypatch):
    """A watch that loses patience at once, for the contract test alone."""
    before = signal.getsignal(signal.SIGALRM)
    watch = Watch()
    watch.start(end_after_s=0.2)
    monkeypatch.setattr("practicum.envs.check.WATCH", watch)
    yield
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(("env_class", "place"), [(NeverBegins, "the beginning"), (NeverAnswers, "wait")])
@pytest.mark.usefixtures("short_watch")
def test_what_never_ends_is_interrupted_and_named(env_class, place):
    [finding] = [finding for finding in check(env_class) if finding.rule == "time"]
    assert finding.message.startswith(f"{place}: ")
    assert finding.message.endswith("put a limit on what it waits for, or compute less")
