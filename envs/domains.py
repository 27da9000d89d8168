"""DomainProfile: what a domain's tools are for, which of them end an episode, how its steps are weighed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, get_args

RUBRICS = ("goal_progress", "tool_selection", "param_correctness", "info_utilization", "non_redundancy")
"""The rubrics a profile weighs (source: knowlyr-gym)."""


OutcomeRule = Literal["world", "rubric"]

KINDS: Mapping[str, tuple[str, ...]] = {
    "end": ("submit", "finish", "done", "abort", "give_up", "answer"),
    "think": ("think", "plan", "reflect"),
    "talk": ("respond", "reply", "say", "tell", "ask", "send", "message"),
    "run": ("bash", "run", "execute", "calculate", "compute"),
    "pay": ("pay", "confirm", "checkout", "purchase", "buy"),
    "write": (
        *("write", "edit", "create", "add", "put", "set", "update", "modify", "apply", "upload", "book"),
        *("delete", "remove", "cancel", "return", "exchange", "move", "restart", "reset"),
    ),
    "read": (
        *("read", "get", "list", "find", "search", "look", "show", "view", "query", "grep", "check", "fetch"),
        *("filter", "select", "open", "scroll", "screenshot"),
    ),
}
"""What a tool is for, by the first word of its name, where no profile says."""


class Marks(Protocol):
    """What an action says of itself."""

    @property
    def read_only(self) -> bool:
        """Whether it leaves the world as it is."""

    @property
    def destructive(self) -> bool:
        """Whether it can undo something."""


@dataclass(frozen=True)
class DomainProfile:
    """A domain, declared: a new one needs no change of code elsewhere."""

    name: str
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Tool names by what they are for: `read`, `write`, `pay`, …"""
    ending_tools: frozenset[str] = frozenset()
    """Tools whose call is a final answer, such as `abort`."""
    outcome_rule: OutcomeRule = "world"
    """Who judges the end: `world` (its own state) or `rubric` (a judge reads the transcript)."""
    rubric_weights: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(RUBRICS, 0.2))
    """Weight of each rubric; they sum to 1."""
    gathered: tuple[str, ...] = ()
    """JSON pointers to what an agent gathers in a result, such as `/cart/items`: a list or an object that
    comes to hold less is a step back."""

    @property
    def tools(self) -> tuple[str, ...]:
        """Every tool that the profile knows, in the order of its categories."""
        return tuple(dict.fromkeys(tool for tools in self.categories.values() for tool in tools))

    def category(self, tool: str, marks: Marks | None = None) -> str:
        """What a tool is for.

        Where the profile does not say, its marks do (`read`, or `write` for a destructive one), then the
        first word of its name; `other` where nothing does.

        Args:
            tool: its name.
            marks: the action, where it is at hand.
        """
        declared = next((name for name, tools in self.categories.items() if tool in tools), None)
        return declared or _guessed(tool, marks)

    def ends(self, tool: str) -> bool:
        """Whether a call of the tool is a final answer; by its name where the profile declares no tools."""
        if self.categories or self.ending_tools:
            return tool in self.ending_tools
        return _kind_of(tool) == "end"

    def talks(self, tool: str) -> bool:
        """Whether a call of the tool is a turn with somebody who answers; only the profile says so."""
        return tool in self.categories.get("talk", ()) and tool not in self.ending_tools


def _guessed(tool: str, marks: Marks | None) -> str:
    kind = _kind_of(tool)
    if marks is not None and kind not in ("end", "think"):
        if marks.read_only:
            return "read"
        if marks.destructive:
            return "write"
    return kind


def _kind_of(tool: str) -> str:
    word = tool.partition("_")[0]
    return next((kind for kind, words in KINDS.items() if tool in words or word in words), "other")


_PROFILES: dict[str, DomainProfile] = {}
_RULES = f"there are {' and '.join(get_args(OutcomeRule))}"


def register_domain(profile: DomainProfile) -> DomainProfile:
    """Make a profile known by its name; a later one of the same name replaces it.

    Raises:
        ValueError: the rubric weights do not sum to 1, or name a rubric that there is not; no such outcome
            rule.
    """
    unknown = sorted(set(profile.rubric_weights) - set(RUBRICS))
    if unknown:
        raise ValueError(f"no rubric {unknown[0]!r}; there are {', '.join(RUBRICS)}")
    total = sum(profile.rubric_weights.values())
    if abs(total - 1.0) > 1e-6:
        raise ValueError(f"the rubric weights of {profile.name!r} sum to {total:g}; they must sum to 1")
    if profile.outcome_rule not in get_args(OutcomeRule):
        raise ValueError(f"the outcome rule of {profile.name!r} is {profile.outcome_rule!r}; {_RULES}")
    _PROFILES[profile.name] = profile
    return profile


def domain(name: str) -> DomainProfile:
    """The profile of that name.

    Raises:
        KeyError: nobody registered one.
    """
    try:
        return _PROFILES[name]
    except KeyError:
        raise KeyError(f"no domain {name!r}; there are {', '.join(sorted(_PROFILES))}") from None


def domains() -> tuple[DomainProfile, ...]:
    """Every known profile, in the order of registration."""
    return tuple(_PROFILES.values())


