"""`practicum new` writes an environment that works as it stands."""

import os
import subprocess
import sys

import pytest

from practicum.envs import UsageError, find
from practicum.envs.author import write_new
from practicum.envs.check import check


def test_the_written_environment_keeps_the_contract_and_passes_its_own_test(tmp_path):
    env_file, test_file = write_new("my_shop", tmp_path / "new")
    assert (env_file.name, test_file.name) == ("my_shop.py", "test_my_shop.py")
    env_class = find(f"{env_file}:MyShop")
    assert env_class.env_id() == "my_shop-v1"
    assert check(env_class) == []
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test_file)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_the_written_files_are_clean(tmp_path):
    paths = write_new("shop", tmp_path)
    rules = ["E", "W", "F", "I", "UP", "B", "N"]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "ruff",
            "check",
            "--isolated",
            "--line-length=110",
            f"--select={','.join(rules)}",
            *paths,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["", "My", "1st", "my-shop", "my shop", "../shop", "x" * 21, "shop\n"])
def test_a_bad_name_is_a_usage_error_and_writes_nothing(tmp_path, name):
    with pytest.raises(UsageError, match="is no name for an environment; use a lower-case letter"):
        write_new(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_never_overwritten(tmp_path):
    (tmp_path / "test_shop.py").write_text("mine")
    with pytest.raises(UsageError, match=r"test_shop\.py exists already"):
        write_new("shop", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["test_shop.py"]


def test_a_folder_that_cannot_be_written_is_a_usage_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write into"):
        write_new("shop", tmp_path / "file" / "folder")


@pytest.mark.parametrize("name", ["class", "json", "random"])
def test_a_name_that_would_stand_in_pythons_way_is_refused(name, tmp_path):
    with pytest.raises(UsageError, match="Python's own"):
        write_new(name, tmp_path)
    assert list(tmp_path.iterdir()) == []
