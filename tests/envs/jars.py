"""Small worlds that each break one promise of the contract, and the one that keeps them all."""

import time
from typing import Any, ClassVar, Literal

from practicum.envs import ActionError, Outcome, RewardTable, Task, ToolEnv, action


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
