"""Sessions in the kiosk's world, played by hand or with a skill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from practicum.envs import Episode, ListRecorder, Step, Task, find
from practicum.memory import Log, SessionRecorder, SessionStart, Store, new_session_id
from practicum.skills.interpreter import play
from practicum.skills.language import Skill
from practicum.skills.library import Library, use_of

KIOSK = f"{Path(__file__).parent / 'kiosk_env.py'}:Kiosk"


def train_seeds(count: int, first: int = 0) -> list[int]:
    """Seeds whose tasks may be learned from."""
    env_class = find(KIOSK)
    seeds = (seed for seed in range(first, first + 10 * count) if env_class.make_task(seed).split == "train")
    return [seed for seed, _ in zip(seeds, range(count), strict=False)]


def begin(store: Store, task: Task, principal: str = "local") -> tuple[str, Episode]:
    """A session that has begun: its id, and its episode, which records into it."""
    log, session_id = Log(store), new_session_id()
    log.start(SessionStart(id=session_id, env=KIOSK, task=task, principal=principal))
    return session_id, Episode(find(KIOSK)(), task, recorder=SessionRecorder(log, session_id))


def buy(store: Store, seed: int, principal: str = "local", *, wrapping: Any = None, **settings: Any) -> str:
    """A session in which the ware is bought by hand; returns its id."""
    task = find(KIOSK).make_task(seed, **settings)
    session_id, episode = begin(store, task, principal)
    params = task.params
    number = episode.act("find_ware", {"ware": params["ware"]}).result["number"]
    episode.act("take", {"number": number, "copies": params["copies"]})
    if wrapping is not None:
        episode.act("wrap", {"paper": wrapping})
    episode.act("pay", {"card_token": params["card_token"]})
    return session_id


def buy_with(library: Library, skill: Skill, seed: int, principal: str = "local") -> str:
    """A session in which a skill is tried, and what it stops at is finished by hand; returns its id."""
    task = find(KIOSK).make_task(seed)
    session_id, episode = begin(library.store, task, principal)
    finish = play(skill, episode)
    last = episode.last
    success = None if last is None or last.outcome is None else bool(last.outcome["success"])
    library.used(
        use_of(
            skill, finish, session=session_id, turn=1, arguments={}, success=success, told=finish.as_json()
        )
    )
    if not episode.over:
        episode.act("wrap", {})
        episode.act("pay", {"card_token": task.params["card_token"]})
    return session_id


def steps_of(skill: Skill, seed: int) -> list[Step]:
    """What a skill does on a task, outside the log."""
    kept = ListRecorder()
    play(skill, Episode(find(KIOSK)(), find(KIOSK).make_task(seed), recorder=kept))
    return kept.steps
