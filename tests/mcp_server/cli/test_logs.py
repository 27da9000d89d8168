"""`--log-level` and `--log-file`: what the server tells of itself, where, and what it never tells."""

from __future__ import annotations

import logging
import stat
import subprocess
from pathlib import Path

import pytest

from practicum.mcp_server.cli import logs
from practicum.memory import Sessions, Store
from tests.mcp_server.cli.conftest import Practicum
from tests.mcp_server.clients import PARCELS, PATIENCE_S, command, serving, world


@pytest.mark.parametrize("place", [0, 1])
def test_the_level_is_taken_before_and_after_the_command(practicum: Practicum, place: int) -> None:
    arguments = ["envs"]
    arguments[place:place] = ["--log-level", "debug"]
    said = practicum(*arguments)
    assert "DEBUG practicum.mcp_server.cli.everywhere: settings read from" in said.err
    assert "settings read" not in practicum("envs").err


@pytest.mark.parametrize("level", ["debug", "DEBUG"])
def test_the_environment_may_say_the_level(
    practicum: Practicum, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    monkeypatch.setenv("LOG_LEVEL", level)
    assert "settings read from" in practicum("envs").err
    for arguments in (("--log-level", "error", "envs"), ("envs", "--log-level", "error")):
        assert practicum(*arguments).err == ""


def test_the_environment_wins_over_the_settings_file(
    practicum: Practicum, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("log-level: error\n")
    assert practicum("envs", "--config", settings).err == ""
    monkeypatch.setenv("LOG_LEVEL", "debug")
    assert "settings read from" in practicum("envs", "--config", settings).err


@pytest.mark.parametrize("level", ["verbose", "", "5"])
def test_a_level_of_other_programs_means_nothing_here(
    practicum: Practicum, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    monkeypatch.setenv("LOG_LEVEL", level)
    said = practicum("envs")
    assert (said.code, said.err) == (0, "")


def test_a_log_file_is_private_and_appended_to(practicum: Practicum, tmp_path: Path) -> None:
    file = tmp_path / "practicum.log"
    file.write_text("before\n")
    file.chmod(0o644)
    said = practicum("envs", "--log-level", "debug", "--log-file", file)
    practicum("--log-file", file, "envs", "--log-level", "debug")
    assert said.err == ""
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    first, *lines = file.read_text(encoding="utf-8").splitlines()
    assert first == "before"
    assert sum("settings read from" in line for line in lines) == 2


def test_a_new_log_file_is_never_readable_by_others(practicum: Practicum, tmp_path: Path) -> None:
    practicum("envs", "--log-file", tmp_path / "new.log")
    assert stat.S_IMODE((tmp_path / "new.log").stat().st_mode) == 0o600


def test_a_log_file_is_set_aside_when_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LARGEST_FILE", 500)
    file = tmp_path / "practicum.log"
    with logs.logging_to(file, "info"):
        for number in range(200):
            logging.getLogger("practicum.test").info("line %d", number)
    found = sorted(each.name for each in tmp_path.iterdir())
    assert found == ["practicum.log", "practicum.log.1", "practicum.log.2", "practicum.log.3"]
    assert all(each.stat().st_size <= 500 for each in tmp_path.iterdir())
    assert all(stat.S_IMODE(each.stat().st_mode) == 0o600 for each in tmp_path.iterdir())


def test_a_log_file_that_cannot_be_written_is_one_line_and_no_folder_is_made(
    practicum: Practicum, tmp_path: Path
) -> None:
    missing = tmp_path / "new" / "practicum.log"
    said = practicum("envs", "--log-file", missing).refusal
    assert said == (
        f"cannot write the log file {missing}: No such file or directory; choose another with --log-file"
    )
    assert not missing.parent.exists()
    assert "Is a directory" in practicum("envs", "--log-file", tmp_path).refusal


def test_a_level_that_there_is_not_is_one_line(practicum: Practicum) -> None:
    said = practicum("envs", "--log-level", "loud").refusal
    assert "'loud' is not one of 'debug', 'info', 'warning', 'error'" in said


@pytest.mark.integration
def test_a_server_logs_its_life_and_no_arguments_and_stdout_stays_protocol(db: Path, tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    with serving(db, "--env", "flight", "--log-level", "info", "--log-file", str(log)) as lines:
        lines.initialize()
        opened = lines.request(2, "tools/call", {"name": "open_session", "arguments": {"seed": 7}})
        session = opened["result"]["structuredContent"]["session_id"]
        lines.request(3, "tools/call", {"name": "enter_card", "arguments": {"card_token": "tok_4711"}})
        lines.request(4, "tools/call", {"name": "add_to_cart", "arguments": {"flight_id": "XX1"}})
        lines.request(5, "tools/call", {"name": "abort", "arguments": {}})
        lines.request(6, "tools/call", {"name": "close_session", "arguments": {"session_id": session}})
    text = log.read_text(encoding="utf-8")
    assert f"started: flight on {db}" in text
    assert f"session {session} opened: flight-v1 seed 7 by local" in text
    assert f"session {session} ended at turn 3" in text
    assert text.rstrip().endswith("stopped")
    assert "tok_4711" not in text
    assert "XX1" not in text


@pytest.mark.integration
def test_refusals_are_logged_at_debug_without_arguments(db: Path, tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    with serving(db, "--env", "flight", "--log-level", "debug", "--log-file", str(log)) as lines:
        lines.initialize()
        lines.request(2, "tools/call", {"name": "open_session", "arguments": {"seed": 7}})
        lines.request(3, "tools/call", {"name": "enter_card", "arguments": {"card_token": "tok_4711"}})
        lines.request(4, "tools/call", {"name": "close_session", "arguments": {"session_id": "nobody"}})
    text = log.read_text(encoding="utf-8")
    assert "turn 1: enter_card was refused" in text
    assert "close_session was refused: no session 'nobody'" in text
    assert "tok_4711" not in text


@pytest.mark.integration
def test_a_world_that_crashes_is_logged_with_its_traceback(db: Path, tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    with serving(db, "--env", world("Talk"), "--log-file", str(log)) as lines:
        lines.initialize()
        lines.request(2, "tools/call", {"name": "open_session", "arguments": {}})
        lines.request(3, "tools/call", {"name": "crash", "arguments": {}})
    text = log.read_text(encoding="utf-8")
    assert "ERROR practicum.mcp_server.turns: session " in text
    assert "Traceback (most recent call last)" in text
    assert "RuntimeError" in text


@pytest.mark.integration
def test_a_turn_taken_by_another_process_is_logged(db: Path, tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    options = ("--env", world("Talk"), "--log-level", "info", "--log-file", str(log))
    with serving(db, *options) as one, serving(db, "--env", world("Talk")) as two:
        one.initialize()
        two.initialize()
        opened = one.request(2, "tools/call", {"name": "open_session", "arguments": {}})
        session = opened["result"]["structuredContent"]["session_id"]
        said = {"name": "say", "arguments": {"json_text": "1", "session_id": session}}
        for number, server in enumerate((one, two, one), 3):
            server.request(number, "tools/call", said)
        store = Store.open(db)
        assert Sessions(store).list(None)[0].steps == 3
        store.close()
    assert f"session {session}: another process took the turn" in log.read_text(encoding="utf-8")


@pytest.mark.integration
def test_http_logs_the_server_below_at_info(db: Path) -> None:
    with subprocess.Popen(
        command("serve", "--http", "--port", "0", "--env", PARCELS, "--db", str(db), "--log-level", "info"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        assert child.stderr is not None
        lines: list[str] = []
        while not lines or "startup complete" not in lines[-1]:
            lines.append(child.stderr.readline())
            assert lines[-1], lines
        child.terminate()
        child.wait(timeout=PATIENCE_S)
    assert any("INFO uvicorn.error: Application startup complete" in line for line in lines)
    assert any("started: parcels" in line for line in lines)
