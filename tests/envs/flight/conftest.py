"""A visit to the flight site without bad luck, except where a test asks for it."""

from collections.abc import Callable
from typing import Any

import pytest

from practicum.envs import Episode, Step, Task
from practicum.envs.flight_booking_env import FlightBookingEnv

CALM = {"p_3ds": 0.0, "p_payment_fails": 0.0, "p_sold_out": 0.0, "p_shuffled": 0.0, "p_price_change": 0.0}
CARD = "tok_4242424242"


class Visit:
    """An episode with short calls; `page` is the last page that was not refused."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.env = FlightBookingEnv()
        self.episode = Episode(self.env, task)
        self.page: dict[str, Any] = self.episode.opening.observation
        self.steps: list[Step] = []

    def call(self, tool: str, **arguments: Any) -> Step:
        step = self.episode.act(tool, {name.rstrip("_"): value for name, value in arguments.items()})
        self.steps.append(step)
        if not step.refused:
            self.page = step.result
        return step

    def refused(self, tool: str, **arguments: Any) -> str:
        """Make a call that must be refused and leave the world alone; returns why."""
        before = self.env.world(), self.env.np_random.bit_generator.state
        step = self.call(tool, **arguments)
        assert step.refused
        assert step.terms == {"refused": -0.05, "step": -0.01}
        assert (self.env.world(), self.env.np_random.bit_generator.state) == before
        return step.error or ""

    def to_cart(self, row: int = 0) -> str:
        """Search and put the flight of a row into the cart; returns its id."""
        flight_id = str(self.call("search_flights").result["flights"][row]["id"])
        self.call("add_to_cart", flight_id=flight_id)
        return flight_id

    def to_payment(self, row: int = 0) -> str:
        flight_id = self.to_cart(row)
        self.call("proceed_to_payment")
        return flight_id

    def buy(self, row: int = 0) -> Step:
        self.to_payment(row)
        self.call("enter_card", card_token=CARD)
        return self.call("confirm_payment")

    @property
    def outcome(self) -> dict[str, Any]:
        assert self.episode.last is not None
        assert self.episode.last.outcome is not None
        return dict(self.episode.last.outcome)


@pytest.fixture
def visit() -> Callable[..., Visit]:
    """Opens a visit: the document's task (SFO to MAD, at most 900) with the settings given."""

    def open_visit(seed: int = 1, *, step_limit: int = 50, secret: Any = None, **params: Any) -> Visit:
        return Visit(Task("flight", 1, seed, CALM | params, step_limit=step_limit, secret=secret or {}))

    return open_visit


@pytest.fixture
def card() -> str:
    """The token that is accepted."""
    return CARD
