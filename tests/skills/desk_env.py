"""A desk at which customers are talked to: they say who they are and which order it is about, and leave."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from practicum.envs import ActionError, Outcome, Record, RewardTable, Task, ToolEnv, action
from practicum.envs.domains import DomainProfile, register_domain

THINGS = ("lamp", "desk", "chair", "shelf", "clock", "rug", "stool")
REASONS = ("too late", "too dear")

register_domain(
    DomainProfile(
        "desk_of_the_tests",
        categories={
            "read": ("find_by_name", "find_by_code", "get_person", "get_order", "get_thing"),
            "write": ("cancel", "write_to"),
            "talk": ("say",),
            "think": ("think",),
        },
    )
)


@dataclass
class Visit(Record):
    people: dict[str, dict[str, Any]]
    orders: dict[str, dict[str, Any]]
    person: str
    order: str
    reason: str
    cancelled: dict[str, str] = field(default_factory=dict)
    letters: list[str] = field(default_factory=list)
    gone: bool = False


class Desk(ToolEnv[Visit]):
    """Cancel the order that the customer names."""

    name, version, domain = "desk", 1, "desk_of_the_tests"
    rewards = RewardTable(step=-0.01, refused=-0.05, solved=1.0)
    goals = {"cancel": "cancel_order"}  # noqa: RUF012  # a declaration of ToolEnv's
    control = ("/status",)

    def begin(self, *, reasons: int = 2, orders_each: int = 4, live: bool = False) -> Visit:
        self._live = live
        draw = self.np_random
        numbers = iter(draw.choice(900_000, size=600, replace=False) + 100_000)
        people: dict[str, dict[str, Any]] = {}
        orders: dict[str, dict[str, Any]] = {}
        for _ in range(3):
            count = draw.integers(1, orders_each + 1)
            person, owned = f"p{next(numbers)}", [f"W{next(numbers)}" for _ in range(count)]
            people[person] = {"name": f"name{next(numbers)}", "code": f"c{next(numbers)}", "orders": owned}
            for order in owned:
                things = draw.permutation(THINGS)[: draw.integers(1, 4)]
                lines = [{"thing_id": f"t{THINGS.index(each)}5", "thing": str(each)} for each in things]
                orders[order] = {"order_id": order, "person_id": person, "status": "open", "lines": lines}
        person = str(draw.choice(list(people)))
        order = str(draw.choice(people[person]["orders"]))
        return Visit(people, orders, person, order, str(draw.choice(REASONS[:reasons])))

    @action(read_only=True)
    def find_by_name(self, name: str) -> str:
        """Find a person's id by their name.

        Args:
            name: The name.
        """
        return self._found("name", name)

    @action(read_only=True)
    def find_by_code(self, code: str) -> str:
        """Find a person's id by their code.

        Args:
            code: The code.
        """
        return self._found("code", code)

    def _found(self, field_name: str, value: str) -> str:
        for person, row in self.state.people.items():
            if row[field_name] == value:
                return person
        raise ActionError("nobody is called so")

    @action(read_only=True)
    def get_person(self, person_id: str) -> dict[str, Any]:
        """Show a person.

        Args:
            person_id: Id of the person.
        """
        if person_id not in self.state.people:
            raise ActionError("no such person")
        return {"person_id": person_id, "orders": self.state.people[person_id]["orders"]}

    @action(read_only=True)
    def get_order(self, order_id: str) -> dict[str, Any]:
        """Show an order.

        Args:
            order_id: Number of the order.
        """
        if order_id not in self.state.orders:
            raise ActionError("no such order")
        return self.state.orders[order_id]

    @action(read_only=True)
    def get_thing(self, thing_id: str) -> dict[str, Any]:
        """Show a thing.

        Args:
            thing_id: Id of the thing.
        """
        number = int(thing_id[1]) if thing_id[1:2].isdigit() else len(THINGS)
        if number >= len(THINGS):
            raise ActionError("no such thing")
        return {"thing_id": thing_id, "price": 10 * number}

    @action(read_only=True)
    def think(self, thought: str) -> str:
        """Think.

        Args:
            thought: What.
        """
        return ""

    @action(destructive=True)
    def cancel(self, order_id: str, reason: str) -> dict[str, Any]:
        """Cancel an order.

        Args:
            order_id: Number of the order.
            reason: Why, in the customer's words.
        """
        if self.state.orders.get(order_id, {}).get("status") != "open":
            raise ActionError("no such order")
        self.state.orders[order_id]["status"] = "cancelled"
        self.state.cancelled[order_id] = reason
        return {"order_id": order_id, "status": "cancelled"}

    @action(destructive=True)
    def write_to(self, person_id: str) -> str:
        """Write a person a letter.

        Args:
            person_id: Id of the person.
        """
        self.state.letters.append(person_id)
        return "written"

    @action
    def say(self, words: str) -> str:
        """Say something to the customer.

        Args:
            words: What you say.
        """
        visit = self.state
        row = visit.people[visit.person]
        if words == "bye":
            visit.gone = True
        answers = {"name?": row["name"], "code?": row["code"], "order?": f"{visit.order}: {visit.reason}"}
        answer = str(answers.get(words, "Yes."))
        return str(self.outside.ask("customer", lambda: answer)) if self._live else answer

    def opening(self) -> str:
        return "Hello."

    def is_done(self) -> bool:
        return self.state.gone

    def outcome(self) -> Outcome:
        return Outcome(success=self.state.cancelled == {self.state.order: self.state.reason})

    @classmethod
    def make_task(cls, seed: int, **settings: Any) -> Task:
        return Task(cls.name, cls.version, seed, settings, "Cancel the order that the customer names.")
