"""How flight tasks are solved: look at every day that will do, buy what costs least, try again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np

from practicum.envs.spaces import sample_arguments
from practicum.training.agents.agent import Decision, Tool
from practicum.training.agents.flight_memory import Choice, Day, FlightMemory
from practicum.training.agents.random_agent import texts_in

_FINAL = frozenset({"abort", "confirm_payment", "pay_in_instalments", "cancel_booking", "request_refund"})
"""Calls that no slip makes: they cannot be taken back."""


class FlightScript:
    """Solves flight tasks of every kind from their pages alone."""

    _memory: FlightMemory

    def start(self, instruction: str, observation: Any) -> None:
        """Read the instruction and the first page."""
        self._memory = FlightMemory(instruction, observation)

    def learn(self, made: Decision, result: Any, error: str | None) -> None:
        """Take in a page; a refusal, and a request to check again, changes nothing."""
        if error is None and isinstance(result, dict):
            self._memory.learn(made, result)

    def next(self) -> Decision:
        """The next call of a sure hand."""
        booking = self._memory.page["booking"]
        if booking is not None:
            return self._serve(booking)
        return self._look() or self._choose()

    # A booking to cancel or refund

    def _serve(self, booking: dict[str, Any]) -> Decision:
        mine, limits = {"booking_id": booking["id"]}, self._memory.limits
        fee, refund = booking["fee"], booking["refund"]
        if booking["status"] == "cancelled":
            return Decision("request_refund", mine, f"It is cancelled; refund {refund} can be asked for.")
        if "max_fee" in limits:
            said = f"It has a fee {fee}; a fee of at most {limits['max_fee']} is allowed"
            if fee <= limits["max_fee"]:
                return Decision("cancel_booking", mine, f"{said}, that is within.")
            return Decision("abort", {}, f"{said}, that is too much.")
        least = max(1, limits["min_refund"])
        said = f"It has a refund {refund}; at least {least} is wanted"
        if refund >= least:
            return Decision("cancel_booking", mine, f"{said}, that is enough; cancelling comes first.")
        return Decision("abort", {}, f"{said}, that is too little.")

    # A flight to book

    def _look(self) -> Decision | None:
        """The next search, filter or page, until every day that will do has been seen."""
        for date, day in self._memory.days.items():
            page = day.missing_page
            if page is not None:
                return self._look_at(date, day, page)
        return None

    def _look_at(self, date: str, day: Day, page: int) -> Decision:
        memory, search = self._memory, self._memory.search
        if search is None or (search.route, search.date) != (memory.route, date):
            return self._search(date, f"Look at the flights of {date}.")
        more = {"page": page} if page > 1 else {}
        if memory.filters and (more or search.filters != memory.filters):
            said = f"Look at page {page} of {day.pages}." if more else self._wish()
            return Decision("filter_results", memory.filters | more, said)
        return self._search(date, f"Look at page {page} of {day.pages}.", more)

    def _search(self, date: str, thought: str, more: dict[str, Any] | None = None) -> Decision:
        origin, destination = self._memory.route
        where = {"from": origin, "to": destination, "date": date}
        return Decision("search_flights", where | (more or {}), thought)

    def _choose(self) -> Decision:
        memory = self._memory
        choices = memory.choices()
        if memory.page["cart"]["items"]:
            return self._keep_or_remove(choices)
        if not choices:
            return Decision("abort", {}, self._sigh(memory.offers()))
        best, search = choices[0], memory.search
        if search is None or (search.route, search.date) != (best.key.route, best.key.date):
            return self._search(best.key.date, f"Back to {best.key.date} for {best.key.flight_id}.")
        return Decision(
            "add_to_cart", {"flight_id": best.key.flight_id}, f"{self._weighed(best)}, that is within."
        )

    def _wish(self) -> str:
        """What the flight must be, in the instruction's words."""
        after, stops = self._memory.limits["depart_after"], self._memory.limits["max_stops"]
        limits = [f"leave at {after} or later"] if after is not None else []
        if stops is not None:
            limits.append(f"have at most {stops} stop{'' if stops == 1 else 's'}" if stops else "be direct")
        return f"It must {' and '.join(limits)}."

    def _weighed(self, best: Choice) -> str:
        """The row of the flight, what it costs in the end where that is another price, and the budget."""
        row, limit = self._memory.row(best.key), self._memory.limits["budget"]
        shown = " ".join(str(row[name]) for name in ("price", "depart", "arrive", "stops", "airline", "id"))
        paid = f", {best.cost} with {best.coupon or 'the fee'}" if best.cost != row["price"] else ""
        return f"The cheapest is {shown}{paid}; for at most {limit} in total"

    def _sigh(self, offers: list[Choice]) -> str:
        return f"{self._weighed(offers[0])}, that is too much." if offers else "No flight fits."

    def _keep_or_remove(self, choices: list[Choice]) -> Decision:
        memory = self._memory
        applied = memory.page["cart"]["coupon"]
        if not choices:
            return Decision(
                "remove_from_cart", {}, "What is in the cart does not fit, and nothing else does."
            )
        if choices[0].key != memory.in_cart:
            return Decision("remove_from_cart", {}, f"{choices[0].key.flight_id} is the better choice now.")
        if applied not in (None, choices[0].coupon):
            return Decision("remove_from_cart", {}, f"Another coupon than {applied} takes more off.")
        return self._pay(choices[0])

    def _pay(self, choice: Choice) -> Decision:
        memory = self._memory
        page, payment = memory.page, memory.page["payment_state"]
        if page["view"] not in ("payment", "error"):
            return Decision("proceed_to_payment", {}, "The cart is right; go and pay.")
        if choice.coupon is not None and page["cart"]["coupon"] is None:
            return Decision(
                "apply_coupon", {"code": choice.coupon}, f"Coupon {choice.coupon} brings it to {choice.cost}."
            )
        if not payment["card_entered"]:
            said = "It failed; once more with the card." if page["view"] == "error" else "Enter the card."
            return Decision("enter_card", {"card_token": memory.card_token}, said)
        if payment["needs_3ds"]:
            return Decision(
                "submit_3ds", {"code": memory.code_3ds}, "The bank asks for the code that it sent."
            )
        months = memory.limits.get("instalments", 0)
        if months:
            return Decision("pay_in_instalments", {"months": months}, f"Pay over {months} months, as wished.")
        return Decision("confirm_payment", {}, f"The total {choice.cost} is within the budget; confirm.")

    # Slips

    def slip(self, random: np.random.Generator, tools: Sequence[Tool]) -> Decision:
        """A wrong call that can be made good: a careless one, or any that the door lets in."""
        careless = self._careless(random)
        usable = [tool for tool in tools if tool.name not in _FINAL]
        pick = int(random.integers(len(careless) + 2))
        if pick < len(careless) or not usable:
            return careless[pick % len(careless)]
        tool = usable[int(random.integers(len(usable)))]
        words = [text for text in texts_in(self._memory.page) if len(text) < 20]
        return Decision(tool.name, sample_arguments(tool, random, words=words), "Perhaps this.")

    def _careless(self, random: np.random.Generator) -> list[Decision]:
        memory, page = self._memory, self._memory.page
        date = dt.date.fromisoformat(next(iter(memory.days))) + dt.timedelta(days=int(random.integers(2, 9)))
        slips = [self._search(date.isoformat(), "Another day may do.")]
        if page["flights"]:
            row = page["flights"][int(random.integers(len(page["flights"])))]
            slips.append(Decision("add_to_cart", {"flight_id": row["id"]}, f"{row['id']} looks good."))
            slips.append(Decision("filter_results", {"airline": row["airline"]}, f"Only {row['airline']}."))
        if page["cart"]["items"] and page["cart"]["coupon"] is None:
            slips += [Decision("apply_coupon", {"code": code}, f"{code} may do.") for code in memory.coupons]
        if page["view"] == "payment" and not page["payment_state"]["card_entered"]:
            slips.append(Decision("enter_card", {"card_token": "tok_0000000000"}, "Enter a card."))
        if page["payment_state"]["needs_3ds"]:
            slips.append(Decision("submit_3ds", {"code": "000000"}, "Try a code."))
        return slips
