"""`practicum install`: a client is connected by one command, and what is written starts a server."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, get_args, get_type_hints

import anyio
import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

from practicum.mcp_server.cli.install import PATHS
from practicum.mcp_server.cli.serve import serve
from practicum.mcp_server.install import CLIENTS
from tests.mcp_server.cli.conftest import Practicum
from tests.mcp_server.clients import PARCELS, PATIENCE_S, ROOT

CONTAINERS = {name: client.container for name, client in CLIENTS.items()}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test, in which no client has settings yet; the person stands in a project."""
    for variable in ("XDG_CONFIG_HOME", "CODEX_HOME", "CLAUDE_CONFIG_DIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "home"


def entry_of(client: str, text: str, name: str = "practicum") -> dict[str, Any]:
    read = tomllib.loads if client == "codex" else json.loads
    entry: dict[str, Any] = read(text)[CONTAINERS[client]][name]
    return entry


def test_without_a_client_they_are_listed_with_their_settings(practicum: Practicum, home: Path) -> None:
    practicum("install", "cursor")
    rows = {row["client"]: row for row in json.loads(practicum("install", "--json").out)["clients"]}
    assert list(rows) == list(CLIENTS)
    assert rows["cursor"] == {
        "client": "cursor", "found": True, "connected": True, "path": str(home / ".cursor/mcp.json"),
    }  # fmt: skip
    assert not rows["vscode"]["connected"]
    (home / ".cursor/mcp.json").write_text("{")
    assert "settings are broken" in practicum("install").out


@pytest.mark.parametrize("option", ["--task", "--db", "--auth"])
def test_a_path_in_the_home_of_nobody_is_one_line(practicum: Practicum, option: str) -> None:
    said = practicum("install", "cursor", "--print", "--", option, "~no-such-user/x").refusal
    assert "there is no such user" in said


@pytest.mark.parametrize("client", CLIENTS)
def test_the_second_time_there_is_nothing_to_do(client: str, practicum: Practicum) -> None:
    first = json.loads(practicum("install", client, "--json").out)
    assert (first["did"], first["backup"]) == ("added", None)
    assert "nothing to do" in practicum("install", client).out
    assert json.loads(practicum("install", client, "--remove", "--json").out)["did"] == "removed"


@pytest.mark.parametrize("client", CLIENTS)
def test_print_writes_nothing(client: str, practicum: Practicum, home: Path) -> None:
    said = practicum("install", client, "--print")
    assert entry_of(client, said.out)["args"][0] == "serve"
    assert str(home) in said.err
    assert not home.exists()


def test_options_of_serve_are_passed_on_with_paths_that_hold_from_anywhere(
    practicum: Practicum, tmp_path: Path
) -> None:
    options = [
        "--env",
        "flight",
        "--env",
        "my.py:Env",
        "--env=x/y.py:Env",
        "--task",
        "t.jsonl",
        "--set",
        "data=d",
    ]
    said = practicum("install", "cursor", "--print", "--db", "here.db", "--", *options)
    here = tmp_path / "project"
    assert entry_of("cursor", said.out)["args"] == [
        "serve", "--env", "flight", "--env", f"{here}/my.py:Env", f"--env={here}/x/y.py:Env",
        "--task", f"{here}/t.jsonl", "--set", f"data={here}/d", "--db", f"{here}/here.db",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("world", "held"),
    [
        ("flight+reward=rules.py:fair", "flight+reward={here}/rules.py:fair"),
        (
            "my.py:Env+reward=rules.py:fair+step_limit=3",
            "{here}/my.py:Env+reward={here}/rules.py:fair+step_limit=3",
        ),
        ("gym:CartPole-v1+failing=0.1", "gym:CartPole-v1+failing=0.1"),
        ("shop:Shop", "shop:Shop"),
    ],
)
@pytest.mark.parametrize("form", ["--env {}", "--env={}"])
def test_a_world_is_passed_on_under_a_name_that_holds_from_anywhere(
    practicum: Practicum, tmp_path: Path, world: str, held: str, form: str
) -> None:
    said = practicum("install", "cursor", "--print", "--", *form.format(world).split())
    wanted = form.format(held.format(here=tmp_path / "project"))
    *words, _, _ = entry_of("cursor", said.out)["args"]  # --db and its value
    assert " ".join(words) == f"serve {wanted}"


def test_every_option_of_serve_that_takes_a_path_is_known_to_take_one() -> None:
    kinds = get_type_hints(serve).items()
    taking = {f"--{name.replace('_', '-')}" for name, kind in kinds if Path in (kind, *get_args(kind))}
    assert taking | {"--config", "--log-file"} == set(PATHS)


def test_the_log_that_the_shell_names_is_written_out(practicum: Practicum, db: Path) -> None:
    assert entry_of("codex", practicum("install", "codex", "--print").out)["args"] == [
        "serve",
        "--db",
        str(db),
    ]
    other = practicum("install", "codex", "--print", "--", "--db", "/else.db")
    assert entry_of("codex", other.out)["args"] == ["serve", "--db", "/else.db"]


def test_a_project_gets_settings_of_its_own(practicum: Practicum, tmp_path: Path) -> None:
    practicum("install", "vscode", "--project", "--name", "practice")
    path = tmp_path / "project/.vscode/mcp.json"
    assert entry_of("vscode", path.read_text(), "practice")["type"] == "stdio"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["vcode"], "no client 'vcode'; did you mean 'vscode'?"),
        (["cursor", "--", "--http"], "leave --http out"),
        (["cursor", "--", "--nope"], "No such option: --nope"),
        (["cursor", "--remove", "--print"], "exclude each other"),
        (["codex", "--link"], "Codex opens no links"),
        (["claude-desktop", "--project"], "leave --project out"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    words: list[str], reason: str, practicum: Practicum, home: Path
) -> None:
    assert reason in practicum("install", *words).refusal
    assert not home.exists()


