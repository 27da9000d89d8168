"""`practicum rate`: people say what steps are worth, and a judge is held against what they said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from practicum.envs.episodes import Step
from practicum.envs.errors import UsageError, shortened
from practicum.envs.tasks import LARGEST_INTEGER
from practicum.mcp_server.cli.keyboard import Keyboard
from practicum.mcp_server.cli.options import AsJson, Db, open_existing_store, print_json
from practicum.memory import LogUnavailable, Sessions, Store
from practicum.memory.ratings import BEST, WORST, Rating, Ratings

if TYPE_CHECKING:
    from practicum.training.rubrics import Calibrated, Track

LONGEST_SHOWN = 1500
"""Characters that are shown of an answer."""
PROMPT = f"{WORST}-{BEST}> "
WORDS = f"{WORST} (bad) to {BEST} (as good as could be), a note may follow; Enter skips the step, q leaves"


def rate(
    session: Annotated[
        str | None, typer.Argument(help="Session to rate; a unique beginning will do.")
    ] = None,
    turn: Annotated[
        int | None, typer.Option(min=1, max=LARGEST_INTEGER, help="Only this turn; rated again if it was.")
    ] = None,
    rater: Annotated[str, typer.Option(help="Who rates.")] = "local",
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Fit a judge's scores to all ratings in the log.")
    ] = False,
    judge: Annotated[
        str | None, typer.Option(metavar="VERSION", help="Version of the judge; the one of most rated steps.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the calibration as PNG into this file.")
    ] = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Rate the steps of a session from 1 to 5, or calibrate a judge by what people said."""
    if (session is None) is not calibrate:
        raise UsageError("rate takes a session, or --calibrate")
    if not calibrate and (judge is not None or plot is not None):
        raise UsageError("--judge and --plot belong to --calibrate")
    with open_existing_store(db) as store:
        try:
            if session is None:
                _calibrate(store, judge, plot, as_json=as_json)
            else:
                _rate(store, session, turn, rater, as_json=as_json)
        except LogUnavailable as error:
            raise UsageError(str(error)) from None


def _rate(store: Store, name: str, turn: int | None, rater: str, *, as_json: bool) -> None:
    from practicum.training.rubrics import track_of

    sessions = Sessions(store)
    track = track_of(sessions, sessions.resolve(name))
    steps = _to_rate(store, track, turn, rater)
    keyboard = Keyboard(lambda line, word: [], plain=as_json)
    screen = _Screen(track, is_shown=not as_json)
    given = list(_asked(keyboard, screen, steps, Ratings(store), rater))
    if as_json:
        print_json({"session": track.session, "rater": rater, "ratings": [each.as_json() for each in given]})
    else:
        typer.echo(f"rated {len(given)} of {len(steps)} steps", err=True)


def _to_rate(store: Store, track: Track, turn: int | None, rater: str) -> list[Step]:
    """The steps that the rater is to see.

    Raises:
        UsageError: the session has no such turn, or none at all.
    """
    if turn is not None:
        found = [step for step in track.steps if step.turn == turn]
        if not found:
            raise UsageError(f"session {track.session} has {len(track.steps)} turns, no turn {turn}")
        return found
    if not track.steps:
        raise UsageError(f"session {track.session} has no steps yet")
    assert track.session is not None
    rated = {each.turn for each in Ratings(store).of(track.session) if each.rater == rater}
    return [step for step in track.steps if step.turn not in rated]


@dataclass(frozen=True)
class _Given:
    """What was said of a step."""

    turn: int
    rating: int
    note: str | None

    def as_json(self) -> dict[str, Any]:
        return {"turn": self.turn, "rating": self.rating, "note": self.note}


class _Screen:
    """Shows a session to whoever rates it, without its end and other scores, which would sway them."""

    def __init__(self, track: Track, *, is_shown: bool) -> None:
        self.session = track.session or ""
        self._track = track
        self._is_shown = is_shown

    def begin(self) -> None:
        self.say(self._track.redactor.text(self._track.instruction))
        self.say(WORDS)

    def show(self, step: Step) -> None:
        redactor = self._track.redactor
        self.say("")
        if step.thought:
            self.say(f"    {redactor.text(step.thought)}")
        self.say(
            f"{step.turn:>3} {step.tool}({json.dumps(redactor.value(step.arguments), ensure_ascii=False)})"
        )
        answer = (
            f"refused: {step.error}" if step.refused else self._track.text_of(redactor.value(step.result))
        )
        self.say(shortened(redactor.text(answer), LONGEST_SHOWN))

    def say(self, text: str) -> None:
        if self._is_shown:
            typer.echo(text)


def _asked(
    keyboard: Keyboard, screen: _Screen, steps: list[Step], ratings: Ratings, rater: str
) -> Iterator[_Given]:
    """What the person says of the steps, each kept before the next is shown."""
    screen.begin()
    for step in steps:
        screen.show(step)
        try:
            found = _answer(keyboard, screen, step.turn)
        except (EOFError, KeyboardInterrupt):
            return
        if found is not None:
            ratings.add(Rating(screen.session, found.turn, rater, found.rating, found.note))
            yield found


def _answer(keyboard: Keyboard, screen: _Screen, turn: int) -> _Given | None:
    """A rating; None where the step is skipped. EOFError where the person leaves."""
    while True:
        line = keyboard.line(PROMPT).strip()
        if not line:
            return None
        if line in ("q", "quit"):
            raise EOFError
        word, _, note = line.partition(" ")
        if word.isascii() and word.isdigit() and WORST <= int(word) <= BEST:
            return _Given(turn, int(word), note.strip() or None)
        screen.say(f"{word!r} is no rating: {WORDS}")


def _calibrate(store: Store, judge: str | None, plot: Path | None, *, as_json: bool) -> None:
    from practicum.training.rubrics.calibration import calibrate, keep_calibration
    from practicum.training.rubrics.calibration_plot import calibration_curve

    ratings = Ratings(store)
    known = ratings.judges()
    version = judge or next(iter(known), None)
    if version is None or version not in known:
        which = "no judge has" if judge is None else f"judge {judge!r} has not"
        raise UsageError(
            f"{which} scored what people have rated; `practicum score SESSION --layer judge` does"
        )
    found = calibrate(version, ratings.judged(version))
    if plot is not None:
        calibration_curve(found, plot)
    keep_calibration(store, found.calibration)
    if as_json:
        print_json(found.as_json())
    else:
        _print_calibrated(found)


def _print_calibrated(found: Calibrated) -> None:
    from rich.table import Table

    from practicum.mcp_server.cli.consoles import console

    table = Table("", "before", "after", box=None)
    for name in type(found.before).__slots__:
        sides = (getattr(found.before, name), getattr(found.after, name))
        table.add_row(name.replace("_", " "), *("-" if value is None else f"{value:.2f}" for value in sides))
    console.print(table)
    about = f"{found.steps} steps of {found.sessions} sessions, judge {found.calibration.judge}"
    typer.echo(f"{about}; `practicum score --layer human` uses it", err=True)
