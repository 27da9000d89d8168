"""A store in tmp_path, and sessions of the parcels example in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from practicum.envs import Episode, find
from practicum.memory import Log, SessionRecorder, Sessions, SessionStart, Store, new_session_id

PARCELS = f"{Path(__file__).parents[2] / 'examples' / 'parcel_lockers.py'}:ParcelLockers"
ORACLE = f"{Path(__file__).parent / 'oracle_env.py'}:Oracle"
VAULT = f"{Path(__file__).parent / 'vault_env.py'}:Vault"


@pytest.fixture
def parcels() -> str:
    return PARCELS


@pytest.fixture
def oracle() -> str:
    return ORACLE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "practicum.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened = Store.open(path, busy_timeout_s=0.05)
    yield opened
    opened.close()


@pytest.fixture
def log(store: Store) -> Log:
    return Log(store)


@pytest.fixture
def sessions(store: Store) -> Sessions:
    return Sessions(store)


@pytest.fixture
def begin(log: Log) -> Callable[..., tuple[str, Episode]]:
    """Begin a session; returns its id and its episode, which records into it."""

    def begin(
        seed: int = 7, *, env: str = PARCELS, settings: Any = None, **start: Any
    ) -> tuple[str, Episode]:
        env_class = find(env)
        task = start.pop("task", None) or env_class.make_task(seed, **(settings or {}))
        session_id = new_session_id()
        recorder = SessionRecorder(log, session_id)
        episode = Episode(env_class(), task, recorder=recorder, min_try=start.get("min_try", 1))
        log.start(SessionStart(id=session_id, env=env, task=task, **start))
        return session_id, episode

    return begin


@pytest.fixture
def solve() -> Callable[[Episode], Episode]:
    """Play an episode to its end: look, one refused call, then every parcel into a locker of its size."""

    def solve(episode: Episode) -> Episode:
        depot = episode.act("look").result
        episode.act("store", {"parcel": "P0", "locker": "nowhere"})
        free = dict(depot["lockers"])
        for parcel, size in depot["parcels"].items():
            locker = next(name for name, room in free.items() if room == size)
            del free[locker]
            episode.act("store", {"parcel": parcel, "locker": locker}, thought=f"{parcel} fits")
        return episode

    return solve
