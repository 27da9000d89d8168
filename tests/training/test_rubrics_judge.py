"""Judge: asked once for each step, read strictly, within its budget, told nothing it must not know."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practicum.envs import UsageError
from practicum.memory import Sessions, Store, forget
from practicum.memory.scores import JudgeCache, Scores
from practicum.training.llm import Message, ModelFailed, ModelUnavailable, Reply, ScriptedChat, Usage
from practicum.training.rubrics import Budget, Judge, Prices, Scorer, ScriptedJudge, track_of
from practicum.training.rubrics.prompts import JUDGED, questions
from practicum.training.rubrics.scoring import score_track
from practicum.training.rubrics.verdicts import Asked, BadVerdict, read_verdict
from tests.training.scored import BOOKING, a_call, a_track, best, by_calls, by_chance, by_script, chosen

SAME = [a_call(turn, "look", {"page": turn}) for turn in (1, 2, 3)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "practicum.db")
    yield opened
    opened.close()


def judged(*lines: Any, **budget: Any) -> tuple[Judge, ScriptedChat]:
    model = ScriptedChat(lines)
    return Judge(model, Budget(**budget)), model


def test_a_step_gets_a_score_for_each_rubric_and_the_reason() -> None:
    judge, _ = judged(best, lambda messages: chosen(messages, 4), best)
    score = score_track(a_track(*SAME), judge, rules=False)
    assert [step.layers["judge"] for step in score.steps] == [
        dict.fromkeys(JUDGED, worth) for worth in (1.0, 0.0, 1.0)
    ]
    assert score.steps[0].why == dict.fromkeys(JUDGED, "so it is")


def test_every_rubric_is_a_question_with_five_answers_from_best_to_worst() -> None:
    for question in questions():
        assert question.text.endswith("?")
        assert [worth for worth, _ in question.answers] == [1.0, 0.75, 0.5, 0.25, 0.0]
        assert all(words.endswith(".") for _, words in question.answers)


def test_answers_and_questions_stand_in_an_order_of_their_own_for_each_step() -> None:
    judge, model = judged(*[best] * 12)
    steps = [a_call(turn, "look", {"page": turn}) for turn in range(1, 13)]
    score_track(a_track(*steps), judge, rules=False)
    orders = set()
    first_letters = set()
    for messages in model.asked:
        content = messages[1]["content"]
        orders.add(tuple(sorted(JUDGED, key=lambda rubric: content.index(f"\n{rubric}: "))))
        first_letters.add(json.loads(best(messages))["goal_progress"])
    assert len(orders) > 1
    assert len(first_letters) > 2


def test_the_same_step_is_asked_in_the_same_words() -> None:
    asked = []
    for _ in range(2):
        judge, model = judged(*[best] * 3)
        score_track(a_track(*SAME), judge)
        asked.append(model.asked)
    assert asked[0] == asked[1]


# Reading -----------------------------------------------------------------------

WORTH = {"goal_progress": {"A": 1.0, "B": 0.0}, "tool_selection": {"A": 0.5}}
GOOD = {"goal_progress": "B", "tool_selection": "A", "why": "so"}


@pytest.mark.parametrize("text", [json.dumps(GOOD), f"```json\n{json.dumps(GOOD)}\n```"])
def test_a_verdict_is_one_json_object_in_a_fence_or_without(text) -> None:
    assert read_verdict(text, Asked([], WORTH)).scores == {"goal_progress": 0.0, "tool_selection": 0.5}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("It was fine.", "no JSON object"),
        (f"Here you are: {json.dumps(GOOD)}", "no JSON object"),
        ("[1]", "no JSON object"),
        (json.dumps(GOOD | {"goal_progress": "C"}), "expected one of A, B"),
        (json.dumps(GOOD | {"goal_progress": 1}), "expected one of A, B"),
        (json.dumps({"goal_progress": "A", "why": "so"}), "'tool_selection' is None"),
        (json.dumps(GOOD | {"charm": "A"}), "no question 'charm'"),
        (json.dumps(GOOD | {"why": " "}), '"why" is missing'),
    ],
)
def test_any_other_form_is_refused_with_what_is_wrong(text, said) -> None:
    with pytest.raises(BadVerdict, match=said):
        read_verdict(text, Asked([], WORTH))


@given(
    st.text() | st.dictionaries(st.sampled_from([*WORTH, "why", "x"]), st.text() | st.none()).map(json.dumps)
)
def test_whatever_is_replied_is_a_verdict_or_refused(text) -> None:
    try:
        found = read_verdict(text, Asked([], WORTH))
    except BadVerdict:
        return
    assert set(found.scores) == set(WORTH)


def test_a_reply_of_another_form_is_asked_for_once_more_with_the_complaint() -> None:
    judge, model = judged("Fine!", best, best, best)
    score = score_track(a_track(*SAME), judge)
    assert all("judge" in step.layers for step in score.steps)
    assert judge.budget.calls == 4
    assert [message["role"] for message in model.asked[1]] == ["system", "user", "assistant", "user"]
    assert "no JSON object" in model.asked[1][-1]["content"]


def test_a_step_without_a_usable_reply_has_no_score_and_the_others_have_theirs() -> None:
    judge, _ = judged("Fine!", "Very fine!", ModelFailed("overloaded"), best)
    score = score_track(a_track(*SAME), judge)
    assert ["judge" in step.layers for step in score.steps] == [False, False, True]
    assert [line.partition(":")[0] for line in judge.failed] == ["turn 1", "turn 2"]


def test_a_model_that_cannot_be_asked_ends_it_and_what_was_judged_is_kept(store) -> None:
    session = by_script(store)
    judge = Judge(ScriptedChat([best, ModelUnavailable("no key")]))
    with pytest.raises(ModelUnavailable):
        Scorer(store, ["judge"], judge=judge).score(session)
    assert {row.turn for row in Scores(store).of(session.id)} == {1}


# Cost --------------------------------------------------------------------------


def test_nothing_is_judged_twice_not_even_by_another_process(store) -> None:
    session = by_script(store)
    for calls in (session.steps, 0):
        judge = Judge(ScriptedChat([best] * calls), cache=JudgeCache(store))
        score = Scorer(store, ["judge"], judge=judge).score(session)
        assert judge.budget.calls == calls
        assert score.mean("judge") == 1


def test_equal_steps_of_two_sessions_are_asked_once(store) -> None:
    first, second = by_script(store), by_script(store)
    judge = Judge(ScriptedChat([best] * first.steps), cache=JudgeCache(store))
    scores = [Scorer(store, ["judge"], judge=judge).score(each) for each in (first, second)]
    assert (judge.budget.calls, judge.cached) == (first.steps, second.steps)
    assert scores[0].layers == scores[1].layers


def test_another_model_is_asked_anew(store) -> None:
    session = by_script(store)
    for name in ("one", "other"):
        judge = Judge(ScriptedChat([best] * session.steps, name=name), cache=JudgeCache(store))
        Scorer(store, ["judge"], judge=judge).score(session)
        assert judge.budget.calls == session.steps


def test_calls_end_at_the_limit_and_go_on_from_there(store) -> None:
    session = by_script(store)
    judge = Judge(ScriptedChat([best] * 2), Budget(max_calls=2))
    score = Scorer(store, ["judge"], judge=judge).score(session)
    assert ["judge" in step.layers for step in score.steps[:3]] == [True, True, False]
    assert "the limit is 2 calls" in str(score.stopped)
    rest = Judge(ScriptedChat([best] * (session.steps - 2)))
    assert Scorer(store, ["judge"], judge=rest).score(session).stopped is None


def test_money_is_counted_by_tokens_and_kept_with_the_scores(store) -> None:
    session = by_script(store)

    def priced(messages: Sequence[Message]) -> Reply:
        return Reply(best(messages), usage=Usage(0, 1000, 100))

    judge = Judge(ScriptedChat([priced] * session.steps), Budget(prices=Prices(read=0.15, written=0.6)))
    score = Scorer(store, ["judge"], judge=judge).score(session)
    each = 0.15 + 0.06
    assert judge.budget.cost == pytest.approx(each * session.steps)
    assert score.cost == pytest.approx(judge.budget.cost)
    kept = Scores(store).of(session.id, "judge")
    assert sum(row.cost for row in kept if row.turn == 1) == pytest.approx(each)


def test_a_call_that_would_cost_more_than_is_left_is_not_made() -> None:
    judge, model = judged(*[best] * 3, max_cost=0.5, prices=Prices(read=1.0, written=1.0))
    score = score_track(a_track(*SAME), judge)
    assert model.used.calls == 0
    assert "the limit is 0.5" in str(score.stopped)


def test_a_server_that_counts_no_tokens_is_counted_by_characters() -> None:
    judge, model = judged(*[best] * 3, prices=Prices(read=1.0))
    score_track(a_track(*SAME), judge)
    characters = sum(len(message["content"]) for messages in model.asked for message in messages)
    assert judge.budget.cost == pytest.approx(characters / 4 / 1000, rel=0.01)


def test_a_limit_in_money_needs_prices() -> None:
    with pytest.raises(UsageError, match="give --price-in and --price-out"):
        Budget(max_cost=1.0)


# What a judge is shown ---------------------------------------------------------


def test_a_judge_is_shown_neither_secrets_nor_the_end_nor_what_came_later(store) -> None:
    session = by_script(store)
    judge = Judge(ScriptedChat([best] * session.steps))
    Scorer(store, ["judge"], judge=judge).score(session)
    model = judge.model
    assert isinstance(model, ScriptedChat)
    card = session.task.params["card_token"]
    booking = list(Sessions(store).steps(session.id))[-1].result["booking"]["id"]
    for messages in model.asked:
        assert card not in messages[1]["content"]
        assert '"success"' not in messages[1]["content"]
    assert all(booking not in messages[1]["content"] for messages in model.asked[:-1])
    assert booking in model.asked[-1][1]["content"]


def test_nothing_of_a_tasks_secret_reaches_a_judge(store) -> None:
    session = by_script(store, replace(BOOKING[0], secret={"script": "say xyzzy"}))
    judge = Judge(ScriptedChat([best] * session.steps))
    Scorer(store, ["judge"], judge=judge).score(session)
    assert isinstance(judge.model, ScriptedChat)
    assert not any("xyzzy" in messages[1]["content"] for messages in judge.model.asked)


def test_halves_of_surrogate_pairs_neither_reach_the_model_nor_the_log(store) -> None:
    session = by_calls(store, ("apply_coupon", {"code": "\ud800"}))
    judge = Judge(
        ScriptedChat([lambda messages: chosen(messages, 0, why="so \udfff")]), cache=JudgeCache(store)
    )
    score = Scorer(store, ["judge"], judge=judge).score(session)
    assert isinstance(judge.model, ScriptedChat)
    assert judge.model.asked[0][1]["content"].encode()
    assert score.steps[0].why["goal_progress"] == "so ?"


def test_a_long_session_is_shown_in_short(store) -> None:
    steps = [a_call(turn, "look", {"page": turn}, "x" * 50_000) for turn in range(1, 41)]
    judge, model = judged(*[best] * 40)
    score_track(a_track(*steps), judge, rules=False)
    assert max(len(messages[1]["content"]) for messages in model.asked) < 20_000


def test_forgetting_a_session_removes_what_a_judge_said_of_it(store) -> None:
    kept, gone = by_script(store), by_chance(store, seed=3)
    judge = Judge(ScriptedJudge(), cache=JudgeCache(store))
    for session in (kept, gone):
        Scorer(store, ["judge"], judge=judge).score(session)
    forget(store, [gone.id])
    told = store.read("SELECT session FROM judge_cache UNION SELECT session FROM step_scores")
    left = {row["session"] for row in told}
    assert left == {kept.id}


# The judge that ships ----------------------------------------------------------


def test_the_scripted_judge_answers_every_step_and_always_the_same(store) -> None:
    session = by_chance(store)
    scores = []
    for _ in range(2):
        judge = Judge(ScriptedJudge())
        scores.append(score_track(track_of(Sessions(store), session), judge))
        assert judge.failed == []
        assert judge.budget.calls == session.steps
    assert scores[0] == scores[1]


def test_the_scripted_judge_marks_down_what_was_refused_or_repeated() -> None:
    steps = [
        a_call(1, "look", read_only=True),
        a_call(2, "look", read_only=True),
        a_call(3, "store", {"x": 1}, error="bad arguments: there is no argument 'x'"),
        a_call(4, "pay", error="no card is entered"),
    ]
    score = score_track(a_track(*steps), Judge(ScriptedJudge()), rules=False)
    told = [(s.layers["judge"]["goal_progress"], s.layers["judge"]["param_correctness"]) for s in score.steps]
    assert told == [(0.75, 1.0), (0.25, 1.0), (0.25, 0.0), (0.25, 0.5)]
