"""The actions of a Gymnasium space as flat tool arguments, and back again."""

from __future__ import annotations

import keyword
import math
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from gymnasium import spaces
from pydantic import Field

from practicum.envs.errors import ActionError
from practicum.envs.lint import ARGUMENT_NAME, HANDLE_ARGUMENTS, LONGEST_ARGUMENT_NAME

Space = spaces.Space[Any]
LONGEST_BOUNDS = 300
"""Characters of bounds that a description may hold."""


class NotFlat(Exception):  # noqa: N818  # says what was met
    """A space whose actions have no flat JSON form; the message says why."""


@dataclass(frozen=True)
class Argument:
    """One argument of the tool."""

    name: str
    hint: Any
    """Its type annotation, bounds included."""
    text: str
    """What it takes, in words."""
    is_optional: bool = False


@dataclass(frozen=True)
class FlatForm:
    """How the actions of a space are written as arguments."""

    arguments: tuple[Argument, ...]
    read: Callable[[Mapping[str, Any]], Any]
    """The action that arguments of the right types mean; `ActionError` where it lies outside the space."""


def flat_form(space: Space, prefix: str = "") -> FlatForm:
    """The flat form of a space: `action` where it is one value, else an argument for each part.

    The parts of a `Dict` have its keys as names, those of a `Tuple` their numbers, joined with `_`. A `OneOf`
    is a `choice` and, for the alternative that it chooses, that one's arguments.

    Raises:
        NotFlat: the space has no such form.
    """
    match space:
        case spaces.Dict():
            parts = {key: flat_form(part, _joined(prefix, key)) for key, part in space.spaces.items()}
            return _all_of(parts.values(), lambda values: dict(zip(parts, values, strict=True)))
        case spaces.Tuple():
            stem = prefix or "action"
            return _all_of([flat_form(part, f"{stem}_{i}") for i, part in enumerate(space.spaces)], tuple)
        case spaces.OneOf():
            return _one_of(space, prefix)
        case spaces.Sequence():
            return _list_of(space, prefix or "action")
        case _:
            return _single(space, prefix or "action")


def describe(space: Space) -> str:
    """What a value of a space looks like, in words."""
    match space:
        case spaces.Discrete():
            return f"an integer from {space.start} to {space.start + space.n - 1}"
        case spaces.MultiDiscrete():
            low, high = _limits(space)
            return f"a list of {low.size} integers{_bounds_in_words(low, high)}"
        case spaces.MultiBinary():
            return f"a list of {math.prod(space.shape)} numbers, each 0 or 1"
        case spaces.Box():
            count = f"a list of {space.low.size} numbers" if space.shape else "a number"
            return f"{count}{_bounds_in_words(*_limits(space))}, of dtype {space.dtype}"
        case spaces.Text():
            letters = "".join(sorted(space.characters))[:200]
            return f"text of {space.min_length} to {space.max_length} characters out of {letters!r}"
        case _:
            return str(space)


def _joined(prefix: str, key: object) -> str:
    """The argument of a key: its words joined with `_`, and never one that every served tool has."""
    word = re.sub(r"\W", "_", str(key), flags=re.ASCII)
    name = f"{prefix}_{word}".strip("_")
    if name in HANDLE_ARGUMENTS or not ARGUMENT_NAME.fullmatch(name):
        name = f"action_{name}".strip("_")
    return name


def _all_of(forms: Iterable[FlatForm], build: Callable[[list[Any]], Any]) -> FlatForm:
    parts = list(forms)
    arguments = tuple(argument for part in parts for argument in part.arguments)
    names = [argument.name for argument in arguments]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise NotFlat(f"two parts of it would both be called {twice!r}")
    long = next((name for name in names if len(name) > LONGEST_ARGUMENT_NAME), None)
    if long is not None:
        raise NotFlat(f"the name {long!r} has more than {LONGEST_ARGUMENT_NAME} characters")
    return FlatForm(arguments, lambda values: build([part.read(values) for part in parts]))


def _one_of(space: spaces.OneOf[Any], prefix: str) -> FlatForm:
    stem = prefix or "action"
    choice = f"{prefix}_choice" if prefix else "choice"
    forms = [flat_form(part, f"{stem}_{i}") for i, part in enumerate(space.spaces)]
    chosen = _all_of(forms, list).arguments  # refuses names that are used twice
    texts = "; ".join(f"{i}: {', '.join(_names(form)) or 'no argument'}" for i, form in enumerate(forms))
    first = Argument(
        choice,
        Annotated[int, Field(ge=0, le=len(forms) - 1)],
        f"which arguments go with it, {texts}",
    )

    def read(values: Mapping[str, Any]) -> Any:
        index = values[choice]
        _check_chosen(choice, index, forms, values)
        return np.int64(index), forms[index].read(values)

    return FlatForm((first, *(replace(argument, is_optional=True) for argument in chosen)), read)


