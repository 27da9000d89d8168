"""The doctor finds what is wrong, says what to do, and calls nothing bad that only some work needs."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from practicum import __version__
from practicum.mcp_server.doctor.configured import clients
from practicum.mcp_server.doctor.handshakes import command, handshakes
from practicum.mcp_server.doctor.models import hub_token, model_server
from practicum.mcp_server.doctor.place import log, optional
from practicum.mcp_server.install import CLIENTS, Machine, add
from practicum.memory import Store

SECRET = "hf_this_is_never_shown"  # not a real one


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A home without anything in it."""
    return Machine("linux", tmp_path / "home", tmp_path, {"PATH": ""}, (sys.executable, "-m", "practicum"))


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., str]:
    """Write a command that says a version, or runs some lines of Python."""

    def program(name: str = "practicum", lines: str = f"print({__version__!r})") -> str:
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!{sys.executable}\n{lines}\n")
        path.chmod(0o755)
        return str(path)

    return program


# The command ---------------------------------------------------------------------------------


def test_a_command_of_another_version_or_none_is_bad(machine: Machine, program: Callable[..., str]) -> None:
    old = command(replace(machine, command=(program(lines="print('0.0.1')"),)))
    assert (old.state, "says 0.0.1, expected" in old.says) == ("bad", True)
    gone = command(replace(machine, command=("/nowhere/practicum",)))
    assert (gone.state, "nothing (No such file or directory)" in gone.says) == ("bad", True)


def test_a_command_that_a_shell_finds_is_ok_and_one_off_the_path_is_noted(
    machine: Machine, program: Callable[..., str]
) -> None:
    path = program()
    here = replace(machine, command=(path,))
    assert command(here).state == "note"
    assert "not on the PATH" in command(here).says
    assert command(replace(here, variables={"PATH": str(Path(path).parent)})).state == "ok"


def test_a_server_that_does_not_answer_is_bad_with_its_reason(
    machine: Machine, program: Callable[..., str]
) -> None:
    broken = replace(machine, command=(program(lines="import sys; sys.exit('no')"),))
    found = list(handshakes(broken))
    assert [finding.state for finding in found] == ["bad"] * 3
    assert all("`practicum serve` says more on stderr" in finding.says for finding in found)
    assert "the server ended without an answer" in found[-1].says


# The log -------------------------------------------------------------------------------------


def test_the_log_is_ok_when_it_is_ours_alone(tmp_path: Path) -> None:
    path = tmp_path / "practicum.db"
    assert log(path).says == f"none yet; the first session makes {path}"
    Store.open(path).close()
    found = log(path)
    assert (found.state, "0 sessions" in found.says) == ("ok", True)


def test_a_log_in_the_home_of_nobody_is_bad() -> None:
    found = log(Path("~no-such-user/practicum.db"))
    assert (found.state, "there is no such user" in found.says) == ("bad", True)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_log_that_others_could_reach_is_noted_and_ours_alone_from_then_on(tmp_path: Path) -> None:
    path = tmp_path / "practicum.db"
    Store.open(path).close()
    path.chmod(0o644)
    found = log(path)
    assert (found.state, "others can reach it (mode 0644) until now" in found.says) == ("note", True)
    assert log(path).state == "ok"


