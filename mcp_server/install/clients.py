"""The clients that Practicum connects to: where each keeps its settings, and how an entry is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from practicum.envs.errors import UsageError, nearest
from practicum.mcp_server.install.machine import Machine

Place = Callable[[Machine], Path]


@dataclass(frozen=True)
class Client:
    """One program that speaks MCP."""

    name: str
    title: str
    user: Place
    """Where it keeps the person's own settings."""
    project: str | None
    """Where it keeps a project's settings, from the project's folder; None where it has none."""
    container: str
    """The name under which servers stand."""
    typed: bool
    """Whether an entry says that it speaks over stdio."""
    program: str
    """What its command is called, by which it is found."""
    next: str
    """What to do so that it reads its settings."""

    @property
    def toml(self) -> bool:
        """Whether its settings are TOML; otherwise they are JSON with comments."""
        return self.name == "codex"

    def settings(self, machine: Machine, *, project: bool = False) -> Path:
        """The file in which it keeps its servers.

        Raises:
            UsageError: it has no settings of a project.
        """
        if not project:
            return self.user(machine)
        if self.project is None:
            raise UsageError(f"{self.title} has no settings of a project; leave --project out")
        return machine.folder / self.project

    def entry(self, command: tuple[str, ...]) -> dict[str, Any]:
        """How it wants to be told what to start."""
        kind = {"type": "stdio"} if self.typed else {}
        return {**kind, "command": command[0], "args": list(command[1:])}

    def found(self, machine: Machine) -> bool:
        """Whether there are signs of it here: its settings, their folder, or its command."""
        settings = self.user(machine)
        at_home = settings.parent in (machine.home, machine.named("CLAUDE_CONFIG_DIR"))
        kept = settings.exists() if at_home else settings.parent.is_dir()
        return kept or machine.which(self.program) is not None


def _claude_desktop(machine: Machine) -> Path:
    """On Windows, a packaged app sees a folder of its own in place of the common one."""
    name = "claude_desktop_config.json"
    plain = machine.settings_folder() / "Claude" / name
    if machine.system != "win32":
        return plain
    packages = (machine.named("LOCALAPPDATA") or machine.home / "AppData" / "Local") / "Packages"
    packaged = [
        folder / "LocalCache" / "Roaming" / "Claude" / name for folder in sorted(packages.glob("Claude_*"))
    ]
    return next((path for path in packaged if path.exists()), packaged[0] if packaged else plain)


def _claude_code(machine: Machine) -> Path:
    return (machine.named("CLAUDE_CONFIG_DIR") or machine.home) / ".claude.json"


def _codex(machine: Machine) -> Path:
    return (machine.named("CODEX_HOME") or machine.home / ".codex") / "config.toml"


CLIENTS: Mapping[str, Client] = {
    client.name: client
    for client in (
        Client(
            "claude-desktop", "Claude Desktop", _claude_desktop, None, "mcpServers",
            typed=False, program="claude-desktop", next="quit Claude Desktop wholly and start it again",
        ),
        Client(
            "claude-code", "Claude Code", _claude_code, ".mcp.json", "mcpServers",
            typed=True, program="claude", next="start a new session; /mcp shows the connection",
        ),
        Client(
            "cursor", "Cursor", lambda machine: machine.home / ".cursor" / "mcp.json", ".cursor/mcp.json",
            "mcpServers",
            typed=True, program="cursor", next="switch it on in Cursor, under Settings, Tools & MCP",
        ),
        Client(
            "vscode", "VS Code", lambda machine: machine.settings_folder() / "Code" / "User" / "mcp.json",
            ".vscode/mcp.json", "servers",
            typed=True, program="code", next="run `MCP: List Servers` in VS Code and start it",
        ),
        Client(
            "codex", "Codex", _codex, ".codex/config.toml", "mcp_servers",
            typed=False, program="codex", next="start a new session; /mcp shows the connection",
        ),
    )
}  # fmt: skip


def client_named(name: str) -> Client:
    """A client by its name.

    Raises:
        UsageError: there is none of that name.
    """
    if name in CLIENTS:
        return CLIENTS[name]
    raise UsageError(f"no client {name!r}{nearest(name, CLIENTS)}; known are {', '.join(CLIENTS)}")


def starts_practicum(entry: Any) -> bool:
    """Whether an entry of a client's settings is one of ours, however its command is reached."""
    return serving(entry) is not None


def serving(entry: Any) -> tuple[list[str], list[str]] | None:
    """The command that is Practicum, and its arguments; None where an entry starts something else."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("command"), str):
        return None
    given = entry.get("args") or []
    if not isinstance(given, list):
        return None
    words = [entry["command"], *map(str, given)]
    called = words[: words.index("serve")] if "serve" in words else []
    place = next((place for place in reversed(range(len(called))) if _is_practicum(called[place])), None)
    return None if place is None else (words[: place + 1], words[place + 1 :])


def _is_practicum(word: str) -> bool:
    name = word.replace("\\", "/").rpartition("/")[2].lower().removesuffix(".exe")
    return name.partition("@")[0].partition("==")[0] == "practicum"
