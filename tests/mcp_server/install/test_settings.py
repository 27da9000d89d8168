"""A client's settings file is merged into: backed up, replaced in one step, and never damaged."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from practicum.envs.errors import UsageError
from practicum.mcp_server.install import CLIENTS, Client, add, block, entries, remove
from tests.mcp_server.install.conftest import COMMAND

EACH = pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
JSON = CLIENTS["vscode"]
THEIRS = '{\n  // mine\n  "servers": {\n    "other": { "url": "http://localhost/x" },\n  },\n}\n'


def entry(client: Client, *options: str) -> dict[str, Any]:
    return client.entry((*COMMAND, "serve", *options))


@EACH
def test_an_entry_is_added_once_changed_in_place_and_removed_again(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "settings"
    assert add(client, path, "practicum", entry=entry(client)).did == "added"
    written = path.read_bytes()
    assert add(client, path, "practicum", entry=entry(client)).did == "already"
    assert path.read_bytes() == written
    assert add(client, path, "practicum", entry=entry(client, "--env", "flight")).did == "changed"
    assert entries(client, path) == {"practicum": entry(client, "--env", "flight")}
    assert remove(client, path, "practicum").did == "removed"
    assert remove(client, path, "practicum").did == "absent"
    assert entries(client, path) == {}


@EACH
def test_what_is_shown_is_what_would_be_written_into_empty_settings(client: Client, tmp_path: Path) -> None:
    add(client, tmp_path / "settings", "practicum", entry=entry(client))
    assert (tmp_path / "settings").read_text() == block(client, "practicum", entry(client))


@EACH
def test_what_a_person_added_to_our_entry_stays_when_it_changes(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "settings"
    mine = {**entry(client), "timeout": 60}
    path.write_text(block(client, "practicum", mine))
    add(client, path, "practicum", entry=entry(client, "--hide-rewards"))
    assert entries(client, path)["practicum"] == {**entry(client, "--hide-rewards"), "timeout": 60}


def test_the_first_file_is_kept_under_a_name_of_its_own_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_text(THEIRS)
    path.chmod(0o640)
    change = add(JSON, path, "practicum", entry=entry(JSON))
    assert change.backup == tmp_path / "mcp.json.bak"
    assert change.backup.read_text() == THEIRS
    assert [p.stat().st_mode & 0o777 for p in (path, change.backup)] == [0o640, 0o640]
    second = remove(JSON, path, "practicum")
    assert second.backup == tmp_path / "mcp.json.1.bak"
    assert change.backup.read_text() == THEIRS
    assert path.read_text() == THEIRS
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mcp.json", "mcp.json.1.bak", "mcp.json.bak"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real, path = tmp_path / "dotfiles" / "mcp.json", tmp_path / "mcp.json"
    real.parent.mkdir()
    real.write_text(THEIRS)
    path.symlink_to(real)
    change = add(JSON, path, "practicum", entry=entry(JSON))
    assert path.is_symlink()
    assert "practicum" in real.read_text()
    assert change.backup == real.with_name("mcp.json.bak")


@EACH
@pytest.mark.parametrize("text", ["{", "= 3", '{"servers": [], "mcpServers": []}\nmcp_servers = 1', "[1]\n]"])
def test_a_broken_file_is_one_line_and_is_not_touched(client: Client, text: str, tmp_path: Path) -> None:
    path = tmp_path / "settings"
    path.write_text(text)
    for change in (
        lambda: add(client, path, "practicum", entry=entry(client)),
        lambda: remove(client, path, "x"),
    ):
        with pytest.raises(UsageError) as refused:
            change()
        assert str(refused.value).startswith(f"{path}: ")
        assert "\n" not in str(refused.value)
    assert [p.read_text() for p in tmp_path.iterdir()] == [text]


def test_a_file_that_is_no_utf8_or_no_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_bytes('{"a": "ü"}'.encode("utf-16"))
    with pytest.raises(UsageError, match="is not UTF-8 text; nothing was changed"):
        add(JSON, path, "practicum", entry=entry(JSON))
    with pytest.raises(UsageError, match="Is a directory; nothing was changed"):
        add(JSON, tmp_path, "practicum", entry=entry(JSON))


@EACH
def test_an_entry_of_that_name_that_is_not_ours_is_left_alone_unless_forced(
    client: Client, tmp_path: Path
) -> None:
    path = tmp_path / "settings"
    path.write_text(block(client, "practicum", {"command": "npx", "args": ["-y", "other"], "timeout": 9}))
    before = path.read_text()
    with pytest.raises(UsageError, match="that is not Practicum's; give another --name, or --force"):
        add(client, path, "practicum", entry=entry(client))
    with pytest.raises(UsageError, match="--force removes it all the same"):
        remove(client, path, "practicum")
    assert path.read_text() == before
    add(client, path, "practicum", entry=entry(client), force=True)
    assert entries(client, path) == {"practicum": entry(client)}
    assert (tmp_path / "settings.bak").read_text() == before


def test_another_name_stands_beside_the_first(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    add(JSON, path, "practicum", entry=entry(JSON))
    add(JSON, path, "my practice", entry=entry(JSON, "--env", "flight"))
    assert list(json.loads(path.read_text())["servers"]) == ["practicum", "my practice"]
    codex = tmp_path / "config.toml"
    add(CLIENTS["codex"], codex, "my practice", entry=entry(CLIENTS["codex"]))
    assert list(tomllib.loads(codex.read_text())["mcp_servers"]) == ["my practice"]
