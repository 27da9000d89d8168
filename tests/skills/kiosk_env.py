"""A small world for skills: find what is wanted, put it into the basket, pay with the customer's card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from practicum.envs import ActionError, Outcome, Record, RewardTable, Secret, Task, ToolEnv, action

WARES = ("apple", "bread", "candle", "dates", "eggs")


@dataclass
class Stall(Record):
    """What the world holds."""

    shelf: dict[str, str]
    """Ware by its number."""
    basket: str = ""
    copies: int = 0
    paper: str = ""
    paid: bool = False


class Kiosk(ToolEnv[Stall]):
    """Buy the ware that the customer wants."""

    name, version = "kiosk", 1
    rewards = RewardTable(step=-0.01, refused=-0.05, solved=1.0)
    goals = {"pay": "buy_ware"}  # noqa: RUF012  # a declaration of ToolEnv's
    control = ("/status",)
    note = "Welcome."
    """What the stall says with every answer."""
    in_basket = "basket"
    """Its word for a basket that holds something."""
    strict = False
    """Whether it takes no money for what is not wrapped."""

    def begin(self, *, ware: str = "apple", copies: int = 1, card_token: str = "tok_0") -> Stall:
        """Put the wares on the shelf under numbers that no other task has."""
        numbers = self.np_random.choice(10**6, size=len(WARES), replace=False)
        return Stall({f"N{number:06d}": each for number, each in zip(numbers, WARES, strict=True)})

    @classmethod
    def make_task(cls, seed: int, **settings: Any) -> Task:
        """A ware and a number of copies, from the seed."""
        ware = WARES[seed * 7 % len(WARES)]
        drawn = {"ware": ware, "copies": 1 + seed * 11 % 3, "card_token": f"tok_{seed * 7919 % 10**8:08d}"}
        return Task(cls.name, cls.version, seed, drawn | settings, f"Buy {ware}.", step_limit=12)

    def _page(self, status: str, **more: Any) -> dict[str, Any]:
        return {"status": status, "note": self.note, **more}

    @action(read_only=True)
    def find_ware(self, ware: Annotated[str, Field(max_length=20)]) -> dict[str, Any]:
        """Find the number of a ware.

        Args:
            ware: Name of the ware, such as apple.
        """
        number = next((n for n, each in self.state.shelf.items() if each == ware), None)
        if number is None:
            raise ActionError("no such ware")
        return self._page("open", number=number)

    @action
    def take(self, number: str, copies: Annotated[int, Field(ge=1, le=3)] = 1) -> dict[str, Any]:
        """Put a ware into the basket.

        Args:
            number: Number of the ware, from find_ware.
            copies: How many.
        """
        if number not in self.state.shelf:
            raise ActionError("no such number")
        self.state.basket, self.state.copies = number, copies
        return self._page(self.in_basket)

    @action
    def wrap(self, paper: Literal["red", "green", "plain"] = "plain") -> dict[str, Any]:
        """Wrap what is in the basket.

        Args:
            paper: Which paper.
        """
        self.state.paper = paper
        return self._page("wrapped")

    @action(destructive=True)
    def pay(self, card_token: Secret) -> dict[str, Any]:
        """Pay for what is in the basket.

        Args:
            card_token: Token of the customer's card.
        """
        if not self.state.basket:
            raise ActionError("the basket is empty")
        if self.strict and not self.state.paper:
            return self._page("unwrapped")
        self.state.paid = True
        return self._page("paid")

    def is_done(self) -> bool:
        """It is paid."""
        return self.state.paid

    def outcome(self) -> Outcome:
        """Success when the right ware is paid in the right number."""
        state, params = self.state, self.task.params
        bought = state.shelf.get(state.basket), state.copies
        return Outcome(success=state.paid and bought == (params["ware"], params["copies"]))
