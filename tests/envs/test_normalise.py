"""Arguments that mean the same compare as the same."""

import copy
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from practicum.envs import Outcome, ToolEnv, action
from practicum.envs.lint import lint_tool
from practicum.envs.normalise import UNORDERED, normalised, same_arguments


def schema(required=(), **properties):
    return {"type": "object", "properties": properties, "required": list(required)}


TEXT, WHOLE, REAL, FLAG = ({"type": kind} for kind in ("string", "integer", "number", "boolean"))
DAY, MOMENT = TEXT | {"format": "date"}, TEXT | {"format": "date-time"}
LIST, BAG = {"type": "array", "items": TEXT}, {"type": "array", "items": WHOLE, UNORDERED: True}


@pytest.mark.parametrize(
    ("shape", "spellings"),
    [
        (WHOLE, [1, 1.0, "1", " 1 ", "1.0", "+1", "1e0"]),
        (REAL, [0.5, "0.5", ".5", "5e-1", "0.50"]),
        (REAL, [2**70, str(2**70)]),
        (REAL, [0, -0.0, "-0", "0.0", "1e-999"]),
        (REAL, [1, "0." + "9" * 40]),
        (FLAG, [True, "true", "True", " TRUE "]),
        (TEXT, ["7", 7, 7.0, " 7"]),
        (TEXT, ["caf\u00e9", "cafe\u0301", " caf\u00e9\n"]),
        (
            DAY,
            [
                *("2026-03-04", "2026/3/4", "2026.03.04", "20260304", 20260304, "2026-03-04T00:00:00Z"),
                *("4.3.2026", "04.03.2026", "4 March 2026", "4th of March 2026", "Mar 4, 2026"),
                *("March 4th, 2026", "Wed, 4 Mar 2026", "the 4th of march, 2026", "4-Mar-2026"),
                *("Wednesday 4 march 2026", "Mar. 4, 2026", "2026 March 4"),
            ],
        ),
        (DAY, ["2026-04-13", "13/4/2026", "4/13/2026", "13-04-2026"]),
        (DAY, ["2026-05-05", "5/5/2026"]),
        (MOMENT, ["2026-03-04T12:00:00+00:00", "2026-03-04T12:00Z", "2026-03-04 13:00+01:00"]),
        (LIST, [["a", "1"], [" a", 1], ("a", 1.0)]),
        (BAG, [[3, 1, 2], ["1", 2.0, 3], [2, 3, 1]]),
        ({}, [{"b": 1, "a": [2.0]}, {"a": [2], "b": 1.0}]),
    ],
)
def test_spellings_of_one_value_are_the_same(shape, spellings):
    found = [normalised({"x": value}, schema(x=shape)) for value in spellings]
    assert found == [found[0]] * len(found)
    assert all(same_arguments({"x": spellings[0]}, {"x": each}, schema(x=shape)) for each in spellings)


@pytest.mark.parametrize(
    ("shape", "one", "other"),
    [
        (WHOLE, 1, 2),
        (WHOLE, 1, True),
        (WHOLE, 1, "one"),
        (REAL, 0.1, 0.10000001),
        (REAL, 2**70, 2**70 + 1),
        (FLAG, True, "yes"),
        (FLAG, True, 1),
        (TEXT, "02139", "2139"),
        (TEXT, "1.0", "1"),
        (TEXT, "Ann", "ann"),
        (TEXT, "2026-03-04", "4 March 2026"),
        (DAY, "3/4/2026", "2026-03-04"),
        (DAY, "3/4/2026", "4/3/2026"),
        (DAY, "2026-02-30", "2026-03-02"),
        (DAY, "4 March", "2026-03-04"),
        (DAY, "4 mayor 2026", "2026-05-04"),
        (DAY, "4 decades 2026", "2026-12-04"),
        (DAY, "4 March 2026 or later", "2026-03-04"),
        (DAY, "4 March 2026 \u00e0", "2026-03-04"),
        (DAY, "monthly, 4 March 2026", "2026-03-04"),
        (DAY, "\uff14 March 2026", "2026-03-04"),
        (MOMENT, "2026-03-04T12:00", "2026-03-04T12:00Z"),
        (LIST, ["a", "b"], ["b", "a"]),
        (BAG, [1, 1, 2], [1, 2]),
        (LIST, ["a"], "a"),
    ],
)
def test_values_that_differ_stay_different(shape, one, other):
    assert not same_arguments({"x": one}, {"x": other}, schema(x=shape))
    assert not same_arguments({"x": other}, {"x": one}, schema(x=shape))


