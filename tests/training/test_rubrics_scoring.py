"""Scoring: layers together, by the weights of a domain, kept and never made twice; from files too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practicum.envs import Episode, UsageError, find
from practicum.envs.domains import RUBRICS, domain, domains
from practicum.envs.wrappers import Recording
from practicum.memory import Log, Sessions, SessionStart, Store, new_session_id
from practicum.memory.ratings import Rating, Ratings
from practicum.memory.scores import Scores
from practicum.training.agents import play_episode, scripted_agent
from practicum.training.rubrics import Judge, Scorer, ScriptedJudge, outcome_agreement, score_track
from practicum.training.rubrics.files import read_tracks
from practicum.training.rubrics.scoring import SessionScore
from practicum.training.rubrics.tracks import profile_named, track_of
from practicum.training.rubrics.weights import overall, step_reward
from tests.memory.steps import a_step
from tests.training.scored import BOOKING, FLIGHT, KNOWLYR, by_chance, by_script, written

GENERIC = domain("generic")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "practicum.db")
    yield opened
    opened.close()


scored = st.dictionaries(st.sampled_from(RUBRICS), st.floats(0, 1), min_size=1)


@given(scored, st.sampled_from(domains()))
def test_a_steps_reward_is_the_domain_weighted_mean_of_what_was_scored(
    rubrics: Mapping[str, float], profile
) -> None:
    weights = profile.rubric_weights
    expected = sum(weights[r] * v for r, v in rubrics.items()) / sum(weights[r] for r in rubrics)
    assert step_reward({"judge": rubrics}, weights) == pytest.approx(expected)
    assert min(rubrics.values()) - 1e-9 <= expected <= max(rubrics.values()) + 1e-9


def test_what_people_say_counts_in_place_of_the_judge_and_beside_the_rules() -> None:
    weights = GENERIC.rubric_weights
    layers = {
        "rules": {"info_utilization": 1.0, "non_redundancy": 0.0},
        "judge": dict.fromkeys(RUBRICS[:3], 1.0),
        "human": {"rating": 0.5},
    }
    assert step_reward(layers, weights) == pytest.approx(0.2 * (1 + 0) + 0.6 * 0.5)


def test_without_a_score_there_is_no_reward() -> None:
    assert step_reward({}, GENERIC.rubric_weights) is None
    assert overall(None, 0.5) is None
    assert overall(0.6, None) == 0.6
    assert overall(0.6, 0.0) == pytest.approx(0.5)


def test_a_session_is_scored_once_and_read_afterwards(store) -> None:
    session = by_chance(store)
    first = Scorer(store).score(session)
    commits = store.commits
    assert Scorer(store).score(session) == first
    assert store.commits == commits
    assert len(Scores(store).of(session.id)) == 2 * session.steps


def test_a_session_that_went_on_gets_scores_for_what_is_new(store) -> None:
    log, session_id = Log(store), new_session_id()
    log.start(SessionStart(id=session_id, env="flight-v1", task=BOOKING[0]))
    for turn in (1, 2):
        log.append(session_id, a_step(turn, tool="search_flights", read_only=False))
        session = Sessions(store).get(session_id, None)
        assert session is not None
        assert len(Scorer(store).score(session).steps) == turn
    assert [row.turn for row in Scores(store).of(session_id)] == [1, 1, 2, 2]


def test_the_weights_are_those_of_the_environments_domain_or_of_the_one_named(store) -> None:
    session = by_chance(store, seed=5)
    travel = Scorer(store).score(session)
    other = Scorer(store, profile=domain("advisory")).score(session)
    assert (travel.domain, other.domain) == ("travel", "advisory")
    means = other.layers["rules"]
    weights = domain("advisory").rubric_weights
    total = sum(weights[rubric] for rubric in means)
    assert other.process == pytest.approx(sum(weights[r] * mean for r, mean in means.items()) / total)


def test_the_environments_own_reward_is_left_alone(store) -> None:
    session = by_chance(store)
    before = [(step.reward, step.terms) for step in Sessions(store).steps(session.id)]
    Scorer(store, ["rules", "judge"], judge=Judge(ScriptedJudge())).score(session)
    assert [(step.reward, step.terms) for step in Sessions(store).steps(session.id)] == before


def test_efficiency_is_held_against_the_owners_shortest_success_that_is_no_evaluation(store) -> None:
    long = by_script(store, noise=0.3, seed=3)
    assert long.success
    scorer = Scorer(store)
    assert scorer.score(long).efficiency == 1
    by_script(store, purpose="evaluation")
    by_script(store, principal="somebody else")
    assert scorer.score(long).efficiency == 1
    short = by_script(store)
    assert scorer.score(long).efficiency == short.steps / long.steps < 1


def test_a_session_of_an_environment_that_is_gone_is_scored_by_its_steps_alone(store) -> None:
    log, session_id = Log(store), new_session_id()
    task = replace(BOOKING[0], env="gone")
    log.start(SessionStart(id=session_id, env="gone-v1", task=task, replayable=False, marks={}))
    log.append(session_id, a_step(1))
    log.append(session_id, a_step(2))
    session = Sessions(store).get(session_id, None)
    assert session is not None
    score = Scorer(store).score(session)
    assert (score.domain, [step.reward for step in score.steps]) == ("generic", [1.0, 0.5])


def test_a_world_that_fails_to_begin_is_scored_by_its_steps_alone(store, monkeypatch) -> None:
    session = by_script(store)

    def fails(self, **params):
        raise RuntimeError("the timetable is gone")

    monkeypatch.setattr(FLIGHT, "begin", fails)
    assert len(Scorer(store).score(session).steps) == session.steps


def test_the_layer_judge_needs_one(store) -> None:
    with pytest.raises(UsageError, match="needs a judge"):
        Scorer(store, ["judge"])


def test_ratings_become_scores_and_a_new_word_replaces_the_old(store) -> None:
    session = by_script(store)
    ratings = Ratings(store)
    for rating in (2, 4):
        ratings.add(Rating(session.id, 1, "ann", rating))
    ratings.add(Rating(session.id, 1, "bob", 5))
    score = Scorer(store, ["human"]).score(session)
    assert score.steps[0].layers == {"human": {"rating": (4.5 - 1) / 4}}
    assert score.steps[0].why == {"rating": "4.5 of 5 by 2 people"}
    assert score.steps[1].reward is None
    ratings.add(Rating(session.id, 1, "ann", 1))
    assert Scorer(store, ["human"]).score(session).steps[0].reward == (3 - 1) / 4
    assert Scores(store).newest(session.id)[1]["human"]["rating"] == (3 - 1) / 4


def test_agreement_with_the_outcome_counts_pairs_of_a_success_and_a_failure() -> None:
    def played(success: bool | None, mean: float) -> SessionScore:
        return SessionScore("s", "t", "d", success, 1, {"rules": {"non_redundancy": mean}}, (), mean, None)

    scores = [played(True, 0.9), played(True, 0.5), played(False, 0.5), played(False, 0.1), played(None, 0.0)]
    found = outcome_agreement(scores, "rules")
    assert found is not None
    assert (found.auc, found.successes, found.failures) == (3.5 / 4, 2, 2)
    assert outcome_agreement(scores[:2], "rules") is None
    assert outcome_agreement(scores, "judge") is None


# Files -------------------------------------------------------------------------


def test_a_trajectory_of_knowlyr_is_scored(tmp_path) -> None:
    (named,) = read_tracks(written(tmp_path, KNOWLYR), domain("coding"))
    score = score_track(named.track)
    assert [step.layers["rules"]["non_redundancy"] for step in score.steps] == [1, 0, 1]
    assert [step.layers["rules"]["info_utilization"] for step in score.steps] == [1, 1, 1]
    assert (score.success, score.efficiency, named.name) == (True, 2 / 3, "trajectory.json")


def test_a_trajectory_of_its_recorder_is_scored_alike(tmp_path) -> None:
    steps = [
        {
            "tool_call": {"name": step["tool"], "parameters": step["params"]},
            "tool_result": {"output": step["output"]},
        }
        for step in KNOWLYR["steps"]
    ]
    (recorded,) = read_tracks(written(tmp_path, KNOWLYR | {"steps": steps}), domain("coding"))
    (plain,) = read_tracks(written(tmp_path, KNOWLYR), domain("coding"))
    assert score_track(recorded.track) == score_track(plain.track)


@pytest.mark.parametrize("lines", [False, True])
def test_several_trajectories_stand_in_a_list_or_a_line_each(tmp_path, lines) -> None:
    found = list(read_tracks(written(tmp_path, KNOWLYR, KNOWLYR, lines=lines), GENERIC))
    assert [named.name for named in found] == ["trajectory.json#1", "trajectory.json#2"]


def test_what_a_recording_wrote_scores_as_its_session_does(store, tmp_path) -> None:
    session = by_script(store, noise=0.5, seed=4)
    world = Recording(find("flight")(), "scripted")
    play_episode(Episode(world, BOOKING[0]), scripted_agent("flight", seed=4, noise=0.5))
    (named,) = read_tracks(written(tmp_path, world.get_trajectory().as_json()), domain("travel"))
    logged = score_track(replace(track_of(Sessions(store), session), world=None))
    assert score_track(named.track).rubrics == logged.rubrics


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no JSON", "is no JSON"),
        ('{"steps": [{"tool": 7}]}', "holds no trajectory: steps.0.tool"),
        ('{"conversations": []}', "holds no trajectory: steps: Field required"),
        ('[{"steps": []}, 3]', "#2 holds no trajectory"),
    ],
)
def test_a_file_of_something_else_is_refused_in_one_line(tmp_path, text, said) -> None:
    path = tmp_path / "trajectory.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=said) as refused:
        list(read_tracks(path, GENERIC))
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_unknown_domain_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="no domain 'codng'; did you mean 'coding'"):
        profile_named("codng")
