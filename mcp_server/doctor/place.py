"""What Practicum stands on here: packages, the log, environments, the port, and pieces one may add."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
from collections.abc import Iterator
from importlib.metadata import version as installed
from importlib.util import find_spec
from pathlib import Path

from practicum.envs import registry
from practicum.envs.errors import UsageError
from practicum.envs.paths import at_home
from practicum.mcp_server.doctor.finding import Finding, judged
from practicum.mcp_server.install import Machine

LEAST_DISK = 50_000_000
"""Bytes without which the log cannot be relied on."""
LITTLE_DISK = 1_000_000_000
PORT = 8848

MODULES = {
    "openai": ("chat models", "pip install 'practicum[llm]'"),
    "anthropic": ("Anthropic's chat models", "pip install 'practicum[llm]'"),
    "ray": ("workers in other processes", "pip install 'practicum[ray]'"),
    "torch": ("training", "pip install 'practicum[train]'"),
    "playwright": ("browser worlds", "pip install 'practicum[browser]'"),
}
"""What each optional module is for, and how it comes."""
PROGRAMS = {
    ("bwrap",): ("bubblewrap", "the sandbox of coding worlds", "apt-get install bubblewrap"),
    ("chromium", "chromium-browser", "google-chrome", "chrome"): (
        "chromium",
        "browser worlds",
        "playwright install chromium",
    ),
}
"""Names that a program goes by: what it is called, what it is for, and how it comes."""


def packages() -> Finding:
    """The versions that matter."""
    names = ("practicum", "mcp", "gymnasium", "pydantic")
    versions = ", ".join(f"{name} {installed(name)}" for name in names)
    return judged("packages", f"Python {platform.python_version()}, {versions}")


def log(path: Path) -> Finding:
    """The log: whether it can be read and written, by whom, and whether there is room for more."""
    try:
        path = at_home(path)
    except UsageError as error:
        return Finding("log", "bad", f"{error}; give another --db")
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    writable = "" if os.access(folder, os.W_OK) else f"{folder} cannot be written to; give --db"
    if not path.exists():
        return judged("log", f"none yet; the first session makes {path}", bad=writable or _room(folder))
    open_to = _readers(path)
    try:
        held = _held(path)
    except UsageError as error:
        return Finding("log", "bad", str(error))
    still = _readers(path)
    private = f"{still}; chmod 600 {path}" if still else ""
    bad = writable or _writable(path) or private or _room(folder)
    little = f"{_free(folder) / 1e6:.0f} MB of disk are free" if _free(folder) < LITTLE_DISK else ""
    return judged("log", held, bad=bad, note=little or (open_to and f"{open_to} until now"))


def _held(path: Path) -> str:
    from practicum.memory import Sessions, Store

    store = Store.open_existing(path)
    try:
        return f"{path}, {Sessions(store).count()} sessions, {path.stat().st_size / 1e6:.1f} MB"
    finally:
        store.close()


def _writable(path: Path) -> str:
    return "" if os.access(path, os.W_OK) else f"it cannot be written to; chmod u+w {path}"


def _readers(path: Path) -> str:
    """Who else can reach the log; opening it takes that right away where the file is ours."""
    mode = path.stat().st_mode & 0o777
    return f"others can reach it (mode {mode:04o})" if sys.platform != "win32" and mode & 0o077 else ""


def _room(folder: Path) -> str:
    free = _free(folder)
    return "" if free >= LEAST_DISK else f"only {free / 1e6:.0f} MB of disk are free; make room, or give --db"


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def environments() -> Iterator[Finding]:
    """What can be served, and plugins that cannot."""
    loaded, broken = registry.environments()
    yield judged("environments", ", ".join(env.env_id() for env in loaded))
    for plugin in broken:
        yield Finding("plugin", "bad", plugin.reason)


def port() -> Finding:
    """The port that `practicum serve --http` takes by default."""
    with socket.socket() as probe:
        taken = probe.connect_ex(("127.0.0.1", PORT)) == 0
    says = "`practicum serve --http --port N` uses another" if taken else "free for `practicum serve --http`"
    return judged(f"port {PORT}", says, note="taken" if taken else "")


def optional(machine: Machine) -> Iterator[Finding]:
    """Pieces that only some work needs."""
    for module, (purpose, line) in MODULES.items():
        there = find_spec(module) is not None
        yield _piece(module, purpose, line, there=installed(module) if there else None)
    for names, (title, purpose, line) in PROGRAMS.items():
        found = next(filter(None, map(machine.which, names)), None)
        yield _piece(title, purpose, line, there=found)


def _piece(name: str, purpose: str, line: str, *, there: str | None) -> Finding:
    if there:
        return judged(name, there)
    return judged(name, "", note=f"not here, which only matters for {purpose}; {line}")
