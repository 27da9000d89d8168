"""Calibration: a judge's scale is bent to people's, its order kept, and agreement told honestly."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from practicum.envs import UsageError
from practicum.memory import Store
from practicum.memory.ratings import JudgedRating, MeanRating, Rating, Ratings
from practicum.memory.scores import StepScore
from practicum.training.rubrics import Calibration, Judge, Scorer, ScriptedJudge, calibrate
from practicum.training.rubrics.calibration import agreement, kappa, keep_calibration, newest_calibration
from practicum.training.rubrics.calibration_plot import calibration_curve
from practicum.training.rubrics.human import human_scores
from tests.training.scored import by_chance, by_script

pytest.importorskip("scipy", reason="calibration needs scipy: pip install 'practicum[eval]'")
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "practicum.db")
    yield opened
    opened.close()


def pairs(judged: Sequence[float], ratings: Sequence[float], sessions: int = 4) -> list[JudgedRating]:
    return [
        JudgedRating(f"s{place % sessions}", place, rating, score)
        for place, (score, rating) in enumerate(zip(judged, ratings, strict=True))
    ]


def generous(count: int = 200) -> list[JudgedRating]:
    """A judge that never goes below a half, where people use the whole scale."""
    people = np.random.default_rng(7).integers(1, 6, count)
    return pairs([0.5 + (rating - 1) / 8 for rating in people], people.tolist())


def test_a_judge_that_is_too_generous_agrees_with_people_after_calibration() -> None:
    found = calibrate("judge", generous())
    assert found.before.kappa is not None
    assert found.before.kappa < 0.5
    assert found.after.kappa == found.after.weighted_kappa == 1
    assert (found.before.mean_error, found.after.mean_error) == (pytest.approx(1, abs=0.2), 0)
    assert found.before.spearman == found.after.spearman == 1
    assert found.calibration.of(0.5) == 0


def test_agreement_after_is_told_of_sessions_that_the_fit_has_not_seen() -> None:
    """A judge that says nothing: a fit to its noise looks better on what it has seen."""
    for seed in range(10):
        random = np.random.default_rng(seed)
        noise = pairs(random.random(60).tolist(), random.integers(1, 6, 60).tolist(), sessions=20)
        found = calibrate("judge", noise)
        people = np.array([(each.rating - 1) / 4 for each in noise])
        seen = agreement(np.array([found.calibration.of(each.judged) for each in noise]), people)
        assert seen.mean_error < found.after.mean_error


marks = st.integers(0, 10**9).map(lambda billionths: billionths / 10**9)
"""Scores as judges give them: nothing smaller than a billionth."""
points = st.lists(st.tuples(marks, st.integers(1, 5)), min_size=10, max_size=40)


@settings(deadline=None)
@given(points)
def test_a_calibration_rises_and_stays_between_0_and_1(seen) -> None:
    judged, ratings = zip(*seen, strict=True)
    curve = calibrate("judge", pairs(judged, ratings)).calibration
    values = [curve.of(score) for score in np.linspace(0, 1, 21)]
    assert all(one <= other + 1e-12 for one, other in pairwise(values))
    assert values[0] >= 0
    assert values[-1] <= 1


@settings(deadline=None)
@given(points)
def test_no_rising_curve_is_nearer_to_people_than_the_fit(seen) -> None:
    """Least squares: the mean of all is a rising curve too, and never nearer."""
    judged, ratings = zip(*seen, strict=True)
    people = [(rating - 1) / 4 for rating in ratings]
    curve = calibrate("judge", pairs(judged, ratings)).calibration
    far = sum((curve.of(score) - said) ** 2 for score, said in zip(judged, people, strict=True))
    for other in (lambda _: float(np.mean(people)), lambda score: score, lambda score: float(score > 0.5)):
        assert far <= sum((other(s) - said) ** 2 for s, said in zip(judged, people, strict=True)) + 1e-9


def test_kappa_is_what_its_inventor_computed() -> None:
    """Worked by hand: 20 of 50 and 15 of 50 alike, .7 observed and .5 expected."""
    one = [1] * 25 + [5] * 25
    other = [1] * 20 + [5] * 5 + [1] * 10 + [5] * 15
    assert kappa(one, other) == pytest.approx(0.4)
    assert kappa(one, other, quadratic=True) == pytest.approx(0.4)


def test_near_misses_count_for_less_with_weights() -> None:
    people, near = [1, 2, 3, 4, 5] * 4, [2, 3, 4, 5, 5] * 4
    plain, weighted = kappa(near, people), kappa(near, people, quadratic=True)
    assert plain is not None
    assert weighted is not None
    assert plain < 0.1 < 0.7 < weighted


def test_where_both_always_say_the_same_there_is_no_kappa_and_no_rank() -> None:
    found = agreement(np.ones(5), np.ones(5))
    assert (found.kappa, found.spearman, found.mean_error) == (None, None, 0)


def test_too_few_steps_are_refused_with_their_number() -> None:
    with pytest.raises(UsageError, match=r"9 steps are rated by people .* needs 10"):
        calibrate("judge", generous(9))


def test_one_session_is_enough_where_it_is_long() -> None:
    seen = [JudgedRating("s", each.turn, each.rating, each.judged) for each in generous(60)]
    found = calibrate("judge", seen)
    assert (found.sessions, found.after.kappa) == (1, 1)


def test_without_scipy_the_way_out_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(UsageError, match=r"pip install 'practicum\[eval\]'"):
        calibrate("judge", generous())


def test_the_curve_is_a_png(tmp_path) -> None:
    pytest.importorskip("matplotlib", reason="pictures need matplotlib: pip install 'practicum[eval]'")
    calibration_curve(calibrate("judge", generous()), tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(PNG)
    with pytest.raises(UsageError, match="cannot write"):
        calibration_curve(calibrate("judge", generous()), tmp_path / "nowhere" / "curve.png")


def test_people_speak_for_themselves_and_the_calibration_where_they_did_not() -> None:
    curve = Calibration("judge", (0.0, 1.0), (0.0, 0.5))
    judged = [StepScore(turn, rubric, "judge", "judge", 0.8) for turn in (1, 2) for rubric in ("a", "b")]
    rows = human_scores([MeanRating(1, 5.0, 1, 7)], judged, curve)
    assert [(row.turn, row.score) for row in rows] == [(1, 1.0), (2, 0.4)]
    assert [row.turn for row in human_scores([MeanRating(1, 5.0, 1, 7)], judged)] == [1]
    assert human_scores([], [StepScore(1, "a", "judge", "another", 0.8)], curve) == []


def test_a_kept_calibration_scores_what_the_judge_saw_and_nobody_rated(store) -> None:
    judge = Judge(ScriptedJudge())
    rated, unrated = by_chance(store, seed=4), by_script(store)
    for session in (rated, unrated):
        Scorer(store, ["judge"], judge=judge).score(session)
    ratings = Ratings(store)
    for step in Scorer(store, ["judge"], judge=judge).score(rated).steps:
        ratings.add(Rating(rated.id, step.turn, "ann", 5 if step.reward and step.reward > 0.5 else 1))
    (version,) = ratings.judges()
    assert Scorer(store, ["human"]).score(unrated).process is None
    found = calibrate(version, ratings.judged(version))
    keep_calibration(store, found.calibration)
    assert newest_calibration(store) == found.calibration
    score = Scorer(store, ["human"]).score(unrated)
    assert [step.layers["human"]["rating"] for step in score.steps] == [1.0] * unrated.steps
