"""Import: sessions of other systems become sessions of the log, each once, with all that was told of them."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from practicum.envs import Step, UsageError
from practicum.memory import Sessions, Store, forget
from practicum.memory.imports import destination, import_file
from tests.memory import import_samples as samples
from tests.memory.import_samples import (
    CRASHED,
    CUT_OFF,
    SHAREGPT,
    TAU,
    WRITTEN,
    Complaints,
    imported,
    only,
    told,
)


def test_a_run_of_tau_bench_is_a_session_with_its_calls_words_and_verdict(store):
    assert imported(store, TAU).imported == {"imported-tau-v1": 1}
    session, steps = only(store)
    assert told(steps) == [
        ("respond", {"message": "Gladly. Which booking is it?"}, "FB12.", None, None),
        ("get_booking", {"booking": "FB12"}, samples.BOOKING, None, "I look it up first."),
        ("move_booking", {"booking": "FB12", "day": "2026-05-44"}, None, "there is no such day", None),
        ("move_booking", {"booking": "FB12", "day": "2026-05-04"}, "moved", None, None),
        (
            "respond",
            {"message": "It is moved to May 4; the price stays 81.5."},
            "Thank you so much! ###STOP###",
            None,
            None,
        ),
    ]
    assert (session.purpose, session.success, session.reason, session.total_reward) == (
        "import",
        True,
        "episode",
        1,
    )
    assert session.outcome == {
        "success": True, "violations": [], "regret": None, "reward": 1.0, "trial": 0,
        "judged": {"r_outputs": 1.0, "outputs": {"81.5": True}},
    }  # fmt: skip
    assert (session.task.id, session.task.instruction) == ("3", samples.POLICY)
    assert [answer.value for answer in session.outside] == ["Hi! Can you move my ferry to May 4?"]


def test_what_a_run_was_made_for_is_the_tasks_secret_and_equal_for_all_its_trials(store):
    imported(store, TAU, TAU | {"trial": 1, "reward": 0.0})
    second, first = Sessions(store).list(None)
    assert first.task.hash == second.task.hash
    assert (first.success, second.success) == (True, False)
    assert first.task.secret == {
        "user_id": "ida_holm_7",
        "instruction": TAU["info"]["task"]["instruction"],
        "actions": [{"name": "move_booking", "arguments": samples.PLAN[0]["kwargs"]}],
        "outputs": ["81.5"],
    }


def test_a_run_that_was_cut_off_or_crashed_is_no_success_and_says_so(store):
    imported(store, CUT_OFF, CRASHED)
    crashed, cut = Sessions(store).list(None)
    assert (cut.success, cut.reason, cut.steps) == (False, "cut off", 4)
    assert (crashed.success, crashed.reason, crashed.steps) == (False, "crashed", 0)
    assert crashed.outcome["error"] == "RateLimitError: slow down"
    assert not any(step.done for step in Sessions(store).steps(cut.id))


def test_an_agent_that_wrote_its_actions_is_read_like_one_that_called_tools(store):
    imported(store, WRITTEN)
    assert told(only(store)[1]) == [
        ("respond", {"message": "Which?"}, "FB12.", None, "I need the booking."),
        ("get_booking", {"booking": "FB12"}, samples.BOOKING, None, "Look it up."),
        ("respond", {"message": "Goodbye."}, "###STOP###", None, "I am done."),
    ]


def test_answers_of_calls_that_were_made_together_find_their_calls(store):
    both = samples.called("get_booking", {"booking": "A"}, "one", content="Both at once.")
    both["tool_calls"] += samples.called("get_booking", {"booking": "B"}, "two")["tool_calls"]
    answers = [samples.seen("get_booking", '"b"', "two"), samples.seen("get_booking", "a", "one")]
    imported(store, samples.tau_run([samples.heard("Hi"), both, *answers, samples.said("Done.")]))
    assert told(only(store)[1]) == [
        ("get_booking", {"booking": "A"}, "a", None, "Both at once."),
        ("get_booking", {"booking": "B"}, '"b"', None, None),
        ("respond", {"message": "Done."}, None, None, None),
    ]


def test_a_conversation_in_sharegpt_form_is_a_session_without_a_verdict(store):
    assert imported(store, SHAREGPT).imported == {"imported-sharegpt-v1": 1}
    session, steps = only(store)
    assert told(steps) == [
        ("get_booking", {"booking": "FB12"}, samples.BOOKING, None, None),
        ("respond", {"message": "Shall I move it from Kiel to Oslo on May 4?"}, "Yes please.", None, None),
        ("move_booking", samples.PLAN[0]["kwargs"], None, "the ferry is full", None),
        ("respond", {"message": "I am sorry, that ferry is full."}, None, None, None),
    ]
    assert (session.success, session.reason) == (None, "imported")
    assert session.task.instruction == f"Can you move my ferry FB12 to May 4?\n\n{samples.POLICY}"
    assert session.task.params == {"tools": json.loads(SHAREGPT["tools"])}


def test_conversations_that_are_all_right_are_successes_where_one_says_so(store):
    imported(store, SHAREGPT, right=True)
    session, steps = only(store)
    assert (session.success, steps[-1].terminated, steps[-1].outcome["success"]) == (True, True, True)


def test_words_before_a_call_are_its_thought(store):
    turns = copy.deepcopy(SHAREGPT["conversations"])
    turns.insert(1, {"from": "gpt", "value": "Let me see."})
    imported(store, SHAREGPT | {"conversations": turns})
    assert only(store)[1][0].thought == "Let me see."


def test_the_format_is_seen_from_the_first_record(store):
    assert imported(store, TAU).imported == {"imported-tau-v1": 1}
    with pytest.raises(UsageError, match="looks like tau, not like a conversation in ShareGPT form"):
        imported(store, TAU, form="sharegpt")
    with pytest.raises(UsageError, match="no format 'tao'; did you mean 'tau'"):
        imported(store, TAU, form="tao")
    with pytest.raises(
        UsageError, match=r"in no known form; --format takes tau, a run of .*; sharegpt, a conv"
    ):
        imported(store, {"messages": []})
    with pytest.raises(UsageError, match="holds no record"):
        imported(store)


# Each once ---------------------------------------------------------------------------------------------


def test_a_trace_is_imported_once_however_often_it_comes_and_whatever_file_it_is_in(store):
    assert imported(store, TAU, CUT_OFF, TAU).here == {"imported-tau-v1": 1}
    again = dict(reversed(TAU.items()))
    tally = imported(store, SHAREGPT | {"tools": json.loads(SHAREGPT["tools"])}, SHAREGPT, form="sharegpt")
    assert (tally.imported.total(), tally.here.total()) == (1, 1)
    assert imported(store, again, TAU | {"trial": 7}).imported.total() == 1
    assert Sessions(store).count() == 4


def test_the_same_trace_of_another_principal_is_another_session(store):
    imported(store, TAU)
    assert imported(store, TAU, principal="ann").imported.total() == 1
    assert [session.principal for session in Sessions(store).list("ann")] == ["ann"]


def test_a_forgotten_trace_leaves_nothing_and_can_be_imported_again(store):
    imported(store, TAU)
    session, _ = only(store)
    forget(store, [session.id])
    assert store.read("SELECT 1 FROM tasks UNION ALL SELECT 1 FROM steps") == []
    assert imported(store, TAU).imported.total() == 1
    assert only(store)[0].id == session.id


KILLED = """
import os, signal, sys
from pathlib import Path
from practicum.memory import Store
from practicum.memory.imports import destination, import_file

