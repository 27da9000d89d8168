"""`--workers ray`: what a person meets who asks for it, and that nothing is left of it."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from practicum.memory import Sessions, Store
from tests.mcp_server.cli.conftest import Practicum
from tests.requirements import need_ray

STATION = f"{Path(__file__).parents[2] / 'training' / 'stations.py'}:Station"
ENDS_WITHIN_S = 60


def test_without_ray_the_install_line_is_told(practicum: Practicum, monkeypatch, db: Path) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    refusal = practicum("rollout", "--workers", "ray").refusal
    assert refusal == "workers in other processes need Ray: pip install 'practicum[ray]'"
    assert not db.exists()


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        (("--workers", "rai"), "--workers 'rai'; did you mean 'ray'?; expected local or ray"),
        (("--parallel", "2"), "--parallel is for --workers ray; local plays one after the other"),
    ],
)
def test_what_workers_cannot_be_is_told(practicum: Practicum, options, refusal) -> None:
    assert practicum("rollout", *options).refusal == refusal


def test_a_cluster_that_is_not_there_is_told(practicum: Practicum, monkeypatch) -> None:
    need_ray()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    said = practicum("rollout", "--workers", "ray").refusal
    assert said.startswith(f"no Ray answers at {address}, which RAY_ADDRESS names: ")


def command(*words: str, db: Path) -> subprocess.Popen[str]:
    """`practicum`, in a session of its own, so that all it starts can be told by that."""
    return subprocess.Popen(
        [sys.executable, "-m", "practicum", *words, "--workers", "ray", "--parallel", "2", "--db", str(db)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def in_session(number: int) -> list[str]:
    """The command lines of the processes of a session that have not ended."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            state, *_, session = (place / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(session) == number and state != "Z":
                found.append((place / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it has ended meanwhile
            continue
    return found


@pytest.mark.integration
def test_rollouts_in_ray_are_logged_here_and_stdout_is_what_it_is_without(
    practicum: Practicum, tmp_path: Path, db: Path
) -> None:
    need_ray()
    words = ("rollout", "flight", "--seed", "3", "--episodes", "6", "--noise", "0.2", "--json")
    running = command(*words, db=tmp_path / "there.db")
    out, err = running.communicate(timeout=ENDS_WITHIN_S)
    assert (running.returncode, err) == (0, "")
    there, here = json.loads(out), json.loads(practicum(*words).out)
    assert [each.pop("session") for each in there] != [each.pop("session") for each in here]
    assert there == here
    assert in_session(running.pid) == []


@pytest.fixture
def waiting(tmp_path: Path, db: Path) -> tuple[subprocess.Popen[str], int]:
    """A run in the middle, and the process of a worker that waits for ever."""
    need_ray()
    for pipe in ("told", "never"):
        os.mkfifo(tmp_path / pipe)
    settings = ("--set", "every=4", "--set", "trouble=waits", "--set", f"folder={tmp_path}")
    words = ("rollout", STATION, "--agent", "random", "--seed", "0", "--episodes", "40", *settings)
    return command(*words, db=db), int((tmp_path / "told").read_text())


def folder_of(running: subprocess.Popen[str]) -> Path:
    """Where a run's Ray keeps its files."""
    (found,) = {each for line in in_session(running.pid) for each in re.findall(r"/tmp/practicum-\w+", line)}
    return Path(found)


@pytest.mark.integration
def test_ctrl_c_ends_all_processes_and_what_was_played_is_kept(waiting, db: Path) -> None:
    running, worker = waiting
    folder = folder_of(running)
    assert folder.stat().st_mode & 0o077 == 0
    os.killpg(running.pid, signal.SIGINT)
    _, err = running.communicate(timeout=ENDS_WITHIN_S)
    assert "Traceback" not in err
    assert running.returncode == 130
    assert in_session(running.pid) == []
    assert not Path(f"/proc/{worker}").exists()
    assert not folder.exists()
    with closing(Store.open(db)) as store:
        assert all(each.ended_at for each in Sessions(store).list(None))


@pytest.mark.integration
def test_a_command_that_is_killed_takes_its_workers_along(waiting) -> None:
    running, worker = waiting
    ending, folder = os.pidfd_open(worker), folder_of(running)
    try:
        running.kill()
        running.communicate(timeout=ENDS_WITHIN_S)
        assert select.select([ending], [], [], ENDS_WITHIN_S)[0]
    finally:
        os.close(ending)
        shutil.rmtree(folder, ignore_errors=True)
