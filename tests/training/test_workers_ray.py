"""Rollouts, evaluation and verification in processes of Ray come to the same as in this one."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from practicum.envs import UsageError, find
from practicum.envs.registry import lasting_name
from practicum.memory import Log, Session, Sessions, Store, replay
from practicum.memory.digests import Digests
from practicum.skills.digests import VERSION
from practicum.skills.library import Library
from practicum.skills.trials import Limits
from practicum.skills.verify import verify
from practicum.skills.workers import Findable
from practicum.training.agents import Decision
from practicum.training.agents.players import agents_for
from practicum.training.llm import ModelSettings, ModelShelf, ModelUnavailable
from practicum.training.offers import SkillShelf
from practicum.training.ray_workers import AHEAD, RayWorkers, ray_workers
from practicum.training.rollouts import Rollout, Stage, assigned, roll_out_all
from practicum.training.workers import Company, roll_out_elsewhere
from tests.model_players import flight_model
from tests.model_server import fails, said, serving
from tests.requirements import need_ray, need_torch
from tests.skills.flights import CANCEL, LOOK
from tests.skills.stall_skills import BUY, SPENDTHRIFT, TIMID
from tests.skills.test_verify import STALL
from tests.training.test_rollouts import published

need_ray()

pytestmark = pytest.mark.integration
STATION = f"{Path(__file__).with_name('stations.py')}:Station"
EARLY = STATION.replace("Station", "early")
PARALLEL = 2


@pytest.fixture(scope="module")
def workers() -> Iterator[RayWorkers]:
    with ray_workers(PARALLEL) as opened:
        yield opened


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    opened = Store.open(tmp_path / "here.db"), Store.open(tmp_path / "there.db")
    yield opened
    for each in opened:
        each.close()


def stage_at(store: Store, place: str, **others) -> Stage:
    ids = iter(f"{n:032x}" for n in range(1000))
    return Stage(env=find(place), place=lasting_name(place), log=Log(store), new_id=ids.__next__, **others)


def timeless(rollout: Rollout) -> Rollout:
    return replace(rollout, seconds=0.0)


def logged(store: Store) -> list[tuple]:
    """All that the log holds of the sessions, but for times, by their ids, which are given in order."""
    sessions = Sessions(store)
    found = sorted(sessions.list(None, limit=500), key=lambda each: each.id)
    return [(_untimed(each), list(sessions.steps(each.id))) for each in found]


def _untimed(session: Session) -> Session:
    return replace(session, started_at=0.0, ended_at=None, last_time=None)


def digested(store: Store) -> list[tuple]:
    """The digests in the order in which their sessions were written."""
    return [(each.session, each.success, each.body) for each in Digests(store, VERSION).read()]


def same_in_both(stores, workers, place, agent_for, tasks, **others) -> list[Rollout]:
    """Play here and there; whole rollouts and whole logs are equal."""
    here, there = (
        roll_out_all(stage_at(store, place, **others), tasks, agent_for, name="a", workers=elsewhere)
        for store, elsewhere in zip(stores, (None, workers), strict=True)
    )
    assert [timeless(each) for each in there] == [timeless(each) for each in here]
    assert [[s.text for s in each.steps] for each in there] == [[s.text for s in each.steps] for each in here]
    assert logged(stores[1]) == logged(stores[0])
    assert digested(stores[1]) == digested(stores[0])
    return there


@pytest.mark.parametrize("agent", ["scripted", "random"])
def test_equal_seeds_play_and_are_logged_alike(stores, workers, agent):
    flight = find("flight")
    tasks = flight.tasks(p_3ds=0.5).split("train").take(30)
    agent_for = agents_for(agent, "flight-v1", seed=3, noise=0.2)
    played = same_in_both(stores, workers, "flight", agent_for, tasks, max_steps=25)
    assert [each.task for each in played] == tasks
    assert len({len(each.steps) for each in played}) > 3
    assert all(replay(Sessions(stores[1]), each.session).divergence is None for each in played[:5])


@pytest.mark.parametrize(
    "place", [STATION, f"flight+reward={EARLY}", "gym:FrozenLake-v1", "tests.training.stations:Station"]
)
def test_worlds_are_found_by_name(stores, workers, place):
    tasks = find(place).tasks().take(4)
    played = same_in_both(stores, workers, place, agents_for("random", "x", seed=1, noise=0), tasks)
    assert all(each.steps and each.failure is None for each in played)


def test_skills_are_offered_suggested_and_their_uses_kept(stores, workers):
    for store in stores:
        published(store, CANCEL, LOOK)
    tasks = find("flight").tasks(kind="cancel", feasible=True).take(12)
    agent_for = agents_for("skilled", "flight-v1", seed=0, noise=0)
    here, there = (
        roll_out_all(
            stage_at(store, "flight", skills=SkillShelf.of(store), purpose="evaluation"),
            tasks,
            agent_for,
            name="skilled",
            workers=elsewhere,
        )
        for store, elsewhere in zip(stores, (None, workers), strict=True)
    )
    assert [timeless(each) for each in there] == [timeless(each) for each in here]
    uses = [[use for _, use in Library(store).uses(CANCEL, limit=100)] for store in stores]
    assert uses[0] == uses[1]
    assert {use.session for use in uses[1]} == {each.session for each in there if each.uses} != set()


class Ahead:
    """Plays here what it takes as early as workers elsewhere do, each a copy."""

    def __init__(self, ahead: int) -> None:
        self._ahead = ahead

    def map(self, work, items, *, lost=None):
        coming = (pickle.loads(pickle.dumps(item)) for item in items)
        waiting = deque(islice(coming, self._ahead))
        while waiting:
            yield work(waiting.popleft())
            waiting.extend(islice(coming, 1))


def test_in_practice_a_suggestion_knows_what_came_of_all_but_those_on_their_way(stores, workers):
    for store in stores:
        published(store, CANCEL, LOOK)
    flight = find("flight")
    tasks = flight.tasks(kind="cancel", feasible=True).split("train").take(40)
    agent_for = agents_for("skilled", "flight-v1", seed=0, noise=0)
    stages = [stage_at(store, "flight", skills=SkillShelf.of(store)) for store in stores]
    company = Company(Findable(flight, "flight"), "skilled", agent_for)
    assignments = (assigned(stages[0], task) for task in tasks)
    here = list(roll_out_elsewhere(Ahead(AHEAD * PARALLEL), stages[0], company, assignments))
    there = roll_out_all(stages[1], tasks, agent_for, name="skilled", workers=workers)
    assert [timeless(each) for each in there] == [timeless(each) for each in here]
    assert sum(each.suggestion.skill is not None for each in there) > 5
    assert logged(stores[1]) == logged(stores[0])


def test_an_agent_that_learns_plays_one_task_after_the_other(stores, workers):
    tasks = find("flight").tasks().take(3)
    played = [
        roll_out_all(
            Stage(env=find("flight")),
            tasks,
            agents_for("explorer", "flight-v1", seed=1, noise=0),
            name="e",
            workers=each,
        )
        for each in (None, workers)
    ]
    assert [timeless(each) for each in played[1]] == [timeless(each) for each in played[0]]


def test_a_world_that_fails_costs_its_own_rollout_only(stores, workers):
    tasks = find(STATION).tasks(every=3, trouble="fails").take(9)
    played = same_in_both(stores, workers, STATION, agents_for("random", "x", seed=1, noise=0), tasks)
    assert [each.failure for each in played[:3]] == [None, "RuntimeError: no train", None]


def test_a_world_that_ends_its_process_every_time_costs_its_own_rollout_only(stores, workers):
    tasks = find(STATION).tasks(every=5, trouble="ends").take(6)
    stage = stage_at(stores[1], STATION)
    played = roll_out_all(stage, tasks, agents_for("random", "x", seed=1, noise=0), name="a", workers=workers)
    assert [each.failure is None for each in played] == [True, False, True, True, True, True]
    assert "was lost every time" in str(played[1].failure)
    assert [session.id for session, _ in logged(stores[1])] == [
        each.session for each in played if each.session
    ]


def test_what_a_killed_worker_was_playing_is_played_again_and_counts_once(stores, workers, tmp_path):
    os.mkfifo(tmp_path / "told")
    os.mkfifo(tmp_path / "never")
    tasks = find(STATION).tasks(every=4, trouble="waits", folder=str(tmp_path)).take(8)
    agent_for = agents_for("random", "x", seed=1, noise=0)
    killed: list[int] = []

    def kill() -> None:
        killed.append(int((tmp_path / "told").read_text()))
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    there = roll_out_all(stage_at(stores[1], STATION), tasks, agent_for, name="a", workers=workers)
    killer.join()
    here = roll_out_all(stage_at(stores[0], STATION), tasks, agent_for, name="a")
    assert killed
    assert [timeless(each) for each in there] == [timeless(each) for each in here]
    assert len(there) == 8
    assert logged(stores[1]) == logged(stores[0])


@pytest.mark.parametrize("skill", [BUY, TIMID, SPENDTHRIFT])
def test_verification_comes_to_the_same(stores, workers, skill):
    here, there = (
        verify(
            skill,
            find(STALL),
            settings={"p_gone": 0.3},
            limits=Limits(tasks=60),
            log=Log(store),
            env=STALL,
            **elsewhere,
        )
        for store, elsewhere in zip(stores, ({}, {"workers": workers}), strict=True)
    )
    assert there == here
    assert here.trials
    kept = [[(s.task, s.outcome, steps) for s, steps in logged(store)] for store in stores]
    assert sorted(kept[1], key=str) == sorted(kept[0], key=str)


def test_a_world_that_workers_do_not_find_is_told(workers):
    class Unheard(find(STATION)):
        name = "unheard"

    agent_for = agents_for("random", "x", seed=1, noise=0)
    with pytest.raises(UsageError, match="no environment 'unheard-v1'"):
        roll_out_all(Stage(env=Unheard), Unheard.tasks().take(2), agent_for, name="a", workers=workers)


def test_a_model_that_has_no_key_there_is_told_in_one_line(workers, monkeypatch):
    monkeypatch.setenv("OF_THIS_PROCESS_ALONE", "k")
    shelf = ModelShelf(ModelSettings(base_url="http://192.0.2.1/v1", api_key_env="OF_THIS_PROCESS_ALONE"))
    agent_for = agents_for("chat:m", "flight-v1", seed=0, noise=0, models=shelf)
    stage, tasks = Stage(env=find("flight")), find("flight").tasks().take(2)
    with pytest.raises(UsageError, match="set OF_THIS_PROCESS_ALONE") as told:
        roll_out_all(stage, tasks, agent_for, name="c", workers=workers)
    assert str(told.value).startswith("a worker could not begin: ")
    assert "\n" not in str(told.value)


def test_what_is_not_asked_for_is_not_played_on_and_on(workers):
    coming = iter(range(10_000))
    results = workers.map(abs, coming)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    results.close()
    assert next(coming) < 50


def test_chat_models_are_opened_there_and_what_they_took_is_counted_here(workers, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "EMPTY")
    tasks = find("flight").tasks().take(3)
    with serving(flight_model()) as server:
        shelf = ModelShelf(ModelSettings(base_url=server.url))
        agent_for = agents_for("chat:m", "flight-v1", seed=0, noise=0, models=shelf)
        played = roll_out_all(Stage(env=find("flight")), tasks, agent_for, name="chat:m", workers=workers)
        assert [each.failure for each in played] == [None] * 3
        assert shelf.used["m"].calls == len(server.requests) > 3


def test_a_model_that_cannot_be_asked_ends_the_run(stores, workers):
    tasks = find("flight").tasks().take(20)
    with serving([fails(401)] * 100) as server:
        shelf = ModelShelf(ModelSettings(base_url=server.url))
        agent_for = agents_for("chat:m", "flight-v1", seed=0, noise=0, models=shelf)
        with pytest.raises(ModelUnavailable):
            roll_out_all(stage_at(stores[1], "flight"), tasks, agent_for, name="chat:m", workers=workers)
    assert [session.reason for session, _ in logged(stores[1])] == ["crashed"]


def test_a_customer_that_is_a_model_is_hired_there(workers, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "EMPTY")
    tasks = find("retail").tasks(customer="chat").take(2)
    with serving(lambda body: said("My order, please.")) as server:
        customer = ModelShelf(ModelSettings("c", base_url=server.url))
        with ray_workers(PARALLEL, customer=customer) as hiring:
            played = roll_out_all(
                Stage(env=find("retail"), max_steps=2),
                tasks,
                agents_for("oracle", "retail-v1", seed=0, noise=0),
                name="o",
                workers=hiring,
            )
    assert [(each.failure, len(each.steps)) for each in played] == [(None, 2)] * 2
    assert customer.used["c"].calls == len(server.requests) >= 2


def test_a_local_model_plays_there_as_here(stores, workers):
    need_torch()
    tasks = find("flight").tasks().take(2)
    agent_for = agents_for("local:tiny-random", "flight-v1", seed=0, noise=0)
    same_in_both(stores, workers, "flight", agent_for, tasks, max_steps=1)


def test_an_agent_of_ones_own_goes_along(workers):
    class Leaver:
        def begin(self, instruction, observation, tools=()):
            pass

        def decide(self, result, error=None):
            return Decision("leave", {"platform": 6})

    stage = Stage(env=find(STATION), place=STATION)
    played = roll_out_all(
        stage, find(STATION).tasks().take(2), lambda task: Leaver(), name="l", workers=workers
    )
    assert [(each.success, len(each.steps)) for each in played] == [(True, 1)] * 2


def test_a_ray_that_runs_already_is_used_and_left_running(workers):
    import ray

    with ray_workers() as found:
        assert list(found.map(abs, [-1])) == [1]
    assert ray.is_initialized()


def test_a_cluster_that_is_named_is_used_and_left_running(workers):
    import ray

    address = ray.get_runtime_context().gcs_address
    code = (
        "import ray\n"
        "from practicum.training.ray_workers import ray_workers\n"
        "with ray_workers() as found:\n"
        "    print(list(found.map(abs, [-1])), ray.get_runtime_context().gcs_address)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "RAY_ADDRESS": address},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert said.stdout.split("\n")[0] == f"[1] {address}"
    assert list(workers.map(abs, [-2])) == [2]


def test_only_this_machine_reaches_it(workers):
    ours = {int(p.name) for p in Path("/proc").glob("[0-9]*") if _is_ours(int(p.name))}
    inodes = {str(fd.readlink()) for pid in ours for fd in _open_files(pid)}
    listening = [
        line.split()[1].partition(":")[0]
        for table in ("tcp", "tcp6")
        for line in Path("/proc/net", table).read_text().splitlines()[1:]
        if line.split()[3] == "0A" and f"socket:[{line.split()[9]}]" in inodes
    ]
    loopback = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
    assert len(ours) > 4
    assert set(listening) <= loopback
    assert listening


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _is_ours(pid: int) -> bool:
    while pid > 1:
        if pid == os.getpid():
            return True
        pid = _parent(pid)
    return False


def _open_files(pid: int) -> list[Path]:
    try:
        return [fd for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()]
    except OSError:
        return []
