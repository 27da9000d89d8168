"""`practicum rate`: a person says what steps are worth, and a judge is calibrated by it."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from practicum.memory import Store
from practicum.memory.ratings import Rating, Ratings
from practicum.training.rubrics import Judge, Scorer, ScriptedJudge
from practicum.training.rubrics.calibration import newest_calibration
from tests.mcp_server.cli.conftest import Practicum
from tests.mcp_server.cli.terminal import at_terminal
from tests.training.scored import by_calls, by_chance

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def session(db: Path) -> str:
    """A session of three steps."""
    with closing(Store.open(db)) as store:
        return by_calls(store, ("search_flights", {}), ("filter_results", {"max_stops": 1}), ("abort", {})).id


def ratings(db: Path, session: str) -> list[Rating]:
    with closing(Store.open(db)) as store:
        return Ratings(store).of(session)


def test_each_step_is_shown_and_takes_a_rating_and_a_note(
    practicum: Practicum, db: Path, session: str
) -> None:
    said = practicum("rate", session[:10], lines="5 looks first\n2\n1\n")
    assert "search_flights({})" in said.out
    assert 'filter_results({"max_stops": 1})' in said.out
    assert "rated 3 of 3 steps" in said.err
    assert ratings(db, session) == [
        Rating(session, 1, "local", 5, "looks first"),
        Rating(session, 2, "local", 2),
        Rating(session, 3, "local", 1),
    ]


def test_neither_secrets_nor_the_end_nor_scores_are_shown(
    practicum: Practicum, db: Path, session: str
) -> None:
    practicum("score", session, "--layer", "judge")
    said = practicum("rate", session, lines="\n\n\n")
    assert "tok_" not in said.out
    assert "success" not in said.out
    assert "The call was taken" not in said.out


def test_what_is_no_rating_is_asked_again_and_enter_skips(
    practicum: Practicum, db: Path, session: str
) -> None:
    said = practicum("rate", session, lines="good\n6\n0\n3\n\n4\n")
    assert said.out.count("is no rating: 1 (bad) to 5") == 3
    assert [(each.turn, each.rating) for each in ratings(db, session)] == [(1, 3), (3, 4)]


@pytest.mark.parametrize("leaving", ["q\n", ""])
def test_whoever_leaves_keeps_what_was_said_and_goes_on_there(
    practicum: Practicum, db: Path, session: str, leaving: str
) -> None:
    practicum("rate", session, lines=f"3\n{leaving}")
    said = practicum("rate", session, lines="4\n5\n")
    assert "search_flights({})" not in said.out
    assert [each.rating for each in ratings(db, session)] == [3, 4, 5]


def test_each_rater_sees_every_step(practicum: Practicum, db: Path, session: str) -> None:
    for rater in ("ann", "bob"):
        practicum("rate", session, "--rater", rater, lines="3\n3\n3\n")
    assert len(ratings(db, session)) == 6


def test_whoever_rates_may_have_any_name(practicum: Practicum, db: Path, session: str) -> None:
    assert practicum("rate", session, "--rater", "\udcff", lines="3 \udcff\n").code == 0
    assert ratings(db, session) == [Rating(session, 1, "?", 3, "?")]


def test_one_turn_is_rated_again(practicum: Practicum, db: Path, session: str) -> None:
    practicum("rate", session, lines="1\n1\n1\n")
    said = json.loads(practicum("rate", session, "--turn", "2", "--json", lines="5\n").out)
    assert said == {
        "session": session,
        "rater": "local",
        "ratings": [{"turn": 2, "rating": 5, "note": None}],
    }
    assert [each.rating for each in ratings(db, session)] == [1, 5, 1]


def test_ratings_are_scores(practicum: Practicum, session: str) -> None:
    practicum("rate", session, lines="5\n3\n1\n")
    found = json.loads(practicum("score", session, "--layer", "human", "--json").out)
    assert [step["reward"] for step in found["scores"][0]["steps"]] == [1, 0.5, 0]


@pytest.mark.integration
def test_a_person_rates_at_a_terminal(db: Path, session: str) -> None:
    with at_terminal("rate", session, "--db", db) as terminal:
        terminal.until("1 (bad) to 5 (as good as could be)")
        terminal.answer("1-5> ", "4 fine")
        terminal.answer("1-5> ", "q")
        assert terminal.end() == 0
    assert ratings(db, session) == [Rating(session, 1, "local", 4, "fine")]


# Calibration -------------------------------------------------------------------


@pytest.fixture
def rated(db: Path) -> str:
    """Sessions that the scripted judge has scored and a person has rated; returns the judge's version."""
    judge = Judge(ScriptedJudge())
    with closing(Store.open(db)) as store:
        for seed in range(4):
            session = by_chance(store, seed=seed)
            for step in Scorer(store, ["judge"], judge=judge).score(session).steps:
                rating = 4 if step.reward and step.reward > 0.5 else 2
                Ratings(store).add(Rating(session.id, step.turn, "ann", rating))
    return judge.version


def test_a_judge_is_calibrated_by_what_people_said(
    practicum: Practicum, db: Path, rated: str, tmp_path: Path
) -> None:
    pytest.importorskip("scipy", reason="calibration needs scipy: pip install 'practicum[eval]'")
    pytest.importorskip("matplotlib", reason="pictures need matplotlib: pip install 'practicum[eval]'")
    said = practicum("rate", "--calibrate", "--plot", tmp_path / "curve.png")
    assert "kappa" in said.out
    assert "spearman" in said.out
    assert f"judge {rated}" in said.err
    assert (tmp_path / "curve.png").read_bytes().startswith(PNG)
    found = json.loads(practicum("rate", "--calibrate", "--judge", rated, "--json").out)
    assert found["after"]["kappa"] > 0.9 > found["before"]["kappa"]
    with closing(Store.open(db)) as store:
        kept = newest_calibration(store)
    assert kept is not None
    assert kept.as_json() == found["calibration"]


def test_a_judge_that_people_have_not_met_is_refused(practicum: Practicum, rated: str) -> None:
    assert (
        "judge 'gpt' has not scored what people have rated"
        in practicum("rate", "--calibrate", "--judge", "gpt").refusal
    )


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        ((), "rate takes a session, or --calibrate"),
        (("SESSION", "--calibrate"), "rate takes a session, or --calibrate"),
        (("SESSION", "--plot", "x.png"), "--judge and --plot belong to --calibrate"),
        (("SESSION", "--turn", "9"), "has 3 turns, no turn 9"),
        (("nobody",), "no session 'nobody'"),
        (("--calibrate",), "no judge has scored what people have rated"),
    ],
)
def test_what_cannot_be_rated_is_refused_in_one_line(
    practicum: Practicum, session: str, arguments: tuple[str, ...], refusal: str
) -> None:
    given = [session if word == "SESSION" else word for word in arguments]
    assert refusal in practicum("rate", *given).refusal