def _check_chosen(choice: str, index: int, forms: Sequence[FlatForm], values: Mapping[str, Any]) -> None:
    own = _names(forms[index])
    other = [name for form in forms for name in _names(form) if name in values and name not in own]
    if other:
        raise ActionError(f"{other[0]!r} does not go with {choice} {index}; leave it out")
    missing = [a.name for a in forms[index].arguments if not a.is_optional and a.name not in values]
    if missing:
        raise ActionError(f"{missing[0]!r} is missing; {choice} {index} takes {', '.join(own)}")


def _names(form: FlatForm) -> list[str]:
    return [argument.name for argument in form.arguments]


def _list_of(space: spaces.Sequence, name: str) -> FlatForm:
    feature = space.feature_space
    if not isinstance(feature, spaces.Discrete | spaces.Text) and feature.shape != ():
        raise NotFlat(f"{name!r} is a list of {type(feature).__name__}; only lists of single values are flat")
    item = _single(feature, name)
    text = f"a list, each item {describe(feature)}"

    def read(values: Mapping[str, Any]) -> Any:
        items = [item.read({name: value}) for value in values[name]]
        return np.array(items, feature.dtype) if space.stack else tuple(items)

    hint = list.__class_getitem__(item.arguments[0].hint)
    return FlatForm((Argument(name, hint, text),), read)


def _single(space: Space, name: str) -> FlatForm:
    argument = Argument(name, _hint(space, name), describe(space))
    return FlatForm((argument,), lambda values: _value(space, name, values[name]))


def _hint(space: Space, name: str) -> Any:
    match space:
        case spaces.Discrete():
            return Annotated[int, Field(ge=int(space.start), le=int(space.start + space.n - 1))]
        case spaces.Text():
            return Annotated[str, Field(min_length=space.min_length, max_length=space.max_length)]
        case spaces.MultiDiscrete() | spaces.MultiBinary():
            return _list_hint(space, int)
        case spaces.Box():
            kind = int if np.issubdtype(space.dtype, np.integer) else float
            return _list_hint(space, kind) if space.shape else _number_hint(space, kind)
        case _:
            raise NotFlat(f"{name!r} is a {type(space).__name__}")


def _number_hint(space: Space, kind: type) -> Any:
    low, high = _limits(space)
    lowest, highest = low.min().item(), high.max().item()
    return Annotated[
        kind,
        Field(ge=lowest if math.isfinite(lowest) else None, le=highest if math.isfinite(highest) else None),
    ]


def _list_hint(space: Space, kind: type) -> Any:
    assert space.shape is not None
    size = math.prod(space.shape)
    items = list.__class_getitem__(_number_hint(space, kind) if size else kind)
    return Annotated[items, Field(min_length=size, max_length=size)]


def _limits(space: Space) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Lowest and highest value of each entry, flat."""
    match space:
        case spaces.MultiDiscrete():
            return space.start.ravel(), (space.start + space.nvec - 1).ravel()
        case spaces.Box():
            return space.low.ravel(), space.high.ravel()
        case _:
            assert space.shape is not None
            return np.zeros(math.prod(space.shape), int), np.ones(math.prod(space.shape), int)


def _bounds_in_words(low: np.ndarray[Any, Any], high: np.ndarray[Any, Any]) -> str:
    if not low.size:
        return ""
    if (low == low[0]).all() and (high == high[0]).all():
        return f"{', each' if low.size > 1 else ''} from {low[0]} to {high[0]}"
    return f" from {str(low.tolist())[:LONGEST_BOUNDS]} to {str(high.tolist())[:LONGEST_BOUNDS]}"


def _value(space: Space, name: str, value: Any) -> Any:
    """The value in the space that a JSON value means.

    Raises:
        ActionError: there is none; says which entry lies outside which bound.
    """
    found = _converted(space, value)
    is_number = not isinstance(space, spaces.Text)
    if not space.contains(found) or (is_number and not np.isfinite(found).all()):
        raise ActionError(f"{name!r} {_outside(space, value)}; it takes {describe(space)}")
    return found


def _converted(space: Space, value: Any) -> Any:
    if isinstance(space, spaces.Text):
        return value
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        array = np.asarray(value, space.dtype)  # at once: a list of large integers would become floats first
    return array[()] if isinstance(space, spaces.Discrete) else array.reshape(space.shape)


def _outside(space: Space, value: Any) -> str:
    if not isinstance(space, spaces.Text | spaces.Discrete):
        entries = np.ravel(value)
        for index, (entry, low, high) in enumerate(zip(entries, *_limits(space), strict=True)):
            if not low <= entry <= high:
                place = f"has {entry} at place {index}" if space.shape else f"is {entry}"
                return f"{place}, outside {low} to {high}"
    return f"is {str(value)[:80]!r}, which lies outside the action space"


def as_parameter(name: str) -> str:
    """An argument's name as Python takes it; the published name has no trailing underscore."""
    return f"{name}_" if keyword.iskeyword(name) else name
