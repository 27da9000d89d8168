"""Mending: a program that was done but wrong is mined again, with a guard where it went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import pytest

from practicum.envs import Episode, ListRecorder, Outcome, Secret, Task, action, find
from practicum.memory import Log, SessionRecorder, SessionStart, Store, new_session_id
from practicum.skills.ingest import Trace, trace_of
from practicum.skills.interpreter import play
from practicum.skills.language import Skill, calls_in, nodes_in
from practicum.skills.learning import learn
from practicum.skills.library import EVERY, Library
from practicum.skills.mining import mine
from tests.skills.kiosk_env import Kiosk, Stall

ONE_IN = 16
"""Of so many wares one is soiled."""


class Soiled(Kiosk):
    """A kiosk some of whose wares are soiled, which nobody wants; the paper shows it."""

    name = "soiled"
    shown = True
    """Whether it shows which are."""
    only: int | None = None
    """Seed of the only task whose ware is; None where it is one of so many."""

    @property
    def soiled(self) -> bool:
        """Whether the ware of this task is."""
        return self.task.seed % ONE_IN == 0 if self.only is None else self.task.seed == self.only

    def _page(self, status: str, **more: Any) -> dict[str, Any]:
        return super()._page(status, soiled=self.shown and self.soiled, **more)

    def outcome(self) -> Outcome:
        """Success when the right ware is paid and clean."""
        return Outcome(success=super().outcome().success and not self.soiled)


class Mailed(Soiled):
    """The same for customers some of whom want their receipt by mail, and some of those a bag."""

    name = "mailed"

    def begin(self, *, mail: bool = False, bag: bool = False, **params: Any) -> Stall:
        """Begin as any kiosk."""
        return super().begin(**params)

    @classmethod
    def make_task(cls, seed: int, **settings: Any) -> Task:
        """A ware, and what else is wanted."""
        return super().make_task(seed, **{"mail": seed % 3 == 0, "bag": seed % 6 == 0, **settings})

    @action(destructive=True)
    def pay(self, card_token: Secret, receipt: Literal["paper", "mail"] = "paper") -> dict[str, Any]:
        """Pay for what is in the basket.

        Args:
            card_token: Token of the customer's card.
            receipt: On paper, or by mail.
        """
        self.state.paid = True
        return self._page("paid")


SOILED, MAILED = f"{Path(__file__)}:Soiled", f"{Path(__file__)}:Mailed"


def clean_seeds(count: int) -> list[int]:
    """Seeds of the train split whose wares are clean."""
    split = (seed for seed in range(20 * count) if find(SOILED).make_task(seed).split == "train")
    return list(islice((seed for seed in split if seed % ONE_IN), count))


def buy_by_hand(episode: Episode) -> None:
    params = episode.task.params
    number = episode.act("find_ware", {"ware": params["ware"]}).result["number"]
    episode.act("take", {"number": number, "copies": params["copies"]})
    receipt = {"receipt": "mail"} if params.get("mail") else {}
    episode.act("pay", {"card_token": params["card_token"], **receipt})


def bought(seed: int, world: str = SOILED) -> Trace:
    kept = ListRecorder()
    episode = Episode(find(world)(), find(world).make_task(seed), recorder=kept)
    buy_by_hand(episode)
    return trace_of(episode, kept.steps, session=f"{seed:032x}")


def tried(skill: Skill, seed: int, world: str = SOILED) -> tuple[str, Trace]:
    """What comes of a skill on a task, and what it did."""
    kept = ListRecorder()
    episode = Episode(find(world)(), find(world).make_task(seed), recorder=kept)
    finish = play(skill, episode)
    right = bool(kept.steps and (kept.steps[-1].outcome or {}).get("success"))
    what = finish.stop.reason if finish.stop else "done" if right else "wrong"
    return what, trace_of(episode, kept.steps)


@pytest.fixture
def empty(tmp_path) -> Iterator[Store]:
    with closing(Store.open(tmp_path / "practicum.db")) as opened:
        yield opened


@pytest.fixture
def store(empty) -> Store:
    """A database of sessions in which clean wares were bought."""
    buy_in_log(empty, clean_seeds(12))
    return empty


def buy_in_log(store: Store, seeds: list[int], world: str = SOILED) -> None:
    log = Log(store)
    for seed in seeds:
        session_id, task = new_session_id(), find(world).make_task(seed)
        log.start(SessionStart(id=session_id, env=world, task=task))
        buy_by_hand(Episode(find(world)(), task, recorder=SessionRecorder(log, session_id)))


def test_a_program_that_was_wrong_is_published_with_a_guard_where_it_went_wrong(store):
    assert learn(store).published == ("skill_buy_ware",)
    [entry] = Library(store).entries("local")
    soiled = range(0, 60 * ONE_IN, ONE_IN)
    assert {tried(entry.skill, seed)[0] for seed in soiled} == {"guard"}
    assert {tried(entry.skill, seed)[0] for seed in range(1, ONE_IN)} == {"done"}
    assert {"truthy": {"ref": "last", "path": "/soiled"}} in list(nodes_in(entry.skill.body))
    assert list(Library(store).rejected("local")) != [entry.skill.hash], "the first one is not tried again"


def test_a_program_whose_mistake_nobody_can_see_is_rejected(store, monkeypatch):
    monkeypatch.setattr(find(SOILED), "shown", False)
    first = learn(store).learnt[0]
    assert (first.what, first.why.partition(" (")[0]) == ("rejected", "done but wrong on a task")
    assert Library(store).entries("local", statuses=EVERY) == []


@pytest.mark.parametrize("bag", [True, False])
def test_a_guard_that_does_not_keep_a_program_from_its_mistake_gets_it_nowhere(empty, monkeypatch, bag):
    env_class = find(MAILED)
    tasks = (env_class.make_task(seed) for seed in range(400))
    wrong = next(task for task in tasks if task.split == "verify" and task.params["bag"] == bag)
    monkeypatch.setattr(env_class, "only", wrong.seed)
    monkeypatch.setattr(env_class, "shown", False)
    buy_in_log(empty, clean_seeds(24), MAILED)
    assert "done but wrong" in learn(empty).learnt[0].why
    assert Library(empty).entries("local", statuses=EVERY) == []


def test_a_mended_program_makes_the_call_where_it_was_right_and_not_where_it_was_wrong():
    env_class, traces = find(SOILED), [bought(seed) for seed in clean_seeds(12)]
    first = mine(traces, env_class)
    assert first is not None
    what, wrong = tried(first, 0)
    assert what == "wrong"
    mended = mine(traces, env_class, wrong=[wrong])
    twice = mine(traces, env_class, wrong=[wrong, tried(first, ONE_IN)[1]])
    assert mended is not None
    assert twice is not None
    assert tried(mended, 0)[0] == tried(mended, 3 * ONE_IN)[0] == "guard"
    assert [tried(mended, seed)[0] for seed in (1, 2, 3)] == ["done"] * 3
    assert twice.hash == mended.hash, "a guard that is there already is not asked twice"


def test_whichever_way_the_call_was_made_it_is_barred_where_it_was_wrong():
    env_class, traces = find(MAILED), [bought(seed, MAILED) for seed in clean_seeds(24)]
    first = mine(traces, env_class)
    assert first is not None
    assert {call["id"] for call in calls_in(first.body) if call["tool"] == "pay"} == {"pay", "pay_2"}
    wrong = {seed: tried(first, seed, MAILED) for seed in (3 * ONE_IN, ONE_IN)}
    assert {what for what, _ in wrong.values()} == {"wrong"}
    for some in ([3 * ONE_IN], [ONE_IN], list(wrong)):
        mended = mine(traces, env_class, wrong=[wrong[seed][1] for seed in some])
        assert mended is not None
        assert {tried(mended, seed, MAILED)[0] for seed in some} == {"guard"}
        assert {tried(mended, seed, MAILED)[0] for seed in range(1, 7)} == {"done"}
