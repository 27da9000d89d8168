"""A domain is declared by one call."""

from typing import Any

import pytest

from practicum.envs import (
    DomainProfile,
    Episode,
    Outcome,
    ToolEnv,
    action,
    find,
    make,
    register,
    register_domain,
)
from practicum.envs.core import CHECK_AGAIN
from practicum.envs.domains import RUBRICS, TRAVEL, domain, domains
from practicum.envs.lint import NAME


def test_a_profile_of_ones_own_is_known_by_its_name():
    profile = register_domain(DomainProfile("test-lockers", categories={"read": ("look",)}))
    assert domain("test-lockers") is profile
    assert profile in domains()
    assert (profile.category("look"), profile.category("store")) == ("read", "other")


def test_a_later_profile_of_the_same_name_replaces_the_earlier():
    register_domain(DomainProfile("test-twice"))
    later = register_domain(DomainProfile("test-twice", ending_tools=frozenset({"submit"})))
    assert domain("test-twice") is later


def test_rubric_weights_must_name_known_rubrics_and_sum_to_one():
    with pytest.raises(ValueError, match=r"no rubric 'charm'; there are goal_progress"):
        register_domain(DomainProfile("test-odd", rubric_weights={"charm": 1.0}))
    with pytest.raises(ValueError, match=r"'test-odd' sum to 0.5; they must sum to 1"):
        register_domain(DomainProfile("test-odd", rubric_weights={"goal_progress": 0.5}))


def test_an_unknown_domain_is_an_error_that_names_the_known_ones():
    with pytest.raises(KeyError, match=r"no domain 'tavel'; there are .*travel"):
        domain("tavel")


@pytest.mark.parametrize("profile", domains(), ids=lambda profile: profile.name)
def test_every_profile_weighs_known_rubrics_to_one(profile):
    assert set(profile.rubric_weights) <= set(RUBRICS)
    assert sum(profile.rubric_weights.values()) == pytest.approx(1)


def test_travel_knows_its_ending_tools():
    assert "abort" in TRAVEL.ending_tools
    assert TRAVEL.category("enter_card") == "pay"


NINE = (
    *("generic", "travel", "retail", "coding", "browser", "conversation", "engineering", "advisory"),
    "discussion",
)


def test_there_are_nine_profiles_of_ours():
    assert [profile.name for profile in domains()][:9] == list(NINE)


@pytest.mark.parametrize("name", NINE[1:])
def test_every_profile_puts_each_tool_into_one_category_and_ends_by_tools_of_its_own(name):
    profile = domain(name)
    listed = [tool for tools in profile.categories.values() for tool in tools]
    assert len(listed) == len(set(listed)) == len(profile.tools)
    assert profile.ending_tools
    assert profile.ending_tools <= set(profile.tools)
    assert all(profile.ends(tool) is (tool in profile.ending_tools) for tool in profile.tools)
    assert all(NAME.fullmatch(tool) for tool in profile.tools)


def test_travel_has_the_tools_of_flight():
    assert set(TRAVEL.tools) == set(find("flight").actions)


@pytest.mark.parametrize(
    ("name", "tools"),
    [
        ("coding", "read_file write_file edit_file list_files grep bash run_tests git submit finish"),
        ("browser", "goto click fill scroll press select_option send_msg_to_user report_infeasible navigate"),
        ("browser", "type_text screenshot"),
        ("conversation", "respond query_stats send_message web_search"),
        ("engineering", "read_file grep git knowledge_base bash submit finish"),
        ("advisory", "respond knowledge_base web_search create_note submit finish"),
        ("discussion", "respond knowledge_base think submit"),
    ],
)
def test_a_profile_knows_the_tools_of_its_domain(name, tools):
    assert set(tools.split()) <= set(domain(name).tools)


def test_retail_has_sixteen_tools_and_the_turn_to_the_customer():
    assert len(domain("retail").tools) == 17
    assert domain("retail").category("respond") == "talk"


def test_the_same_tool_ends_one_domain_and_is_an_ordinary_turn_in_another():
    ends = {name for name in NINE if domain(name).ends("respond")}
    assert ends == {"conversation", "discussion"}


def test_conversations_are_judged_by_rubric_and_worlds_with_a_state_by_that():
    by_rubric = {profile.name for profile in domains() if profile.outcome_rule == "rubric"}
    assert by_rubric >= {"conversation", "engineering", "advisory", "discussion"}
    assert not by_rubric & {"travel", "retail", "coding", "browser", "generic"}
    with pytest.raises(
        ValueError, match="the outcome rule of 'test-odd' is 'luck'; there are world and rubric"
    ):
        register_domain(DomainProfile("test-odd", outcome_rule="luck"))


class Shop(ToolEnv[dict[str, Any]]):
    """Buy something."""

    name = "shop"

    def begin(self) -> dict[str, Any]:
        return {}

    @action(read_only=True)
    def stroll(self) -> str:
        """Walk about."""
        return "shelves"

    @action(destructive=True)
    def topple(self) -> str:
        """Topple a shelf."""
        return "crash"

    @action(read_only=True)
    def think(self) -> str:
        """Think."""
        return ""

    @action
    def submit(self) -> str:
        """Pay and leave."""
        self.state["left"] = True
        return "bye"

    def is_done(self) -> bool:
        return "left" in self.state

    def outcome(self) -> Outcome:
        return Outcome(True)


@pytest.mark.parametrize(
    ("tool", "category"),
    [
        ("stroll", "read"),
        ("topple", "write"),
        ("think", "think"),
        ("submit", "end"),
    ],
)
def test_the_generic_profile_goes_by_what_an_action_says_of_itself(tool, category):
    assert domain("generic").category(tool, Shop.actions[tool]) == category


@pytest.mark.parametrize(
    ("tool", "category"),
    [
        ("get_order", "read"),
        ("search", "read"),
        ("delete_file", "write"),
        ("confirm_payment", "pay"),
        ("send_message", "talk"),
        ("bash", "run"),
        ("give_up", "end"),
        ("get", "read"),
        ("frobnicate", "other"),
        ("searching", "other"),
    ],
)
def test_the_generic_profile_goes_by_the_name_where_nothing_else_is_known(tool, category):
    assert domain("generic").category(tool) == category


def test_a_final_answer_is_known_by_its_name_where_no_profile_declares_it():
    episode = Episode(Shop(), Shop.make_task(0), min_try=2)
    assert episode.act("submit").result == CHECK_AGAIN
    assert episode.act("submit").terminated


def test_a_world_and_its_domain_are_registered_by_one_call():
    profile = DomainProfile("test-errands", ending_tools=frozenset({"topple"}))
    register("my-project/my-env", Shop, domain=profile)
    try:
        env = make("my-project/my-env")
        assert (env.profile(), env.profile().ends("submit")) == (profile, False)
    finally:
        Shop.domain = "generic"
