"""`practicum token`: makes and removes tokens, and leaves the rest of the file as it is."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from practicum.envs import UsageError
from practicum.mcp_server.auth import Tokens, read_tokens
from practicum.mcp_server.limits import FOR_TOKENS
from practicum.mcp_server.token_file import add_token, remove_tokens
from tests.mcp_server.cli.conftest import Practicum

WRITTEN = """\
# our people

- principal: ada  # runs the farm
  sha256: '{a}'
  limits:
    open: 4096  # she needs them

# visitors
- {{principal: bob, sha256: {b}}}
-   principal: ada
    sha256: {c}
    expires: 2027-01-31
# the end
"""
HASHES = {"a": "a" * 64, "b": "b" * 64, "c": "c" * 64}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tokens.yaml"


@pytest.fixture
def written(file: Path) -> Path:
    file.write_text(WRITTEN.format(**HASHES), encoding="utf-8")
    file.chmod(0o600)
    return file


def test_a_token_is_printed_once_and_kept_as_a_hash(practicum: Practicum, file: Path) -> None:
    umask = os.umask(0)
    try:
        said = practicum("token", "ada", "--auth", file)
    finally:
        os.umask(umask)
    (token,) = said.out.splitlines()
    assert len(token) == 43
    assert "shown this once" in said.err
    assert token not in said.err + file.read_text(encoding="utf-8")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    known = Tokens(file, limits=FOR_TOKENS).known(token)
    assert known is not None
    assert known.principal == "ada"
    assert practicum("token", "ada", "--auth", file).out != said.out


def test_adding_keeps_every_line_that_was_there(practicum: Practicum, written: Path) -> None:
    before = written.read_text(encoding="utf-8")
    said = practicum("token", "eve", "--auth", written, "--expires", "2027-02-28", "--json")
    made = json.loads(said.out)
    assert (made["principal"], made["expires"]) == ("eve", "2027-02-28")
    after = written.read_text(encoding="utf-8")
    assert after.startswith(before)
    assert [entry.principal for entry in read_tokens(written)] == ["ada", "bob", "ada", "eve"]
    assert str(read_tokens(written)[-1].expires) == "2027-02-28"


@pytest.mark.parametrize("name", ["null", "1234", "1.5", "on", "2027-01-31", "1e5", "a.b_c@d-e", "0x1F"])
def test_a_name_stays_a_name_whatever_yaml_makes_of_it(practicum: Practicum, file: Path, name: str) -> None:
    assert practicum("token", name, "--auth", file).code == 0
    assert [entry.principal for entry in read_tokens(file)] == [name]
    assert practicum("token", name, "--auth", file, "--remove").code == 0
    assert read_tokens(file) == []


@pytest.mark.parametrize("whose", ["ada", "bob", "cccccccc"])
def test_removing_keeps_every_line_of_the_others(practicum: Practicum, written: Path, whose: str) -> None:
    said = practicum("token", whose, "--auth", written, "--remove")
    assert said.code == 0
    text = written.read_text(encoding="utf-8")
    kept = {"ada": ["b"], "bob": ["a", "c"], "cccccccc": ["a", "b"]}[whose]
    assert [entry.sha256[0] for entry in read_tokens(written)] == kept
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "# our people",
        "# visitors",
        "# the end",
    ]
    lines = WRITTEN.format(**HASHES).splitlines()
    assert [line for line in lines if line in text.splitlines()] == text.splitlines()


def test_the_last_token_can_be_removed_and_another_made(practicum: Practicum, file: Path) -> None:
    practicum("token", "ada", "--auth", file)
    assert practicum("token", "ada", "--auth", file, "--remove").code == 0
    assert read_tokens(file) == []
    practicum("token", "bob", "--auth", file)
    assert [entry.principal for entry in read_tokens(file)] == ["bob"]


def test_the_list_shows_no_token(practicum: Practicum, written: Path) -> None:
    said = practicum("token", "--list", "--auth", written)
    assert [line.split()[:2] for line in said.out.splitlines()[1:]] == [
        ["ada", "a" * 12], ["bob", "b" * 12], ["ada", "c" * 12]
    ]  # fmt: skip
    assert "open 4096" in said.out
    listed = json.loads(practicum("token", "--list", "--auth", written, "--json").out)
    assert [each["principal"] for each in listed] == ["ada", "bob", "ada"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name whose token to make"),
        (["ada", "--list"], "name whose token to make"),
        (["--list", "--remove"], "name whose token to make"),
        (["ada", "--remove", "--expires", "2027-01-01"], "--expires goes with a new token"),
        (["ada lovelace"], "expected a name of 1 to 64"),
        (["-x"], "-x"),
        (["ada\n- principal: eve"], "expected a name of 1 to 64"),
        (["nobody", "--remove"], "has no token of 'nobody'"),
        (["bbbb", "--remove"], "has no token of 'bbbb'"),
        (["ada", "--expires", "soon"], "--expires"),
    ],
)
def test_a_mistake_is_one_line_and_changes_nothing(
    practicum: Practicum, written: Path, arguments: list[str], said: str
) -> None:
    before = written.read_bytes()
    assert said in practicum("token", "--auth", written, *arguments).refusal
    assert written.read_bytes() == before


@pytest.mark.parametrize("text", ["[]\n", "- {principal: ada", "  - principal: ada\n    sha256: 'A'\n"])
def test_a_file_that_cannot_be_edited_is_left_as_it_is(practicum: Practicum, file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    assert str(file) in practicum("token", "ada", "--auth", file).refusal
    assert file.read_text(encoding="utf-8") == text


def test_a_file_that_others_may_read_is_refused_with_the_line_to_type(
    practicum: Practicum, written: Path
) -> None:
    written.chmod(0o644)
    for arguments in (["ada"], ["ada", "--remove"], ["--list"]):
        assert f"chmod 600 {written}" in practicum("token", "--auth", written, *arguments).refusal


def test_a_folder_that_is_not_there_is_one_line(practicum: Practicum, tmp_path: Path) -> None:
    assert "nowhere" in practicum("token", "ada", "--auth", tmp_path / "nowhere" / "tokens.yaml").refusal


@pytest.mark.parametrize("arguments", [["ada"], ["ada", "--remove"], ["--list"]], ids=" ".join)
def test_a_file_that_can_be_none_is_one_line(practicum: Practicum, file: Path, arguments: list[str]) -> None:
    assert "there is no such user" in practicum("token", "--auth", "~no-such-user/t.yaml", *arguments).refusal
    file.symlink_to(file)
    assert str(file) in practicum("token", "--auth", file, *arguments).refusal
    file.unlink()
    os.mkfifo(file, 0o600)
    assert "is no file" in practicum("token", "--auth", file, *arguments).refusal


def test_the_same_words_mean_the_same_file_in_every_command(
    practicum: Practicum, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert practicum("token", "ada", "--auth", "~/tokens.yaml").code == 0
    assert "ada" in practicum("token", "--list", "--auth", "~/tokens.yaml").out
    assert practicum("token", "ada", "--remove", "--auth", "~/tokens.yaml").code == 0
    assert "holds no token" in practicum("serve", "--http", "--auth", "~/tokens.yaml").refusal


def test_a_link_to_the_file_stays_a_link(practicum: Practicum, written: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.yaml"
    link.symlink_to(written)
    practicum("token", "eve", "--auth", link)
    assert link.is_symlink()
    assert read_tokens(written)[-1].principal == "eve"


def test_many_that_add_and_remove_at_once_lose_nothing(file: Path) -> None:
    add_token(file, "ada")
    problems: list[UsageError] = []

    def work(number: int) -> None:
        try:
            add_token(file, f"p{number}")
            if number % 2:
                remove_tokens(file, f"p{number}")
        except UsageError as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=[number]) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert {entry.principal for entry in read_tokens(file)} == {"ada", *(f"p{n}" for n in range(0, 20, 2))}
    assert list(file.parent.iterdir()) == [file]


def test_a_token_that_would_never_be_good_is_not_made(practicum: Practicum, file: Path) -> None:
    said = practicum("token", "ada", "--auth", file, "--expires", "2020-01-31").refusal
    assert said == "--expires 2020-01-31 has come: the token would never be good; name a later day"
    assert not file.exists()