def test_a_disk_that_is_nearly_full_is_noted_and_a_full_one_is_bad(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "practicum.db"
    Store.open(path).close()
    for free, state in ((500_000_000, "note"), (1_000_000, "bad")):
        monkeypatch.setattr("shutil.disk_usage", lambda _, free=free: Disk(free))
        assert log(path).state == state
        assert f"{free // 1_000_000} MB of disk are free" in log(path).says


class Disk:
    """As much of `shutil.disk_usage` as is looked at."""

    def __init__(self, free: int) -> None:
        self.free = free


# Clients -------------------------------------------------------------------------------------


def connected(machine: Machine, name: str, *words: str) -> None:
    client = CLIENTS[name]
    add(client, client.settings(machine), "practicum", entry=client.entry((*words, "serve")))


def test_without_clients_that_is_noted(machine: Machine) -> None:
    (found,) = clients(machine)
    assert (found.state, found.says) == ("note", "none is connected; `practicum install` lists them")


def test_a_client_is_ok_when_its_command_is_this_version(
    machine: Machine, program: Callable[..., str]
) -> None:
    connected(machine, "cursor", program())
    connected(machine, "codex", sys.executable, "-m", "practicum")
    connected(machine, "vscode", "uvx", "practicum")
    found = {finding.what: finding for finding in clients(machine)}
    assert {finding.state for finding in found.values()} == {"ok"}
    assert set(found) == {"client cursor", "client vscode", "client codex"}
    assert "which fetches the version it runs" in found["client vscode"].says


def test_a_client_whose_command_is_gone_or_another_version_is_bad(
    machine: Machine, program: Callable[..., str]
) -> None:
    connected(machine, "cursor", "/gone/practicum")
    connected(machine, "codex", program(lines="print('0.0.1')"))
    gone, old = clients(machine)
    assert (gone.state, old.state) == ("bad", "bad")
    assert "starts /gone/practicum, which is not there; `practicum install cursor` repairs it" in gone.says
    assert f"starts 0.0.1, this is {__version__}; `practicum install codex` repairs it" in old.says


def test_a_command_without_a_path_is_noted_since_programs_with_windows_do_not_find_it(
    machine: Machine, program: Callable[..., str]
) -> None:
    here = replace(machine, variables={"PATH": str(Path(program()).parent)})
    connected(here, "claude-desktop", "practicum")
    (found,) = clients(here)
    assert (found.state, "do not know your shell's PATH" in found.says) == ("note", True)


def test_settings_that_are_broken_are_noted_and_no_failure(machine: Machine) -> None:
    path = CLIENTS["cursor"].settings(machine)
    path.parent.mkdir(parents=True)
    path.write_text("{")
    found = [finding for finding in clients(machine) if finding.what == "client cursor"]
    assert [finding.state for finding in found] == ["note"]


# Optional pieces -----------------------------------------------------------------------------


def test_what_is_not_here_names_the_line_that_brings_it_and_is_no_failure(
    machine: Machine, program: Callable[..., str]
) -> None:
    found = {finding.what: finding for finding in optional(machine)}
    assert all(finding.ok for finding in found.values())
    assert "apt-get install bubblewrap" in found["bubblewrap"].says
    with_one = replace(machine, variables={"PATH": str(Path(program("bwrap")).parent)})
    assert {f.what: f.state for f in optional(with_one)}["bubblewrap"] == "ok"


# Models --------------------------------------------------------------------------------------


class Models(BaseHTTPRequestHandler):
    """A model server: lists its models to who has the key, and sends others away."""

    body: ClassVar[Any] = {"data": [{"id": name} for name in "abcd"]}

    def do_GET(self) -> None:
        away = self.path != "/v1/models" or self.headers["Authorization"] not in (None, "Bearer key")
        self.send_response(302 if away else 200)
        self.send_header("Location", "/v1/models")
        self.end_headers()
        self.wfile.write(json.dumps(self.body).encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def model_url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Models) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


def test_a_model_server_is_named_with_its_first_models_and_without_secrets(
    machine: Machine, model_url: str
) -> None:
    here = replace(machine, variables={"PATH": "", "OPENAI_BASE_URL": model_url, "OPENAI_API_KEY": "key"})
    found = model_server(here, None)
    assert (found.state, found.says) == ("ok", f"{model_url}, 4 models: a, b, c, …")
    secret = model_url.replace("//", "//me:pass@") + "?key=1"
    assert "pass" not in model_server(here, secret).says


@pytest.mark.parametrize("path", ["/v2", "/v1/other"])
def test_a_server_without_models_is_bad_when_asked_for_and_a_note_when_only_set(
    machine: Machine, model_url: str, path: str
) -> None:
    url = model_url.replace("/v1", path)
    found = model_server(machine, url)
    assert (found.state, "answers 302 Found" in found.says) == ("bad", True)
    assert model_server(replace(machine, variables={"OPENAI_BASE_URL": url}), None).state == "note"


def test_other_forms_and_closed_ports_are_told_in_a_line(
    machine: Machine, model_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Models, "body", ["a"])
    assert "not in the form" in model_server(machine, model_url).says
    assert "does not answer: " in model_server(machine, "http://127.0.0.1:9/v1").says
    assert "expected a URL such as" in model_server(machine, "localhost:8000").says
    assert model_server(machine, None).state == "note"


def test_a_hub_token_is_said_to_be_there_and_never_shown(machine: Machine, tmp_path: Path) -> None:
    assert hub_token(machine).state == "note"
    by_variable = hub_token(replace(machine, variables={"HF_TOKEN": SECRET}))
    kept = machine.home / ".cache" / "huggingface" / "token"
    kept.parent.mkdir(parents=True)
    kept.write_text(SECRET)
    by_file = hub_token(machine)
    assert [by_variable.says, by_file.says] == ["set by HF_TOKEN", f"set by {kept}"]
