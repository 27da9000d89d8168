"""What there is to score: sessions of flight-v1, steps that nobody played, files; and a judge's replies."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from practicum.envs import Episode, Step, Task, find
from practicum.envs.domains import domain
from practicum.memory import Log, Session, SessionRecorder, Sessions, SessionStart, Store, new_session_id
from practicum.training.agents import RandomAgent, play_episode, scripted_agent
from practicum.training.llm import Message
from practicum.training.rubrics import Track
from practicum.training.rubrics.prompts import questions

FLIGHT = find("flight")
BOOKING = [
    task
    for task in (FLIGHT.make_task(seed, kind="book", feasible=True) for seed in range(8))
    if task.split == "train"
][:3]


def a_call(
    turn: int,
    tool: str,
    arguments: dict[str, Any] | None = None,
    result: Any = "ok",
    *,
    error: str | None = None,
    read_only: bool = False,
    terms: dict[str, float] | None = None,
) -> Step:
    terms = terms or {}
    given = (arguments or {}, None if error else result, error, sum(terms.values()), terms, False, False)
    return Step(turn, tool, *given, read_only)


def a_track(*steps: Step, profile: str = "generic", **known: Any) -> Track:
    return Track(steps, domain(profile), **known)


def logged(store: Store, play: Callable[[Episode], object], task: Task, **start: Any) -> Session:
    """A session of flight-v1 that something plays."""
    session_id = new_session_id()
    log = Log(store)
    log.start(SessionStart(id=session_id, env="flight-v1", task=task, **start))
    episode = Episode(FLIGHT(), task, recorder=SessionRecorder(log, session_id))
    play(episode)
    if not episode.over:
        log.close(session_id, "closed")
    found = Sessions(store).get(session_id, None)
    assert found is not None
    return found


def by_script(
    store: Store, task: Task = BOOKING[0], noise: float = 0.0, seed: int = 0, **start: Any
) -> Session:
    agent = scripted_agent("flight", seed=seed, noise=noise)
    return logged(store, lambda episode: play_episode(episode, agent), task, **start)


def by_chance(store: Store, task: Task = BOOKING[0], seed: int = 0, **start: Any) -> Session:
    return logged(store, lambda episode: play_episode(episode, RandomAgent(seed)), task, **start)


def by_calls(
    store: Store, *calls: tuple[str, dict[str, Any]], task: Task = BOOKING[0], **start: Any
) -> Session:
    def play(episode: Episode) -> None:
        for tool, arguments in calls:
            episode.act(tool, arguments)

    return logged(store, play, task, **start)


# What a judge replies ----------------------------------------------------------


def best(messages: Sequence[Message]) -> str:
    """A reply that gives every question its best answer, by the words of the prompt."""
    return chosen(messages, 0)


def chosen(messages: Sequence[Message], place: int, **more: Any) -> str:
    content = messages[1]["content"]
    lines = [line.partition(". ") for line in content.splitlines()]
    letters = {words: letter for letter, _, words in lines if words}
    answers = {q.rubric: letters[q.answers[place][1]] for q in questions()}
    return json.dumps(answers | {"why": "so it is"} | more)


# Files -------------------------------------------------------------------------

KNOWLYR = {
    "task": "Fix the login in auth.py",
    "steps": [
        {"tool": "read_file", "params": {"path": "auth.py"}, "output": "def login(): ..."},
        {"tool": "read_file", "params": {"path": "auth.py"}, "output": "def login(): ..."},
        {"tool": "bash", "params": {"command": "pytest"}, "output": "2 passed"},
    ],
    "outcome": {"success": True, "tests_passed": 2, "tests_total": 2},
    "reference_steps": 2,
}


def written(folder: Path, *records: object, lines: bool = False) -> Path:
    path = folder / "trajectory.json"
    one = json.dumps(records[0] if len(records) == 1 else records)
    path.write_text("\n".join(map(json.dumps, records)) if lines else one, encoding="utf-8")
    return path
