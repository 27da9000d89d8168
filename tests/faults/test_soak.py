"""The soak: mixed clients under kills, two minutes in CI and less elsewhere; and that it finds faults."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import soak
from benchmarks._soak_players import FLIGHT, Broken, Game, Player, Tally
from benchmarks._soak_servers import Life
from practicum.envs import Episode
from practicum.memory import Log, SessionStart, Store, new_session_id
from practicum.training.agents import scripted_agent
from tests.mcp_server.clients import ROOT

MINUTES = os.environ.get("PRACTICUM_SOAK_MINUTES", "1.75" if os.environ.get("CI") else "0.25")
WIRES = {"http modern", "http legacy", "http raw", "scoped", "stdio modern", "stdio legacy", "stdio probing"}


@pytest.mark.integration
def test_mixed_clients_lose_and_double_nothing_while_a_server_is_killed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.soak", "--minutes", MINUTES],
        capture_output=True, text=True, cwd=ROOT, timeout=60 * float(MINUTES) + 300, check=False,
    )  # fmt: skip
    figures = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, figures["broken"]) == (0, [])
    assert figures["kills"] >= 1
    assert figures["restarts"] == figures["kills"]
    assert set(figures["calls_by_wire"]) == WIRES


def _played() -> tuple[Player, Game, dict[str, Any]]:
    """A player who waits for an answer, and the right one."""
    twin = Episode(FLIGHT(), FLIGHT.make_task(1))
    opened = {
        "session_id": "s",
        "instruction": twin.task.instruction,
        "observation": twin.opening.observation,
    }
    game = Game(1, scripted_agent("flight"), opened)
    _, step = game.next()
    right = {"session_id": "s", "turn": 1, "result": step.result, "reward": round(step.reward, 6)}
    right |= {"terms": step.terms, "terminated": False, "truncated": False}
    return Player("test", lambda: None, Tally(), seed=0), game, right  # type: ignore[arg-type, return-value]  # unused


def test_the_soak_takes_a_right_answer() -> None:
    player, game, right = _played()
    assert player.agrees(game, right)
    assert player.tally.acknowledged == {"s": 1}


@pytest.mark.parametrize(
    "wrong", [{"turn": 2}, {"result": {}}, {"reward": 0.5}, {"terminated": True}, {"error": "no"}]
)
def test_the_soak_finds_a_crossed_doubled_or_altered_answer(wrong: dict[str, Any]) -> None:
    player, game, right = _played()
    with pytest.raises(Broken):
        player.agrees(game, right | wrong)


def test_the_soak_finds_a_lost_step_and_one_too_many(tmp_path: Path) -> None:
    with_steps = _session(tmp_path / "log.db", steps=3)
    for acknowledged, broken in ((2, 0), (3, 0), (4, 1), (1, 1)):
        tally = Tally(acknowledged={with_steps: acknowledged})
        assert len(soak.check_log(tmp_path / "log.db", tally)["broken"]) == broken
    unknown = Tally(acknowledged={"f" * 32: 0})
    assert len(soak.check_log(tmp_path / "log.db", unknown)["broken"]) == 1


def test_the_soak_finds_a_divergence(tmp_path: Path) -> None:
    session_id = _session(tmp_path / "log.db", steps=3, alter=True)
    found = soak.check_log(tmp_path / "log.db", Tally(acknowledged={session_id: 3}))
    assert (found["replayed"], len(found["broken"])) == (False, 1)


def _session(db: Path, *, steps: int, alter: bool = False) -> str:
    store = Store.open(db)
    log, session_id, task = Log(store), new_session_id(), FLIGHT.make_task(1)
    log.start(SessionStart(id=session_id, env="flight-v1", task=task, purpose="practice"))
    episode = Episode(FLIGHT(), task)
    for _ in range(steps):
        step = episode.play("search_flights", {})
        log.append(session_id, replace(step, result={}) if alter else step)
    store.close()
    return session_id


@pytest.mark.parametrize(("per_call", "expected"), [(0.0, 0.0), (0.001, 10.0)])
def test_growth_is_the_slope_after_the_warm_up(per_call: float, expected: float) -> None:
    calls = list(range(0, 10_000, 100))
    warm = [100 + min(count, 4_000) * 0.05 + max(count - 4_000, 0) * per_call for count in calls]
    assert soak.growth(Life(calls, warm)) == pytest.approx(expected, abs=0.2)


def test_growth_of_a_short_life_is_not_judged() -> None:
    assert soak.growth(Life()) is None
    assert soak.growth(Life([0, 500, 1000], [1.0, 50.0, 100.0])) is None
