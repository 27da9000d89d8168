"""The command line as a whole: one line for a mistake, and no traceback."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
from pathlib import Path

import pytest

from practicum import __version__
from practicum.memory import Store
from tests.mcp_server.cli.conftest import Practicum
from tests.mcp_server.clients import command

NEEDING_A_LOG = (
    ("sessions",),
    ("replay", "--all"),
    ("fork", "abc", "--at", "1"),
    ("forget", "abc", "--yes"),
    ("play", "flight"),
    ("serve",),
)


def test_the_version_is_told(practicum: Practicum) -> None:
    assert practicum("--version").out == f"{__version__}\n"


def test_help_names_every_command(practicum: Practicum) -> None:
    said = practicum("--help")
    assert said.code == 0
    for name in ("serve", "envs", "new", "check", "play", "sessions", "replay", "fork", "forget", "doctor"):
        assert name in said.out


def test_without_a_command_there_is_help(practicum: Practicum) -> None:
    said = practicum()
    assert said.code == 2
    assert "COMMAND" in said.out + said.err


def test_options_for_all_commands_without_a_command_are_one_line(practicum: Practicum) -> None:
    said = practicum("--log-level", "debug").refusal
    assert said == "no command is given; `practicum --help` lists them"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bogus"], "No such command 'bogus'; `practicum --help` says more"),
        (["fork", "abc"], "Missing option '--at'; `practicum fork --help` says more"),
        (["serve", "--bogus"], "No such option: --bogus"),
        (["serve", "--port", "x"], "Invalid value for '--port'"),
    ],
)
def test_a_slip_of_the_keyboard_is_one_line(practicum: Practicum, arguments: list[str], said: str) -> None:
    assert said in practicum(*arguments).refusal


@pytest.mark.parametrize("arguments", NEEDING_A_LOG, ids=lambda given: given[0])
def test_a_file_that_is_no_database_is_one_line(
    practicum: Practicum, db: Path, arguments: tuple[str, ...]
) -> None:
    db.write_bytes(b"this is not a database, it is a letter to my grandmother" * 40)
    assert f"{db} is no Practicum database" in practicum(*arguments).refusal


@pytest.mark.parametrize("arguments", NEEDING_A_LOG, ids=lambda given: given[0])
def test_a_folder_in_place_of_a_database_is_one_line(
    practicum: Practicum, db: Path, arguments: tuple[str, ...]
) -> None:
    db.mkdir()
    assert f"cannot open the database {db}" in practicum(*arguments).refusal


@pytest.mark.parametrize("arguments", NEEDING_A_LOG, ids=lambda given: given[0])
def test_a_database_of_a_newer_version_is_one_line(
    practicum: Practicum, db: Path, arguments: tuple[str, ...]
) -> None:
    Store.open(db).close()
    connection = sqlite3.connect(db)
    connection.execute("INSERT INTO migrations VALUES ('m999_of_tomorrow', 0)")
    connection.commit()
    connection.close()
    said = practicum(*arguments).refusal
    assert "newer version of practicum (it has m999_of_tomorrow" in said


READING = NEEDING_A_LOG[:4]


@pytest.mark.parametrize("arguments", READING, ids=lambda given: given[0])
def test_a_command_that_reads_makes_no_file_and_no_folder(
    practicum: Practicum, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    missing = tmp_path / "new" / "log.db"
    said = practicum(*arguments, "--db", missing).refusal
    assert said == f"there is no log at {missing} yet; play a session first, or name another with --db"
    assert not missing.parent.exists()


@pytest.mark.parametrize("arguments", NEEDING_A_LOG, ids=lambda given: given[0])
def test_a_file_that_is_no_database_is_left_as_it_was(
    practicum: Practicum, db: Path, arguments: tuple[str, ...]
) -> None:
    db.write_text("dear grandmother")
    db.chmod(0o644)
    assert practicum(*arguments).refusal
    assert stat.S_IMODE(db.stat().st_mode) == 0o644
    assert list(db.parent.iterdir()) == [db]


@pytest.mark.integration
def test_a_usage_error_of_the_real_process_is_one_line_and_code_2(db: Path) -> None:
    done = subprocess.run(
        command("serve", "--env", "flihgt", "--db", str(db)), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("practicum: no environment 'flihgt'; did you mean 'flight'?")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.integration
def test_a_reader_that_leaves_early_ends_the_command_quietly(db: Path) -> None:
    with subprocess.Popen(
        command("envs", "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert "Traceback" not in child.stderr.read()
