"""What retail tasks cost that are made offline, and what they are worth, in both modes on the same seeds.

    python -m benchmarks.retail_tasks [--quick] [--data FOLDER]

A task counts as valid where its replay succeeds: the world takes each gold call, what is to be told stands in
their results, and the visit in which it is told is judged a success. The checks of the pipeline are not
asked. `apart` is the largest distance of a scenario's count from an even share, as a part of it. Times are
those of one core, a committee of three included.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from practicum.envs import Episode, Task
from practicum.envs.retail.env import RetailEnv
from practicum.envs.retail.scenarios import SCENARIOS
from practicum.envs.retail.world import open_world
from practicum.training.tasks import Attempt, Pipeline, Recipe, TaskRecord
from practicum.training.tasks.committee import RuleCommittee
from practicum.training.tasks.lenses import LENSES
from practicum.training.tasks.pipeline import MODES, Mode, attempts


def replayed(record: TaskRecord, data: str = "") -> bool:
    """Whether a visit succeeds in which the gold calls are made and the outputs are said."""
    secret = {
        "user_id": record.metadata["user_id"],
        "actions": record.agt,
        "outputs": record.ogt,
        "customer": record.metadata["customer"],
    }
    places = {"data": str(Path(data).absolute())} if data else {}
    episode = Episode(RetailEnv(), Task("retail", 1, 0, secret=secret, places=places))
    results = []
    for call in record.agt:
        step = episode.act(call["name"], call["arguments"])
        if step.error is not None:
            return False
        results.append(step.result)
    if not all(shown(output, results) for output in record.ogt):
        return False
    told = "; ".join(record.ogt) or "It is done. Is there anything else?"
    while not episode.over:
        step = episode.act("respond", {"message": f"Who are you, please? {told}"})
    return bool(step.outcome and step.outcome["success"])


def shown(output: str, results: Sequence[Any]) -> bool:
    """Whether what is to be told stands in a result, as text or as a number, or counts what can be had."""
    text = json.dumps(results)
    offered = [
        sum(variant["available"] for variant in result["variants"].values())
        for result in results
        if "variants" in result
    ]
    numbers = {*map(float, re.findall(r"\d+(?:\.\d+)?", text)), *offered}
    return output in text or (bool(re.fullmatch(r"[\d.]+", output)) and float(output) in numbers)


def distinct(records: Sequence[TaskRecord]) -> int:
    """How many different gold plans there are, the order of arguments aside."""
    return len({json.dumps(record.agt, sort_keys=True) for record in records})


def apart(records: Sequence[TaskRecord]) -> float:
    """How far a scenario's count lies from an even share at most, as a part of it."""
    counts, even = Counter(record.scenario for record in records), len(records) / len(SCENARIOS)
    return max(abs(counts[scenario] - even) for scenario in SCENARIOS) / even


def made(mode: Mode, count: int, data: str, seed: int) -> tuple[list[Attempt], list[float]]:
    """The attempts of a run, and the milliseconds of each."""
    pipeline, run, spent = Pipeline(Recipe(mode=mode, data=data, seed=seed)), [], []
    began = time.process_time()
    for attempt in attempts(pipeline, range(count)):
        spent.append(1e3 * (time.process_time() - began))
        run.append(attempt)
        began = time.process_time()
    return run, spent


def figures(mode: Mode, count: int, data: str, seed: int) -> dict[str, Any]:
    """What is measured of a mode; its committee of five looks at each task once more."""
    run, spent = made(mode, count, data, seed)
    records = [attempt.record for attempt in run if attempt.record is not None]
    committee = RuleCommittee(open_world(data), len(LENSES), data=data)
    reviews = [committee.review(record) for record in records]
    approvals = [review.approves for row in reviews for review in row]
    return {
        "tasks": len(records),
        "valid": sum(replayed(record, data) for record in records) / count,
        "distinct": distinct(records),
        "apart": round(apart(records), 3),
        "proposals_per_task": sum(1 + len(attempt.rejections) for attempt in run) / count,
        "gold_calls_per_task": round(statistics.mean(len(record.agt) for record in records), 2),
        "turns_per_task": round(statistics.mean(record.metadata["turns"] for record in records), 2),
        "approvals": round(statistics.fmean(approvals), 3),
        "unanimous": round(statistics.fmean(all(each.approves for each in row) for row in reviews), 3),
        "ms_per_task": round(statistics.mean(spent), 2),
        "ms_p99": round(statistics.quantiles(spent, n=100)[98], 2),
    }


def main() -> None:
    """Run, print a table and the line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smaller run")
    parser.add_argument("--data", default="", help="folder of the world; the shipped one by default")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn")
    options = parser.parse_args()
    count = 160 if options.quick else 1_000
    open_world(options.data)
    made("direct", 8, options.data, options.seed)  # what is read and made once in a process
    found = {mode: figures(mode, count, options.data, options.seed) for mode in MODES}
    for name in found["direct"]:
        print(f"{name:>22}" + "".join(f"{found[mode][name]:>12}" for mode in MODES))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
