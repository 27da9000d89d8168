"""What is written for clients starts the Practicum that a person called, and will do so tomorrow."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

import pytest

from practicum.mcp_server.install.machine import Machine, installed_command


def file(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return str(path)


def test_the_command_that_was_called_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    called = file(tmp_path / "pipx" / "practicum")
    monkeypatch.setattr("sys.argv", [called, "install"])
    assert installed_command() == (called,)


@pytest.mark.parametrize("called", ["practicum", "./practicum", "/somewhere/pytest", "/gone/practicum"])
def test_otherwise_it_is_the_one_beside_the_interpreter_or_its_module(
    called: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.argv", [called])
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    assert installed_command() == (sys.executable, "-m", "practicum")
    beside = file(tmp_path / "practicum")
    assert installed_command() == (beside,)


def test_from_uvx_it_is_uvx_since_its_environments_come_and_go(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment = tmp_path / "cache" / "archive-v0" / "x1"
    monkeypatch.setattr("sys.argv", [file(environment / "bin" / "practicum")])
    monkeypatch.setattr("sys.prefix", str(environment))
    monkeypatch.setenv("UV", file(tmp_path / "bin" / "uv"))
    monkeypatch.setenv("PATH", "")
    assert installed_command() == ("uvx", "practicum")
    beside = file(tmp_path / "bin" / "uvx")
    assert installed_command() == (beside, "practicum")


def test_here_is_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    here = Machine.here()
    assert (here.system, here.home, here.folder) == (sys.platform, tmp_path, tmp_path)