def test_a_link_holds_what_would_be_written(practicum: Practicum) -> None:
    said = json.loads(practicum("install", "cursor", "--link", "--json").out)
    assert said["link"].startswith("cursor://anysphere.cursor-deeplink/mcp/install?name=practicum&config=")
    assert practicum("install", "cursor", "--link").out.splitlines() == [said["link"], said["web"]]


@pytest.mark.integration
@pytest.mark.parametrize("client", CLIENTS)
def test_what_is_shown_for_a_client_starts_a_server(client: str, practicum: Practicum, db: Path) -> None:
    said = practicum("install", client, "--print", "--", "--env", PARCELS)
    entry = entry_of(client, said.out)
    assert Path(entry["command"]).is_absolute()
    bare = {"PATH": "/usr/bin:/bin"}  # a program with windows knows no more
    server = StdioServerParameters(command=entry["command"], args=entry["args"], env=bare, cwd=ROOT.anchor)

    async def listed() -> list[str]:
        with anyio.fail_after(PATIENCE_S):
            async with Client(server) as connected:
                return [tool.name for tool in (await connected.list_tools()).tools]

    assert {"open_session", "look", "store"} <= set(anyio.run(listed))
    assert db.exists()


def test_a_world_that_cannot_be_served_is_told_at_once(practicum: Practicum) -> None:
    said = practicum("install", "cursor", "--", "--env", "flihgt")
    assert said.code == 0
    assert "the server cannot begin: no environment 'flihgt'; did you mean 'flight'?" in said.err
    assert practicum("install", "cursor", "--", "--env", "flight").err == ""


def test_an_option_for_http_is_not_passed_on(practicum: Practicum) -> None:
    assert "--port goes with --http" in practicum("install", "cursor", "--", "--port", "9000").refusal


@pytest.mark.parametrize(
    ("text", "found"),
    [("[]", "the whole is an array"), ('{"mcpServers": null}', "'mcpServers' is null")],
)
def test_settings_of_another_shape_are_told_by_what_was_found(
    text: str, found: str, practicum: Practicum, home: Path
) -> None:
    (home / ".cursor").mkdir(parents=True)
    (home / ".cursor/mcp.json").write_text(text)
    assert f"{found}, expected an object; nothing was changed" in practicum("install", "cursor").refusal
