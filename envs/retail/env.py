"""retail-v1: serve the customer of a shop by its policy, at a desk that looks up and changes its records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from practicum.envs.actions import action
from practicum.envs.core import ToolEnv
from practicum.envs.retail import tools
from practicum.envs.retail.customers import (
    FAREWELL,
    NOBODY,
    SCRIPTED,
    Customer,
    ScriptedCustomer,
    make_customer,
)
from practicum.envs.retail.desk import Desk
from practicum.envs.retail.renderings import rendered
from practicum.envs.retail.scenarios import Scenario
from practicum.envs.retail.tasks import make_retail_task, policy_of
from practicum.envs.retail.tools import lookups
from practicum.envs.retail.tools.calculator import calculate
from practicum.envs.retail.verdicts import check_secret, judge
from practicum.envs.retail.visits import Visit
from practicum.envs.retail.world import Row, open_world
from practicum.envs.rewards import Outcome, RewardTable
from practicum.envs.tasks import Task

LEFT = "The customer thanks you and leaves."


class RetailEnv(ToolEnv[Visit]):
    """Serve the customer of a shop: find out who they are and what they want, and do it by the policy."""

    name, version, domain = "retail", 1, "retail"
    rewards = RewardTable(step=-0.01, refused=-0.05, violation=-0.3, solved=1.0)
    goals = {  # noqa: RUF012  # a declaration of ToolEnv's
        "cancel_pending_order": "cancel_order",
        "modify_pending_order_items": "modify_order_items",
        "modify_pending_order_payment": "modify_order_payment",
        "modify_pending_order_address": "modify_order_address",
        "modify_user_address": "modify_user_address",
        "return_delivered_order_items": "return_items",
        "exchange_delivered_order_items": "exchange_items",
    }
    control = ("/status",)
    forms = (
        "It is order {order_id}.",
        "Please use the payment method {payment_method_id}.",
        "My name is {first_name} {last_name} and my email is {email}.",
        "My name is {first_name} {last_name} and my zip code is {zip}.",
    )
    told_in_play = ("user_id", "actions", "outputs", "customer")

    def begin(
        self,
        *,
        scenario: Scenario = "order_inquiry",
        data: str = "",
        world: str = "",
        policy: str = "",
        customer: str = SCRIPTED,
    ) -> Visit:
        """Let the customer of the task come to the desk.

        Args:
            scenario: what kind of wish it is; of several the first.
            data: folder of users.json, orders.json, products.json and perhaps policy.md; empty for ours.
            world: what the records in that folder must be, by their `World.fingerprint`; empty for any.
            policy: file of the policy that the instruction holds; empty for that of the world.
            customer: kind of customer, `scripted` or one that was registered.

        Raises:
            UsageError: the folder is no world, or another one; or the task's secret cannot be judged by.
        """
        check_secret(self.task.secret)
        self._kind = customer
        self._live: Customer | None = None
        return Visit(Desk(open_world(data, world)))

    # Tools that look

    @action(read_only=True)
    def find_user_id_by_email(self, email: str) -> str:
        """Find the id of a user by their e-mail address.

        Args:
            email: The address, such as mia.keller@example.com.
        """
        return lookups.find_user_id_by_email(self.state.desk, email)

    @action(read_only=True)
    def find_user_id_by_name_zip(self, first_name: str, last_name: str, zip_: str) -> str:
        """Find the id of a user by name and zip code, where the e-mail address is not known.

        Args:
            first_name: First name of the customer.
            last_name: Last name of the customer.
            zip_: Zip code of the customer's address, such as 12345.
        """
        return lookups.find_user_id_by_name_zip(self.state.desk, first_name, last_name, zip_)

    @action(read_only=True)
    def get_user_details(self, user_id: str) -> Row:
        """Show a user: name, address, e-mail address, payment methods and orders.

        Args:
            user_id: Id of the user, such as mia_keller_4711.
        """
        return lookups.get_user_details(self.state.desk, user_id)

    @action(read_only=True)
    def get_order_details(self, order_id: str) -> Row:
        """Show an order: status, items, address, deliveries and payments.

        Args:
            order_id: Id of the order with its #, such as #W1234567.
        """
        return lookups.get_order_details(self.state.desk, order_id)

    @action(read_only=True)
    def get_product_details(self, product_id: str) -> Row:
        """Show a type of product with its items: options, price, and whether each can be had.

        Args:
            product_id: Id of the product, which is not that of an item, such as 1234567890.
        """
        return lookups.get_product_details(self.state.desk, product_id)

    @action(read_only=True)
    def list_all_product_types(self) -> Row:
        """Show the names and ids of all types of products."""
        return lookups.list_all_product_types(self.state.desk)

    @action(read_only=True)
    def calculate(self, expression: str) -> str:
        """Work out an expression of numbers, + - * / and parentheses, rounded to two places.

        Args:
            expression: The expression, such as (19.9 + 5.1) * 3.
        """
        return calculate(expression)

    @action(read_only=True)
    def think(self, thought: str) -> str:
        """Write down a thought; nothing is looked up and nothing changes.

        Args:
            thought: What you think.
        """
        return ""

    # Tools that change the shop's records

    @action(destructive=True)
    def cancel_pending_order(self, order_id: str, reason: str) -> Row:
        """Cancel a pending order and refund it. Ask the customer for an explicit yes first.

        Args:
            order_id: Id of the order with its #, such as #W1234567.
            reason: Either 'no longer needed' or 'ordered by mistake'.
        """
        return self._change("cancel_pending_order", order_id=order_id, reason=reason)

    @action(destructive=True)
    def modify_pending_order_address(
        self, order_id: str, address1: str, address2: str, city: str, state: str, country: str, zip_: str
    ) -> Row:
        """Have a pending order sent to another address. Ask the customer for an explicit yes first.

        Args:
            order_id: Id of the order with its #, such as #W1234567.
            address1: Street and number.
            address2: Second line, such as Suite 12, or empty.
            city: City.
            state: Code of the state, such as CA.
            country: Country, such as USA.
            zip_: Zip code, such as 12345.
        """
        address = _address(address1, address2, city, state, country, zip_)
        return self._change("modify_pending_order_address", order_id=order_id, **address)

    @action(destructive=True)
    def modify_pending_order_items(
        self, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str
    ) -> Row:
        """Swap items of a pending order for others of the same product types, once for an order.

        Ask the customer for all items and an explicit yes first.

        Args:
            order_id: Id of the order with its #, such as #W1234567.
            item_ids: Ids of the items to be swapped; one may stand there twice.
            new_item_ids: Ids of the items in their places, in the same order.
            payment_method_id: What the difference is paid with or refunded to, such as paypal_1234567.
        """
        return self._change(
            "modify_pending_order_items",
            order_id=order_id,
            item_ids=item_ids,
            new_item_ids=new_item_ids,
            payment_method_id=payment_method_id,
        )

    @action(destructive=True)
    def modify_pending_order_payment(self, order_id: str, payment_method_id: str) -> Row:
        """Have a pending order paid by another method. Ask the customer for an explicit yes first.

        Args:
            order_id: Id of the order with its #, such as #W1234567.
            payment_method_id: The new method, such as paypal_1234567.
        """
        return self._change(
            "modify_pending_order_payment", order_id=order_id, payment_method_id=payment_method_id
        )

    @action(destructive=True)
    def modify_user_address(
        self, user_id: str, address1: str, address2: str, city: str, state: str, country: str, zip_: str
    ) -> Row:
        """Change the default address of a user. Ask the customer for an explicit yes first.

        Args:
            user_id: Id of the user, such as mia_keller_4711.
            address1: Street and number.
            address2: Second line, such as Suite 12, or empty.
            city: City.
            state: Code of the state, such as CA.
            country: Country, such as USA.
            zip_: Zip code, such as 12345.
        """
        address = _address(address1, address2, city, state, country, zip_)
        return self._change("modify_user_address", user_id=user_id, **address)

    @action(destructive=True)
    def return_delivered_order_items(self, order_id: str, item_ids: list[str], payment_method_id: str) -> Row:
        """Take items of a delivered order back. Ask the customer for an explicit yes first.

        Args:
            order_id: Id of the order with its #, such as #W1234567.
            item_ids: Ids of the items; one may stand there twice.
            payment_method_id: What the money goes to: the method of the order, or a gift card.
        """
        return self._change(
            "return_delivered_order_items",
            order_id=order_id,
            item_ids=item_ids,
            payment_method_id=payment_method_id,
        )

    @action(destructive=True)
    def exchange_delivered_order_items(
        self, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str
    ) -> Row:
        """Exchange items of a delivered order for others of the same product types, once for an order.

        Ask the customer for all items and an explicit yes first.

        Args:
            order_id: Id of the order with its #, such as #W1234567.
            item_ids: Ids of the items to be exchanged; one may stand there twice.
            new_item_ids: Ids of the items in their places, in the same order.
            payment_method_id: What the difference is paid with or refunded to, such as paypal_1234567.
        """
        return self._change(
            "exchange_delivered_order_items",
            order_id=order_id,
            item_ids=item_ids,
            new_item_ids=new_item_ids,
            payment_method_id=payment_method_id,
        )

    # The customer, and the way out

    @action
    def respond(self, message: str) -> str:
        """Say something to the customer; what they answer comes back. They leave when they are served.

        Args:
            message: Your words.
        """
        visit = self.state
        reply = self._hear(lambda who: who.reply(message))
        visit.conversation.append(("agent", message))
        if reply is None:
            visit.left = True
            return LEFT
        visit.conversation.append(("customer", reply))
        visit.left = FAREWELL in reply
        return reply

    @action(destructive=True)
    def transfer_to_human_agents(self, summary: str) -> str:
        """Hand the customer over to a human, where policy and tools leave no way. This ends the session.

        Args:
            summary: What the customer wants and why it cannot be done here.
        """
        self.state.transferred = True
        return "Transfer successful"

    def _change(self, tool: str, **arguments: Any) -> Row:
        visit = self.state
        changed: Row = tools.CHANGES[tool](visit.desk, **arguments)
        customer = self.task.secret.get("user_id")
        if customer not in (None, changed.get("user_id", arguments.get("user_id"))):
            visit.foreign = True
        return changed

    def _hear(self, ask: Callable[[Customer], str | None]) -> str | None:
        """What the customer says; a live one is asked through `outside`, so that a replay needs none."""
        if self._kind == SCRIPTED:
            return ask(ScriptedCustomer(self.task.secret.get("customer", NOBODY), self.state.mood))
        answer: str | None = self.outside.ask("chat", lambda: ask(self._live_customer()))
        return answer

    def _live_customer(self) -> Customer:
        if self._live is None:
            self._live = make_customer(self._kind, self.task, tuple(self.state.conversation))
        return self._live

    # The end, and what is seen

    def opening(self) -> str:
        """The customer's first words."""
        words = self._hear(lambda who: who.opening()) or ""
        self.state.conversation.append(("customer", words))
        return words

    def is_done(self) -> bool:
        """Whether the customer has left or was handed over."""
        return self.state.left or self.state.transferred

    def outcome(self) -> Outcome:
        """Whether the records are what the gold actions make of them, and all was said that had to be."""
        return judge(self.state, self.task.secret)

    def world(self) -> dict[str, Any]:
        """Users, orders and products as they are now."""
        return self.state.desk.as_json()

    @classmethod
    def render_text(cls, result: Any) -> str:
        """A record in a few lines, one thing a line."""
        return rendered(result)

    @classmethod
    def waits(cls, task: Task) -> bool:
        """Whether the customer is one that is asked for their words, such as a chat model."""
        return bool(task.params.get("customer", SCRIPTED) != SCRIPTED)

    @classmethod
    def handbook(cls, *, data: str = "", policy: str = "", **_: Any) -> str:
        """The policy of a world, or of the file that takes its place."""
        return policy_of(open_world(data), policy)

    @classmethod
    def make_task(
        cls,
        seed: int,
        *,
        scenario: Scenario | None = None,
        data: str = "",
        world: str = "",
        policy: str = "",
        customer: str = SCRIPTED,
        **settings: Any,
    ) -> Task:
        """The task of a seed: a customer of the world, and what they want.

        Args:
            seed: of everything that is not set; the eight scenarios take turns.
            scenario: what kind of wish.
            data: as in `begin`.
            world: as in `begin`.
            policy: as in `begin`.
            customer: as in `begin`.
            settings: none; others are refused by their names.

        Raises:
            UsageError: there is no such setting or scenario, or the world or the policy cannot be read.
        """
        given = {"data": data, "policy": policy, "customer": customer}
        cls.checked_settings({"scenario": scenario, "world": world, **given, **settings})
        open_world(data, world)
        return make_retail_task(seed, scenario=scenario, **given)


def _address(address1: str, address2: str, city: str, state: str, country: str, zip_: str) -> dict[str, str]:
    return {
        "address1": address1,
        "address2": address2,
        "city": city,
        "state": state,
        "country": country,
        "zip": zip_,
    }
