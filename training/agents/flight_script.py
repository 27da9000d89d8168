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
            return Decision("request_refund", mine, f"It is cancelled; {refund} can be paid back.")
        if "max_fee" in limits:
            if fee <= limits["max_fee"]:
                said = f"Cancelling costs {fee}, within the {limits['max_fee']} allowed."
                return Decision("cancel_booking", mine, said)
            return Decision(
                "abort", {}, f"Cancelling costs {fee}, more than the {limits['max_fee']} allowed."
            )
        least = max(1, limits["min_refund"])
        if refund >= least:
            said = f"{refund} would be paid back, at least the {least} wanted; cancelling comes first."
            return Decision("cancel_booking", mine, said)
        return Decision("abort", {}, f"Only {refund} would be paid back, less than the {least} wanted.")

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
            said = f"Look at page {page} of {day.pages}." if more else "Keep those that fit the wish."
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
            return Decision("abort", {}, f"No flight fits within {memory.limits['budget']}.")
        best, search = choices[0], memory.search
        if search is None or (search.route, search.date) != (best.key.route, best.key.date):
            return self._search(best.key.date, f"Back to {best.key.date} for {best.key.flight_id}.")
        return Decision("add_to_cart", {"flight_id": best.key.flight_id}, self._praise(choices))

    def _praise(self, choices: list[Choice]) -> str:
        best = choices[0]
        coupon = f" with {best.coupon}" if best.coupon else ""
        fit = "1 flight fits" if len(choices) == 1 else f"{len(choices)} flights fit"
        return f"{fit}; {best.key.flight_id} costs least, {best.cost}{coupon}."

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
                "apply_coupon", {"code": choice.coupon}, f"{choice.coupon} brings it to {choice.cost}."
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
        return Decision("confirm_payment", {}, f"{choice.cost} is within the budget; confirm.")

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
