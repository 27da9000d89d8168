"""DomainProfile: what a domain's tools are for, which of them end an episode, how its steps are weighed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

RUBRICS = ("goal_progress", "tool_selection", "param_correctness", "info_utilization", "non_redundancy")
"""The rubrics a profile weighs (source: knowlyr-gym)."""


@dataclass(frozen=True)
class DomainProfile:
    """A domain, declared: a new one needs no change of code elsewhere."""

    name: str
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Tool names by what they are for: `read`, `write`, `pay`, …"""
    ending_tools: frozenset[str] = frozenset()
    """Tools whose call is a final answer, such as `abort`."""
    outcome_rule: str = "world"
    """Who judges the end: `world` (its own state) or `rubric` (a judge reads the transcript)."""
    rubric_weights: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(RUBRICS, 0.2))
    """Weight of each rubric; they sum to 1."""

    def category(self, tool: str) -> str:
        """What a tool is for; `other` where the profile does not say."""
        return next((name for name, tools in self.categories.items() if tool in tools), "other")


_PROFILES: dict[str, DomainProfile] = {}


def register_domain(profile: DomainProfile) -> DomainProfile:
    """Make a profile known by its name; a later one of the same name replaces it.

    Raises:
        ValueError: the rubric weights do not sum to 1, or name a rubric that there is not.
    """
    unknown = sorted(set(profile.rubric_weights) - set(RUBRICS))
    if unknown:
        raise ValueError(f"no rubric {unknown[0]!r}; there are {', '.join(RUBRICS)}")
    total = sum(profile.rubric_weights.values())
    if abs(total - 1.0) > 1e-6:
        raise ValueError(f"the rubric weights of {profile.name!r} sum to {total:g}; they must sum to 1")
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


GENERIC = register_domain(DomainProfile("generic"))
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
        rubric_weights={
            "goal_progress": 0.3,
            "tool_selection": 0.2,
            "param_correctness": 0.2,
            "info_utilization": 0.15,
            "non_redundancy": 0.15,
        },
    )
)
