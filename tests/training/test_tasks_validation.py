"""A task that was tampered with is rejected with its reason; a file that holds no tasks, in a line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from practicum.envs import Episode, Task, find
from practicum.envs.errors import UsageError
from practicum.envs.retail.env import RetailEnv
from practicum.envs.retail.world import open_world
from practicum.training.tasks import TaskRecord, generate, read_records, validate, validate_all, write_records
from practicum.training.tasks.faults import REMEDIES
from practicum.training.tasks.records import MOST_BYTES, key_of
from tests.envs.retail_records import FOLDER, needs_records, records

Row = dict[str, Any]
Tampering = Callable[[Row], bool]
"""Changes a record; says whether it could."""


@cache
def made() -> tuple[TaskRecord, ...]:
    return (*generate("", 64), *generate("", 64, mode="agentflow", seed=1))


def rows() -> Iterator[Row]:
    return (deepcopy(record.as_json()) for record in made())


def stranger(row: Row) -> tuple[str, Mapping[str, Any]]:
    """A user whom the task is not about."""
    users = open_world().users
    user_id = next(each for each in users if each != row["metadata"]["user_id"] and users[each]["orders"])
    return user_id, users[user_id]


def naming(row: Row, argument: str) -> list[dict[str, Any]]:
    """The arguments of the calls that name something."""
    return [call["arguments"] for call in row["agt"] if argument in call["arguments"]]


def put(row: Row, argument: str, value: Callable[[Any], Any]) -> bool:
    """Put a value in the place of an argument of the last call that has it."""
    found = naming(row, argument)
    for arguments in found[-1:]:
        arguments[argument] = value(arguments[argument])
    return bool(found)


def last(row: Row) -> dict[str, Any]:
    return row["agt"][-1]  # type: ignore[no-any-return]  # a call


# Each takes a valid task and spoils it in one way -------------------------------------


def another_users_email(row: Row) -> bool:
    return put(row, "email", lambda _: stranger(row)[1]["email"])


def another_user_looked_up(row: Row) -> bool:
    row["agt"].insert(1, {"name": "get_user_details", "arguments": {"user_id": stranger(row)[0]}})
    return True


def a_user_that_there_is_not(row: Row) -> bool:
    return put(row, "user_id", lambda _: "nobody_here_0000")


def another_owner(row: Row) -> bool:
    row["metadata"]["user_id"] = stranger(row)[0]
    return True


def an_order_that_there_is_not(row: Row) -> bool:
    return put(row, "order_id", lambda _: "#W0000000")


def an_order_of_somebody_else(row: Row) -> bool:
    return put(row, "order_id", lambda _: stranger(row)[1]["orders"][0])


def an_order_of_another_status(row: Row) -> bool:
    if "order" not in last(row)["name"] or last(row)["name"] == "get_order_details":
        return False
    world, user_id = open_world(), row["metadata"]["user_id"]
    status = world.orders[last(row)["arguments"]["order_id"]]["status"]
    others = [o for o in world.users[user_id]["orders"] if world.orders[o]["status"] != status]
    if others:
        last(row)["arguments"]["order_id"] = others[0]
    return bool(others)


def a_product_that_there_is_not(row: Row) -> bool:
    return put(row, "product_id", lambda _: "0000000000")


def the_item_of_another_order(row: Row) -> bool:
    orders, own = open_world().orders, naming(row, "item_ids")
    if not own:
        return False
    ordered = {item["item_id"] for item in orders[own[0]["order_id"]]["items"]}
    foreign = next(
        item["item_id"] for o in orders.values() for item in o["items"] if item["item_id"] not in ordered
    )
    return put(row, "item_ids", lambda ids: [*ids[1:], foreign])


def an_item_twice(row: Row) -> bool:
    orders, own = open_world().orders, naming(row, "item_ids")
    if not own or "new_item_ids" in own[0]:
        return False
    count = [item["item_id"] for item in orders[own[0]["order_id"]]["items"]].count(own[0]["item_ids"][0])
    return put(row, "item_ids", lambda ids: [*ids, *[ids[0]] * count])


def variants(row: Row) -> dict[str, Mapping[str, Any]]:
    """Those of the product of the last new item."""
    wanted = naming(row, "new_item_ids")
    products = open_world().products.values()
    return next((dict(p["variants"]) for p in products if wanted[0]["new_item_ids"][-1] in p["variants"]), {})


def an_unavailable_variant(row: Row) -> bool:
    if not naming(row, "new_item_ids"):
        return False
    gone = [each for each, variant in variants(row).items() if not variant["available"]]
    return bool(gone) and put(row, "new_item_ids", lambda ids: [*ids[:-1], gone[0]])


def a_variant_that_there_is_not(row: Row) -> bool:
    return put(row, "new_item_ids", lambda ids: [*ids[:-1], "0000000000"])


def a_variant_of_another_product(row: Row) -> bool:
    if not naming(row, "new_item_ids"):
        return False
    own = variants(row)
    other = next(
        each
        for product in open_world().products.values()
        for each, variant in product["variants"].items()
        if variant["available"] and each not in own
    )
    return put(row, "new_item_ids", lambda ids: [*ids[:-1], other])


def a_variant_that_was_not_wanted(row: Row) -> bool:
    if not naming(row, "new_item_ids"):
        return False
    arguments = naming(row, "new_item_ids")[0]
    taken = {*arguments["item_ids"], *arguments["new_item_ids"]}
    free = [each for each, variant in variants(row).items() if variant["available"] and each not in taken]
    return bool(free) and put(row, "new_item_ids", lambda ids: [*ids[:-1], free[0]])


def the_payment_method_of_somebody_else(row: Row) -> bool:
    return put(row, "payment_method_id", lambda _: next(iter(stranger(row)[1]["payment_methods"])))


def a_payment_method_that_the_tool_refuses(row: Row) -> bool:
    if last(row)["name"] != "modify_pending_order_payment":
        return False
    paid = open_world().orders[last(row)["arguments"]["order_id"]]["payment_history"][0]["payment_method_id"]
    return put(row, "payment_method_id", lambda _: paid)


def another_reason(row: Row) -> bool:
    return put(row, "reason", lambda _: "too expensive")


def a_reason_that_was_not_given(row: Row) -> bool:
    reasons = {"no longer needed": "ordered by mistake", "ordered by mistake": "no longer needed"}
    return put(row, "reason", reasons.__getitem__)


def an_address_that_was_not_given(row: Row) -> bool:
    return put(row, "address1", lambda _: "1 Nowhere Road")


def an_output_that_was_not_asked_for(row: Row) -> bool:
    row["ogt"] = ["USA"]
    return bool(row["metadata"]["scenario"] == "order_inquiry")


def another_output(row: Row) -> bool:
    row["ogt"] = [f"{output}99" for output in row["ogt"]]
    return bool(row["ogt"])


def no_output(row: Row) -> bool:
    spoilt = bool(row["ogt"])
    row["ogt"] = []
    return spoilt


def an_argument_too_few(row: Row) -> bool:
    last(row)["arguments"].popitem()
    return last(row)["name"] != "list_all_product_types"


def an_argument_of_another_type(row: Row) -> bool:
    return put(row, "order_id", lambda order_id: [order_id])


def an_argument_that_the_tool_does_not_have(row: Row) -> bool:
    last(row)["arguments"]["colour"] = "blue"
    return True


def a_tool_that_there_is_not(row: Row) -> bool:
    last(row)["name"] = "refund_everything"
    return True


def words_among_the_calls(row: Row) -> bool:
    row["agt"].append({"name": "respond", "arguments": {"message": "Done."}})
    return True


def a_call_after_the_end(row: Row) -> bool:
    row["agt"].insert(0, {"name": "transfer_to_human_agents", "arguments": {"summary": "Too hard."}})
    return True


def no_calls(row: Row) -> bool:
    row["agt"] = []
    return True


def the_change_left_out(row: Row) -> bool:
    if row["metadata"]["scenario"].endswith("inquiry"):
        return False
    row["agt"].pop()
    return True


def another_scenario(row: Row) -> bool:
    was = row["metadata"]["scenario"]
    row["metadata"]["scenario"] = "item_return" if was != "item_return" else "order_cancellation"
    return True


def words_about_an_order_of_somebody_else(row: Row) -> bool:
    row["q"] += f" And cancel {stranger(row)[1]['orders'][0]} as well."
    return True


def a_script_that_tells_another_email(row: Row) -> bool:
    row["metadata"]["customer"]["knows"] = f"My email is {stranger(row)[1]['email']}."
    return True


def a_script_that_asks_for_more(row: Row) -> bool:
    row["metadata"]["customer"]["wishes"][0].setdefault("outputs", []).append("42")
    return True


TAMPERINGS: dict[Tampering, str] = {
    another_users_email: "several_users",
    another_user_looked_up: "several_users",
    a_user_that_there_is_not: "user_missing",
    another_owner: "several_users",
    an_order_that_there_is_not: "order_missing",
    an_order_of_somebody_else: "order_foreign",
    an_order_of_another_status: "order_status",
    a_product_that_there_is_not: "product_missing",
    the_item_of_another_order: "item_missing",
    an_item_twice: "item_missing",
    an_unavailable_variant: "variant_unavailable",
    a_variant_that_there_is_not: "variant_missing",
    a_variant_of_another_product: "variant_other_product",
    a_variant_that_was_not_wanted: "other_wish",
    the_payment_method_of_somebody_else: "payment_foreign",
    a_payment_method_that_the_tool_refuses: "payment_unsuitable",
    another_reason: "refused",
    a_reason_that_was_not_given: "other_wish",
    an_address_that_was_not_given: "other_wish",
    an_output_that_was_not_asked_for: "other_wish",
    another_output: "output_unfounded",
    no_output: "not_told",
    an_argument_too_few: "bad_arguments",
    an_argument_of_another_type: "bad_arguments",
    an_argument_that_the_tool_does_not_have: "bad_arguments",
    a_tool_that_there_is_not: "unknown_tool",
    words_among_the_calls: "not_gold",
    a_call_after_the_end: "after_the_end",
    no_calls: "no_calls",
    the_change_left_out: "other_scenario",
    another_scenario: "other_scenario",
    words_about_an_order_of_somebody_else: "query_foreign",
    a_script_that_tells_another_email: "query_foreign",
    a_script_that_asks_for_more: "other_wish",
}


@pytest.mark.parametrize(
    ("tampering", "kind"), [pytest.param(t, k, id=t.__name__) for t, k in TAMPERINGS.items()]
)
def test_a_tampered_task_is_rejected_with_its_own_reason(tampering: Tampering, kind: str) -> None:
    spoilt = [row for row in rows() if tampering(row)]
    assert spoilt
    for row in spoilt:
        found = validate(row)
        assert kind in found.kinds, row
        report = found.as_json()
        assert report["valid"] is False
        assert REMEDIES[kind] in report["suggestions"]
        assert all(len(line.splitlines()) == 1 for line in report["missing"])


def test_tasks_that_nobody_touched_are_valid() -> None:
    assert all(validate(row).valid for row in rows())


def test_a_task_whose_calls_another_task_has_is_a_repeat() -> None:
    one, other = made()[:2]
    assert validate(one, others={key_of(one.agt)}).kinds == ("repeat",)
    checked = validate_all([one, other, one])
    assert [record.success for record in checked] == [True, True, False]
    assert checked[2].validation_report == {
        "valid": False,
        "missing": ["repeat: another task has the same gold calls"],
        "suggestions": [REMEDIES["repeat"]],
    }


@pytest.mark.parametrize("tampering", [another_user_looked_up, another_owner, another_users_email])
def test_users_are_not_checked_where_that_is_asked_for(tampering: Tampering) -> None:
    spoilt = [row for row in rows() if tampering(row)]
    assert not any(validate(row).valid for row in spoilt)
    assert all(validate(row, user_ids=False).valid for row in spoilt)


def test_a_task_of_the_world_is_read_as_a_record_and_is_valid() -> None:
    for seed in range(24):
        task = find("retail").make_task(seed)
        record = TaskRecord.from_json(task.as_json())
        assert validate(record).valid, task.id
        assert (list(record.agt), list(record.ogt)) == (task.secret["actions"], task.secret["outputs"])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield (*path, key)
        yield from places(part, (*path, key))


def judged(row: Row) -> tuple[list[str], bool]:
    """What is said of a record, and whether it is valid."""
    try:
        found = validate(row)
    except UsageError as refused:
        return [str(refused)], False
    return found.as_json()["missing"], found.valid


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_a_record_holds_it_is_refused_in_a_line_or_judged_and_what_is_valid_can_be_played(
    data: st.DataObject,
) -> None:
    row = deepcopy(data.draw(st.sampled_from(made())).as_json())
    *way, key = data.draw(st.sampled_from(list(places(row))))
    holder: Any = row
    for step in way:
        holder = holder[step]
    holder[key] = data.draw(JSON)
    said, is_valid = judged(row)
    assert all(len(line.splitlines()) == 1 for line in said)
    if is_valid:
        episode = Episode(RetailEnv(), Task("retail", 1, 0))
        assert all(episode.act(call["name"], call["arguments"]).error is None for call in row["agt"])


# Files --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "holds no task; each is an object with q, agt and ogt"),
        ("  \n\n", "holds no task"),
        ("[]", "holds no task"),
        ("no tasks here", ":1: no JSON: "),
        ('{"q": "x", "agt": []}\n{"q": ', ":2: no JSON: "),
        ('[{"q": "x", "agt": []},', ": no JSON: "),
        ("[1, 2]", ", task 1: no task record: the record: Input should be a valid dictionary"),
        ('"task"', ", task 1: no task record: the record: Input should be a valid dictionary"),
        ('[{"q": "x"}]', ", task 1: no task record: agt: Field required"),
        ('{"q": "", "agt": []}', "q: String should have at least 1 character"),
        ('{"q": " ", "agt": []}', "q: String should match pattern"),
        ('{"q": 5, "agt": []}', "q: Input should be a valid string"),
        (
            '{"q": "x", "agt": [{"name": "a", "arguments": []}]}',
            "agt.0.arguments: Input should be a valid dict",
        ),
        ('{"q": "x", "agt": [], "ogt": [1]}', "ogt.0: Input should be a valid string"),
        ('{"q": "x", "agt": [], "metadata": {"confidence": 2}}', "metadata.confidence: Input should be less"),
        (
            '{"q": "x", "agt": [], "metadata": {"seed": 9223372036854775808}}',
            "metadata.seed: Input should be",
        ),
        ('{"q": "x", "agt": [{"name": "a", "arguments": {"x": NaN}}]}', "NaN is no number in JSON"),
        (
            '{"env": "flight", "version": 1, "seed": 0, "secret": {"actions": []}}',
            "task records are of retail-v1",
        ),
        (
            '{"env": "retail", "version": 1, "seed": 0, "secret": {"actions": 5}}',
            "agt: Input should be a valid li",
        ),
        ('{"env": "retail", "secret": {}}', "no task: version: Field required"),
        ('{"success": true, "task": {"q": "x"}}', "no task record: agt: Field required"),
        ("[" * 100_000, "nested too deeply"),
        (
            json.dumps({"q": "x", "agt": [{"name": "a", "arguments": {}}] * 1_001}),
            "agt: List should have at mo",
        ),
    ],
)
def test_a_file_without_tasks_is_refused_in_a_line_that_says_where(
    content: str, complaint: str, tmp_path: Path
) -> None:
    path = tmp_path / "tasks.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError) as refused:
        read_records(path)
    assert complaint in str(refused.value)
    assert str(path) in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_a_file_that_cannot_be_read_is_refused_in_a_line(tmp_path: Path) -> None:
    huge, binary = tmp_path / "huge.json", tmp_path / "binary.json"
    with huge.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    binary.write_bytes(b"\xff\xfe\x00")
    for path, complaint in (
        (tmp_path / "missing.json", "cannot read the task file"),
        (tmp_path, "cannot read the task file"),
        (binary, "cannot read the task file"),
        (huge, "is larger than 256 MiB; split it, and take part by part"),
    ):
        with pytest.raises(UsageError, match=complaint):
            read_records(path)


@pytest.mark.parametrize("name", ["tasks.json", "tasks.jsonl", "deeper/tasks.json"])
def test_records_are_read_back_as_they_were_written(name: str, tmp_path: Path) -> None:
    write_records(tmp_path / name, made())
    assert read_records(tmp_path / name) == list(made())
    assert [path.name for path in (tmp_path / name).parent.iterdir()] == [Path(name).name]


def test_a_file_of_any_form_is_read(tmp_path: Path) -> None:
    record = made()[0].as_json()
    task = {key: record.pop(key) for key in ("q", "agt", "ogt")}
    for text in (
        json.dumps({**record, **task}),
        json.dumps({**record, "task": task}, indent=2),
        "\ufeff" + json.dumps([{**record, "task": task}]),
        f"\n{json.dumps({**record, **task})}\r\n\n",
    ):
        path = tmp_path / "tasks"
        path.write_text(text, encoding="utf-8")
        assert read_records(path) == [made()[0]]


def test_half_a_character_in_a_text_is_written_as_a_question_mark(tmp_path: Path) -> None:
    write_records(tmp_path / "tasks.json", [TaskRecord("a \ud800 b", ())])
    assert read_records(tmp_path / "tasks.json")[0].q == "a ? b"


def test_an_endless_task_is_judged_in_time() -> None:
    call = {"name": "get_order_details", "arguments": {"order_id": "a" * 1_000_000}}
    found = validate(TaskRecord("a" * 1_000_000, (call,) * 30, ("b" * 100_000,)))
    assert len(found.faults) <= 20
    assert all(len(line) < 400 for line in found.as_json()["missing"])


@needs_records
def test_of_a_peers_tasks_exactly_those_are_refused_whose_calls_its_own_tools_refused() -> None:
    peers = records("train")
    found = validate_all([TaskRecord.from_json(row) for row in peers], data=str(FOLDER))
    refused = [any(call["result"].startswith("Error: ") for call in row["actions"]) for row in peers]
    for record, was_refused in zip(found, refused, strict=True):
        missing = [line.partition(":")[0] for line in (record.validation_report or {})["missing"]]
        assert ("payment_unsuitable" in missing) is was_refused
        assert set(missing) <= {"payment_unsuitable", "unchanged", "repeat"}
    assert sum(record.success for record in found) == 475
