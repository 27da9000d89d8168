"""Whatever an action does to records, dicts and lists can be taken back."""

import copy
import pickle
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import to_jsonable_python

from practicum.envs.records import Record, Rows, Table, noting

KEYS = st.sampled_from(["a", "b", "c", "d"])
VALUES = st.recursive(
    st.none() | st.integers(-3, 3) | st.text("xyz", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


@dataclass
class World(Record):
    table: Any
    rows: Any
    extra: Any = None


ON_TABLES = {
    "set": lambda t, k, v, i: t.__setitem__(k, v),
    "delete": lambda t, k, v, i: t.__delitem__(k),
    "pop": lambda t, k, v, i: t.pop(k),
    "pop or default": lambda t, k, v, i: t.pop(k, None),
    "popitem": lambda t, k, v, i: t.popitem(),
    "clear": lambda t, k, v, i: t.clear(),
    "update": lambda t, k, v, i: t.update({k: v}, d=i),
    "setdefault": lambda t, k, v, i: t.setdefault(k, v),
    "|=": lambda t, k, v, i: t.__ior__({k: v}),
}
ON_ROWS = {
    "append": lambda r, k, v, i: r.append(v),
    "extend": lambda r, k, v, i: r.extend([k, v]),
    "insert": lambda r, k, v, i: r.insert(i, v),
    "set": lambda r, k, v, i: r.__setitem__(i, v),
    "set slice": lambda r, k, v, i: r.__setitem__(slice(i, None), [v, k]),
    "set steps": lambda r, k, v, i: r.__setitem__(slice(None, None, 2), [v]),
    "delete": lambda r, k, v, i: r.__delitem__(i),
    "delete slice": lambda r, k, v, i: r.__delitem__(slice(i, None)),
    "pop": lambda r, k, v, i: r.pop(),
    "pop at": lambda r, k, v, i: r.pop(i),
    "remove": lambda r, k, v, i: r.remove(v),
    "clear": lambda r, k, v, i: r.clear(),
    "sort": lambda r, k, v, i: r.sort(key=str),
    "reverse": lambda r, k, v, i: r.reverse(),
    "+=": lambda r, k, v, i: r.__iadd__([v]),
    "*=": lambda r, k, v, i: r.__imul__(i) if len(r) < 8 else None,
}
ON_RECORDS = {
    "set": lambda w, k, v, i: setattr(w, "extra", v),
    "set rows": lambda w, k, v, i: setattr(w, "rows", [v]),
    "set new": lambda w, k, v, i: setattr(w, f"new_{k}", v),
    "delete": lambda w, k, v, i: delattr(w, "extra"),
}
WHICH = st.sampled_from(range(len(ON_TABLES) * len(ON_ROWS)))
OPERATIONS = st.lists(st.tuples(st.integers(0, 30), WHICH, KEYS, VALUES, st.integers(-3, 3)), max_size=25)


def parts(value):
    """A record and every record, table and rows inside it."""
    yield value
    inside = vars(value) if isinstance(value, Record) else value
    for part in list(inside.values() if isinstance(inside, dict) else inside):
        if isinstance(part, Record | Table | Rows):
            yield from parts(part)


def apply(target, which, key, value, index):
    table = ON_RECORDS if isinstance(target, Record) else ON_TABLES if isinstance(target, dict) else ON_ROWS
    operation = list(table.values())[which % len(table)]
    try:
        operation(target, key, copy.deepcopy(value), index)
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        return type(error)
    return None


def image(value):
    """The value with the order of its keys and attributes, and what kind each part is."""
    if isinstance(value, Record):
        return (type(value), [(k, image(v)) for k, v in vars(value).items()])
    if isinstance(value, dict):
        return (type(value), [(k, image(v)) for k, v in value.items()])
    if isinstance(value, list):
        return (type(value), [image(v) for v in value])
    return value


@settings(max_examples=300)
@given(st.dictionaries(KEYS, VALUES), st.lists(VALUES, max_size=4), OPERATIONS)
def test_taking_back_equals_a_deep_copy_taken_before(table, rows, operations):
    world = World(table, rows)
    before = image(copy.deepcopy(world))
    with noting() as changes:
        for place, which, key, value, index in operations:
            targets = list(parts(world))
            apply(targets[place % len(targets)], which, key, value, index)
        changes.take_back()
    assert image(world) == before


@given(st.dictionaries(KEYS, VALUES), WHICH, KEYS, VALUES, st.integers(-3, 3))
def test_a_table_does_what_a_dict_does(items, which, key, value, index):
    table, model = Table(items), copy.deepcopy(items)
    assert apply(table, which, key, value, index) == apply(model, which, key, value, index)
    assert list(table.items()) == list(model.items())


@given(st.lists(VALUES, max_size=5), WHICH, KEYS, VALUES, st.integers(-3, 3))
def test_rows_do_what_a_list_does(items, which, key, value, index):
    rows, model = Rows(items), copy.deepcopy(items)
    assert apply(rows, which, key, value, index) == apply(model, which, key, value, index)
    assert rows == model


@given(VALUES)
def test_records_copy_what_they_are_given(value):
    world = World({"x": value}, [value])
    assert to_jsonable_python(world) == {"table": {"x": value}, "rows": [value], "extra": None}
    if isinstance(value, dict | list):
        assert world.table["x"] is not value


def test_changes_outside_a_noting_block_stay():
    world = World({}, [])
    with noting() as changes:
        world.rows.append(1)
    world.rows.append(2)
    assert bool(changes)
    assert world.rows == [1, 2]


def test_copies_and_pickles_of_a_table_note_their_own_changes():
    table = Table({"a": {"b": [1]}})
    for twin in (copy.deepcopy(table), pickle.loads(pickle.dumps(table))):
        with noting() as changes:
            twin["a"]["b"].append(2)
            assert (table, twin) == ({"a": {"b": [1]}}, {"a": {"b": [1, 2]}})
            changes.take_back()
        assert twin == table


def test_a_property_of_a_record_is_set_through_its_setter():
    class Purse(Record):
        def __init__(self):
            self.cents = 0

        @property
        def euros(self):
            return self.cents / 100

        @euros.setter
        def euros(self, value):
            self.cents = round(value * 100)

    purse = Purse()
    with noting() as changes:
        purse.euros = 3
        assert purse.cents == 300
        changes.take_back()
    assert (purse.cents, purse.euros) == (0, 0)


def test_a_record_with_slots_is_refused_when_it_is_defined():
    with pytest.raises(TypeError, match="leave slots away"):

        @dataclass(slots=True)
        class Slotted(Record):
            a: int