file, db = sys.argv[1:]
batches = iter(range(9))
stop = lambda: next(batches) and os.kill(os.getpid(), signal.SIGKILL)
import_file(Store.open(Path(db)), open(file), destination(None), progress=stop)
"""


def test_an_import_that_is_killed_goes_on_where_it_stopped(store, path, tmp_path):
    runs = [TAU | {"trial": number} for number in range(400)]
    file = samples.write_lines(tmp_path / "runs.jsonl", runs)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(file), str(path)], check=False, timeout=60)
    assert killed.returncode == -9
    before = Sessions(store).count()
    assert 0 < before < 400
    with file.open() as lines:
        tally = import_file(store, lines, destination(None))
    assert (tally.here.total(), tally.imported.total()) == (before, 400 - before)
    assert store.read("SELECT count(*) AS n FROM steps") == [{"n": 400 * 5}]
    assert sorted(s.outcome["trial"] for s in Sessions(store).list(None, limit=500)) == list(range(400))


# What cannot be read -----------------------------------------------------------------------------------

NESTED = json.loads("[" * 200 + "]" * 200)


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (3, "record: Input should be a valid dictionary"),
        ({"task_id": 1, "reward": 0}, "traj: Field required"),
        (TAU | {"reward": "high"}, "reward: Input should be a valid number"),
        (TAU | {"traj": [{"role": "judge", "content": ""}]}, "message 1: expected the role system"),
        (TAU | {"traj": [samples.seen("look", "x")]}, "message 1: a tool answers, but no call waits"),
        (
            TAU | {"traj": [samples.called("look", [1])]},
            "message 1: expected the arguments of look as a JSON object",
        ),
        (
            TAU | {"traj": [samples.called("look", {"at": NESTED})]},
            "more than 100 lists or objects stand within each other",
        ),
        (
            TAU | {"info": {"reward_info": {"info": NESTED}}},
            "more than 100 lists or objects stand within each other",
        ),
    ],
)
def test_a_record_that_is_no_run_is_named_and_the_others_are_imported(store, broken, why):
    complaints: Complaints = []
    tally = imported(store, TAU, broken, CUT_OFF, complaints=complaints)
    assert (tally.imported.total(), tally.unreadable, tally.complete) == (2, 1, False)
    ((line, said),) = complaints
    assert line == 1
    assert said.startswith(why)
    assert said.endswith("expected a run of τ-bench: {task_id, reward, info, traj: chat messages, trial}")


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ({"conversations": "none"}, "conversations: Input should be a valid list"),
        ({"conversations": [{"value": "?"}]}, "conversations.0.from: Field required"),
        (
            {"conversations": [{"from": "narrator", "value": ""}]},
            "turn 1: expected from one of system, human",
        ),
        (
            {"conversations": [{"from": "function_call", "value": "look()"}]},
            "turn 1: expected a call as JSON",
        ),
        (SHAREGPT | {"tools": [NESTED]}, "more than 100 lists or objects stand within each other"),
        (SHAREGPT | {"tools": "none"}, "tools: expected a list, or one as JSON text"),
    ],
)
def test_a_record_that_is_no_conversation_is_named(store, broken, why):
    complaints: Complaints = []
    assert imported(store, SHAREGPT, broken, complaints=complaints).imported.total() == 1
    assert complaints[0][1].startswith(why)


def test_values_that_no_database_takes_break_nothing(store):
    complaints: Complaints = []
    odd = copy.deepcopy(TAU)
    odd["traj"][0]["content"] = "half \ud83d a pair"
    odd["traj"][4] = samples.called("get_booking\ud83d", {"booking": None}, content="\ud83d")
    odd["traj"][7]["content"] = "Error: \ud83d"
    odd["info"]["user_cost"] = float("inf")
    tally = imported(store, odd, TAU | {"reward": float("nan")}, CUT_OFF, complaints=complaints)
    assert (tally.imported.total(), tally.unreadable) == (2, 1)
    assert complaints[0][1].startswith("reward: Input should be a valid number")
    steps = list(Sessions(store).steps(Sessions(store).list(None)[1].id))
    assert told(steps[1:3]) == [
        ("get_booking?", {"booking": None}, samples.BOOKING, None, "?"),
        ("move_booking", {"booking": "FB12", "day": "2026-05-44"}, None, "?", None),
    ]


# Any session -------------------------------------------------------------------------------------------

texts = st.text(max_size=30).filter(lambda text: not text.startswith(("Error:", "API output")))
plain = st.text(st.characters(codec="utf-8"), max_size=12)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain, inner, max_size=3),
    max_leaves=6,
)
results = (
    st.dictionaries(plain, values, max_size=3)
    | st.lists(values, max_size=3)
    | texts.filter(lambda text: text.lstrip()[:1] not in ("{", "["))
)


def step(
    turn: int, tool: str, arguments: Any, result: Any, error: str | None = None, thought: str | None = None
) -> Step:
    return Step(turn, tool, arguments, result, error, 0.0, {}, False, False, False, thought=thought)


calls = st.one_of(
    st.tuples(st.just("respond"), st.fixed_dictionaries({"message": texts}), texts, st.none(), st.none()),
    st.tuples(
        st.sampled_from(["look", "move"]), st.dictionaries(plain, values, max_size=3), results, st.none(),
        st.none() | plain.filter(bool),
    ),
    st.tuples(st.just("move"), st.just({}), st.none(), plain.map(str.strip).filter(bool), st.none()),
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=st.lists(calls, min_size=1, max_size=6), opening=plain.filter(bool))
def test_any_session_that_is_told_in_either_form_comes_back_as_it_was(tmp_path_factory, script, opening):
    steps = [step(turn, *call) for turn, call in enumerate(script, 1)]
    store = Store.open(tmp_path_factory.mktemp("db") / "p.db")
    imported(store, samples.as_tau(steps, opening))
    assert told(only(store)[1]) == [_whole(call) for call in script]
    silent = [(tool, arguments, result, error, None) for tool, arguments, result, error, _ in script]
    imported(store, samples.as_sharegpt(steps, opening))
    newest = Sessions(store).list(None)[0]
    assert told(list(Sessions(store).steps(newest.id))) == [_whole(call) for call in silent]
    store.close()


def _whole(call: tuple[Any, ...]) -> tuple[Any, ...]:
    return (
        *call[:3],
        *(None if text is None else text.encode("utf-8", "replace").decode() for text in call[3:]),
    )
