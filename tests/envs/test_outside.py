"""What came from outside is kept, and served back in its order on replay."""

import pytest

from practicum.envs.outside import Answer, LiveOutside, ReplayedOutside, ReplayMismatch, seconds_now


def fail():
    raise AssertionError("a replay asks nobody")


def test_live_answers_are_kept_until_they_are_taken():
    outside = LiveOutside()
    assert outside.ask("chat", lambda: "hello") == "hello"
    assert outside.ask("clock", lambda: 3.0) == 3.0
    assert outside.take() == (Answer("chat", "hello"), Answer("clock", 3.0))
    assert outside.take() == ()


def test_a_replay_serves_the_answers_and_asks_nobody():
    outside = ReplayedOutside([Answer("chat", "hello")])
    assert outside.ask("chat", fail) == "hello"
    outside.expect([Answer("clock", 3.0)])
    assert outside.ask("clock", fail) == 3.0
    assert outside.take() == (Answer("chat", "hello"), Answer("clock", 3.0))


def test_asking_for_another_kind_than_the_first_time_is_a_mismatch():
    with pytest.raises(ReplayMismatch, match="asked outside for 'clock', the log holds chat"):
        ReplayedOutside([Answer("chat", "hello")]).ask("clock", fail)


def test_asking_more_often_than_the_first_time_is_a_mismatch():
    with pytest.raises(ReplayMismatch, match="the log holds nothing"):
        ReplayedOutside().ask("clock", fail)


def test_asking_less_often_than_the_first_time_is_a_mismatch():
    outside = ReplayedOutside([Answer("chat", "hello")])
    with pytest.raises(ReplayMismatch, match="the log holds 'chat', which the world did not ask for"):
        outside.expect([])


def test_the_clock_does_not_go_back():
    assert seconds_now() <= seconds_now()
