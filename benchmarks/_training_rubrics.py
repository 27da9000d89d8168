"""The rule layer: what it costs a step, and which planted faults it sees, beside knowlyr-reward's.

    python -m benchmarks._training_rubrics --knowlyr .venv-knowlyr/bin/python

The other environment has `knowlyr-reward` and `knowlyr-core`; without it its figures stay empty. Both score
the same sessions of flight-v1, played by the script with one fault planted in each, and a long one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LONG = 400
"""Steps of the long session."""
ROUNDS = 7
FAULTS: Mapping[str, Sequence[tuple[str, dict[str, str]]]] = {
    "repeat": (("select_flight", {"flight_id": "FIRST"}), ("select_flight", {"flight_id": "FIRST"})),
    "setback": (("remove_from_cart", {}), ("add_to_cart", {"flight_id": "CART"})),
    "guess": (("select_flight", {"flight_id": "ZZ9999"}),),
}
"""Calls that are made in the middle of a session, after something is in the cart."""
FAULTY = {"repeat": 1, "setback": 0, "guess": 0}
"""Which of them is the fault."""
CATEGORIES = {
    "search": ("search_flights", "filter_results"),
    "read": ("select_flight",),
    "write": ("add_to_cart", "remove_from_cart", "apply_coupon", "restart"),
    "execute": ("enter_card", "submit_3ds", "proceed_to_payment", "confirm_payment"),
    "submit": ("abort",),
}
"""The tools of flight-v1 as a profile of knowlyr's has them."""


@dataclass(frozen=True)
class Sample:
    """A session with at most one fault in it."""

    fault: str
    turn: int | None
    """Of the fault."""
    track: Any


def samples(count: int) -> Iterator[Sample]:
    """Sessions of some tasks without a fault, and with each kind of one; made by playing them."""
    from practicum.envs import find

    flight = find("flight")
    calm = {"p_sold_out": 0.0, "p_price_change": 0.0, "p_payment_fails": 0.0}
    tasks = [flight.make_task(seed, kind="book", feasible=True, **calm) for seed in range(count)]
    for task in tasks:
        yield _played(flight, task, "none")
        yield from (_played(flight, task, fault) for fault in FAULTS)


def _played(flight: Any, task: Any, fault: str) -> Sample:
    from practicum.envs import Episode
    from practicum.training.agents import scripted_agent
    from practicum.training.rubrics import Track

    episode, agent = Episode(flight(), task), scripted_agent("flight")
    opening = episode.opening.observation
    agent.begin(task.instruction, opening, ())
    steps, turn, result, error = [], None, opening, None
    while not episode.over:
        made = agent.decide(result, error)
        steps.append(episode.act(made.tool, made.arguments))
        result, error = steps[-1].result, steps[-1].error
        if turn is None and fault in FAULTS and made.tool == "add_to_cart":
            turn = episode.turn + 1 + FAULTY[fault]
            known = {"FIRST": steps[0].result["flights"][0]["id"], "CART": made.arguments["flight_id"]}
            for tool, arguments in FAULTS[fault]:
                given = {name: known.get(value, value) for name, value in arguments.items()}
                steps.append(episode.act(tool, given))
    track = Track(tuple(steps), flight.profile(), task.instruction, task.params, opening, flight)
    return Sample(fault, turn, track)


def _long(track: Any) -> Any:
    """A session of `LONG` steps: one over and over, each round about another page."""
    from dataclasses import replace

    steps = []
    while len(steps) < LONG:
        steps += [replace(step, arguments={**step.arguments, "round": len(steps)}) for step in track.steps]
    return replace(track, steps=tuple(replace(s, turn=turn) for turn, s in enumerate(steps[:LONG], 1)))


def as_knowlyr(track: Any) -> dict[str, Any]:
    """A track as a trajectory of knowlyr's."""
    from practicum.envs.episodes import compact_json

    steps = [
        {
            "tool": step.tool,
            "params": dict(step.arguments),
            "output": step.error or compact_json(step.result).decode(),
        }
        for step in track.steps
    ]
    return {"task": track.instruction, "steps": steps}


