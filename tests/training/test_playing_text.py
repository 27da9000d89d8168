"""Agents that read text: given what the rows of their sessions hold, by hand and after runs of skills."""

from __future__ import annotations

from practicum.envs import Episode, ListRecorder
from practicum.envs.flight_booking_env import FlightBookingEnv
from practicum.training.agents import Decision, Playing
from practicum.training.transcripts import run_text
from tests.skills.flights import LOOK


class Reader:
    """Makes given calls, and keeps what it was told."""

    reads_text = True

    def __init__(self, *calls: Decision) -> None:
        self._calls = iter(calls)
        self.told: list[tuple[object, str | None]] = []

    def begin(self, instruction, observation, tools=()):
        self.began = observation

    def decide(self, result, error=None):
        self.told.append((result, error))
        return next(self._calls)


def test_an_agent_that_reads_text_is_given_the_worlds_rendering():
    reader = Reader(Decision("search_flights"), Decision("confirm_payment"), Decision("abort"))
    playing = Playing(Episode(FlightBookingEnv(), FlightBookingEnv.make_task(3, kind="book")), reader)
    found, refused, _ = playing.play()

    opening = playing.episode.opening.text
    assert reader.began == opening
    assert reader.told == [(opening, None), (found.text, None), (None, refused.error)]


def test_a_run_of_a_skill_is_told_as_text():
    reader = Reader(Decision(LOOK.name), Decision("abort"))
    recorder = ListRecorder()
    playing = Playing(
        Episode(FlightBookingEnv(), FlightBookingEnv.make_task(3, kind="book"), recorder=recorder),
        reader,
        skills=[LOOK],
        recorder=recorder,
    )
    playing.play()

    (use,) = playing.uses
    inner = [step for step in playing.steps if step.via_skill == LOOK.name]
    assert inner
    assert reader.told[1] == (run_text(LOOK.name, use.finish.as_json(), inner), None)