def test_a_name_that_the_schema_lacks_is_dropped():
    assert normalised({"x": 1, "why": "because"}, schema(x=WHOLE)) == {"x": 1}


def test_null_and_the_default_mean_absent_for_an_optional_argument():
    shape = schema(["must"], must=TEXT | {"default": "a"}, page=WHOLE | {"default": 1})
    assert normalised({"must": "a", "page": None}, shape) == {"must": "a"}
    assert normalised({"must": "a", "page": "1"}, shape) == {"must": "a"}
    assert normalised({"must": None, "page": 2}, shape) == {"must": None, "page": 2}


def test_a_date_is_known_by_its_name_too():
    shape = schema(date=TEXT, return_date=TEXT, update=TEXT)
    given = dict.fromkeys(shape["properties"], "4 March 2026")
    assert normalised(given, shape) == {
        "date": "2026-03-04",
        "return_date": "2026-03-04",
        "update": "4 March 2026",
    }


def test_the_caller_may_declare_that_order_means_nothing():
    assert same_arguments({"x": ["a", "b"]}, {"x": ["b", "a"]}, schema(x=LIST), unordered=["x"])


class Basket(ToolEnv[dict[str, Any]]):
    """Fill it."""

    name = "basket"

    def begin(self) -> dict[str, Any]:
        return {}

    @action
    def fill(self, items: Annotated[list[str], Field(json_schema_extra={UNORDERED: True})]) -> list[str]:
        """Put items in.

        Args:
            items: What.
        """
        return items

    def is_done(self) -> bool:
        return False

    def outcome(self) -> Outcome:
        return Outcome(False)


def test_an_author_marks_a_list_whose_order_means_nothing_and_it_is_executed_as_it_was_called():
    fill = Basket.actions["fill"]
    assert same_arguments({"items": ["b", "a"]}, {"items": ["a", "b"]}, fill.schema)
    assert lint_tool(fill.name, fill.description, fill.schema) == []
    env = Basket()
    env.reset(seed=0)
    assert env.step({"tool": "fill", "params": {"items": ["b", "a"]}})[4]["result"] == ["b", "a"]


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
DATES = st.dates().map(str) | st.from_regex(r"\A\d{1,2}[/.-]\d{1,2}[/.-]\d{4}\Z") | st.datetimes().map(str)
VALUES = st.recursive(
    SCALARS | DATES | st.integers().map(str) | st.floats().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
SHAPES = st.sampled_from([TEXT, WHOLE, REAL, FLAG, DAY, MOMENT, LIST, BAG, {}, WHOLE | {"default": 1}])
NAMES = ("x", "date", "y")


@given(
    st.dictionaries(st.sampled_from([*NAMES, "more"]), VALUES),
    st.fixed_dictionaries(dict.fromkeys(NAMES, SHAPES)),
    st.lists(st.sampled_from(NAMES), max_size=2),
)
def test_normalising_twice_is_normalising_once_and_changes_nothing_that_it_is_given(
    arguments, shapes, required
):
    before = copy.deepcopy(arguments)
    once = normalised(arguments, schema(required, **shapes))
    assert repr(arguments) == repr(before)
    assert repr(normalised(once, schema(required, **shapes))) == repr(once)
    assert same_arguments(arguments, once, schema(required, **shapes))


@given(
    st.dictionaries(st.sampled_from(NAMES), VALUES),
    st.dictionaries(st.sampled_from(NAMES), VALUES),
    st.fixed_dictionaries(dict.fromkeys(NAMES, SHAPES)),
)
def test_sameness_goes_both_ways_and_is_equality_of_the_one_spelling(one, other, shapes):
    shape = schema(**shapes)
    assert same_arguments(one, one, shape)
    assert same_arguments(one, other, shape) == same_arguments(other, one, shape)
    assert same_arguments(one, other, shape) == (
        repr(normalised(one, shape)) == repr(normalised(other, shape))
    )