def best_us(work: Callable[[], object], steps: int) -> float:
    """Microseconds a step, the best of some rounds."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return round(min(times) / steps * 1e6, 1)


def simple_loop(track: Any) -> list[bool]:
    """The least that a rule can do: whether this very call has been made before."""
    seen: set[str] = set()
    found = []
    for step in track.steps:
        call = json.dumps([step.tool, step.arguments], sort_keys=True)
        found.append(call in seen)
        seen.add(call)
    return found


def ours(found: Sequence[Sample], long: Any) -> dict[str, Any]:
    """What the rule layer here costs and sees."""
    from practicum.training.rubrics import score_steps

    steps = sum(len(each.track.steps) for each in found)
    scores = [[min(s.rubrics.values()) for s in score_steps(each.track)] for each in found]
    return {
        "us_a_step": best_us(lambda: [score_steps(each.track) for each in found], steps),
        "us_a_step_long": best_us(lambda: score_steps(long), LONG),
        "simple_loop_us": best_us(lambda: [simple_loop(each.track) for each in found], steps),
        **seen(found, scores),
    }


def seen(found: Sequence[Sample], scores: Sequence[Sequence[float]]) -> dict[str, float]:
    """The share of faults of each kind that score below 1, and of faultless steps that do."""
    hits: dict[str, list[bool]] = {}
    for sample, row in zip(found, scores, strict=True):
        if sample.turn is not None:
            hits.setdefault(sample.fault, []).append(row[sample.turn - 1] < 1)
        elif sample.fault == "none":
            hits.setdefault("false_alarms", []).extend(score < 1 for score in row)
    return {kind: round(sum(each) / len(each), 3) for kind, each in hits.items()}


def theirs(python: str, found: Sequence[Sample], long: Any) -> dict[str, Any]:
    """The same of knowlyr-reward, in its own environment."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trajectories.json"
        file.write_text(json.dumps([as_knowlyr(track) for track in (*(s.track for s in found), long)]))
        command = [python, str(Path(__file__).resolve()), "--score", str(file)]
        ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    answer = json.loads(ran.stdout)
    return {
        "us_a_step": answer["us_a_step"],
        "us_a_step_long": answer["us_a_step_long"],
        **seen(found, answer["scores"]),
    }


def score_as_knowlyr(file: Path) -> dict[str, Any]:
    """Score trajectories with knowlyr-reward's rules; the last of them is the long one."""
    from agentreward import rules  # type: ignore[import-not-found]  # in another environment
    from knowlyrcore.domain import DomainProfile, ToolSpec  # type: ignore[import-not-found]  # as above

    specs = [
        ToolSpec(name=tool, category=category, stateful_key="flight_id" if tool == "select_flight" else "")
        for category, tools in CATEGORIES.items()
        for tool in tools
    ]
    profile = DomainProfile(domain="travel", tools=specs)
    checks = (rules.check_redundancy, rules.check_regression, rules.check_info_utilization)
    *trajectories, long = json.loads(file.read_text())

    def scored(trajectory: Mapping[str, Any]) -> list[float]:
        return [
            min(row) for row in zip(*(check(trajectory["steps"], profile) for check in checks), strict=True)
        ]

    steps = sum(len(each["steps"]) for each in trajectories)
    return {
        "scores": [scored(each) for each in trajectories],
        "us_a_step": best_us(lambda: [scored(each) for each in trajectories], steps),
        "us_a_step_long": best_us(lambda: scored(long), len(long["steps"])),
    }


def main() -> None:
    """Measure, and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--knowlyr", metavar="PYTHON", help="of an environment with knowlyr-reward")
    parser.add_argument("--tasks", type=int, default=40)
    parser.add_argument("--score", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.score is not None:
        print(json.dumps(score_as_knowlyr(given.score)))
        return
    found = list(samples(given.tasks))
    long = _long(found[0].track)
    other = theirs(given.knowlyr, found, long) if given.knowlyr else None
    print(json.dumps({"sessions": len(found), "ours": ours(found, long), "knowlyr": other}))


if __name__ == "__main__":
    sys.exit(main())
