"""RayWorkers: episodes in the processes of Ray, on this machine or on a cluster that runs already."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from practicum.envs import Task
from practicum.envs.errors import UsageError, in_one_line
from practicum.skills.workers import Findable, Lost
from practicum.training.agents import Agent
from practicum.training.llm import ModelShelf
from practicum.training.rollouts import Assignment, Rollout, Stage
from practicum.training.workers import Company, roll_out_elsewhere

Item = TypeVar("Item")
Result = TypeVar("Result")
INSTALL = "pip install 'practicum[ray]'"
TRIES = 4
"""How often an episode is played whose process is lost each time."""
AHEAD = 4
"""Episodes that are handed out for each process, beyond the last one whose result was taken."""
CONNECT_S = 10.0
"""Seconds within which a cluster takes a connection, or is not there."""
OBJECT_STORE_BYTES = 128 * 1024 * 1024
"""Shared memory of a Ray of our own; episodes are small."""
FOLDER = None if sys.platform == "win32" else "/tmp"  # noqa: S108  # Ray's own place: paths of sockets are short
OWN = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # on Linux too it listens on the loopback address alone then
    "RAY_enable_pipe_based_agent_to_parent_health_check": "1",  # its agents end at once when it does
    "RAY_AUTH_MODE": "token",
    "RAY_memory_monitor_refresh_ms": "0",  # else it ends workers for the memory that other programs take
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",  # of what was handed out and is not asked for any more
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # models in workers see the GPUs that this process sees
}
"""Settings of a Ray of our own, which it reads from environment variables when it is imported."""


class RayWorkers:
    """Plays in processes of the Ray that this process is connected to.

    Args:
        parallel: how many episodes are played at the same time.
        customer: opens the model that is the customer where a task asks for one.
    """

    def __init__(self, parallel: int, *, customer: ModelShelf | None = None) -> None:
        import ray

        self._ahead = AHEAD * parallel
        self._customer = customer
        self._remote = ray.remote(num_cpus=1, max_retries=TRIES - 1)(_work)

    def map(
        self, work: Callable[[Item], Result], items: Iterable[Item], *, lost: Lost[Item, Result] | None = None
    ) -> Iterator[Result]:
        """As `Workers.map`. What a lost process was playing is played again by another."""
        import ray

        shared = ray.put(work)
        coming = iter(items)
        waiting: deque[tuple[Item, Any]] = deque()
        try:
            while True:
                for item in coming:
                    waiting.append((item, self._remote.remote(shared, item)))
                    if len(waiting) == self._ahead:
                        break
                if not waiting:
                    return
                yield _result(*waiting.popleft(), lost)
        finally:
            for _, handed_out in waiting if ray.is_initialized() else ():
                ray.cancel(handed_out)

    def roll_out(
        self,
        stage: Stage,
        assignments: Iterable[Assignment],
        agent_for: Callable[[Task], Agent],
        name: str,
    ) -> Iterator[Rollout]:
        """As `RolloutWorkers.roll_out`."""
        world = Findable(stage.env, stage.found_by)
        company = Company(world, name, agent_for, stage.max_steps, stage.reward, self._customer)
        return roll_out_elsewhere(self, stage, company, assignments)


def _work(work: Callable[[Item], Result], item: Item) -> Result:
    return work(item)


def _result(item: Item, handed_out: Any, lost: Lost[Item, Result] | None) -> Result:
    import ray
    from ray.exceptions import OutOfMemoryError, RayError, RayTaskError, WorkerCrashedError

    try:
        return ray.get(handed_out)  # type: ignore[no-any-return]  # what `_work` returns
    except RayTaskError as error:
        if isinstance(error.cause, RayError):
            raise UsageError(f"a worker could not begin: {in_one_line(error.cause)}") from error
        raise error.cause from error
    except (WorkerCrashedError, OutOfMemoryError) as error:
        why = f"the process that played it was lost every time: {in_one_line(error)}"
        if lost is None:
            raise UsageError(why) from error
        return lost(item, why)
    except RayError as error:
        raise UsageError(f"Ray has failed: {in_one_line(error)}; what was played before is kept") from error


@contextmanager
def ray_workers(parallel: int | None = None, *, customer: ModelShelf | None = None) -> Iterator[RayWorkers]:
    """Workers of the Ray that this process is connected to or `RAY_ADDRESS` names, or of one of our own.

    One of our own runs on this machine, can be reached from this machine alone, and ends with the context.
    Its settings are environment variables that Ray reads when it is imported, so nothing imports it before.

    Args:
        parallel: how many episodes are played at the same time; as many as Ray finds cores where None.
        customer: opens the model that is the customer where a task asks for one.

    Raises:
        UsageError: Ray is not installed, or cannot be started or reached.
    """
    address = os.environ.get("RAY_ADDRESS")
    if not address:
        for name, value in {**OWN, "RAY_AUTH_TOKEN": secrets.token_hex(32)}.items():
            os.environ.setdefault(name, value)
    try:
        import ray
    except ModuleNotFoundError as error:
        raise UsageError(f"workers in other processes need Ray: {INSTALL}") from error
    if ray.is_initialized():
        yield RayWorkers(parallel or _cores(), customer=customer)
        return
    with TemporaryDirectory(prefix="practicum-", dir=FOLDER, ignore_cleanup_errors=True) as folder:
        try:
            _connect(address, parallel, f"{folder}/ray")
            yield RayWorkers(parallel or _cores(), customer=customer)
        finally:
            ray.shutdown()


def _connect(address: str | None, parallel: int | None, folder: str) -> None:
    import ray

    if address:
        _knock(address)
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    own = {
        "num_cpus": parallel,
        "object_store_memory": OBJECT_STORE_BYTES,
        "include_dashboard": False,
        "_temp_dir": folder,
    }
    try:
        ray.init(address or "local", **quiet, **({} if address else own))
    except (OSError, RuntimeError, ValueError, ConnectionError) as error:
        what = f"Ray at {address} cannot be reached" if address else "Ray cannot be started"
        raise UsageError(f"{what}: {in_one_line(error)}") from error


def _knock(address: str) -> None:
    """See that somebody is at HOST:PORT: Ray itself waits for minutes for one that is not there.

    Raises:
        UsageError: nobody is.
    """
    host, _, port = address.rpartition(":")
    if not (host and port.isdigit()):
        return
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
    except OSError as error:
        why = in_one_line(error)
        raise UsageError(f"no Ray answers at {address}, which RAY_ADDRESS names: {why}") from error


def _cores() -> int:
    import ray

    return max(1, int(ray.cluster_resources().get("CPU", 1)))
