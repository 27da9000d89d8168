"""The retail benchmark compares like with like: its yardstick does what the world does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks._retail_plain import PlainShop
from benchmarks.retail import differences
from practicum.envs import Episode
from practicum.envs.retail.env import RetailEnv
from practicum.envs.retail.world import open_world

ROOT = Path(__file__).parents[2]


def test_plain_dictionaries_and_the_world_give_equal_results() -> None:
    assert differences([RetailEnv.make_task(seed) for seed in range(48)], open_world()) == 0


def test_plain_dictionaries_and_the_world_end_with_equal_records() -> None:
    for seed in range(24):
        task = RetailEnv.make_task(seed)
        env, shop = RetailEnv(), PlainShop.copy_of(open_world())
        episode = Episode(env, task)
        for call in task.secret["actions"]:
            episode.act(call["name"], call["arguments"])
            shop.call(call["name"], call["arguments"])
        assert env.world() == {"users": shop.users, "orders": shop.orders, "products": shop.products}


def test_the_quick_form_ends_with_a_line_of_figures() -> None:
    command = [sys.executable, "-m", "benchmarks.retail", "--quick", "--data", "envs/retail"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    figures = json.loads(ran.stdout.splitlines()[-1])
    assert {"open_ms", "calls_per_s", "plain_calls_per_s"} <= figures.keys()
    assert (figures["differences"], figures["complaints"]) == (0, 0)
