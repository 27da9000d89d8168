"""The door: signature and docstring give the schema, and calls that do not fit it are told why."""

import copy
import pickle
import types
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import Field

from practicum.envs import Secret, ToolEnv, action
from practicum.envs.actions import make_action
from practicum.envs.errors import BadArguments


class Desk(ToolEnv[Any]):
    """A desk with one action of every kind."""

    @action
    def scalars(self, text: str, whole: int, number: float, flag: bool) -> None:
        """Take one of each."""

    @action
    def optional(
        self, text: str | None = None, whole: int | None = None, number: float = 1.5, flag: bool = True
    ) -> None:
        """Take any of them."""

    @action
    def choices(self, word: Literal["a", "b"], digit: Literal[0, 1, 2] = 0, one: Literal["x"] = "x") -> None:
        """Take one of these."""

    @action
    def lists(
        self, words: list[str], digits: list[int] | None = None, picks: list[Literal[1, 2]] | None = None
    ) -> None:
        """Take several."""

    @action
    def bounded(
        self,
        size: Annotated[int, Field(ge=1, le=4)],
        share: Annotated[float, Field(gt=0, lt=1)] = 0.5,
        name: Annotated[str, Field(min_length=1, max_length=3)] = "x",
        pair: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None,
    ) -> None:
        """Take what fits."""

    @action
    def renamed(self, from_: str, to: str, page: int = 1) -> None:
        """Go from one place to another.

        There may be several pages.

        Args:
            from_: Where it begins,
                in one word.
            to (str): Where it ends.
            page:
                Which page.

        Returns:
            Nothing at all.

        Raises:
            ActionError: never.
        """

    @action
    def nothing(self) -> None:
        """Take nothing."""


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-10, 10)
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0.0, 1.0, 2.0, 4.0, 0.5, -0.0])
    | st.text(max_size=4)
    | st.sampled_from(["a", "b", "x"])
)
ANYTHING = LEAVES | st.lists(LEAVES, max_size=3) | st.dictionaries(st.text(max_size=3), LEAVES, max_size=2)


def fitting(shape):
    """Values that fit a property's schema nearly always."""
    kinds = {
        "string": st.text(max_size=4),
        "integer": st.integers(-5, 10) | st.sampled_from([1.0, 2.0]),
        "number": st.floats(-2, 2) | st.integers(-2, 2),
        "boolean": st.booleans(),
    }
    if "enum" in shape:
        return st.sampled_from(shape["enum"])
    if shape["type"] == "array":
        return st.lists(fitting(shape["items"]), max_size=3)
    return kinds[shape["type"]]


@st.composite
def calls(draw):
    act = draw(st.sampled_from(list(Desk.actions.values())))
    arguments = {}
    for name, shape in act.schema["properties"].items():
        if draw(st.integers(0, 7)):
            arguments[name] = draw(ANYTHING if draw(st.integers(0, 5)) == 0 else fitting(shape))
    if draw(st.integers(0, 9)) == 0:
        arguments[draw(st.text(max_size=5))] = draw(LEAVES)
    return act, arguments


@given(calls())
def test_the_door_lets_in_exactly_what_the_schema_does(call):
    act, arguments = call
    optional = set(act.parameters) - set(act.schema["required"])
    told = {k: v for k, v in arguments.items() if v is not None or k not in optional}
    is_valid = Draft202012Validator(act.schema).is_valid(told)
    try:
        bound = act.bind(arguments)
    except BadArguments:
        assert not is_valid
    else:
        assert is_valid
        assert {k.rstrip("_"): v for k, v in bound.items() if k in told or k == "from_"} == {
            k: v for k, v in told.items() if k in act.parameters
        }


@pytest.mark.parametrize("act", Desk.actions.values(), ids=lambda act: act.name)
def test_schemas_are_json_schema_and_flat(act):
    Draft202012Validator.check_schema(act.schema)
    assert act.schema["additionalProperties"] is False
    for shape in act.schema["properties"].values():
        assert not {"$ref", "anyOf", "oneOf", "allOf"} & set(shape)


def test_a_docstring_gives_description_and_arguments_and_nothing_else():
    act = Desk.actions["renamed"]
    assert act.description == "Go from one place to another. There may be several pages."
    assert {name: shape["description"] for name, shape in act.schema["properties"].items()} == {
        "from": "Where it begins, in one word.",
        "to": "Where it ends.",
        "page": "Which page.",
    }
    assert act.schema["properties"]["page"]["default"] == 1


