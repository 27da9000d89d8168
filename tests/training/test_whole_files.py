"""Whole files: there with all of their content, or as they were before."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from practicum.envs.errors import UsageError
from practicum.training.whole_files import whole_file, write_whole


def test_a_file_is_written_and_its_folder_made(tmp_path: Path):
    write_whole(tmp_path / "new" / "a.txt", "grün")
    assert (tmp_path / "new" / "a.txt").read_bytes() == "grün".encode()


def test_what_breaks_off_leaves_what_was_there_and_nothing_beside_it(tmp_path: Path):
    write_whole(tmp_path / "a.txt", "before")
    with pytest.raises(TypeError), whole_file(tmp_path / "a.txt") as out:
        out.writelines([b"half", None])
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "before")]


def test_a_link_stays_one_and_its_file_is_replaced(tmp_path: Path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_whole(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


@pytest.mark.skipif(os.name != "posix", reason="there are no named pipes")
def test_what_is_no_file_is_written_into_and_stays_what_it_is(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as pool:
        read = pool.submit(pipe.read_bytes)
        write_whole(pipe, "through")
        assert read.result() == b"through"
    assert pipe.is_fifo()


@pytest.mark.parametrize("name", [".", "file/a", "a" * 300, "\0", "loop"])
def test_what_cannot_be_written_is_one_line(tmp_path: Path, name: str):
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(UsageError, match="cannot write") as refused:
        write_whole(tmp_path / name, "")
    assert "\n" not in str(refused.value)
