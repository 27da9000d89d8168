"""Importing does nothing, and costs only what it must."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

IMPORT_ALL = """
import importlib, pkgutil, sys
import practicum
for module in pkgutil.walk_packages(practicum.__path__, "practicum."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
costly = {"torch", "transformers", "trl"} & set(sys.modules)
assert not costly, f"{costly} load when imported, not when needed"
assert len([name for name in sys.modules if name.startswith("practicum.")]) > 40
"""
IMPORT_ONE = """
import sys
import practicum
costly = {"torch", "mcp", "gymnasium"} & set(sys.modules)
assert not costly, f"import practicum loads {costly}"
"""


def run_python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "PATH": "", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, cwd=folder, env=home, capture_output=True, text=True, check=False, timeout=120
    )


def test_importing_any_module_prints_nothing_and_writes_no_file(tmp_path: Path) -> None:
    ran = run_python(IMPORT_ALL, tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_importing_practicum_alone_loads_neither_torch_nor_the_protocol_nor_gymnasium(tmp_path: Path) -> None:
    ran = run_python(IMPORT_ONE, tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