def test_a_trailing_underscore_is_dropped_in_the_published_name_and_put_back_in_the_call():
    assert Desk.actions["renamed"].bind({"from": "A", "to": "B"}) == {"from_": "A", "to": "B"}


def test_one_error_names_every_bad_argument():
    with pytest.raises(BadArguments) as refusal:
        Desk.actions["scalars"].bind({"text": 3, "whole": "x", "number": 1.0, "colour": "red"})
    assert str(refusal.value) == (
        "bad arguments: 'text' is 3, expected string; 'whole' is 'x', expected integer; "
        "'flag' is missing (boolean); there is no argument 'colour'. "
        "scalars takes text, whole, number, flag."
    )


@pytest.mark.parametrize(
    ("name", "arguments", "complaint"),
    [
        ("choices", {"word": "c"}, "'word' is 'c', expected one of a, b"),
        ("lists", {"words": "x"}, "'words' is 'x', expected a list of strings"),
        ("lists", {"words": ["x", 3]}, "'words.1' is 3, expected string"),
        ("bounded", {"size": 9}, "'size' is 9, expected less than or equal to 4"),
        ("nothing", {"x": 1}, "there is no argument 'x'. nothing takes no arguments."),
        ("nothing", {"": 1}, "there is no argument ''. nothing takes no arguments."),
        ("choices", {"word": "a", "digit": True}, "'digit' is True, expected a number, not a boolean"),
        (
            "scalars",
            {"text": "y" * 500, "whole": "y" * 500, "number": 1, "flag": True},
            "yyy..., expected integer",
        ),
    ],
)
def test_a_refusal_says_what_was_found_and_expected(name, arguments, complaint):
    with pytest.raises(BadArguments) as refusal:
        Desk.actions[name].bind(arguments)
    assert complaint in str(refusal.value)
    assert len(str(refusal.value)) < 300


def test_a_secret_argument_is_not_repeated_in_the_refusal():
    @action
    def pay(self, card: Secret) -> None:
        """Pay."""

    with pytest.raises(BadArguments) as refusal:
        make_action(pay).bind({"card": 4242424242424242})
    assert "4242" not in str(refusal.value)
    assert "'card' does not fit, expected string" in str(refusal.value)


def test_null_means_absent_for_an_optional_argument_alone():
    assert Desk.actions["optional"].bind({"text": None, "whole": None, "number": None}) == {}
    with pytest.raises(BadArguments, match="'whole' is None"):
        Desk.actions["scalars"].bind({"text": "x", "whole": None, "number": 1, "flag": False})


def test_any_mapping_with_any_keys_can_be_bound_or_refused():
    assert Desk.actions["nothing"].bind(types.MappingProxyType({})) == {}
    with pytest.raises(BadArguments):
        Desk.actions["nothing"].bind({1: 2})


def test_binding_shares_nothing_with_the_call():
    words = ["a"]
    assert Desk.actions["lists"].bind({"words": words})["words"] is not words


@pytest.mark.parametrize(
    "hint", [Any, int | str, list[list[int]], tuple[int, int], bytes, list, Literal[1, "a"], None]
)
def test_a_parameter_without_a_flat_json_form_is_refused_when_it_is_defined(hint):
    def odd(self, x): ...

    odd.__annotations__ = {"x": hint}
    with pytest.raises(TypeError, match="'x'"):
        make_action(action(odd))


def test_a_parameter_needs_an_annotation_and_a_name():
    def bare(self, x): ...

    def several(self, *x: int): ...

    for method in (bare, several):
        with pytest.raises(TypeError, match="needs a type annotation and a name"):
            make_action(action(method))


def test_actions_are_inherited_in_order_and_an_override_keeps_or_drops_its_place():
    class Second(Desk):
        """Another."""

        def optional(self) -> None:
            """No action any more."""

        @action(read_only=True)
        def scalars(self) -> None:
            """Take none."""

        again = Desk.nothing

    assert list(Second.actions) == ["scalars", "choices", "lists", "bounded", "renamed", "nothing", "again"]
    assert Second.actions["scalars"].read_only
    assert Second.actions["scalars"].idempotent
    assert Second.actions["again"].name == "again"


def test_an_action_can_be_pickled_and_copied():
    for act in Desk.actions.values():
        assert pickle.loads(pickle.dumps(act)).schema == act.schema
        assert copy.deepcopy(act) is act
