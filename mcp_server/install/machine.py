"""The machine that clients are looked for on, as one value: its system, home, variables and folder."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

UVX_ENVIRONMENTS = "archive-v0"
"""The folder of uv's cache with the environments that `uvx` runs in; they come and go."""


@dataclass(frozen=True)
class Machine:
    """What decides where a client keeps its settings, and how our command is called.

    Args:
        system: as `sys.platform` names it: `darwin`, `win32`, or another, which counts as Linux.
        home: the person's home folder.
        folder: where the person stands; a project's settings are kept there.
        variables: the environment.
        command: what starts Practicum, absolute, without arguments of its own.
    """

    system: str
    home: Path
    folder: Path
    variables: Mapping[str, str]
    command: tuple[str, ...]

    @classmethod
    def here(cls) -> Machine:
        """The machine that this process runs on."""
        return cls(sys.platform, Path.home(), Path.cwd(), dict(os.environ), installed_command())

    def named(self, variable: str) -> Path | None:
        """The folder that a variable names; None where it is not set, or not absolute."""
        path = Path(self.variables.get(variable, ""))
        return path if path.is_absolute() else None

    def settings_folder(self) -> Path:
        """Where the system has programs keep their settings."""
        if self.system == "darwin":
            return self.home / "Library" / "Application Support"
        if self.system == "win32":
            return self.named("APPDATA") or self.home / "AppData" / "Roaming"
        return self.named("XDG_CONFIG_HOME") or self.home / ".config"

    def which(self, program: str) -> str | None:
        """Where the person's shell finds a program."""
        return shutil.which(program, path=self.variables.get("PATH", ""))


def installed_command() -> tuple[str, ...]:
    """What starts the Practicum that is running, by an absolute path at which it will still be tomorrow."""
    if UVX_ENVIRONMENTS in Path(sys.prefix).parts:
        return (_uvx(), "practicum")
    called = Path(sys.argv[0])
    if called.stem == "practicum" and called.is_absolute() and called.is_file():
        return (str(called),)
    name = "practicum.exe" if sys.platform == "win32" else "practicum"
    beside = Path(sysconfig.get_path("scripts")) / name
    return (str(beside),) if beside.is_file() else (sys.executable, "-m", "practicum")


def _uvx() -> str:
    """The absolute path of uvx, which stands beside the uv that it names to its children."""
    uv = Path(os.environ.get("UV", ""))
    beside = uv.with_name(f"uvx{uv.suffix}") if uv.name else uv
    return str(beside) if beside.is_file() else shutil.which("uvx") or "uvx"
