"""Flow: what comes next is what was done in the same place, or in the nearest that is like it."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from practicum.skills.flow import Example, Feature, Fork, Leaf, Tree, Way, expanded, grow
from practicum.skills.values import MISSING, same

VIEW = Feature({"ref": "last", "path": "/view"}, 1.0)
BELOW = Feature({"lt": [{"ref": "last", "path": "/page"}, {"ref": "last", "path": "/pages"}]}, 3.0)
HELD = Feature({"missing": {"ref": "last", "path": "/cart"}}, 3.0)
FEATURES = [VIEW, BELOW, HELD]


def decided(count: int, name: str, *values: Any) -> list[Example]:
    return [Example(values, name, session) for session in range(count)]


LISTED = [
    *decided(6, "next_page", "list", True, True),
    *decided(4, "look", "home", False, True),
    *decided(4, "pay", "cart", False, False),
]


def says(tree: Tree, *values: Any) -> str:
    """What a tree says is called next, where the features have these values; empty where it says nothing."""
    while isinstance(tree, Fork):
        found = values[FEATURES.index(tree.feature)]
        parts = [part for known, part in tree.branches if any(same(found, each) for each in known)]
        if not parts:
            return ""
        tree = parts[0]
    return tree.next


def test_the_examples_of_a_place_say_what_is_done_there():
    tree = grow(LISTED, FEATURES)
    assert [says(tree, *each.values) for each in LISTED] == [each.next for each in LISTED]


def test_a_value_that_was_never_seen_says_nothing():
    assert says(grow(LISTED, FEATURES), "receipt", True, True) == ""
    assert says(grow(LISTED, FEATURES), MISSING, True, True) == ""


def test_where_a_way_does_not_hold_what_was_done_elsewhere_is_done():
    way = Way(BELOW.on, frozenset({"next_page"}), elsewhere=False)
    some = [each for each in LISTED if each.next != "pay"]
    with_way, without = grow(some, FEATURES, [way]), grow(some, FEATURES)
    assert says(without, "list", False, True) == "next_page"
    assert says(with_way, "list", True, True) == "next_page"
    assert says(with_way, "list", False, True) == "look"
    assert says(with_way, "list", MISSING, True) == ""


def test_where_a_way_does_not_hold_and_several_things_were_done_elsewhere_none_is():
    way = Way(BELOW.on, frozenset({"next_page"}), elsewhere=False)
    assert says(grow(LISTED, FEATURES, [way]), "list", False, True) == ""


def test_a_way_leaves_alone_the_calls_that_it_is_not_about():
    way = Way(BELOW.on, frozenset({"next_page"}), elsewhere=False)
    tree = grow(LISTED, FEATURES, [way])
    assert [says(tree, *each.values) for each in LISTED] == [each.next for each in LISTED]
    assert says(tree, "cart", True, False) == "pay"


def test_a_way_that_was_nowhere_otherwise_changes_nothing():
    always = [each for each in LISTED if each.values[1]]
    way = Way(BELOW.on, frozenset({"next_page"}), elsewhere=False)
    assert grow(always, FEATURES, [way]) == grow(always, FEATURES)


def test_a_way_holds_where_what_it_asks_for_is_so_in_most_examples():
    way = Way(BELOW.on, where=HELD.on)
    tree = grow(LISTED, FEATURES, [way])
    assert says(tree, "cart", True, False) == "next_page"
    assert says(tree, "home", True, True) == "look"


def test_what_a_way_leads_to_is_one_tree_for_every_goal():
    tree = expanded(grow(LISTED, FEATURES), {"pay": Leaf("pay_later", 1, 0)})
    assert says(tree, "cart", False, False) == "pay_later"
    assert says(tree, "home", False, True) == "look"


@given(st.integers(0, 2**32))
def test_a_tree_does_not_depend_on_the_order_of_the_examples(seed):
    ways = [Way(BELOW.on, frozenset({"next_page"}), elsewhere=False), Way(BELOW.on, where=HELD.on)]
    shuffled = random.Random(seed).sample(LISTED, len(LISTED))
    assert grow(shuffled, FEATURES, ways) == grow(LISTED, FEATURES, ways)
