"""Sessions that scripts played by hand, outside the log, and what a mined skill does with other tasks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from practicum.envs import Episode, ListRecorder, Task, find
from practicum.skills.ingest import Trace, trace_of
from practicum.skills.interpreter import play
from practicum.skills.language import Skill
from practicum.training.agents.playing import Playing
from practicum.training.agents.scripted import scripted_agent

PARCELS = f"{Path(__file__).parents[2] / 'examples' / 'parcel_lockers.py'}:ParcelLockers"


def by_hand(env: str, tasks: Iterable[Task], *, noise: float = 0.0, **world: Any) -> list[Trace]:
    """Traces of the environment's script; `noise` is how likely a call of its is a slip."""
    found = []
    for number, task in enumerate(tasks):
        recorder = ListRecorder()
        episode = Episode(find(env)(**world), task, recorder=recorder)
        Playing(episode, scripted_agent(find(env).name, seed=number, noise=noise)).play()
        found.append(trace_of(episode, recorder.steps, session=f"{number:032x}"))
    return found


def tries(skill: Skill, env: str, tasks: Iterable[Task]) -> list[str]:
    """What comes of a skill on tasks: `done`, `wrong`, or the reason why it stopped."""
    found = []
    for task in tasks:
        episode = Episode(find(env)(), task)
        finish = play(skill, episode)
        outcome = episode.last.outcome if episode.last is not None else None
        right = "done" if outcome and outcome["success"] else "wrong"
        found.append(right if finish.stop is None else finish.stop.reason)
    return found