def _weights(*values: float) -> Mapping[str, float]:
    """Weights in the order of `RUBRICS`."""
    return dict(zip(RUBRICS, values, strict=True))


GENERIC = register_domain(DomainProfile("generic"))
"""No tools of its own: what a tool is for, and whether it ends an episode, its marks and its name tell."""

TRAVEL = register_domain(
    DomainProfile(
        "travel",
        categories={
            "search": ("search_flights", "filter_results", "select_flight"),
            "cart": ("add_to_cart", "remove_from_cart", "apply_coupon"),
            "pay": (
                "proceed_to_payment",
                "enter_card",
                "confirm_payment",
                "submit_3ds",
                "pay_in_instalments",
            ),
            "service": ("cancel_booking", "request_refund"),
            "control": ("restart", "abort"),
        },
        ending_tools=frozenset(
            {
                "confirm_payment",
                "pay_in_instalments",
                "cancel_booking",
                "request_refund",
                "abort",
            }
        ),
        rubric_weights=_weights(0.3, 0.2, 0.2, 0.15, 0.15),
        gathered=("/cart/items",),
    )
)

RETAIL = register_domain(
    DomainProfile(
        "retail",
        categories={
            "read": (
                "find_user_id_by_email",
                "find_user_id_by_name_zip",
                "get_user_details",
                "get_order_details",
                "get_product_details",
                "list_all_product_types",
            ),
            "write": (
                "cancel_pending_order",
                "modify_pending_order_address",
                "modify_pending_order_items",
                "modify_pending_order_payment",
                "modify_user_address",
                "return_delivered_order_items",
                "exchange_delivered_order_items",
            ),
            "talk": ("respond",),
            "think": ("think", "calculate"),
            "control": ("transfer_to_human_agents",),
        },
        ending_tools=frozenset({"transfer_to_human_agents"}),
        rubric_weights=_weights(0.3, 0.2, 0.25, 0.15, 0.1),
    )
)

CODING = register_domain(
    DomainProfile(
        "coding",
        categories={
            "read": ("read_file", "list_files", "grep"),
            "write": ("write_file", "edit_file"),
            "run": ("bash", "run_tests", "git"),
            "end": ("submit", "finish"),
        },
        ending_tools=frozenset({"submit", "finish"}),
        rubric_weights=_weights(0.35, 0.2, 0.15, 0.15, 0.15),
    )
)

BROWSER = register_domain(
    DomainProfile(
        "browser",
        categories={
            "navigate": (
                *("goto", "go_back", "go_forward", "new_tab", "tab_close", "tab_focus", "navigate"),
            ),
            "read": ("scroll", "hover", "screenshot", "noop"),
            "act": (
                *("click", "dblclick", "focus", "press", "drag_and_drop"),
                *("mouse_move", "mouse_down", "mouse_up", "mouse_click", "mouse_dblclick"),
                *("mouse_drag_and_drop", "keyboard_press", "keyboard_down", "keyboard_up"),
            ),
            "fill": (
                *("fill", "clear", "select_option", "check", "uncheck", "upload_file", "type_text"),
                *("keyboard_type", "keyboard_insert_text", "mouse_upload_file"),
            ),
            "end": ("send_msg_to_user", "report_infeasible"),
        },
        ending_tools=frozenset({"send_msg_to_user", "report_infeasible"}),
        rubric_weights=_weights(0.35, 0.2, 0.2, 0.15, 0.1),
    )
)

CONVERSATION = register_domain(
    DomainProfile(
        "conversation",
        categories={
            "read": ("query_stats", "knowledge_base", "web_search"),
            "think": ("think",),
            "talk": ("send_message",),
            "write": ("create_note",),
            "end": ("respond",),
        },
        ending_tools=frozenset({"respond"}),
        outcome_rule="rubric",
        rubric_weights=_weights(0.35, 0.15, 0.15, 0.25, 0.1),
    )
)

ENGINEERING = register_domain(
    DomainProfile(
        "engineering",
        categories={
            "read": ("read_file", "grep", "git", "knowledge_base"),
            "run": ("bash",),
            "think": ("think",),
            "end": ("submit", "finish"),
        },
        ending_tools=frozenset({"submit", "finish"}),
        outcome_rule="rubric",
        rubric_weights=_weights(0.3, 0.2, 0.15, 0.25, 0.1),
    )
)

ADVISORY = register_domain(
    DomainProfile(
        "advisory",
        categories={
            "read": ("knowledge_base", "web_search", "query_stats"),
            "think": ("think",),
            "talk": ("respond", "send_message"),
            "write": ("create_note",),
            "end": ("submit", "finish"),
        },
        ending_tools=frozenset({"submit", "finish"}),
        outcome_rule="rubric",
        rubric_weights=_weights(0.35, 0.15, 0.1, 0.3, 0.1),
    )
)

DISCUSSION = register_domain(
    DomainProfile(
        "discussion",
        categories={
            "read": ("knowledge_base", "web_search"),
            "think": ("think",),
            "end": ("respond", "submit"),
        },
        ending_tools=frozenset({"respond", "submit"}),
        outcome_rule="rubric",
        rubric_weights=_weights(0.35, 0.15, 0.1, 0.25, 0.15),
    )
)
