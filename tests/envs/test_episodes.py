"""An episode is the only caller of step, and its steps say all that came of a call."""

from typing import Any

import pytest

from practicum.envs import Episode, ListRecorder, Outcome, ToolEnv, action
from practicum.envs.errors import EpisodeOver, UnknownTool
from practicum.envs.outside import Answer, ReplayedOutside


class Caller(ToolEnv[dict[str, Any]]):
    """Call somebody."""

    name = "caller"

    def begin(self) -> dict[str, Any]:
        return {"greeting": self.outside.ask("chat", lambda: "hello")}

    @action
    def call(self, names: list[str]) -> str:
        """Call them."""
        names.append("you")
        return str(self.outside.ask("chat", lambda: f"{len(names)} of us"))

    @action
    def hang_up(self) -> None:
        """End it."""
        self.state["over"] = True

    def is_done(self) -> bool:
        return "over" in self.state

    def outcome(self) -> Outcome:
        return Outcome(True)

    @classmethod
    def render_text(cls, result: Any) -> str:
        return f"<{result}>"


class FullDisk(ListRecorder):
    """Keeps nothing."""

    def record(self, step):
        raise OSError("disk full")


def begun(**options):
    return Episode(Caller(), Caller.make_task(0), **options)


def test_answers_from_outside_stand_in_the_opening_and_in_the_step_that_asked():
    episode = begun()
    assert episode.opening.outside == (Answer("chat", "hello"),)
    assert episode.act("call", {"names": ["me"]}).outside == (Answer("chat", "2 of us"),)
    assert episode.act("hang_up").outside == ()


def test_an_episode_replays_from_its_own_steps():
    first = begun()
    steps = [first.act("call", {"names": ["me"]}), first.act("hang_up")]
    env = Caller()
    env.outside = ReplayedOutside(
        [*first.opening.outside, *(answer for step in steps for answer in step.outside)]
    )
    again = Episode(env, first.task)
    assert again.opening == first.opening
    assert [again.act(step.tool, step.arguments) for step in steps] == steps


def test_an_unknown_tool_takes_no_turn_and_names_the_nearest():
    episode = begun()
    with pytest.raises(UnknownTool, match="caller-v1 has no tool 'cal'; did you mean 'call'"):
        episode.act("cal")
    assert episode.turn == 0


def test_an_ended_episode_takes_no_more_calls():
    episode = begun()
    assert episode.act("hang_up").done
    assert episode.over
    with pytest.raises(EpisodeOver, match="ended with turn 1"):
        episode.act("hang_up")


def test_a_step_keeps_the_arguments_as_they_were_called():
    arguments = {"names": ["me"]}
    step = begun().act("call", arguments)
    arguments["late"] = 1
    assert step.arguments == {"names": ["me"]}


def test_a_step_that_was_not_recorded_is_not_handed_out():
    with pytest.raises(OSError, match="disk full"):
        begun(recorder=FullDisk()).act("hang_up")


def test_playing_does_not_record_and_acting_does():
    recorder = ListRecorder()
    episode = begun(recorder=recorder)
    episode.play("call", {"names": []})
    assert recorder.steps == []
    step = episode.act("call", {"names": []})
    assert (recorder.steps, step.turn) == ([step], 2)


def test_a_step_says_which_skill_and_thought_it_came_with_and_how_it_reads():
    step = begun().act("call", {"names": ["me"]}, via_skill="ring", thought="I am lonely")
    assert (step.via_skill, step.thought, step.text) == ("ring", "I am lonely", "<2 of us>")
    refused = begun().act("call", {})
    assert refused.refused
    assert refused.result is None
    assert refused.text.startswith("Error: bad arguments: 'names' is missing")


def test_min_try_stands_in_the_opening():
    assert begun(min_try=2).opening.min_try == 2


def test_a_turn_in_which_nothing_is_played_leaves_the_world_alone_and_counts():
    episode = Episode(Caller(), Caller.make_task(1))
    noted = episode.note("skill_call", {"whom": "all"}, {"stop": "not now"})
    assert (noted.turn, noted.tool, noted.arguments) == (1, "skill_call", {"whom": "all"})
    assert (noted.noted, noted.read_only, noted.reward, noted.text) == (
        True,
        True,
        0.0,
        "<{'stop': 'not now'}>",
    )
    called = episode.act("call", {"names": []}, via_skill="skill_call")
    assert (called.turn, called.noted, called.result) == (2, False, "1 of us")
    episode.act("hang_up")
    with pytest.raises(EpisodeOver):
        episode.note("skill_call", {}, None)
