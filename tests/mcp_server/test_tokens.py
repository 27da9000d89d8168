"""The file of tokens: what is refused in it, what a token is good for, and when a change of it counts."""

from __future__ import annotations

import datetime
import os
import socket
import stat
from pathlib import Path

import pytest

from practicum.envs import UsageError
from practicum.mcp_server.auth import Tokens, read_tokens
from practicum.mcp_server.limits import FOR_TOKENS, Limits
from practicum.mcp_server.token_file import add_token, remove_tokens
from practicum.memory import Sessions, Store, hash_token

HASH = "a" * 64
JULY = datetime.date(2026, 7, 1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tokens.yaml"


def written(file: Path, text: str, mode: int = 0o600) -> Path:
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    return file


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no token"),
        ("# nothing yet\n", "holds no token"),
        ("- principal: [", "is no YAML: "),
        ("\t- x", "is no YAML: "),
        ("[" * 2000, "is no YAML: "),
        ("!!python/object/apply:os.getcwd []", "is no YAML: "),
        ("tokens: []", "expected a list of tokens"),
        ("just words", "expected a list of tokens"),
        ("- ada", "token 1: "),
        ("- principal: ada", "token 1, sha256: is missing"),
        (f"- sha256: {HASH}", "token 1, principal: is missing"),
        (f"- {{principal: ada, sha256: {HASH}, admin: true}}", "token 1, admin: there is no such key"),
        (f"- {{principal: 'a b', sha256: {HASH}}}", "token 1, principal: expected a name of 1 to 64"),
        (f"- {{principal: '', sha256: {HASH}}}", "token 1, principal: expected a name of 1 to 64"),
        (f"- {{principal: {'a' * 65}, sha256: {HASH}}}", "token 1, principal: expected a name"),
        ("- {principal: ada, sha256: my-real-token}", "token 1, sha256: is no SHA-256"),
        (f"- {{principal: ada, sha256: {HASH.upper()}}}", "token 1, sha256: is no SHA-256"),
        (f"- {{principal: ada, sha256: {HASH}, expires: soon}}", "token 1, expires: "),
        (f"- {{principal: ada, sha256: {HASH}, limits: {{open: 0}}}}", "token 1, limits, open: "),
        (f"- {{principal: ada, sha256: {HASH}, limits: {{open: many}}}}", "token 1, limits, open: "),
        (
            f"- {{principal: ada, sha256: {HASH}, limits: {{opne: 1}}}}",
            "token 1, limits, opne: there is no such",
        ),
        (
            f"- {{principal: ada, sha256: {HASH}}}\n- {{principal: bob, sha256: {HASH}}}",
            "token 2 is the same as token 1",
        ),
        (
            f"- {{principal: ada, sha256: {HASH}, limits: {{open: 1}}}}\n"
            f"- {{principal: ada, sha256: {'b' * 64}, limits: {{open: 2}}}}",
            "token 2: ada has other limits above",
        ),
    ],
)
def test_a_file_that_is_wrong_is_refused_in_one_line(file: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        Tokens(written(file, text), limits=FOR_TOKENS)
    line = str(error.value)
    assert said in line
    assert str(file) in line
    assert "\n" not in line
    assert "my-real-token" not in line


def test_bytes_that_are_no_text_are_refused_in_one_line(file: Path) -> None:
    file.write_bytes(b"\xff\xfe")
    file.chmod(0o600)
    with pytest.raises(UsageError, match="no text in UTF-8"):
        read_tokens(file)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602, 0o700, 0o666])
def test_a_file_that_others_may_touch_is_refused_with_the_line_to_type(file: Path, mode: int) -> None:
    add_token(file, "ada")
    file.chmod(mode)
    with pytest.raises(UsageError, match=f"has mode {mode:04o} .*: chmod 600 {file}"):
        read_tokens(file)


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe"])
def test_what_is_no_file_is_refused(file: Path, kind: str) -> None:
    if kind == "folder":
        file.mkdir(mode=0o700)
    if kind == "pipe":
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(str(file))
    with pytest.raises(UsageError, match=str(file)):
        read_tokens(file)


def test_a_token_is_known_by_its_hash_alone_until_it_expires(file: Path) -> None:
    first, second = add_token(file, "ada", expires=JULY), add_token(file, "bob")
    day = JULY - datetime.timedelta(1)
    tokens = Tokens(file, limits=FOR_TOKENS, today=lambda: day)
    for token, principal in ((first, "ada"), (second, "bob")):
        known = tokens.known(token)
        assert known is not None
        assert (known.principal, known.limits) == (principal, FOR_TOKENS)
        assert token not in file.read_text(encoding="utf-8")
        assert tokens.known(hash_token(token)) is None
        assert tokens.known(token + "x") is None
    ada = tokens.known(first)
    assert ada is not None
    day = JULY
    assert tokens.known(first) is None
    assert not tokens.still(ada)
    assert not tokens.admits("ada")
    assert tokens.admits("bob")


def test_a_token_may_state_limits_of_its_own(file: Path) -> None:
    token = add_token(file, "ada")
    limits = "  limits: {open: 2, steps_per_minute: 30}\n"
    written(file, file.read_text(encoding="utf-8") + limits)
    known = Tokens(file, limits=Limits(9, 9, 9)).known(token)
    assert known is not None
    assert known.limits == Limits(2, 30, 9)


def test_a_change_counts_at_once_and_a_broken_one_is_told_once(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old = add_token(file, "ada")
    tokens = Tokens(file, limits=FOR_TOKENS)
    new = add_token(file, "bob")
    tokens.refresh()
    assert tokens.known(new) is not None
    good = file.read_text(encoding="utf-8")
    for broken in ("- nonsense", "x: [", good + "- {}"):
        caplog.clear()
        written(file, broken)
        tokens.refresh()
        tokens.refresh()
        assert tokens.known(old) is not None
        (record,) = caplog.records
        assert "the tokens before that stay in force" in record.getMessage()
    file.unlink()
    tokens.refresh()
    assert tokens.known(old) is not None
    written(file, good)
    remove_tokens(file, "ada")
    tokens.refresh()
    assert tokens.known(old) is None
    remove_tokens(file, "bob")
    tokens.refresh()
    assert tokens.known(new) is None


@pytest.mark.parametrize("before", ["new", "readable by all"])
def test_what_lies_on_disk_is_the_owners_alone_whatever_the_umask(tmp_path: Path, before: str) -> None:
    db = tmp_path / "data" / "practicum.db"
    umask = os.umask(0)
    try:
        if before != "new":
            left = Store.open(db)
            Sessions(left).count()
            for each in db.parent.iterdir():
                each.chmod(0o666)
        store = Store.open(db)
        Sessions(store).count()
        add_token(db.parent / "tokens.yaml", "ada")
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in db.parent.iterdir()}
        store.close()
        if before != "new":
            left.close()
    finally:
        os.umask(umask)
    assert modes == dict.fromkeys(
        ("practicum.db", "practicum.db-wal", "practicum.db-shm", "tokens.yaml"), 0o600
    )
    assert stat.S_IMODE(db.parent.stat().st_mode) == 0o700
