"""`--config`: options from a file, on every command; what the file gets wrong is one line."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs
import pytest
import typer
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from practicum.envs.errors import UsageError
from practicum.mcp_server.cli.app import app
from practicum.mcp_server.cli.config import read_config
from practicum.mcp_server.cli.everywhere import Everywhere
from tests.mcp_server.cli.conftest import Practicum
from tests.mcp_server.clients import PARCELS, ROOT, world

Written = Callable[[str], Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Write a settings file."""

    def written(text: str) -> Path:
        file = tmp_path / "settings.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return written


def seeds(practicum: Practicum, *arguments: str | Path) -> list[int]:
    return [each["seed"] for each in json.loads(practicum("sessions", "--json", *arguments).out)]


def test_the_command_line_wins_over_the_file_and_the_file_over_the_default(
    practicum: Practicum, written: Written
) -> None:
    file = written("play: {seed: 5}")
    practicum("play", PARCELS, "--config", file, "--seed", "6")
    practicum("play", PARCELS, "--config", file)
    practicum("play", PARCELS)
    assert seeds(practicum) == [0, 5, 6]


@pytest.mark.parametrize(
    "text", ["json: true", "sessions: {json: true}", "json: false\nsessions: {json: true}"]
)
def test_a_section_wins_over_what_is_for_all(practicum: Practicum, written: Written, text: str) -> None:
    practicum("play", PARCELS)
    assert len(json.loads(practicum("sessions", "--config", written(text)).out)) == 1


def test_a_file_may_be_named_before_the_command(practicum: Practicum, written: Written) -> None:
    practicum("play", PARCELS)
    assert json.loads(practicum("--config", written("json: true"), "sessions").out)


def test_the_file_after_the_command_wins_over_the_one_before(practicum: Practicum, written: Written) -> None:
    practicum("play", PARCELS)
    said = practicum("--config", "/nowhere.yaml", "sessions", "--config", written("json: true"))
    assert json.loads(said.out)


def test_the_environment_wins_over_the_file(practicum: Practicum, written: Written, db: Path) -> None:
    practicum("play", PARCELS, "--config", written(f"db: {db}.other"))
    assert db.exists()
    assert not Path(f"{db}.other").exists()


def test_the_variable_names_a_file(
    practicum: Practicum, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    practicum("play", PARCELS)
    monkeypatch.setenv("PRACTICUM_CONFIG", str(written("json: true")))
    assert json.loads(practicum("sessions").out)


def test_the_file_in_the_config_folder_is_read_and_named_at_debug(
    practicum: Practicum, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PRACTICUM_CONFIG")
    monkeypatch.setattr(platformdirs, "user_config_path", lambda *_, **__: tmp_path / "home")
    file = tmp_path / "home" / "config.yaml"
    said = practicum("--log-level", "debug", "envs")
    assert f"settings read from no file; {file} would be" in said.err
    file.parent.mkdir()
    file.write_text("envs: {json: true}\nlog-level: debug\n")
    said = practicum("envs")
    assert f"settings read from {file}" in said.err
    assert json.loads(said.out)["environments"]


def test_dashes_and_underscores_mean_the_same(practicum: Practicum, written: Written) -> None:
    for key in ("log-level", "log_level"):
        assert "settings read from" in practicum("envs", "--config", written(f"{key}: debug")).err


def test_a_repeating_option_is_a_list_and_set_is_a_mapping(practicum: Practicum, written: Written) -> None:
    text = "play: {set: {opening: 'well, 1', step_limit: 3}}"
    said = practicum("play", world("Talk"), "--config", written(text), lines="say 1\n")
    assert "well, 1" in said.out
    assert "2 steps left" in said.err
    said = practicum(
        "play", world("Talk"), "--config", written("play: {set: [step_limit=4]}"), lines="say 1\n"
    )
    assert "3 steps left" in said.err


def test_a_date_and_a_flag_are_given_as_yaml_has_them(practicum: Practicum, written: Written) -> None:
    practicum("play", PARCELS)
    file = written('forget: {before: 2001-01-01, "yes": true}')
    assert practicum("forget", "--config", file).out == "forgot 0 sessions\n"


def test_an_empty_file_says_nothing(practicum: Practicum, written: Written) -> None:
    assert practicum("envs", "--config", written("# nothing yet\n")).code == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", ":1: this is no YAML: expected the node content"),
        ("a: '\\ud800'\n\tb: 1", ":2: this is no YAML: "),
        ("2026-13-45", ": this is no YAML: month must be in 1..12"),
        ("[" * 5000, ": this is no YAML: "),
        ("\x00", ": this is no YAML: "),
        ("[1]", " holds a list, expected options and their values"),
        ("7", " holds a value (int), expected options"),
        ("jsn: true", ": there is no 'jsn'; did you mean 'json'?; there are "),
        ("serve: {prt: 1}", ": there is no 'serve.prt'; did you mean 'port'?; there are "),
        ("servo: {port: 1}", ": there is no 'servo'; did you mean 'serve'?; there are "),
        ("port: 1", ": 'port' is an option of serve; write `serve: {port: …}`"),
        ("serve: 3", ": 'serve' is 3, expected the options of that command"),
        ("serve: {http: 1}", ": 'serve.http' is 1, expected true or false"),
        ("serve: {env: {a: 1}}", ": 'serve.env' is a mapping, expected one value"),
        ("serve: {env: [[a]]}", ": 'serve.env' is a list, expected one value"),
        ("db:", ": 'db' is empty, expected one value"),
        ("json: yes please", ": 'json' is 'yes please', expected true or false"),
        ("yes: true", ": the key True is true or false to YAML; put it in quotes"),
        ("log-level: loud", ": 'log-level' is 'loud': 'loud' is not one of 'debug', 'info'"),
        ("config: other.yaml", ": there is no 'config'"),
        ('db: "a\\0b"', ": 'db' is 'a\\x00b', expected one value"),
        ("api_key: x", ": 'api_key' looks like a secret; set it in the environment, not in a file"),
        ("serve: {token: x}", ": 'serve.token' looks like a secret; set it in the environment"),
        ("hf_token: x", ": 'hf_token' looks like a secret; set it in the environment"),
        (
            "serve: {OPENAI_API_KEY: x}",
            ": 'serve.OPENAI_API_KEY' looks like a secret; set it in the environment",
        ),
        (
            "serve: {set: {password: x}}",
            ": 'serve.set.password' looks like a secret; set it in the environment",
        ),
        ("serve: {set: {a: !!binary aGk=}}", ": 'serve.set.a' is a value (bytes), expected text"),
    ],
)
def test_what_a_file_gets_wrong_is_one_line(
    practicum: Practicum, written: Written, text: str, said: str
) -> None:
    file = written(text)
    assert practicum("envs", "--config", file).refusal.startswith(f"{file}{said}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port: nine", "'serve.port' is 'nine': Input should be a valid integer"),
        ("port: 99999", "'serve.port' is 99999: Input should be less than or equal to 65535"),
        ("port: [1]", "'serve.port' is a list, expected one value, text or a number"),
        ("seed: true", "'serve.seed' is True, expected one value, text or a number"),
        ("port: 10000000000000000000000000000000000000000000000000000", "'serve.port' is 1"),
    ],
)
def test_a_value_of_the_wrong_type_is_one_line(
    practicum: Practicum, written: Written, text: str, said: str
) -> None:
    assert said in practicum("serve", "--config", written(f"serve: {{{text}}}")).refusal


