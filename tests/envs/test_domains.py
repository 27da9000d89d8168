"""A domain is declared by one call."""

import pytest

from practicum.envs import DomainProfile, register_domain
from practicum.envs.domains import RUBRICS, TRAVEL, domain, domains


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
