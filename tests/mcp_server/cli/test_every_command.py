"""What holds for every command: help, options, one line for a mistake, its place in docs/commands.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from practicum.mcp_server.cli.app import app
from practicum.mcp_server.cli.config import leaves
from practicum.mcp_server.cli.reference import EVERYWHERE, reference
from tests.mcp_server.cli.conftest import Practicum
from tests.mcp_server.clients import PARCELS, ROOT

GROUP: Any = typer.main.get_command(app)
COMMANDS = dict(leaves(GROUP))
EVERY = [pytest.param(words, id=" ".join(words)) for words in COMMANDS]
WITHOUT_DATA = {("serve",): "what it prints is protocol"}
ONE_SCREEN = 60
"""Lines of help, on a wide terminal."""
STRANGE = ("", "no such thing", "\udcff", "~nobody-of-that-name/here", "é" * 300, "{0}%s\n")


@pytest.fixture(autouse=True)
def _nobody_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home and a working folder that are the test's own."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("HOME", "USERPROFILE", "APPDATA", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.chdir(home)


@pytest.mark.parametrize("words", EVERY)
def test_help_says_what_it_does_and_what_every_option_means(
    practicum: Practicum, words: tuple[str, ...]
) -> None:
    said = practicum(*words, "--help")
    assert said.code == 0
    assert COMMANDS[words].help
    assert len(said.out.splitlines()) <= ONE_SCREEN
    for param in COMMANDS[words].params:
        assert getattr(param, "help", None), f"{param.name} has no help"
        assert param.param_type_name == "argument" or param.opts[0] in said.out


@pytest.mark.parametrize("words", EVERY)
def test_what_is_data_comes_as_json_too(words: tuple[str, ...]) -> None:
    has_json = any("--json" in param.opts for param in COMMANDS[words].params)
    assert has_json is (words not in WITHOUT_DATA)


@pytest.mark.parametrize("words", EVERY)
def test_the_options_of_all_commands_are_taken_before_and_after_the_name(
    practicum: Practicum, words: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "settings.yaml").write_text("log-level: info\n")
    given = ["--config", tmp_path / "settings.yaml", "--log-level", "error", "--log-file", tmp_path / "log"]
    assert practicum(*words, *given, "--help").code == 0
    assert practicum(*given, *words, "--help").code == 0
    assert "--log-level" in practicum(*words, "--log-level", "loud").refusal
    assert "--log-level" in practicum("--log-level", "loud", *words).refusal
    assert (
        "cannot read the settings file"
        in practicum("--config", tmp_path / "none", *words, *needed(words)).refusal
    )


def needed(words: tuple[str, ...]) -> list[str]:
    """Something for every argument and option that must be there."""
    params = [param for param in COMMANDS[words].params if param.required]
    options = [word for param in params if param.param_type_name == "option" for word in (param.opts[0], "1")]
    return [*options, *("1" for param in params if param.param_type_name == "argument")]


@pytest.mark.parametrize("words", EVERY)
def test_an_option_that_there_is_not_is_one_line(practicum: Practicum, words: tuple[str, ...]) -> None:
    said = practicum(*words, "--no-such-option").refusal
    assert said == f"No such option: --no-such-option; `practicum {' '.join(words)} --help` says more"


@pytest.mark.parametrize("words", EVERY)
def test_a_value_that_is_no_number_is_one_line(practicum: Practicum, words: tuple[str, ...]) -> None:
    for param in COMMANDS[words].params:
        if param.param_type_name == "option" and param.type_descriptor.annotation in (int, float):
            assert f"'{param.opts[0]}'" in practicum(*words, *needed(words), param.opts[0], "many").refusal


TAKING_WORDS = [
    pytest.param(words, param, id=f"{' '.join(words)} {param.name}")
    for words, command in COMMANDS.items()
    if words not in (*WITHOUT_DATA, ("doctor",))  # each of which starts a server
    for param in command.params
    if param.name not in EVERYWHERE and not getattr(param, "is_flag", False)
]


@pytest.mark.parametrize(("words", "param"), TAKING_WORDS)
def test_a_strange_value_never_ends_in_a_traceback(
    practicum: Practicum, words: tuple[str, ...], param: Any
) -> None:
    for strange in STRANGE:
        given = [strange] if param.param_type_name == "argument" else [param.opts[0], strange]
        rest = [word for word in needed(words) if word not in given]
        said = practicum(*words, *(given if param.required else [*given, *rest]))
        assert said.code in (0, 1, 2)
        assert "Traceback" not in said.err
        if said.code == 2:
            assert said.refusal


@pytest.mark.parametrize("words", EVERY)
def test_a_command_without_what_it_needs_is_one_line(practicum: Practicum, words: tuple[str, ...]) -> None:
    if any(param.required for param in COMMANDS[words].params):
        assert practicum(*words).refusal.startswith("Missing ")


def test_json_is_all_that_is_printed(practicum: Practicum, tmp_path: Path) -> None:
    practicum("play", PARCELS, "--json", lines="look\n")
    commands = [("envs",), ("envs", "flight"), ("envs", "--domains"), ("check", PARCELS), ("sessions",)]
    for words in [*commands, ("new", "tea_house", "--folder", tmp_path), ("replay", "--all")]:
        said = practicum(*words, "--json")
        assert json.loads(said.out) or words[0] == "check"
        assert said.err == ""


def test_the_page_of_commands_is_the_command_line_written_down() -> None:
    assert isinstance(GROUP, TyperGroup)
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    remedy = "write it anew: python -m practicum.mcp_server.cli.reference > docs/commands.md"
    assert page == reference(GROUP), remedy
