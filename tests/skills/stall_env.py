"""A market stall: offers are looked through, one is reserved and paid; offers go, payments are declined."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from practicum.envs import ActionError, Outcome, Record, RewardTable, Task, ToolEnv, action

FRUITS = ("apples", "pears", "plums")


@dataclass
class Sale(Record):
    offers: list[dict[str, Any]]
    status: str = "open"
    held: dict[str, Any] | None = None
    gone: list[str] = field(default_factory=list)
    declined: bool = False


class Stall(ToolEnv[Sale]):
    """Buy the cheapest offer of a fruit within the budget, or give up where there is none."""

    name, version = "stall", 1
    rewards = RewardTable(step=-0.01, refused=-0.05, solved=1.0)
    goals = {"pay": "buy_fruit"}  # noqa: RUF012  # a declaration of ToolEnv's
    control = ("/status",)

    def begin(
        self,
        *,
        job: Literal["buy", "sell"] = "buy",
        fruit: str = "apples",
        budget: int = 50,
        p_gone: float = 0.2,
        p_fails: float = 0.2,
    ) -> Sale:
        self.job, self.fruit, self.budget, self.p_fails = job, fruit, budget, p_fails
        offers = [
            {"id": f"O{n}", "fruit": FRUITS[n % 3], "price": int(self.np_random.integers(20, 60))}
            for n in range(9)
        ]
        self.going = {str(offer["id"]) for offer in offers if self.np_random.random() < p_gone}
        return Sale(offers)

    @classmethod
    def make_task(cls, seed: int, *, feasible: bool | None = None, **settings: Any) -> Task:
        drawn = {
            "job": "sell" if seed % 7 == 0 else "buy",
            "fruit": FRUITS[seed % 3],
            "budget": 25 + seed * 11 % 35,
        }
        if feasible is not None:
            drawn["budget"] = 100 if feasible else 5
        return Task(cls.name, cls.version, seed, {**drawn, **cls.checked_settings(settings)}, "Buy fruit.")

    @action(read_only=True)
    def search(self, fruit: str) -> dict[str, Any]:
        """Show the offers of a fruit.

        Args:
            fruit: Which.
        """
        return self._page([offer for offer in self.state.offers if offer["fruit"] == fruit])

    @action
    def reserve(self, offer: str) -> dict[str, Any]:
        """Reserve an offer; it may be gone.

        Args:
            offer: Its id.
        """
        found = next((each for each in self.state.offers if each["id"] == offer), None)
        if found is None or self.state.status == "paid":
            raise ActionError(f"no offer {offer!r} can be reserved")
        self.state.status = "gone" if offer in self.going else "reserved"
        self.state.held = None if offer in self.going else found
        return self._page([])

    @action
    def pay(self) -> dict[str, Any]:
        """Pay for what is reserved; it may fail."""
        if self.state.held is None:
            raise ActionError("nothing is reserved")
        self.state.status = "failed" if self.np_random.random() < self.p_fails else "paid"
        return self._page([])

    @action
    def give_up(self) -> dict[str, Any]:
        """Give up."""
        self.state.declined = True
        return self._page([])

    def _page(self, offers: list[dict[str, Any]]) -> dict[str, Any]:
        return {"status": self.state.status, "offers": offers}

    def is_done(self) -> bool:
        return self.state.status == "paid" or self.state.declined

    def outcome(self) -> Outcome:
        bought = self.state.held if self.state.status == "paid" else None
        fits = bought is not None and bought["fruit"] == self.fruit and bought["price"] <= self.budget
        left = [
            each
            for each in self.state.offers
            if each["fruit"] == self.fruit and each["price"] <= self.budget and each["id"] not in self.going
        ]
        right = fits if bought is not None else self.state.declined and not left
        return Outcome(right and self.job == "buy")


class Waiting(Stall):
    """Buy, while one waits."""

    blocking = True


class Fickle(Stall):
    """Buy, where no day is like another."""

    days = 0

    def begin(self, **params: Any) -> Sale:
        type(self).days += 1
        sale = super().begin(**params)
        sale.offers[0]["price"] += type(self).days
        return sale


class Renamed(Stall):
    """Buy, where a column has another name."""

    def _page(self, offers: list[dict[str, Any]]) -> dict[str, Any]:
        renamed = [{"id": each["id"], "fruit": each["fruit"], "cost": each["price"]} for each in offers]
        return {"status": self.state.status, "offers": renamed}


class NewStatus(Stall):
    """Buy, where a status is new."""

    def _page(self, offers: list[dict[str, Any]]) -> dict[str, Any]:
        status = "on_hold" if self.state.status == "reserved" else self.state.status
        return {"status": status, "offers": offers}


class Overcharging(Stall):
    """Buy, where what is paid is more than what is shown."""

    def pay(self) -> dict[str, Any]:
        page = super().pay()
        if self.state.held is not None:
            self.state.held = {**self.state.held, "price": self.state.held["price"] + 15}
        return page

    pay = action(pay)
    pay.__doc__ = "Pay for what is reserved; it may fail."
