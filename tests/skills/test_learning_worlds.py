"""Learning where a world fails, is away, or has changed since: told in a line, and nothing is lost."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from practicum.envs import find
from practicum.envs.errors import UsageError
from practicum.memory import Store
from practicum.skills.learning import learn
from practicum.skills.library import Library
from practicum.skills.promotion import promote
from tests.skills import buying
from tests.skills.buying import KIOSK, buy, train_seeds


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    with closing(Store.open(tmp_path / "practicum.db")) as opened:
        yield opened


def failing(error: BaseException):
    """What a world does instead, that fails."""

    def fails(*_, **__):
        raise error

    return fails


FAILURES = {"a bug": RuntimeError("no power\nat all"), "an exit": SystemExit(3)}


def played(store, principal: str = "local") -> None:
    for seed in train_seeds(10):
        buy(store, seed, principal)


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("where", ["begin", "is_done"])
def test_what_a_failing_world_kept_from_being_learned_is_learned_once_it_works(
    store, monkeypatch, where, failure
):
    played(store)
    with monkeypatch.context() as broken:
        broken.setattr(find(KIOSK), where, failing(FAILURES[failure]))
        done = learn(store)
    assert done.published == ()
    [told] = [each for each in done.learnt if "it failed" in each.why]
    assert told.why.splitlines() == [told.why]
    assert learn(store).published == ("skill_buy_ware",)


@pytest.mark.parametrize("failure", FAILURES)
def test_a_world_that_fails_is_told_to_whoever_verifies_or_promotes_a_skill(store, monkeypatch, failure):
    played(store)
    learn(store)
    library = Library(store)
    entry = library.get("skill_buy_ware", "local")
    with monkeypatch.context() as broken:
        broken.setattr(find(KIOSK), "begin", failing(FAILURES[failure]))
        with pytest.raises(UsageError, match=r"kiosk-v1 failed: (RuntimeError: no power|SystemExit: 3)"):
            promote(library, entry)
        library.quarantine(entry.skill, "for the test")
        [again] = [each for each in learn(store).learnt if each.skill == "skill_buy_ware"]
        assert (again.what, library.get("skill_buy_ware", "local").status) == ("left alone", "quarantined")
    assert learn(store).published == ("skill_buy_ware",)


def test_a_world_that_is_away_is_told_and_mined_anew_once_it_is_back(store, monkeypatch, tmp_path):
    file = tmp_path / "kiosk_env.py"
    shutil.copy(KIOSK.partition(":")[0], file)
    monkeypatch.setattr(buying, "KIOSK", f"{file}:Kiosk")
    played(store)
    file.rename(away := tmp_path / "away.py")
    [told] = learn(store).learnt
    assert (told.what, told.skill) == ("left alone", f"{file}:Kiosk")
    assert "no file" in told.why
    assert "mine --anew" in told.why
    Path(away).rename(file)
    assert len(learn(store, anew=True).published) == 1


def test_another_version_of_a_world_gets_skills_of_its_own(store, monkeypatch):
    played(store)
    learn(store)
    monkeypatch.setattr(find(KIOSK), "version", 2)
    for seed in train_seeds(12, first=1000):
        buy(store, seed)
    assert learn(store).published == ("skill_buy_ware",)
    [entry] = Library(store).entries("local", "kiosk-v2")
    assert (entry.skill.version, entry.skill.env_version) == (2, 2)
