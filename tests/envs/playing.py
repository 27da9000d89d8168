"""Episodes of the example environment, wrapped in anything, played and played again."""

from pathlib import Path

from practicum.envs import Episode, ListRecorder, find
from practicum.envs.outside import ReplayedOutside

ROOT = Path(__file__).resolve().parents[2]
PARCELS = f"{ROOT / 'examples' / 'parcel_lockers.py'}:ParcelLockers"
CALLS = [
    ("look", {}),
    ("store", {"parcel": "P9", "locker": "L0"}),
    ("store", {"parcel": "P0", "locker": "L0"}),
]


def parcels(**options):
    return find(PARCELS)(**options)


def task(seed=0, **more):
    return find(PARCELS).make_task(seed, **more)


def played(env, calls=CALLS * 5, seed=0):
    """The steps of an episode, to its end or the last call."""
    recorder = ListRecorder()
    episode = Episode(env, task(seed), recorder=recorder)
    for tool, arguments in calls:
        if not episode.over:
            episode.act(tool, arguments)
    return recorder


def replayed(env, recorder):
    """The same calls with the same answers from outside."""
    env.unwrapped.outside = ReplayedOutside(
        [*recorder.opening.outside, *(answer for step in recorder.steps for answer in step.outside)]
    )
    return played(env, [(step.tool, step.arguments) for step in recorder.steps], recorder.opening.task.seed)


def holds(steps):
    assert [step.turn for step in steps] == list(range(1, len(steps) + 1))
    assert all(step.reward == sum(step.terms.values()) for step in steps)
    assert all(not (step.terminated and step.truncated) for step in steps)
    assert not any(step.done for step in steps[:-1])
    if steps[-1].done:
        assert steps[-1].outcome is not None
