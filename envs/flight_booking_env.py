"""flight-v1: book, cancel or refund a flight while seats sell out, prices change and payments fail."""

from __future__ import annotations

from typing import Any, Literal

from practicum.envs.actions import Secret, action
from practicum.envs.core import ToolEnv, plain
from practicum.envs.errors import ActionError, nearest
from practicum.envs.flight.bookings import FARE_RULES, TRIES, Booking, Item, Ticket
from practicum.envs.flight.pages import Page, as_found_out, text_of
from practicum.envs.flight.site import known_airport, open_site, told
from practicum.envs.flight.tasks import draw_task
from practicum.envs.flight.timetable import FIRST_DAY, LAST_DAY, timetable
from practicum.envs.flight.verdicts import ended, judge
from practicum.envs.flight.wishes import INSTALMENT_PERCENT, Kind, is_day, is_time, with_fee
from practicum.envs.rewards import Outcome, RewardTable
from practicum.envs.tasks import Task


class FlightBookingEnv(ToolEnv[Booking]):
    """Book the flight that the customer wants, or cancel or refund one; abort when that cannot be done."""

    name, version, domain = "flight", 1, "travel"
    rewards = RewardTable(
        step=-0.01, refused=-0.05, cart=0.02, payment=0.05, payment_failed=-0.05, violation=-0.3, solved=1.0
    )
    goals = {  # noqa: RUF012  # a declaration of ToolEnv's
        "confirm_payment": "book_flight",
        "pay_in_instalments": "book_flight",
        "cancel_booking": "cancel_booking",
        "request_refund": "refund_booking",
    }
    control = ("/view", "/payment_state/needs_3ds", "/payment_state/card_entered", "/booking/status")
    forms = (
        "Coupon {code}: {percent:d}% off[ prices of {minimum:d} or more][ on {airline} flights].",
        "{found:d} flights {route} on {date}, page {page:d} of {pages:d}.",
        "your 3DS code is {code}.",
        "{flight_id} has just sold out",
    )
    tariffs = {"instalments": INSTALMENT_PERCENT}  # noqa: RUF012  # a declaration of ToolEnv's

    def begin(
        self,
        *,
        kind: Kind = "book",
        origin: str = "SFO",
        destination: str = "MAD",
        date: str = "2025-10-15",
        budget: int = 900,
        depart_after: str | None = "10:00",
        max_stops: int | None = 1,
        flex_days: int = 0,
        instalments: int = 0,
        card_token: str = "tok_4242424242",  # noqa: S107  # a token of the simulation
        hints: bool = True,
        booked_flight: str = "",
        hours_since_booking: int = 48,
        max_fee: int = 0,
        min_refund: int = 0,
        p_3ds: float = 0.2,
        p_payment_fails: float = 0.1,
        p_sold_out: float = 0.1,
        p_shuffled: float = 0.2,
        p_price_change: float = 0.1,
    ) -> Booking:
        """Open the site with the customer's form filled in, or with the booking to cancel or refund."""
        params = {name: value for name, value in locals().items() if name != "self"}
        self.site = open_site(self.task.seed, params, self.np_random)
        return self.site.state

    # The document's ten actions, in its order

    @action
    def search_flights(self, from_: str = "", to: str = "", date: str = "", page: int = 1) -> Page:
        """Search the flights of a route and day, and show one page of them.

        Args:
            from_: IATA code of the origin; empty for the one that the customer wants.
            to: IATA code of the destination; empty for the one that the customer wants.
            date: Day of departure, YYYY-MM-DD; empty for the one that the customer wants.
            page: Page of the results, from 1.
        """
        wish, state = self.site.wish, self.state
        origin, destination = known_airport(from_ or wish.origin), known_airport(to or wish.destination)
        day = date or wish.date
        if origin == destination:
            raise ActionError(f"from and to are both {origin}; they must differ")
        if not is_day(day):
            raise ActionError(f"date is {day!r}, expected YYYY-MM-DD from {FIRST_DAY} to {LAST_DAY}")
        state.origin, state.destination, state.date = origin, destination, day
        state.searched = True
        state.depart_after = state.max_stops = state.airline = None
        return self.site.show_results(page)

    @action
    def filter_results(
        self,
        depart_after: str | None = None,
        max_stops: int | None = None,
        airline: str | None = None,
        page: int = 1,
    ) -> Page:
        """Show only the flights of the search that fit; a new filter replaces the one before.

        Args:
            depart_after: Earliest local time of departure, HH:MM.
            max_stops: Most stops, 0 for direct flights.
            airline: Code of the airline, such as IB.
            page: Page of the results, from 1.
        """
        state = self.state
        if depart_after and not is_time(depart_after):
            raise ActionError(f"depart_after is {depart_after!r}, expected HH:MM, such as 10:00")
        if max_stops is not None and max_stops < 0:
            raise ActionError(f"max_stops is {max_stops}, expected 0 or more")
        state.depart_after, state.max_stops, state.airline = depart_after or None, max_stops, airline or None
        return self.site.show_results(page)

    @action(read_only=True)
    def select_flight(self, flight_id: str) -> Page:
        """Show the details of a flight of the search: its way, duration and fare rules.

        Args:
            flight_id: Id of a flight, such as IB6123.
        """
        site, state = self.site, self.state
        flight = site.flight(flight_id)
        service = flight.departure.service
        way = "-".join((state.origin, *service.via, state.destination))
        hours, minutes = divmod(service.minutes, 60)
        rows = as_found_out(state, [flight.row])
        about = f"{flight_id} on {state.date}: {way}, {hours} h {minutes:02d} min, {FARE_RULES[flight.fare]}."
        return site.page("search_results", rows, (about,) if rows else (about, "It is sold out."))

    @action
    def add_to_cart(self, flight_id: str) -> Page:
        """Put a flight of the search into the cart, which holds one; the flight may turn out to be sold out.

        Args:
            flight_id: Id of a flight, such as IB6123.
        """
        site, state = self.site, self.state
        flight, key = site.flight(flight_id), site.key(flight_id)
        if site.wish.kind != "book":
            raise ActionError("this visit is about the booking at hand; nothing can be bought in it")
        if state.item is not None:
            raise ActionError(f"the cart holds {state.item.flight_id} already; remove_from_cart takes it out")
        if key in state.gone:
            raise ActionError(f"{flight_id} is sold out; choose another flight")
        if site.odds.has_sold_out(flight):
            state.gone = (*state.gone, key)
            return site.show_results(1, f"{flight_id} has just sold out; choose another flight.")
        price = state.repriced.get(key, flight.price)
        state.item = Item(flight_id, state.origin, state.destination, state.date, flight.airline, price)
        self._reach("cart")
        return site.show("cart", *map(told, site.coupons))

    @action
    def proceed_to_payment(self) -> Page:
        """Go to the payment page with the flight in the cart; its price may have changed."""
        site = self.site
        site.item()
        if self.state.view == "payment":
            raise ActionError("this is the payment page already; enter_card comes next")
        news = site.to_payment()
        self._reach("payment")
        return site.show("payment", *news)

    @action
    def enter_card(self, card_token: Secret) -> Page:
        """Enter the customer's card on the payment page; the bank may send a 3DS code in the messages.

        Args:
            card_token: Token of the customer's card.
        """
        site, state = self.site, self.state
        if state.item is None or state.view not in ("payment", "error"):
            raise ActionError("this is not the payment page; proceed_to_payment leads there")
        if state.card_entered:
            raise ActionError("the card is entered already")
        if card_token != site.card_token:
            raise ActionError("the card token is not accepted; use the token of the customer's card")
        state.card_entered = True
        state.needs_3ds = state.luck[state.attempts % TRIES] < site.odds.needs_3ds
        if not state.needs_3ds:
            return site.show("payment", "Card accepted; confirm the payment.")
        return site.show("payment", f"The bank asks for verification: your 3DS code is {site.code_3ds()}.")

    @action
    def confirm_payment(self) -> Page:
        """Pay the total of the cart at once with the card entered and get the ticket; it may fail."""
        return self._pay(0)

    @action
    def apply_coupon(self, code: str) -> Page:
        """Apply a coupon to the cart, one per booking, before the payment is confirmed.

        Args:
            code: Code of the coupon, as the messages tell it.
        """
        site, state = self.site, self.state
        item, coupon = site.item(), site.coupon(code)
        if state.coupon is not None:
            raise ActionError(f"coupon {state.coupon} is applied already; a booking takes one")
        if coupon is None:
            raise ActionError(f"no coupon {code!r}{nearest(code, [c.code for c in site.coupons])}")
        if not coupon.fits(item.price, item.airline):
            raise ActionError(f"the coupon does not fit {item.flight_id} at {item.price}. {coupon}.")
        state.coupon = code
        view = state.view if state.view in ("payment", "error") else "cart"
        return site.show(view, f"Coupon {code} takes off {coupon.off(item.price)}.")

    @action(destructive=True)
    def restart(self) -> Page:
        """Begin again with an empty cart and the customer's own form."""
        self.site.to_start()
        return self.site.current()

    @action(destructive=True)
    def abort(self) -> Page:
        """Give up, because the wish cannot be fulfilled. This ends the session."""
        self.state.declined = True
        return self.site.show(self.state.view, "Aborted.")

    # Ours

    @action(destructive=True)
    def remove_from_cart(self) -> Page:
        """Take the flight out of the cart, and its coupon with it."""
        removed = self.site.item().flight_id
        self.state.item = self.state.coupon = None
        return self.site.show_results(1, f"{removed} is out of the cart.")

    @action
    def submit_3ds(self, code: str) -> Page:
        """Answer the bank's verification with the 3DS code from the messages; a wrong code fails the payment.

        Args:
            code: The six digits.
        """
        if not self.state.needs_3ds:
            raise ActionError("no 3DS code is asked for")
        if code.strip() != self.site.code_3ds():
            return self._fail("The 3DS code is wrong; enter the card again.")
        self.state.needs_3ds = False
        return self.site.show("payment", "Verified; confirm the payment.")

    @action
    def pay_in_instalments(self, months: Literal[3, 6, 12]) -> Page:
        """Pay with the card entered over 3, 6 or 12 months for a fee of 2, 4 or 7 percent; it may fail.

        Args:
            months: Number of monthly payments.
        """
        return self._pay(months)

    @action(destructive=True)
    def cancel_booking(self, booking_id: str) -> Page:
        """Cancel a booking; its fare rules say what that costs.

        Args:
            booking_id: Id of the booking, such as BK123456.
        """
        ticket = self.site.booking(booking_id)
        if ticket.status != "ticketed":
            raise ActionError(f"{booking_id} is {ticket.status} already")
        self.state.ticket = ticket.with_status("cancelled")
        return self.site.show("receipt", f"{booking_id} is cancelled for a fee of {ticket.fee}.")

    @action
    def request_refund(self, booking_id: str) -> Page:
        """Ask for what is paid back of a booking that has been cancelled.

        Args:
            booking_id: Id of the booking, such as BK123456.
        """
        ticket = self.site.booking(booking_id)
        if ticket.status != "cancelled":
            raise ActionError(f"{booking_id} is {ticket.status}; only a cancelled booking can be refunded")
        if ticket.refund == 0:
            raise ActionError(f"nothing is paid back for {booking_id}: its fee is the whole price")
        self.state.ticket = ticket.with_status("refunded")
        return self.site.show("receipt", f"{ticket.refund} is paid back for {booking_id}.")

    def _reach(self, term: str) -> None:
        """Earn a progress term, once in an episode."""
        if term not in self.state.reached:
            self.state.reached = (*self.state.reached, term)
            self.earn(term)

    def _pay(self, months: int) -> Page:
        site, state = self.site, self.state
        if not state.card_entered:
            raise ActionError("no card is entered; enter_card comes first, on the payment page")
        if state.needs_3ds:
            raise ActionError("the bank waits for the 3DS code; submit_3ds takes it, the messages tell it")
        if state.luck[TRIES + state.attempts % TRIES] < site.odds.payment_fails:
            return self._fail("The payment has failed and nothing was charged; enter the card again.")
        state.ticket = self._issue(site.item(), with_fee(site.total(), months), months)
        return site.show("receipt", f"Ticket issued: booking {state.ticket.id}, {state.ticket.paid} paid.")

    def _issue(self, item: Item, paid: int, months: int) -> Ticket:
        flight = timetable(self.site.seed, item.origin, item.destination, item.date).by_id[item.flight_id]
        return Ticket.of(flight, item.origin, item.destination, item.date, paid=paid, instalments=months)

    def _fail(self, why: str) -> Page:
        self.state.attempts += 1
        self.site.leave_payment()
        self.earn("payment_failed")
        return self.site.show("error", why)

    # The end, and what is seen

    def is_done(self) -> bool:
        """A receipt, a cancellation or a refund, whichever was asked for; abort in any case."""
        return ended(self.site.wish, self.state)

    def outcome(self) -> Outcome:
        """How the session stands, regret included."""
        return judge(self.task, self.site.wish, self.site.odds, self.state)

    def opening(self) -> Page:
        """The customer's form, and what the site has to tell."""
        return self.site.current()

    def observe(self) -> Page:
        """The last page; after a refused call, the page as it still stands."""
        return self._last if isinstance(self._last, dict) else plain(self.site.current())

    def world(self) -> dict[str, Any]:
        """Seed, parameters and everything that has changed since."""
        return {"seed": self.site.seed, "params": dict(self.task.params), "state": plain(self.state)}

    @classmethod
    def make_task(
        cls, seed: int, *, difficulty: float | None = None, feasible: bool | None = None, **settings: Any
    ) -> Task:
        """The task of a seed; what is not set (kind, route, day, constraints, disturbances) is drawn.

        Args:
            seed: of the task and its world.
            difficulty: from 0 to 1; drawn if None. Harder means tighter limits and likelier disturbances.
            feasible: whether the wish can be fulfilled; drawn if None.
            settings: parameters of `begin` that are not to be drawn.
        """
        return draw_task(seed, cls.checked_settings(settings), difficulty=difficulty, feasible=feasible)

    @classmethod
    def render_text(cls, result: Any) -> str:
        """A page as short text, one row a line, its id last."""
        return text_of(result)
