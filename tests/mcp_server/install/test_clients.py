"""Each client's settings are found where that client keeps them, on every system."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from practicum.envs.errors import UsageError
from practicum.mcp_server.install import CLIENTS, Machine, client_named, links, serving

Machines = Callable[..., Machine]

PLACES = {
    "darwin": {
        "claude-desktop": "Library/Application Support/Claude/claude_desktop_config.json",
        "claude-code": ".claude.json",
        "cursor": ".cursor/mcp.json",
        "vscode": "Library/Application Support/Code/User/mcp.json",
        "codex": ".codex/config.toml",
    },
    "linux": {
        "claude-desktop": ".config/Claude/claude_desktop_config.json",
        "claude-code": ".claude.json",
        "cursor": ".cursor/mcp.json",
        "vscode": ".config/Code/User/mcp.json",
        "codex": ".codex/config.toml",
    },
    "win32": {
        "claude-desktop": "AppData/Roaming/Claude/claude_desktop_config.json",
        "claude-code": ".claude.json",
        "cursor": ".cursor/mcp.json",
        "vscode": "AppData/Roaming/Code/User/mcp.json",
        "codex": ".codex/config.toml",
    },
}


@pytest.mark.parametrize("system", PLACES)
def test_settings_are_where_the_system_has_them(system: str, machine: Machines) -> None:
    here = machine(system)
    found = {name: client.settings(here) for name, client in CLIENTS.items()}
    assert found == {name: here.home / place for name, place in PLACES[system].items()}


def test_variables_move_settings(machine: Machines, tmp_path: Path) -> None:
    windows = machine("win32", APPDATA=str(tmp_path / "roaming"))
    assert CLIENTS["vscode"].settings(windows) == tmp_path / "roaming/Code/User/mcp.json"
    linux = machine(
        XDG_CONFIG_HOME=str(tmp_path / "xdg"),
        CODEX_HOME=str(tmp_path / "c"),
        CLAUDE_CONFIG_DIR=str(tmp_path / "d"),
    )
    assert CLIENTS["claude-desktop"].settings(linux) == tmp_path / "xdg/Claude/claude_desktop_config.json"
    assert CLIENTS["codex"].settings(linux) == tmp_path / "c/config.toml"
    assert CLIENTS["claude-code"].settings(linux) == tmp_path / "d/.claude.json"
    assert CLIENTS["codex"].settings(machine(CODEX_HOME="relative")).parent.name == ".codex"


def test_a_packaged_claude_desktop_on_windows_has_a_folder_of_its_own(
    machine: Machines, tmp_path: Path
) -> None:
    here = machine("win32", LOCALAPPDATA=str(tmp_path / "local"))
    for package in ("Claude_abc", "Claude_xyz"):
        (tmp_path / "local/Packages" / package / "LocalCache/Roaming/Claude").mkdir(parents=True)
    inside = "LocalCache/Roaming/Claude/claude_desktop_config.json"
    client = CLIENTS["claude-desktop"]
    assert client.settings(here) == tmp_path / "local/Packages/Claude_abc" / inside
    used = tmp_path / "local/Packages/Claude_xyz" / inside
    used.write_text("{}")
    assert client.settings(here) == used


def test_a_project_has_settings_of_its_own_except_in_claude_desktop(machine: Machines) -> None:
    here = machine()
    found = {
        name: client.settings(here, project=True).relative_to(here.folder).as_posix()
        for name, client in CLIENTS.items()
        if client.project
    }
    assert found == {
        "claude-code": ".mcp.json",
        "cursor": ".cursor/mcp.json",
        "vscode": ".vscode/mcp.json",
        "codex": ".codex/config.toml",
    }
    with pytest.raises(UsageError, match="leave --project out"):
        CLIENTS["claude-desktop"].settings(here, project=True)


def test_a_client_is_found_by_its_settings_their_folder_or_its_command(
    machine: Machines, tmp_path: Path
) -> None:
    program = tmp_path / "bin" / "codex"
    program.parent.mkdir()
    program.touch(mode=0o755)
    here = machine(PATH=str(program.parent))
    (here.home / ".cursor").mkdir(parents=True)
    (here.home / ".claude.json").write_text("{}")
    assert [name for name, client in CLIENTS.items() if client.found(here)] == [
        "claude-code",
        "cursor",
        "codex",
    ]


def test_a_misspelt_client_is_named_with_the_nearest() -> None:
    with pytest.raises(
        UsageError, match=r"no client 'vcode'; did you mean 'vscode'\?; known are claude-desktop, "
    ):
        client_named("vcode")


@pytest.mark.parametrize(
    "words",
    [
        ["/opt/bin/practicum", "serve"],
        ["C:\\Users\\Ada\\Scripts\\Practicum.EXE", "serve", "--env", "flight"],
        ["/usr/bin/python3", "-m", "practicum", "serve"],
        ["uvx", "practicum", "serve"],
        ["uvx", "practicum@0.1.0", "serve"],
        ["uv", "run", "--directory", "/x", "practicum", "serve"],
        ["uv", "run", "--directory", "/x/practicum", "practicum", "--log-level", "debug", "serve"],
    ],
)
def test_an_entry_of_ours_is_known_however_it_is_started(words: list[str]) -> None:
    place = max(n for n, word in enumerate(words) if "racticum" in word) + 1
    assert serving({"command": words[0], "args": words[1:]}) == (words[:place], words[place:])


@pytest.mark.parametrize(
    "entry",
    [
        None,
        "practicum",
        {"url": "http://127.0.0.1:8848/mcp"},
        {"command": "practicum"},
        {"command": "npx", "args": ["serve"]},
        {"command": "practicum-other", "args": ["serve"]},
        {"command": "practicum", "args": "serve"},
    ],
)
def test_any_other_entry_is_not_ours(entry: object) -> None:
    assert serving(entry) is None


def test_links_carry_the_entry_as_each_editor_reads_it() -> None:
    entry = CLIENTS["vscode"].entry(("C:\\a b\\practicum.exe", "serve", "--env", "x&y=ü"))
    here, web = links(CLIENTS["vscode"], "my server", entry)
    assert json.loads(unquote(here.removeprefix("vscode:mcp/install?"))) == {"name": "my server", **entry}
    query = parse_qs(urlsplit(web).query)
    assert (query["name"], json.loads(query["config"][0])) == (["my server"], entry)
    for link in links(CLIENTS["cursor"], "my server", entry):
        query = parse_qs(urlsplit(link).query)
        assert (query["name"], json.loads(base64.b64decode(query["config"][0]))) == (["my server"], entry)
    with pytest.raises(UsageError, match="Codex opens no links"):
        links(CLIENTS["codex"], "x", entry)
