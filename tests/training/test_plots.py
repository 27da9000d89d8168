"""Plots: what was played is drawn where it belongs, and what cannot be drawn is told in one line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practicum.envs import UsageError
from practicum.memory.played import PlayedSession
from practicum.training.plots import curve, learning_curve, running_mean

DECISIONS = (7, 9, 8, 1, 12, 1)
SKILLS = (None, None, None, ("skill_book_flight", 1), None, ("skill_book_flight", 2))
SUCCESS = (True, False, True, True, True, True)


def played(
    decisions: Sequence[int] = DECISIONS,
    skills: Sequence[tuple[str, int] | None] = SKILLS,
    success: Sequence[bool] = SUCCESS,
) -> list[PlayedSession]:
    rows = zip(decisions, skills, success, strict=True)
    return [
        PlayedSession(10 * number, {}, *(skill or (None, None)), succeeded, chosen)
        for number, (chosen, skill, succeeded) in enumerate(rows, 1)
    ]


def test_each_session_stands_at_its_place_by_hand_or_with_a_skill() -> None:
    above, _ = curve(played()).axes
    drawn = {line.get_label(): line for line in above.get_lines()}
    by_hand, with_skill = drawn["by hand"], drawn["with a skill"]
    assert list(zip(by_hand.get_xdata(), by_hand.get_ydata(), strict=True)) == [
        (1, 7),
        (2, 9),
        (3, 8),
        (5, 12),
    ]
    assert list(zip(with_skill.get_xdata(), with_skill.get_ydata(), strict=True)) == [(4, 1), (6, 1)]


def test_the_lines_are_means_of_decisions_and_of_successes() -> None:
    above, below = curve(played()).axes
    mean = next(line for line in above.get_lines() if line.get_label().startswith("mean"))
    assert list(mean.get_ydata()) == pytest.approx([7, 8, 8, 25 / 4, 37 / 5, 38 / 6])
    assert list(below.get_lines()[0].get_ydata()) == pytest.approx([1, 1 / 2, 2 / 3, 3 / 4, 4 / 5, 5 / 6])


def test_each_version_of_a_skill_is_named_where_it_was_first_run() -> None:
    _, below = curve(played(), title="Practice").axes
    named = {text.get_text().strip(): text.get_position()[0] for text in below.texts}
    assert named == {"skill_book_flight v1": 4, "skill_book_flight v2": 6}


def test_axes_and_figure_say_what_they_show() -> None:
    figure = curve(played(), title="Practice in flight-v1")
    above, below = figure.axes
    assert figure.get_suptitle() == "Practice in flight-v1"
    assert (above.get_ylabel(), below.get_xlabel()) == ("decisions per task", "session")
    assert below.get_ylabel().startswith("success")


def test_the_picture_is_a_png_that_replaces_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "learning.png"
    target.write_text("old")
    learning_curve(played(), target)
    assert target.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_all_by_hand_is_drawn_too(tmp_path: Path) -> None:
    learning_curve(played((3,), (None,), (False,)), tmp_path / "learning.png")
    assert (tmp_path / "learning.png").stat().st_size > 1000


def test_nothing_to_draw_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no session has come to its end yet"):
        learning_curve([], tmp_path / "learning.png")
    assert not (tmp_path / "learning.png").exists()


def test_without_matplotlib_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UsageError, match=r"pip install 'practicum\[eval\]'"):
        learning_curve(played(), tmp_path / "learning.png")


@given(st.lists(st.integers(0, 50), min_size=1, max_size=40), st.integers(1, 12))
def test_a_running_mean_stays_among_the_values_that_it_is_of(values: list[int], window: int) -> None:
    means = running_mean(values, window)
    assert len(means) == len(values)
    for place, mean in enumerate(means):
        of = values[max(0, place + 1 - window) : place + 1]
        assert min(of) <= mean <= max(of)
        assert mean * len(of) == pytest.approx(sum(of))
