"""Messages that environments, logs, settings and the installation provoke."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from mcp.client import Client

from practicum.envs.retail.generate import write_world
from practicum.mcp_server.practice import Practice
from practicum.mcp_server.served import serve_environments
from practicum.mcp_server.server import PracticumServer, bind_handle
from practicum.memory import Store
from tests import node
from tests.mcp_server.cli.scenes import Scene, provokes
from tests.mcp_server.clients import PARCELS, ROOT, call, command, refusal, world

# Environments and tasks -------------------------------------------------------------------------------


@provokes("No such environment")
def _(scene: Scene) -> str:
    return scene.practicum("serve", "--env", "flihgt").refusal


@provokes("An environment cannot be imported")
def _(scene: Scene) -> str:
    file = scene.written("broken.py", "raise RuntimeError('no licence')\n")
    return scene.practicum("check", f"{file}:Env").refusal


@provokes("A plugin is broken")
def _(scene: Scene) -> str:
    info = scene.folder / "plugins-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugins\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[practicum.environments]\nbad-v1 = bad_plugin:Env\n")
    scene.written("bad_plugin.py", "raise RuntimeError('no licence')\n")
    known = os.environ | {"PYTHONPATH": str(scene.folder)}
    return subprocess.run(command("envs"), env=known, capture_output=True, text=True, check=True).stderr


@provokes("A setting is unknown")
def _(scene: Scene) -> str:
    return scene.practicum("serve", "--set", "p_3sd=1").refusal


@provokes("A task file cannot be used")
def _(scene: Scene) -> str:
    return scene.practicum("serve", "--task", scene.written("tasks.jsonl", "no task\n")).refusal


@provokes("A session does not replay")
def _(scene: Scene) -> str:
    source = Path(PARCELS.rpartition(":")[0]).read_text(encoding="utf-8")
    file = scene.written("moving.py", source)
    play = command("play", f"{file}:ParcelLockers", "--db", str(scene.db))
    subprocess.run(play, input="look\n", capture_output=True, text=True, check=True)
    file.write_text(source.replace("self.np_random.integers(1, 4", "self.np_random.integers(4, 7"))
    replay = command("replay", "--all", "--db", str(scene.db))
    return subprocess.run(replay, capture_output=True, text=True, check=False).stdout


@provokes("A folder of records is not the one that was played")
def _(scene: Scene) -> str:
    shop = scene.folder / "shop"
    write_world(shop, seed=1)
    said = scene.practicum(
        *("rollout", "retail", "--agent", "oracle", "--episodes", "1", "--set", f"data={shop}")
    )
    assert said.code == 0
    (shop / "products.json").write_text("{}", encoding="utf-8")
    return scene.practicum("replay", "--all").out


# The log ----------------------------------------------------------------------------------------------


@provokes("The file is no log")
def _(scene: Scene) -> str:
    scene.db.write_text("dear grandmother")
    return scene.practicum("sessions").refusal


@provokes("The log is from a newer version")
def _(scene: Scene) -> str:
    scene.store().close()
    connection = sqlite3.connect(scene.db)
    connection.execute("INSERT INTO migrations VALUES ('m999_of_tomorrow', 0)")
    connection.commit()
    connection.close()
    return scene.practicum("sessions").refusal


@provokes("There is no log")
def _(scene: Scene) -> str:
    return scene.practicum("sessions").refusal


def refused_by_the_store(scene: Scene, spoil: Callable[[Store], object]) -> str:
    """Why a call is refused that cannot be logged."""

    async def play() -> str:
        store = scene.store(busy_timeout_s=0.05)
        server = PracticumServer(
            Practice(store, serve_environments([world("Talk")])), bind_handle(alone=True)
        )
        async with Client(server) as client:
            await call(client, "open_session")
            spoil(store)
            said = await refusal(client, "say", json_text=json.dumps("x" * 100_000))
        store.close()
        return said

    return anyio.run(play)


@provokes("The log cannot be written")
def _(scene: Scene) -> str:
    return refused_by_the_store(scene, lambda store: store.connection.execute("PRAGMA query_only = ON"))


@provokes("The disk is full")
def _(scene: Scene) -> str:
    def fill(store: Store) -> None:
        pages = store.connection.execute("PRAGMA page_count").fetchone()[0]
        store.connection.execute(f"PRAGMA max_page_count = {pages}")

    return refused_by_the_store(scene, fill)


@provokes("Another process is writing")
def _(scene: Scene) -> str:
    others: list[sqlite3.Connection] = []

    def hold(_: Store) -> None:
        other = sqlite3.connect(scene.db, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        others.append(other)

    said = refused_by_the_store(scene, hold)
    others[0].close()
    return said


# The command line -------------------------------------------------------------------------------------


def configured(scene: Scene, text: str) -> str:
    return scene.practicum("envs", "--config", scene.written("settings.yaml", text)).refusal


@provokes("The settings file is no YAML")
def _(scene: Scene) -> str:
    return configured(scene, "serve: [")


@provokes("A setting of the file is unknown")
def _(scene: Scene) -> str:
    return configured(scene, "serve: {prt: 9000}")


@provokes("A secret stands in the settings file")
def _(scene: Scene) -> str:
    return configured(scene, "api_key: sesame")


@provokes("The log file cannot be written")
def _(scene: Scene) -> str:
    return scene.practicum("envs", "--log-file", scene.folder / "none" / "log").refusal


# Installing and testing -------------------------------------------------------------------------------


@provokes("Python is too old")
def _(scene: Scene) -> str:
    old = scene.written("oldpython", f'#!/bin/sh\nexec "{sys.executable}" -c "{PRETENDING}" "$2"\n')
    old.chmod(0o755)
    shutil.copy(ROOT / "Makefile", scene.folder)
    make = ["make", "demo", f"PYTHON={old}"]
    done = subprocess.run(make, cwd=scene.folder, capture_output=True, text=True, check=False)
    assert done.returncode
    return done.stderr


PRETENDING = "import sys; sys.version_info, sys.version = (3, 9), '3.9.1 (x)'; exec(sys.argv[1])"


@provokes("Tests are skipped for want of Node")
def _(scene: Scene) -> str:
    scene.monkeypatch.delenv("CI", raising=False)
    scene.monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(pytest.skip.Exception) as skipped:
        node.node.__wrapped__()
    return str(skipped.value)