def test_a_file_that_is_not_there_is_one_line(practicum: Practicum, tmp_path: Path) -> None:
    missing = tmp_path / "none.yaml"
    said = practicum("envs", "--config", missing).refusal
    assert said == f"cannot read the settings file {missing}: No such file or directory"
    assert "Is a directory" in practicum("envs", "--config", tmp_path).refusal


def test_help_is_given_whatever_the_file_holds(practicum: Practicum, written: Written) -> None:
    assert practicum("envs", "--help", "--config", written("[")).code == 0


def test_the_file_reaches_commands_within_groups(written: Written) -> None:
    told: list[Any] = []
    inner = typer.Typer()
    inner.command("one")(lambda: None)

    @inner.command()
    def two(times: int = 1) -> None:
        told.append(times)

    outer = typer.Typer(cls=Everywhere)
    outer.add_typer(inner, name="group")
    outer.command("other")(lambda: None)
    file = written("group: {two: {times: 3}}")
    outer(["group", "--config", str(file), "two"], standalone_mode=False)
    outer(["group", "two", "--config", str(file)], standalone_mode=False)
    assert told.pop() == 3
    outer(["--config", str(file), "group", "two", "--times", "4"], standalone_mode=False)
    assert told == [3, 4]


def test_the_file_that_the_documentation_shows_is_taken(practicum: Practicum, written: Written) -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    shown = page.partition("```yaml\n")[2].partition("```")[0]
    file = written(shown.replace("/tmp/practicum.log", str(written("").parent / "practicum.log")))
    assert practicum("envs", "--config", file).code == 0


def test_a_token_that_is_play_money_may_stand_among_the_settings_of_a_world(
    practicum: Practicum, written: Written
) -> None:
    file = written("play: {set: {card_token: tok_1, kind: book}}")
    assert "The card token is tok_1" in practicum("play", "flight", "--seed", "7", "--config", file).out


GROUP: Any = typer.main.get_command(app)
KEYS = st.sampled_from(
    ["serve", "env", "port", "set", "db", "json", "play", "seed", "token", "log-level", "x"]
)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates() | st.binary()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(), inner)
)


@settings(max_examples=50)
@given(body=st.dictionaries(KEYS, VALUES))
def test_whatever_a_file_holds_is_read_or_told_in_one_line(
    body: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("config") / "settings.yaml"
    file.write_bytes(yaml.safe_dump(body, allow_unicode=True).encode("utf-8", "surrogatepass"))
    with contextlib.suppress(UsageError):
        read_config(file, GROUP)


def test_what_a_file_sets_for_new_sessions_does_not_keep_one_from_being_resumed(
    practicum: Practicum, written: Written
) -> None:
    file = written("play: {seed: 5, set: {parcels: 2}}")
    session = json.loads(practicum("play", PARCELS, "--json", "--config", file).out.splitlines()[0])[
        "session"
    ]
    assert practicum("play", "--resume", session, "--config", file, lines="look\n").code == 0
