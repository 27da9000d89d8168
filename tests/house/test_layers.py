"""A package imports those below it, never one above."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT_IMPORTS = Path(sys.executable).parent / "lint-imports"


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    command = [str(LINT_IMPORTS), "--no-cache"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=120)


def test_every_contract_between_the_packages_is_kept() -> None:
    linted = lint_imports(ROOT)
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert ", 0 broken" in linted.stdout


@pytest.mark.parametrize(
    ("file", "line", "broken"),
    [
        ("envs/rewards.py", "from practicum.memory import store", "never one above BROKEN"),
        ("training/__init__.py", "import mcp", "only mcp_server speaks MCP BROKEN"),
        ("mcp_server/results.py", "import sqlite3", "only memory speaks SQL BROKEN"),
        ("memory/rows.py", "import gymnasium", "only envs speaks Gymnasium BROKEN"),
        ("skills/__init__.py", "import torch", "only training speaks torch BROKEN"),
        ("envs/errors.py", "from practicum.envs import core", "no import cycles BROKEN"),
    ],
)
def test_a_contract_that_is_broken_is_noticed(tmp_path: Path, file: str, line: str, broken: str) -> None:
    root = copy_of_the_packages(tmp_path / "copy")
    with (root / file).open("a", encoding="utf-8") as source:
        source.write(f"\n{line}\n")
    linted = lint_imports(root)
    assert linted.returncode != 0
    assert broken in linted.stdout


def copy_of_the_packages(root: Path) -> Path:
    root.mkdir()
    shutil.copy(ROOT / "pyproject.toml", root)
    ignore = shutil.ignore_patterns("__pycache__")
    for link in [path for path in (ROOT / "practicum").iterdir() if path.is_symlink()]:
        shutil.copytree(link.resolve(), root / link.name, ignore=ignore)
    shutil.copytree(ROOT / "practicum", root / "practicum", symlinks=True, ignore=ignore)
    return root
