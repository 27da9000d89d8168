"""Reading records: lists and lines, large and broken ones."""

from __future__ import annotations

import io
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practicum.memory.imports import reading
from practicum.memory.imports.reading import Record, records

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text('id,{}[]"\\ é\n', max_size=4), values, max_size=3)


def read(text: str) -> list[Record]:
    return list(records(io.StringIO(text)))


def read_values(text: str) -> list[Any]:
    found = read(text)
    assert [record.problem for record in found] == [None] * len(found)
    return [record.value for record in found]


@given(st.lists(objects, max_size=5), st.sampled_from([None, 1, 4]), st.integers(1, 40))
def test_lists_and_lines_give_their_records_however_little_is_read_at_a_time(written, indent, chunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "CHUNK", chunk)
        assert read_values(json.dumps(written, indent=indent)) == written
        assert read_values("\n".join(json.dumps(each, ensure_ascii=False) for each in written)) == written
        assert read_values("\n".join(json.dumps(each, indent=indent) for each in written)) == written


def test_a_record_is_at_the_line_where_it_begins():
    assert [record.line for record in read('[\n {"a":\n 1},\n\n {"a": 2}, {"a": 3}]')] == [2, 5, 5]
    assert [record.line for record in read('{"a": 1}\n\n{"a": 2}\n')] == [1, 3]


@pytest.mark.parametrize("chunk", [3, 1 << 20])
@pytest.mark.parametrize(
    "text",
    [
        '[{"id": 1}, {"id": 2, "x": nope}, {"id": 3}]',
        '[{"id": 1}, {"id": 2, "x": [}, {"id": 3}]',
        '[{"id": 1}, oops, {"id": 3}]',
        '[{"id": 1}, {"id": 2, "x": "open}, {"id": 3}]',
        '{"id": 1}\n{"id": 2, "x": "cut\n{"id": 3}\n',
        '{"id": 1}\n{"id": 2, "x": {"y"}}\n{"id": 3}\n',
        '{"id": 1}\nnot JSON at all\n{"id": 3}\n',
        '[{"id": 1}, {"id": 2, "x": "\udcff"}, {"id": 3}]',
    ],
)
def test_a_broken_record_costs_itself_alone(monkeypatch, chunk, text):
    monkeypatch.setattr(reading, "CHUNK", chunk)
    first, broken, third = read(text)
    assert (first.value, third.value) == ({"id": 1}, {"id": 3})
    assert broken.problem is not None
    assert broken.line == (2 if "\n" in text else 1)


@pytest.mark.parametrize("text", ['[{"id": 1}, {"id": 2', '[{"id": 1}', '[{"id": 1},', '{"id": 1}\n{"id": 2'])
def test_a_file_that_was_cut_off_says_so_after_what_it_holds(text):
    first, cut = read(text)
    assert first.value == {"id": 1}
    assert cut.problem is not None


def test_what_is_nested_beyond_reading_is_a_broken_record():
    first, *rest = read('{"a": ' + "[" * 200_000 + "\n" + '{"b": 1}')
    assert "nested too deeply" in str(first.problem)
    assert [record.value for record in rest] == [{"b": 1}]


def test_a_number_that_is_too_long_to_read_is_a_broken_record():
    first, second = read('{"a": ' + "7" * 5000 + '}\n{"b": 1}')
    assert "digits" in str(first.problem)
    assert second.value == {"b": 1}


@pytest.mark.parametrize("text", ["", " \n", "[]", "[ ]"])
def test_an_empty_file_holds_nothing(text):
    assert read(text) == []


class Endless(io.StringIO):
    """A list of 200 MB, of which only what is being read exists."""

    def __init__(self, separator: str) -> None:
        super().__init__()
        self._record = json.dumps({"id": 1, "x": "y" * 9_990}) + separator
        self._left = 200_000_000 // len(self._record)

    def read(self, size: int | None = -1) -> str:
        count = min(self._left, (size or 0) // len(self._record) + 1)
        self._left -= count
        return self._record * count


@pytest.mark.parametrize("separator", [",\n", "\n"])
def test_memory_stays_flat_however_large_the_file_is(separator):
    tracemalloc.start()
    try:
        assert sum(1 for _ in records(Endless(separator))) > 19_000
        assert tracemalloc.get_traced_memory()[1] < 16_000_000
    finally:
        tracemalloc.stop()
