"""Files of rows: every format says what its readers expect, and is read back; a bad line is named."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practicum.envs import find
from practicum.envs.errors import UsageError
from practicum.memory import Store
from practicum.training.agents import Decision
from practicum.training.datasets import (
    FORMATS,
    DatasetExporter,
    Order,
    Pair,
    Query,
    Row,
    Toolset,
    export,
    line,
    read_groups,
    read_labels,
    read_pairs,
    read_rows,
    rows,
)
from practicum.training.transcripts import answer_message, call_message, opening_messages
from tests.training.played import play, store, tasks_of

__all__ = ["store"]


@pytest.fixture
def played(store: Store) -> Store:
    """Two tasks, each played well, played otherwise, and given up."""
    tasks = tasks_of("flight", count=2, kind="book", feasible=True)
    play(store, tasks=tasks)
    play(store, tasks=tasks, noise=0.5, seed=3)
    play(store, tasks=tasks, agent=[Decision("search_flights", {}, "Look."), Decision("abort")])
    return store


def written(store, folder, form, **query):
    file = folder / f"{form}.jsonl"
    export(store, Order(form=form, query=Query(**query)), file)
    return file


def objects(file):
    return [json.loads(text) for text in file.read_text(encoding="utf-8").splitlines()]


def test_sft_lines_are_conversations_with_tools_and_where_they_came_from(played, tmp_path):
    lines = objects(written(played, tmp_path, "sft"))
    for row, found in zip(rows(played), lines, strict=True):
        assert found["messages"] == list(row.messages)
        assert found["tools"] == list(row.tools)
        assert (found["session"], found["task"], found["hash"]) == (row.session, row.task_hash, row.hash)


def test_openai_lines_hold_what_its_api_takes_and_nothing_else(played, tmp_path):
    for found in objects(written(played, tmp_path, "openai")):
        assert set(found) == {"messages", "tools", "parallel_tool_calls"}
        for message in found["messages"]:
            for call in message.get("tool_calls", ()):
                assert isinstance(json.loads(call["function"]["arguments"]), dict)
            if message["role"] == "tool":
                assert set(message) == {"role", "tool_call_id", "content"}


def test_sharegpt_lines_alternate_between_the_one_side_and_the_other(played, tmp_path):
    for found in objects(written(played, tmp_path, "sharegpt")):
        speakers = [turn["from"] for turn in found["conversations"]]
        assert set(speakers[0::2]) <= {"human", "observation"}
        assert set(speakers[1::2]) <= {"gpt", "function_call"}
        assert all(isinstance(tool, dict) for tool in json.loads(found["tools"]))


def test_kto_lines_say_whether_a_way_on_is_wanted(played, tmp_path):
    file = written(played, tmp_path, "kto")
    found = {(each.sessions[0], each.label) for each in read_labels(file)}
    assert found == {(row.session, row.success) for row in rows(played)}
    assert {label for _, label in found} == {True, False}


def test_grpo_lines_are_the_sessions_of_a_task_with_their_returns(played, tmp_path):
    by_task = {}
    for row in rows(played, Query(repeats=True)):
        by_task.setdefault(row.task_hash, []).append((row.session, row.total_reward))
    groups = list(read_groups(written(played, tmp_path, "grpo")))
    assert {g.task_hash: list(zip(g.sessions, g.rewards, strict=True)) for g in groups} == by_task
    assert all(len(g.completions) == 3 for g in groups)


@pytest.mark.parametrize("form", ["sft", "openai", "sharegpt"])
def test_rows_are_read_back_as_they_were(played, tmp_path, form):
    back = list(read_rows(written(played, tmp_path, form)))
    assert [row.messages for row in back] == [row.messages for row in rows(played)]
    assert [row.hash for row in back] == [row.hash for row in rows(played)]
    if form == "sft":
        assert [(r.turns, r.terms, r.split) for r in back] == [
            (r.turns, r.terms, r.split) for r in rows(played)
        ]


def test_of_pairs_labels_and_groups_the_good_ways_are_rows(played, tmp_path):
    every = {row.messages_json: row.success for row in rows(played)}
    pairs = read_pairs(written(played, tmp_path, "dpo"))
    chosen = [Row(messages=pair.prompt + pair.chosen).messages_json for pair in pairs]

    def back(form):
        return [row.messages_json for row in read_rows(written(played, tmp_path, form))]

    assert back("dpo") == chosen
    assert chosen
    assert sorted(back("kto")) == sorted(messages for messages, success in every.items() if success)
    assert sorted(back("grpo")) == sorted(every)


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_is_made_of_a_file_as_it_is_of_the_log(played, tmp_path, form):
    own = written(played, tmp_path, form).read_bytes()
    copy = tmp_path / "copy.jsonl"
    export(None, Order(form=form, train_file=str(tmp_path / f"{form}.jsonl")), copy)
    assert copy.read_bytes() == own


@pytest.mark.parametrize("form", ["openai", "sharegpt", "kto"])
def test_rows_of_one_format_become_another(played, tmp_path, form):
    sft = written(played, tmp_path, "sft")
    export(None, Order(form=form, train_file=str(sft)), tmp_path / "made.jsonl")
    assert (tmp_path / "made.jsonl").read_bytes() == written(played, tmp_path, form).read_bytes()


def test_rows_of_another_split_are_left_out_of_a_file_too(played, tmp_path):
    sft = written(played, tmp_path, "sft")
    made = export(None, Order(train_file=str(sft), query=Query(splits=("test",))), tmp_path / "made.jsonl")
    assert made["examples"] == 0


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
values = st.recursive(st.none() | st.booleans() | st.integers(-9999, 9999) | texts, st.lists, max_leaves=4)
calls = st.tuples(texts.filter(bool), st.dictionaries(texts, values, max_size=3), texts, texts)


@given(texts, texts, st.lists(calls, min_size=1, max_size=4), st.sampled_from(["sft", "openai", "sharegpt"]))
def test_whatever_is_said_survives_every_format(tmp_path_factory, instruction, opening, said, form):
    messages = opening_messages(instruction, opening)
    for number, (tool, arguments, thought, answer) in enumerate(said, 1):
        messages += [call_message(number, tool, arguments, thought), answer_message(number, tool, answer)]
    opened = len(opening_messages(instruction, opening))
    row = Row(messages=tuple(messages), weights=(1.0,) * len(said), opening=opened)
    file = tmp_path_factory.getbasetemp() / "said.jsonl"
    file.write_bytes(line(row, form).encode() + b"\n")
    (back,) = read_rows(file)
    assert (back.messages, back.opening, back.hash) == (row.messages, row.opening, row.hash)


CHAT = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}


def test_a_file_of_plain_chats_holds_rows_too(tmp_path):
    file = tmp_path / "chats.jsonl"
    file.write_text(f"{json.dumps(CHAT)}\n\n{json.dumps(CHAT)}\n", encoding="utf-8")
    found = list(read_rows(file))
    assert [row.messages for row in found] == [tuple(CHAT["messages"])] * 2
    assert (found[0].calls, found[0].weights, found[0].toolset) == (1, (1.0,), Toolset())


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("{", "no JSON: .* at character"),
        ("[]", "expected a JSON object, found list"),
        ("{}", "expected `messages`.*found nothing"),
        ('{"messages": []}', "messages: .*at least 1"),
        ('{"messages": [{"role": "boss", "content": "x"}]}', r"messages\.0\.role"),
        ('{"messages": [{"role": "tool", "content": "x"}]}', "a tool's message answers no call"),
        (json.dumps(CHAT | {"weights": [1, 2]}), "weights: expected 1"),
        ('{"conversations": [{"from": "gpt"}]}', r"conversations\.0\.value"),
        ('{"conversations": [{"from": "function_call", "value": "x"}]}', "no JSON"),
        ('{"prompt": [], "completion": [], "label": true}', "prompt"),
    ],
)
def test_a_bad_line_is_named_with_its_number_and_what_is_wrong(tmp_path, bad, why):
    file = tmp_path / "rows.jsonl"
    file.write_text(f"{json.dumps(CHAT)}\n{bad}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=rf"rows\.jsonl:2: {why}") as refused:
        list(read_rows(file))
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_said_in_one_line(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read .*nothing\.jsonl"):
        list(read_rows(tmp_path / "nothing.jsonl"))


def test_the_exporter_takes_a_log_its_folder_or_a_file(played, tmp_path):
    from_log = DatasetExporter(played.path).export_sft(tmp_path / "a" / "rows.jsonl")
    from_folder = DatasetExporter(tmp_path).export_sft(tmp_path / "rows.jsonl")
    from_file = DatasetExporter(tmp_path / "rows.jsonl").export_sft(tmp_path / "again.jsonl")
    assert from_log["sha256"] == from_folder["sha256"] == from_file["sha256"]
    pairs = DatasetExporter(played.path, env="flight").export_dpo(tmp_path / "pairs.jsonl")
    assert pairs["examples"] == len(list(read_pairs(tmp_path / "pairs.jsonl"))) > 0
    with pytest.raises(UsageError, match="no 'colour'"):
        DatasetExporter(played.path, colour="red")


def test_a_pair_of_different_tools_holds_them_all():
    flight = Toolset(tuple({"function": {"name": name}} for name in ("a", "b")))
    more = Toolset(tuple({"function": {"name": name}} for name in ("b", "c")))
    assert (flight | more).names == ("a", "b", "c")
    pair = Pair(prompt=(), chosen=(), rejected=(), toolset=flight | more)
    assert json.loads(line(pair, "dpo"))["tools"] == list((flight | more).schemas)


def test_the_worlds_words_are_the_text_of_a_row_not_its_json(played):
    row = next(rows(played))
    assert row.messages[row.opening + 1]["content"].startswith("view search_results")
    assert find("flight").render_text("x") == "x"
